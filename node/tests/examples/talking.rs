//! The chat, as lines and in its window.

use std::{net::UdpSocket, path::Path};

use peerage::{Node, model::EventKind};
use peerage_protocol::door::password::Password;
use peerage_records::id::RecordType;
use ratatui::{
    Terminal,
    backend::TestBackend,
    crossterm::event::{KeyCode, KeyEvent, KeyModifiers},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, Lines, ReadHalf, WriteHalf},
    task::JoinHandle,
};

use super::{
    chat::{
        self, Begin, Options, Scope, lines,
        talk::{Heard, Mood, Talk},
        window::Window,
    },
    nodes::{self, DEADLINE},
    screen,
};

const PASSWORD: &str = "four words from nowhere";

fn options(folder: &Path, name: &str, begin: Begin) -> Options {
    Options {
        folder: folder.join(name).display().to_string(),
        begin,
        scope: Scope::Local("127.0.0.1".parse().unwrap()),
        password: None,
        lines: true,
    }
}

fn with_password(options: Options) -> Options {
    let password = Some(Password::new(PASSWORD.to_owned()));
    Options {
        password,
        ..options
    }
}

/// Somebody at a keyboard.
struct Terminals {
    typed: WriteHalf<DuplexStream>,
    shown: Lines<BufReader<ReadHalf<DuplexStream>>>,
    seen: Vec<String>,
    chat: JoinHandle<chat::Result<()>>,
}

impl Terminals {
    async fn sit_down(options: Options) -> Self {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        let (input, output) = tokio::io::split(theirs);
        let chat = tokio::spawn(async move {
            let node = chat::start(&options).await?;
            let group = chat::enter(&node, &options).await?.unwrap();
            let talk = Talk::begin(group).await?;
            let talked = lines::run(talk, BufReader::new(input), output).await;
            node.shutdown().await?;
            talked
        });
        let (shown, typed) = tokio::io::split(ours);
        let shown = BufReader::new(shown).lines();
        Self {
            typed,
            shown,
            seen: Vec::new(),
            chat,
        }
    }

    async fn types(&mut self, line: &str) {
        let line = format!("{line}\n");
        self.typed.write_all(line.as_bytes()).await.unwrap();
    }

    /// Looks for a line with this in it, and reads on until there is one.
    async fn sees(&mut self, what: &str) -> String {
        let read = async {
            loop {
                if let Some(line) = self.seen.iter().find(|line| line.contains(what)) {
                    return line.clone();
                }
                let line = self.shown.next_line().await.unwrap();
                let ended = || panic!("the chat ended before {what:?}");
                self.seen.push(line.unwrap_or_else(ended));
            }
        };
        let line = tokio::time::timeout(DEADLINE, read).await;
        line.unwrap_or_else(|_| panic!("not shown in time: {what:?} in {:#?}", self.seen))
    }

    async fn leaves(mut self) {
        self.types("/quit").await;
        self.chat.await.unwrap().unwrap();
    }
}

async fn card(folder: &Path, name: &str) -> String {
    let node = chat::start(&options(folder, name, Begin::Card))
        .await
        .unwrap();
    let card = node.card(None).await.unwrap().to_uri();
    node.shutdown().await.unwrap();
    card
}

#[tokio::test(flavor = "multi_thread")]
async fn the_chat_takes_members_by_password_and_by_invitation_and_shows_who_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let create = options(folder, "Ada", Begin::Create("Chess".to_owned()));
    let mut ada = Terminals::sit_down(with_password(create)).await;
    ada.sees("— waiting").await;
    ada.sees("— present: Ada").await;

    ada.types("/address").await;
    let address = ada.sees("peerage:group:").await;
    let join = options(folder, "Ben", Begin::Join(address));
    let mut ben = Terminals::sit_down(with_password(join)).await;
    ada.sees("— chatting").await;
    ada.sees("— present: Ada, Ben").await;
    ben.sees("— chatting").await;
    ben.sees("— present: Ben, Ada").await;
    ben.types("hello, Ada").await;
    ben.sees("Ben: hello, Ada").await;
    ada.sees("Ben: hello, Ada").await;

    let invite = format!("/invite {}", card(folder, "Cara").await);
    ada.types(&invite).await;
    let invitation = ada.sees("peerage:invite:").await;
    let join = options(folder, "Cara", Begin::Join(invitation));
    let mut cara = Terminals::sit_down(join).await;
    // What was said before she came is there for as long as it lives.
    cara.sees("Ben: hello, Ada").await;
    cara.sees("— chatting").await;
    cara.types("\u{1b}[2Jboo").await;
    ada.sees("Cara: \u{fffd}[2Jboo").await;

    // To one member alone, and to nobody else.
    ada.types("/msg Ben psst\u{7}").await;
    ada.sees("(to Ben alone): psst").await;
    ben.sees("Ada (to you alone): psst\u{fffd}").await;
    ben.types("/msg Ada what?").await;
    ada.sees("Ben (to you alone): what?").await;
    ada.types("to all").await;
    cara.sees("Ada: to all").await;
    assert!(
        !cara.seen.iter().any(|line| line.contains("psst")),
        "{:?}",
        cara.seen
    );
    ada.types("/msg Dora hello").await;
    ada.sees("nobody has that name").await;

    ada.types("/nonsense").await;
    ada.sees("/nonsense is no command").await;
    for member in [ada, ben, cara] {
        member.leaves().await;
    }
}

