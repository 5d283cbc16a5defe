//! Settings from one source, each possibly absent.

use std::{
    ffi::OsString,
    fs,
    io::Read,
    net::SocketAddr,
    path::{Path, PathBuf},
    str::FromStr,
};

use libp2p::Multiaddr;
use serde::{Deserialize, Serialize};

use super::{LogFormat, MAX_CONFIG_BYTES, Settings, set, wrong};
use crate::Error;

/// What one source (flags, environment, file) says; what is absent is left to the next source.
/// The fields are those of [`Settings`], the keys those of the configuration file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Layer {
    /// See [`Settings::data_dir`]; `PEERAGE_DATA_DIR`.
    pub data_dir: Option<PathBuf>,
    /// See [`Settings::listen`]; `PEERAGE_LISTEN`, separated by commas.
    pub listen: Option<Vec<Multiaddr>>,
    /// See [`Settings::external`]; `PEERAGE_EXTERNAL`, separated by commas.
    pub external: Option<Vec<Multiaddr>>,
    /// See [`Settings::bootstrap`]; `PEERAGE_BOOTSTRAP`, separated by commas.
    pub bootstrap: Option<Vec<Multiaddr>>,
    /// See [`Settings::socket`]; `PEERAGE_SOCKET`.
    pub socket: Option<PathBuf>,
    /// See [`Settings::api_listen`]; `PEERAGE_API_LISTEN`.
    pub api_listen: Option<SocketAddr>,
    /// See [`Settings::api_allow_origins`]; `PEERAGE_API_ALLOW_ORIGINS`, separated by commas.
    pub api_allow_origins: Option<Vec<String>>,
    /// See [`Settings::passphrase_file`]; `PEERAGE_PASSPHRASE_FILE`.
    pub passphrase_file: Option<PathBuf>,
    /// See [`Settings::max_identities`]; `PEERAGE_MAX_IDENTITIES`.
    pub max_identities: Option<usize>,
    /// The table `[log]`.
    #[serde(default)]
    pub log: LogLayer,
}

/// See [`LogSettings`](super::LogSettings).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct LogLayer {
    /// `PEERAGE_LOG`.
    pub level: Option<String>,
    /// `PEERAGE_LOG_FORMAT`.
    pub format: Option<LogFormat>,
}

impl Layer {
    /// Reads TOML text.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`] with the line and what is wrong there.
    pub fn from_toml(text: &str) -> Result<Self, Error> {
        toml::from_str(text)
            .map_err(|error| wrong("configuration file", error.to_string().trim_end()))
    }

    /// Reads a configuration file of at most [`MAX_CONFIG_BYTES`].
    ///
    /// # Errors
    /// When the file cannot be read, is too large, or as [`from_toml`](Self::from_toml).
    pub fn from_file(path: &Path) -> Result<Self, Error> {
        let mut bytes = Vec::new();
        fs::File::open(path)
            .and_then(|file| file.take(MAX_CONFIG_BYTES + 1).read_to_end(&mut bytes))
            .map_err(|error| Error::io(path, error))?;
        let named = |reason: String| {
            wrong(
                "configuration file",
                format!("{}: {reason}", path.display()),
            )
        };
        if bytes.len() as u64 > MAX_CONFIG_BYTES {
            return Err(named(format!("is larger than {MAX_CONFIG_BYTES} bytes")));
        }
        let text = String::from_utf8(bytes).map_err(|_| named("is not UTF-8".to_owned()))?;
        Self::from_toml(&text).map_err(|error| match error {
            Error::InvalidSetting { reason, .. } => named(reason),
            other => other,
        })
    }

    /// Reads the variables `PEERAGE_…`.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`] naming the variable.
    pub fn from_env(env: &dyn Fn(&str) -> Option<OsString>) -> Result<Self, Error> {
        let path = |name| set(env, name).map(PathBuf::from);
        Ok(Self {
            data_dir: path("PEERAGE_DATA_DIR"),
            listen: listed(env, "PEERAGE_LISTEN")?,
            external: listed(env, "PEERAGE_EXTERNAL")?,
            bootstrap: listed(env, "PEERAGE_BOOTSTRAP")?,
            socket: path("PEERAGE_SOCKET"),
            api_listen: parsed(env, "PEERAGE_API_LISTEN")?,
            api_allow_origins: listed(env, "PEERAGE_API_ALLOW_ORIGINS")?,
            passphrase_file: path("PEERAGE_PASSPHRASE_FILE"),
            max_identities: parsed(env, "PEERAGE_MAX_IDENTITIES")?,
            log: LogLayer {
                level: parsed(env, "PEERAGE_LOG")?,
                format: parsed(env, "PEERAGE_LOG_FORMAT")?,
            },
        })
    }

