//! A chat among the members of one group.
//!
//! In one terminal Ada begins a chat, and in another Ben prints his card; Ada types `/invite CARD`, and Ben
//! joins with what she is shown:
//! ```text
//! cargo run -p peerage --example chat -- /tmp/ada create Chess
//! cargo run -p peerage --example chat -- /tmp/ben card
//! cargo run -p peerage --example chat -- /tmp/ben join peerage:invite:…
//! ```
//! Or the chat has a password, typed at `create` and at `join`: then Ada types `/address`, and whoever
//! has the address and the password joins with `join peerage:group:… --password`.
//!
//! `chat FOLDER` goes on with the first chat of the folder, `chat FOLDER open NAME` with another. A line
//! typed goes to all members and is gone after two minutes; `/msg NAME TEXT` goes to one member alone;
//! `/help` tells the rest. With `--local` the chat is for this machine, or with `--local=ADDRESS` for the
//! network in which this machine has that address. On a terminal the chat has a window; with `--lines`,
//! and when the output goes elsewhere, it is plain lines.
//!
//! `talk` is the chat in a group, whoever shows it; `lines` and `window` show it.

pub(crate) mod lines;
pub(crate) mod talk;
pub(crate) mod window;

use std::{
    io::{self, IsTerminal},
    net::{IpAddr, Ipv4Addr},
    process::ExitCode,
};

use peerage::{Error, GroupHandle, NewGroup, NewIdentity, Node, Settings, model::DoorRequest};
use peerage_protocol::door::password::Password;
use tokio::io::BufReader;

use self::talk::{Talk, unbroken};

pub(crate) type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

const USAGE: &str = "\
usage: chat FOLDER [card | create NAME | join INVITATION | join ADDRESS | open NAME]
                   [--password] [--local[=ADDRESS]] [--lines]

The password is asked for, or taken from the environment variable CHAT_PASSWORD.";

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => chat(options).await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            for line in error.to_string().lines() {
                eprintln!("{}", peerage::harmless(line));
            }
            ExitCode::FAILURE
        }
    }
}

/// How far a chat reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Members may be anywhere.
    Global,
    /// The node listens at this address alone, so only who is in that network can be a neighbour.
    Local(IpAddr),
}

/// What to do first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Begin {
    Card,
    Create(String),
    /// By an invitation, or by an address.
    Join(String),
    Open(Option<String>),
}

#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) folder: String,
    pub(crate) begin: Begin,
    pub(crate) scope: Scope,
    pub(crate) password: Option<Password>,
    pub(crate) lines: bool,
}

impl Options {
    fn parse(words: impl Iterator<Item = String>) -> Result<Self> {
        let (flags, words): (Vec<String>, Vec<String>) =
            words.partition(|word| word.starts_with("--"));
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let (folder, begin) = match words[..] {
            [folder] => (folder, Begin::Open(None)),
            [folder, "card"] => (folder, Begin::Card),
            [folder, "create", name] => (folder, Begin::Create(name.to_owned())),
            [folder, "join", text] => (folder, Begin::Join(text.to_owned())),
            [folder, "open", name] => (folder, Begin::Open(Some(name.to_owned()))),
            _ => return Err(USAGE.into()),
        };
        let mut options = Self {
            folder: folder.to_owned(),
            begin,
            scope: Scope::Global,
            password: None,
            lines: !io::stdout().is_terminal(),
        };
        for flag in flags {
            match flag.split_once('=') {
                None if flag == "--lines" => options.lines = true,
                None if flag == "--password" => options.password = Some(ask_password()?),
                None if flag == "--local" => {
                    options.scope = Scope::Local(Ipv4Addr::LOCALHOST.into())
                }
                Some(("--local", at)) => options.scope = Scope::Local(at.parse()?),
                _ => return Err(USAGE.into()),
            }
        }
        Ok(options)
    }
}

/// A password is no argument: those are seen by everybody on the machine.
fn ask_password() -> Result<Password> {
    let text = match std::env::var("CHAT_PASSWORD") {
        Ok(text) => text,
        Err(_) => rpassword::prompt_password("Password of the chat: ")?,
    };
    Ok(Password::new(text))
}

