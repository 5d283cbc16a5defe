use std::{collections::BTreeMap, ffi::OsString};

use proptest::prelude::*;

use super::*;

type Env = BTreeMap<&'static str, &'static str>;

fn load(
    file: Option<&str>,
    env: &[(&'static str, &'static str)],
    flags: Layer,
) -> Result<Settings, Error> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("peerage.toml");
    if let Some(text) = file {
        fs::write(&path, text).unwrap();
    }
    let env: Env = env.iter().copied().collect();
    Settings::load(file.map(|_| path.as_path()), flags, &|name| {
        env.get(name).map(OsString::from)
    })
}

#[test]
fn flags_win_over_environment_over_file_over_default() {
    let file =
        "data_dir = '/file'\nsocket = '/file.sock'\nmax_identities = 3\n[log]\nlevel = 'debug'\n";
    let env = [
        ("HOME", "/home/ada"),
        ("PEERAGE_DATA_DIR", "/env"),
        ("PEERAGE_SOCKET", "/env.sock"),
    ];
    let flags = Layer {
        data_dir: Some("/flag".into()),
        ..Layer::default()
    };
    let settings = load(Some(file), &env, flags).unwrap();
    assert_eq!(settings.data_dir, Path::new("/flag"));
    assert_eq!(settings.socket_path(), Path::new("/env.sock"));
    assert_eq!(settings.max_identities, 3);
    assert_eq!(settings.log.level, "debug");
    assert_eq!(settings.log.format, LogFormat::Text);
}

#[test]
fn the_data_folder_follows_xdg() {
    let folder =
        |env: &[(&'static str, &'static str)]| load(None, env, Layer::default()).unwrap().data_dir;
    assert_eq!(
        folder(&[("HOME", "/h"), ("XDG_DATA_HOME", "/x")]),
        Path::new("/x/peerage")
    );
    assert_eq!(
        folder(&[("HOME", "/h")]),
        Path::new("/h/.local/share/peerage")
    );
    assert_eq!(
        folder(&[("HOME", "/h"), ("XDG_DATA_HOME", "relative")]),
        Path::new("/h/.local/share/peerage")
    );
}

#[test]
fn the_default_listens_on_both_families_at_3587() {
    let listen: Vec<_> = Settings::in_folder("/d")
        .listen
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        listen,
        ["/ip4/0.0.0.0/udp/3587/quic-v1", "/ip6/::/udp/3587/quic-v1"]
    );
}

#[test]
fn wrong_settings_are_named() {
    let refused = |file: &str, word: &str| {
        let error = load(Some(file), &[], Layer::default()).unwrap_err();
        assert_eq!(error.code(), "invalid_setting");
        assert!(error.to_string().contains(word), "{error}");
    };
    refused("datadir = '/x'", "datadir");
    refused("[log]\ncolour = true", "colour");
    refused("[log]\nlevel = 'peerage=loud'", "log.level");
    refused("listen = ['/ip4/0.0.0.0/tcp/1']", "listen");
    refused("listen = ['nonsense']", "listen");
    refused("bootstrap = ['/ip4/10.0.0.1/udp/1/quic-v1']", "bootstrap");
    refused("api_listen = '0.0.0.0:3588'", "api_listen");
    refused("api_listen = '[::]:3588'", "api_listen");
    refused("api_listen = '192.0.2.1:3588'", "api_listen");
    refused("api_listen = 'localhost:3588'", "api_listen");
    for origin in ["*", "null", "https://", "https://a/b", "https://*.a"] {
        refused(
            &format!("api_allow_origins = ['{origin}']"),
            "api_allow_origins",
        );
    }
    refused("max_identities = 0", "max_identities");
    refused("max_identities = 'many'", "max_identities");
    let error = load(None, &[("PEERAGE_LISTEN", "/ip4/1")], Layer::default()).unwrap_err();
    assert!(error.to_string().contains("PEERAGE_LISTEN"), "{error}");
    let large = "#".repeat(MAX_CONFIG_BYTES as usize + 1);
    refused(&large, "larger");
}

#[test]
fn a_missing_named_file_is_an_error() {
    let error = Settings::load(Some(Path::new("/no/such.toml")), Layer::default(), &|_| {
        None
    })
    .unwrap_err();
    assert_eq!(error.code(), "io");
}

#[test]
fn the_passphrase_comes_from_the_environment_or_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("passphrase");
    fs::write(&path, "from file\nsecond line\n").unwrap();
    let mut settings = Settings::in_folder(folder.path());
    assert_eq!(settings.read_passphrase(&|_| None).unwrap(), None);
    settings.passphrase_file = Some(path.clone());
    assert_eq!(
        settings
            .read_passphrase(&|_| None)
            .unwrap()
            .unwrap()
            .as_str(),
        "from file"
    );
    let env = |name: &str| (name == "PEERAGE_PASSPHRASE").then(|| OsString::from("from env"));
    assert_eq!(
        settings.read_passphrase(&env).unwrap().unwrap().as_str(),
        "from env"
    );
    fs::write(&path, "\n").unwrap();
    assert!(settings.read_passphrase(&|_| None).is_err());
    fs::write(&path, "x".repeat(5_000)).unwrap();
    assert!(settings.read_passphrase(&|_| None).is_err());
}

proptest! {
    #[test]
    fn any_bytes_as_configuration_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.toml");
        fs::write(&path, bytes).unwrap();
        let _ = Settings::load(Some(&path), Layer::default(), &|_| None);
    }

    #[test]
    fn any_toml_like_text_is_read_or_refused(
        key in "(listen|log|data_dir|[a-z.\\[\\]]{1,12})",
        value in "(\\[.{0,20}\\]|'.{0,30}'|[0-9.e+-]{1,20}|\\{.{0,20}\\})",
    ) {
        let _ = Layer::from_toml(&format!("{key} = {value}"));
    }
}