    /// What another machine can use of these settings: not the paths of this one.
    #[must_use]
    pub fn of(settings: &Settings) -> Self {
        Self {
            data_dir: None,
            listen: Some(settings.listen.clone()),
            external: Some(settings.external.clone()),
            bootstrap: Some(settings.bootstrap.clone()),
            api_listen: settings.api_listen,
            api_allow_origins: Some(settings.api_allow_origins.clone()),
            socket: None,
            passphrase_file: None,
            max_identities: Some(settings.max_identities),
            log: LogLayer {
                level: Some(settings.log.level.clone()),
                format: Some(settings.log.format),
            },
        }
    }

    /// This layer's values where present, else `below`'s.
    #[must_use]
    pub fn over(self, below: Self) -> Self {
        Self {
            data_dir: self.data_dir.or(below.data_dir),
            listen: self.listen.or(below.listen),
            external: self.external.or(below.external),
            bootstrap: self.bootstrap.or(below.bootstrap),
            socket: self.socket.or(below.socket),
            api_listen: self.api_listen.or(below.api_listen),
            api_allow_origins: self.api_allow_origins.or(below.api_allow_origins),
            passphrase_file: self.passphrase_file.or(below.passphrase_file),
            max_identities: self.max_identities.or(below.max_identities),
            log: LogLayer {
                level: self.log.level.or(below.log.level),
                format: self.log.format.or(below.log.format),
            },
        }
    }

    pub(super) fn resolve(self, default_data_dir: PathBuf) -> Result<Settings, Error> {
        let mut settings = Settings::in_folder(self.data_dir.unwrap_or(default_data_dir));
        if let Some(listen) = self.listen {
            settings.listen = listen;
        }
        if let Some(external) = self.external {
            settings.external = external;
        }
        if let Some(bootstrap) = self.bootstrap {
            settings.bootstrap = bootstrap;
        }
        settings.socket = self.socket;
        settings.api_listen = self.api_listen;
        if let Some(origins) = self.api_allow_origins {
            settings.api_allow_origins = origins;
        }
        settings.passphrase_file = self.passphrase_file;
        if let Some(max_identities) = self.max_identities {
            settings.max_identities = max_identities;
        }
        if let Some(level) = self.log.level {
            tracing_subscriber::EnvFilter::try_new(&level)
                .map_err(|error| wrong("log.level", error.to_string()))?;
            settings.log.level = level;
        }
        if let Some(format) = self.log.format {
            settings.log.format = format;
        }
        Ok(settings)
    }
}

/// A list, separated by commas.
fn listed<T>(env: &dyn Fn(&str) -> Option<OsString>, name: &str) -> Result<Option<Vec<T>>, Error>
where
    T: FromStr,
    T::Err: std::fmt::Display,
{
    let Some(list) = parsed::<String>(env, name)? else {
        return Ok(None);
    };
    list.split(',')
        .map(str::trim)
        .filter(|text| !text.is_empty())
        .map(|text| {
            text.parse()
                .map_err(|error: T::Err| wrong(name, format!("{text}: {error}")))
        })
        .collect::<Result<_, _>>()
        .map(Some)
}

fn parsed<T>(env: &dyn Fn(&str) -> Option<OsString>, name: &str) -> Result<Option<T>, Error>
where
    T: FromStr,
    T::Err: std::fmt::Display,
{
    let Some(value) = set(env, name) else {
        return Ok(None);
    };
    let text = value.to_str().ok_or_else(|| wrong(name, "is not UTF-8"))?;
    text.parse()
        .map(Some)
        .map_err(|error: T::Err| wrong(name, error.to_string()))
}