/// The port on which a node listens for IPv4.
async fn port(node: &Node) -> u16 {
    let listening = nodes::eventually("a port", async || {
        let listen = node.status().await.unwrap().listen;
        listen.into_iter().find(|at| at.starts_with("/ip4/"))
    })
    .await;
    listening.split('/').nth(4).unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_local_chat_takes_one_address_and_a_global_one_all_of_the_machine() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let global = |name: &str, begin: Begin| Options {
        scope: Scope::Global,
        ..options(folder, name, begin)
    };
    // Whether the port is free at an address that is the machine's, too.
    let elsewhere = |port: u16| UdpSocket::bind(("127.0.0.2", port)).is_ok();
    let node = chat::start(&options(folder, "Local", Begin::Card))
        .await
        .unwrap();
    let listen = node.status().await.unwrap().listen;
    assert_eq!(listen.len(), 1);
    assert!(listen[0].starts_with("/ip4/127.0.0.1/udp/"), "{listen:?}");
    assert!(elsewhere(port(&node).await));
    node.shutdown().await.unwrap();
    let node = chat::start(&global("Global", Begin::Card)).await.unwrap();
    assert!(!elsewhere(port(&node).await));
    node.shutdown().await.unwrap();

    // And it is a chat.
    let create = global("Ada", Begin::Create("Chess".to_owned()));
    let mut ada = Terminals::sit_down(with_password(create)).await;
    ada.sees("— present: Ada").await;
    ada.types("/address").await;
    let address = ada.sees("peerage:group:").await;
    let join = global("Ben", Begin::Join(address));
    let mut ben = Terminals::sit_down(with_password(join)).await;
    ben.sees("— chatting").await;
    ada.types("hello, world").await;
    ben.sees("Ada: hello, world").await;
    for member in [ada, ben] {
        member.leaves().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chat_line_lives_for_two_minutes_and_a_chat_goes_on_where_it_was_left() {
    let folder = tempfile::tempdir().unwrap();
    let create = options(folder.path(), "Ada", Begin::Create("Chess".to_owned()));
    let mut ada = Terminals::sit_down(create).await;
    ada.types("anybody?").await;
    ada.sees("Ada: anybody?").await;
    ada.leaves().await;

    let node = chat::start(&options(folder.path(), "Ada", Begin::Open(None)))
        .await
        .unwrap();
    let group = node.open_group("Chess", None).await.unwrap();
    let mut events = group.events(Some(0)).await.unwrap();
    let kind = RecordType::from_name("chat line").to_string();
    let said = nodes::told(&mut events, "the line", |event| {
        event.kind == EventKind::RecordAdded && event.record_type.as_deref() == Some(&kind)
    });
    let id = said.await.record.unwrap().parse().unwrap();
    let line = group.get(id).await.unwrap();
    let [created, expires] = [&line.created, &line.expires]
        .map(|text| peerage::model::parse_instant(text).unwrap().as_secs());
    assert!((119..=121).contains(&(expires - created)), "{line:?}");
    node.shutdown().await.unwrap();

    let mut again = Terminals::sit_down(options(folder.path(), "Ada", Begin::Open(None))).await;
    again.sees("Ada: anybody?").await;
    again.leaves().await;
}

#[test]
fn the_chat_window_shows_the_conversation_the_members_and_the_mood() {
    let mut terminal = Terminal::new(TestBackend::new(80, 12)).unwrap();
    let mut window = Window::new("Chess");
    let mut shows = |window: &Window, texts: &[&str]| {
        terminal.draw(|frame| window.draw(frame)).unwrap();
        let screen = screen(&terminal);
        for text in texts {
            assert!(screen.contains(text), "no {text:?} on:\n{screen}");
        }
    };
    shows(&window, &["Chess – offline"]);
    window.hear(Heard::Mood(Mood::Chatting));
    window.hear(Heard::Present(vec!["Ada".to_owned(), "Ben".to_owned()]));
    for number in 0..20 {
        window.hear(Heard::Line {
            who: "Ben".to_owned(),
            text: format!("line {number} {}", "long ".repeat(20)),
        });
    }
    window.hear(Heard::Remark("the last".to_owned()));
    shows(
        &window,
        &[
            "Chess – chatting",
            "Present",
            "Ada",
            "Ben: line 19",
            "— the last",
        ],
    );
    let press = |code| KeyEvent::new(code, KeyModifiers::NONE);
    for letter in "hi".chars() {
        assert_eq!(window.key(press(KeyCode::Char(letter))), None);
    }
    shows(&window, &["hi▏"]);
    assert_eq!(window.key(press(KeyCode::Enter)).as_deref(), Some("hi"));

    window.copy = Some("peerage:group:".to_owned() + &"x".repeat(200));
    shows(&window, &["To be copied", "\npeerage:group:xxx"]);
    assert_eq!(window.key(press(KeyCode::Char('z'))), None);
    shows(&window, &["Chess – chatting"]);
}