async fn chat(options: Options) -> Result<()> {
    let lines = options.lines;
    let node = start(&options).await?;
    let outcome = async {
        let Some(group) = enter(&node, &options).await? else {
            println!("{}", node.card(None).await?.to_uri());
            return Ok(());
        };
        let talk = Talk::begin(group).await?;
        match lines {
            true => {
                lines::run(
                    talk,
                    BufReader::new(tokio::io::stdin()),
                    tokio::io::stdout(),
                )
                .await
            }
            false => window::run(talk).await,
        }
    }
    .await;
    node.shutdown().await?;
    outcome
}

/// Starts the node in its folder, with somebody to be.
pub(crate) async fn start(options: &Options) -> Result<Node> {
    let mut settings = Settings::in_folder(&options.folder);
    settings.listen = match options.scope {
        Scope::Global => vec![
            "/ip4/0.0.0.0/udp/0/quic-v1".parse()?,
            "/ip6/::/udp/0/quic-v1".parse()?,
        ],
        Scope::Local(IpAddr::V4(at)) => vec![format!("/ip4/{at}/udp/0/quic-v1").parse()?],
        Scope::Local(IpAddr::V6(at)) => vec![format!("/ip6/{at}/udp/0/quic-v1").parse()?],
    };
    let node = Node::builder(settings).start().await?;
    if node.identities().await?.is_empty() {
        let friendly_name = options.folder.rsplit('/').next().map(str::to_owned);
        node.create_identity(NewIdentity {
            friendly_name,
            ..NewIdentity::default()
        })
        .await?;
    }
    Ok(node)
}

/// The group to chat in; none where only the card is wanted.
pub(crate) async fn enter(node: &Node, options: &Options) -> Result<Option<GroupHandle>> {
    let password = options.password.clone();
    let group = match &options.begin {
        Begin::Card => return Ok(None),
        Begin::Create(name) => {
            let door = password.map(|password| DoorRequest {
                password: Some(password.expose().to_owned()),
                role: None,
                requests: false,
            });
            node.create_group(NewGroup {
                friendly_name: Some(name.clone()),
                door,
                ..NewGroup::default()
            })
            .await?
        }
        Begin::Join(text) => match password {
            None => node.join(unbroken(text).parse()?, None).await?,
            Some(password) => {
                let address = unbroken(text).parse()?;
                let waiting = node
                    .join_by_address(address, None, Some(password), None)
                    .await?;
                node.connect_group(&waiting.name, None).await?;
                match node.open_group(&waiting.name, None).await {
                    Err(Error::GroupNotFound { .. }) => {
                        let said = "nobody at the address has let us in yet; `open` the chat later";
                        return Err(said.into());
                    }
                    found => found?,
                }
            }
        },
        Begin::Open(Some(name)) => {
            node.connect_group(name, None).await?;
            node.open_group(name, None).await?
        }
        Begin::Open(None) => match node.groups().await?.first() {
            Some(group) => {
                node.connect_group(&group.name, None).await?;
                node.open_group(&group.name, None).await?
            }
            None => return Err("no chat here yet: create one or join one".into()),
        },
    };
    Ok(Some(group))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(words: &[&str]) -> Result<Options> {
        Options::parse(words.iter().map(|word| (*word).to_owned()))
    }

    #[test]
    fn a_chat_is_global_unless_it_is_asked_to_be_local() {
        let scope = |words: &[&str]| parsed(words).unwrap().scope;
        assert_eq!(scope(&["/tmp/ada"]), Scope::Global);
        assert_eq!(scope(&["/tmp/ada", "create", "Chess"]), Scope::Global);
        let machine = Scope::Local(Ipv4Addr::LOCALHOST.into());
        assert_eq!(scope(&["/tmp/ada", "create", "Chess", "--local"]), machine);
        assert_eq!(scope(&["--local", "/tmp/ada", "open", "Chess"]), machine);
        for text in ["192.0.2.7", "fd00::7"] {
            let network = Scope::Local(text.parse().unwrap());
            let flag = format!("--local={text}");
            assert_eq!(scope(&["/tmp/ada", "create", "Chess", &flag]), network);
        }
        for bad in ["--local=", "--local=home", "--global=yes", "--locally"] {
            assert!(parsed(&["/tmp/ada", bad]).is_err(), "{bad}");
        }
    }
}
