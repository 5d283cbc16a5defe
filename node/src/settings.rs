//! What an operator chooses: plain data, with a default for every field.
//!
//! Flags win over the environment, the environment over the configuration file, the file over
//! the defaults. Unknown keys are errors. Secrets are not settings: a passphrase comes from
//! `PEERAGE_PASSPHRASE` or from a file, never from an argument.

use std::{
    ffi::OsString,
    fs,
    io::Read,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
    str::FromStr,
};

use libp2p::{Multiaddr, multiaddr::Protocol};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::Error;

mod layer;

pub use layer::{Layer, LogLayer};

/// The UDP port of a node unless another is chosen; the original's port for groups.
pub const DEFAULT_PORT: u16 = 3587;

/// At most this many addresses in any one list, because each listener costs a socket and each
/// bootstrap address a dial.
pub const MAX_ADDRESSES: usize = 64;

/// At most this many bytes of configuration file, far more than any real one.
pub const MAX_CONFIG_BYTES: u64 = 256 * 1024;

/// At most this many bytes of passphrase.
pub const MAX_PASSPHRASE_BYTES: usize = 1024;

/// How a node runs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// Folder of everything the node keeps. Default: `$XDG_DATA_HOME/peerage`, else
    /// `~/.local/share/peerage`. One node at a time.
    pub data_dir: PathBuf,
    /// Addresses to listen on. Default: UDP port 3587 on every IPv4 and IPv6 address. Port 0 takes
    /// a free one, which [`NodeStatus::listen`](crate::model::NodeStatus::listen) shows.
    pub listen: Vec<Multiaddr>,
    /// Addresses under which others can reach this node although it does not listen on them, such
    /// as a forwarded port. Default: none.
    pub external: Vec<Multiaddr>,
    /// Nodes to enter the cloud through, each ending in `/p2p/PEER-ID`. Default: none; the addresses
    /// in invitations and remembered neighbours are used.
    pub bootstrap: Vec<Multiaddr>,
    /// Unix socket of the local API. Default: `api.sock` in the data folder.
    pub socket: Option<PathBuf>,
    /// Loopback address of the local API for programs that cannot use a Unix socket, such as
    /// `127.0.0.1:3588`; every request then carries an application's token. Default: none.
    pub api_listen: Option<SocketAddr>,
    /// Origins whose pages may use the local API, such as `tauri://localhost`, each with a token all the
    /// same. Default: none; whatever comes from a page is refused.
    pub api_allow_origins: Vec<String>,
    /// File whose first line is the passphrase of the identities. Default: none; secrets are then
    /// protected by file permissions only, unless `PEERAGE_PASSPHRASE` is set.
    pub passphrase_file: Option<PathBuf>,
    /// At most this many identities. Default: 64; each costs one discovery entry per group.
    pub max_identities: usize,
    /// What is logged.
    pub log: LogSettings,
}

/// What is logged, to standard error.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogSettings {
    /// `error`, `warn`, `info`, `debug`, `trace`, or directives per module such as
    /// `info,peerage=debug`. Default: `info` for Peerage, `warn` for libraries.
    pub level: String,
    /// Default: text.
    pub format: LogFormat,
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

impl FromStr for LogFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err("is text or json".to_owned()),
        }
    }
}

impl Default for LogSettings {
    fn default() -> Self {
        Self {
            level: "warn,peerage=info,libp2p_kad=error".to_owned(),
            format: LogFormat::Text,
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::in_folder(default_data_dir(&|name| std::env::var_os(name)))
    }
}

impl Settings {
    /// The defaults, with everything kept in `data_dir`.
    #[must_use]
    pub fn in_folder(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            listen: vec![
                quic(Protocol::Ip4(Ipv4Addr::UNSPECIFIED), DEFAULT_PORT),
                quic(Protocol::Ip6(Ipv6Addr::UNSPECIFIED), DEFAULT_PORT),
            ],
            external: Vec::new(),
            bootstrap: Vec::new(),
            socket: None,
            api_listen: None,
            api_allow_origins: Vec::new(),
            passphrase_file: None,
            max_identities: 64,
            log: LogSettings::default(),
        }
    }

    /// Reads the configuration file, the environment and the flags, and checks the result.
    ///
    /// The file is `file`, else `$PEERAGE_CONFIG`, else `$XDG_CONFIG_HOME/peerage/peerage.toml` or
    /// `~/.config/peerage/peerage.toml` where that exists. `env` is asked for environment variables.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`] names the setting; reading the file may fail.
    pub fn load(
        file: Option<&Path>,
        flags: Layer,
        env: &dyn Fn(&str) -> Option<OsString>,
    ) -> Result<Self, Error> {
        let named = file
            .map(Path::to_path_buf)
            .or_else(|| set(env, "PEERAGE_CONFIG").map(PathBuf::from));
        let from_file = match named {
            Some(path) => Layer::from_file(&path)?,
            None => match default_config(env).filter(|path| path.exists()) {
                Some(path) => Layer::from_file(&path)?,
                None => Layer::default(),
            },
        };
        let layer = flags.over(Layer::from_env(env)?).over(from_file);
        let settings = layer.resolve(default_data_dir(env))?;
        settings.check()?;
        Ok(settings)
    }

    /// Where the local API listens.
    #[must_use]
    pub fn socket_path(&self) -> PathBuf {
        self.socket
            .clone()
            .unwrap_or_else(|| self.data_dir.join("api.sock"))
    }

    /// Checks what single values cannot show.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`] names the setting.
    pub fn check(&self) -> Result<(), Error> {
        let lists = [
            ("listen", &self.listen),
            ("external", &self.external),
            ("bootstrap", &self.bootstrap),
        ];
        for (field, list) in lists {
            if list.len() > MAX_ADDRESSES {
                return Err(wrong(
                    field,
                    format!("has more than {MAX_ADDRESSES} addresses"),
                ));
            }
            for address in list {
                if !address.iter().any(|part| part == Protocol::QuicV1) {
                    return Err(wrong(
                        field,
                        format!(
                            "{address} is not a QUIC address such as /ip4/0.0.0.0/udp/{DEFAULT_PORT}/quic-v1"
                        ),
                    ));
                }
            }
        }
        if let Some(address) = self
            .bootstrap
            .iter()
            .find(|address| !matches!(address.iter().last(), Some(Protocol::P2p(_))))
        {
            return Err(wrong(
                "bootstrap",
                format!("{address} does not end in /p2p/PEER-ID"),
            ));
        }
        if let Some(address) = self.api_listen
            && !address.ip().is_loopback()
        {
            return Err(wrong(
                "api_listen",
                format!(
                    "{address} is not on loopback: whoever reaches it could try tokens; reach the API from \
                     elsewhere through SSH"
                ),
            ));
        }
        if self.api_allow_origins.len() > MAX_ADDRESSES {
            return Err(wrong(
                "api_allow_origins",
                format!("has more than {MAX_ADDRESSES} origins"),
            ));
        }
        for origin in &self.api_allow_origins {
            let host = origin.split_once("://").map(|(_, host)| host);
            if host.is_none_or(|host| host.is_empty() || host.contains(['/', '*', ' '])) {
                return Err(wrong(
                    "api_allow_origins",
                    format!("{origin:?} is not an origin such as tauri://localhost"),
                ));
            }
        }
        if self.max_identities == 0 {
            return Err(wrong("max_identities", "is at least 1"));
        }
        Ok(())
    }

    /// As [`read_passphrase`](Self::read_passphrase), from the environment of this process.
    ///
    /// # Errors
    /// As [`read_passphrase`](Self::read_passphrase).
    pub fn passphrase(&self) -> Result<Option<Zeroizing<String>>, Error> {
        self.read_passphrase(&|name| std::env::var_os(name))
    }

    /// Reads the passphrase of the identities: `PEERAGE_PASSPHRASE`, else the first line of
    /// [`passphrase_file`](Self::passphrase_file), else none.
    ///
    /// # Errors
    /// When the file cannot be read, or the passphrase is empty or too long.
    pub fn read_passphrase(
        &self,
        env: &dyn Fn(&str) -> Option<OsString>,
    ) -> Result<Option<Zeroizing<String>>, Error> {
        if let Some(value) = set(env, "PEERAGE_PASSPHRASE") {
            let value = value
                .into_string()
                .map_err(|_| wrong("PEERAGE_PASSPHRASE", "is not UTF-8"))?;
            return checked_passphrase(Zeroizing::new(value), "PEERAGE_PASSPHRASE").map(Some);
        }
        let Some(path) = &self.passphrase_file else {
            return Ok(None);
        };
        let mut text = Zeroizing::new(String::new());
        fs::File::open(path)
            .and_then(|file| {
                file.take(MAX_PASSPHRASE_BYTES as u64 + 2)
                    .read_to_string(&mut text)
            })
            .map_err(|error| Error::io(path, error))?;
        let line = Zeroizing::new(text.lines().next().unwrap_or_default().to_owned());
        checked_passphrase(line, "passphrase_file").map(Some)
    }
}

fn checked_passphrase(
    passphrase: Zeroizing<String>,
    field: &str,
) -> Result<Zeroizing<String>, Error> {
    match passphrase.len() {
        0 => Err(wrong(field, "holds an empty passphrase")),
        1..=MAX_PASSPHRASE_BYTES => Ok(passphrase),
        _ => Err(wrong(
            field,
            format!("holds more than {MAX_PASSPHRASE_BYTES} bytes"),
        )),
    }
}

fn quic(ip: Protocol<'static>, port: u16) -> Multiaddr {
    Multiaddr::empty()
        .with(ip)
        .with(Protocol::Udp(port))
        .with(Protocol::QuicV1)
}

fn wrong(field: &str, reason: impl Into<String>) -> Error {
    Error::InvalidSetting {
        field: field.to_owned(),
        reason: reason.into(),
    }
}

/// An environment variable, when set to something.
fn set(env: &dyn Fn(&str) -> Option<OsString>, name: &str) -> Option<OsString> {
    env(name).filter(|value| !value.is_empty())
}

fn below_home(
    env: &dyn Fn(&str) -> Option<OsString>,
    variable: &str,
    fallback: &str,
) -> Option<PathBuf> {
    set(env, variable)
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| set(env, "HOME").map(|home| PathBuf::from(home).join(fallback)))
}

fn default_data_dir(env: &dyn Fn(&str) -> Option<OsString>) -> PathBuf {
    below_home(env, "XDG_DATA_HOME", ".local/share").map_or_else(
        || PathBuf::from("peerage-data"),
        |base| base.join("peerage"),
    )
}

fn default_config(env: &dyn Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    Some(below_home(env, "XDG_CONFIG_HOME", ".config")?.join("peerage/peerage.toml"))
}

#[cfg(test)]
mod tests;
