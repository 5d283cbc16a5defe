//! The configuration of one group for one identity, to be used on another machine.
//!
//! It is JSON under a passphrase; what is inside can be read with `age --decrypt`. All of it is
//! secret: whoever reads the discovery secret sees where the members are, and the group's key, which
//! only its owner's file holds, is the group.

use std::io::{Read, Write};

use age::armor::{ArmoredReader, ArmoredWriter, Format};
use data_encoding::BASE64;
use libp2p::Multiaddr;
use peerage_protocol::{
    cloud::Cloud,
    gmc::{self, Chain, VerifiedGmc},
    group::{GroupKey, GroupRoot},
    identity::Identity,
    invitation::{MAX_ADDRESS_BYTES, MAX_BOOTSTRAP_ADDRESSES},
    name::{PeerName, check_friendly_name},
    secret::DiscoverySecret,
};
use peerage_records::time::Timestamp;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use super::{
    head::check_head,
    sealed::{self, invalid},
};
use crate::{Error, Result, folder::Membership, model::instant_text};

/// At most this many bytes of text: a chain of full size, eight addresses, names, a key, and base64
/// around it twice.
pub(crate) const MAX_CONFIG_BYTES: usize = 64 * 1024;

const FORMAT: &str = "peerage group configuration";
const VERSION: u32 = 1;
const WHAT: &str = "the group configuration";

/// One identity's configuration of one group, read and consistent in itself. Whether its chain holds
/// now is for [`GroupConfig::verify`].
#[derive(Clone)]
pub(crate) struct GroupConfig {
    pub(crate) identity: PeerName,
    pub(crate) group: PeerName,
    pub(crate) friendly_name: String,
    pub(crate) comment: String,
    pub(crate) cloud: Cloud,
    pub(crate) bootstrap: Vec<Multiaddr>,
    pub(crate) chain: Chain,
    pub(crate) secret: DiscoverySecret,
    pub(crate) group_key: Option<GroupKey>,
}

impl std::fmt::Debug for GroupConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GroupConfig")
            .field("group", &self.group)
            .field("identity", &self.identity)
            .finish_non_exhaustive()
    }
}

/// How it looks in the file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: String,
    version: u32,
    exported: String,
    identity: PeerName,
    group: PeerName,
    friendly_name: String,
    comment: String,
    cloud: String,
    bootstrap: Vec<Multiaddr>,
    chain: String,
    secret: String,
    group_key: Option<String>,
}

/// Its secrets do not stay in memory.
impl Drop for File {
    fn drop(&mut self) {
        self.secret.zeroize();
        self.group_key.zeroize();
    }
}

impl GroupConfig {
    /// The configuration of a membership; `bootstrap` is where members can be found now.
    pub(crate) fn of(membership: &Membership, bootstrap: Vec<Multiaddr>) -> Result<Self> {
        Ok(Self {
            identity: membership.identity.clone(),
            group: membership.root()?.name().clone(),
            friendly_name: membership.friendly_name.clone(),
            comment: membership.comment.clone(),
            cloud: membership
                .cloud
                .parse()
                .map_err(|error| Error::invalid("cloud", error))?,
            bootstrap,
            chain: membership.chain.clone(),
            secret: membership.secret.clone(),
            group_key: membership.group_key.clone(),
        })
    }

    /// Writes it under a passphrase, as text.
    ///
    /// # Errors
    /// When the passphrase is empty.
    pub(crate) fn to_text(&self, passphrase: &str, now: Timestamp) -> Result<Zeroizing<String>> {
        let json = self.to_json(now)?;
        let armor = ArmoredWriter::wrap_output(Vec::new(), Format::AsciiArmor)
            .map_err(|error| Error::io(WHAT, error))?;
        let mut writer = sealed::seal(armor, passphrase)?;
        let text = writer
            .write_all(&json)
            .and_then(|()| writer.finish())
            .and_then(ArmoredWriter::finish)
            .map_err(|error| Error::io(WHAT, error))?;
        String::from_utf8(text)
            .map(Zeroizing::new)
            .map_err(|error| Error::Internal(error.to_string()))
    }

    /// Reads what [`to_text`](Self::to_text) wrote.
    ///
    /// # Errors
    /// [`Error::WrongPassphrase`], and [`Error::InvalidExport`] for damaged or altered text.
    pub(crate) fn from_text(text: &str, passphrase: &str) -> Result<Self> {
        if text.len() > MAX_CONFIG_BYTES {
            return Err(invalid(
                WHAT,
                format!("it is larger than {MAX_CONFIG_BYTES} bytes"),
            ));
        }
        let mut json = Zeroizing::new(Vec::new());
        sealed::open(ArmoredReader::new(text.trim().as_bytes()), passphrase, WHAT)?
            .read_to_end(&mut json)
            .map_err(|error| sealed::broken(error, WHAT))?;
        Self::from_json(&json)
    }

    fn to_json(&self, now: Timestamp) -> Result<Zeroizing<Vec<u8>>> {
        let group_key = self
            .group_key
            .as_ref()
            .map(|key| key.to_pem(None, &mut rand::rng()))
            .transpose()
            .map_err(Error::Identity)?;
        let file = File {
            format: FORMAT.to_owned(),
            version: VERSION,
            exported: instant_text(now),
            identity: self.identity.clone(),
            group: self.group.clone(),
            friendly_name: self.friendly_name.clone(),
            comment: self.comment.clone(),
            cloud: self.cloud.name().to_owned(),
            bootstrap: self.bootstrap.clone(),
            chain: BASE64.encode(self.chain.encode()),
            secret: BASE64.encode(self.secret.expose()),
            group_key: group_key.map(|pem| pem.as_str().to_owned()),
        };
        serde_json::to_vec_pretty(&file)
            .map(Zeroizing::new)
            .map_err(|error| Error::Internal(error.to_string()))
    }

    /// Reads what lies under the passphrase, and checks that its parts belong together.
    pub(crate) fn from_json(json: &[u8]) -> Result<Self> {
        let unreadable = |error: serde_json::Error| invalid(WHAT, error);
        check_head(json, FORMAT, VERSION, WHAT)?;
        let file: File = serde_json::from_slice(json).map_err(unreadable)?;
        let bounded = |address: &Multiaddr| address.len() <= MAX_ADDRESS_BYTES;
        if file.bootstrap.len() > MAX_BOOTSTRAP_ADDRESSES || !file.bootstrap.iter().all(bounded) {
            return Err(invalid(WHAT, "its addresses are too many or too long"));
        }
        for name in [&file.friendly_name, &file.comment] {
            check_friendly_name(name).map_err(|error| invalid(WHAT, error))?;
        }
        let chain = decoded(&file.chain)
            .and_then(|bytes| Chain::decode(&bytes).map_err(|error| invalid(WHAT, error)))?;
        let secret = Zeroizing::new(decoded(&file.secret)?);
        let secret = <[u8; 32]>::try_from(secret.as_slice())
            .map_err(|_| invalid(WHAT, "the group's secret has a wrong length"))?;
        let config = Self {
            identity: file.identity.clone(),
            group: file.group.clone(),
            friendly_name: file.friendly_name.clone(),
            comment: file.comment.clone(),
            cloud: file
                .cloud
                .parse()
                .map_err(|error| invalid(WHAT, format!("cloud: {error}")))?,
            bootstrap: file.bootstrap.clone(),
            chain,
            secret: DiscoverySecret::from_bytes(secret),
            group_key: file
                .group_key
                .as_deref()
                .map(|pem| GroupKey::from_pem(pem, None))
                .transpose()
                .map_err(|error| invalid(WHAT, error))?,
        };
        let root = config.root()?;
        let foreign_key = config
            .group_key
            .as_ref()
            .is_some_and(|key| key.root() != &root);
        if *root.name() != config.group || foreign_key {
            return Err(invalid(WHAT, "its parts are of different groups"));
        }
        Ok(config)
    }

    /// Checks the chain for the identity it names, at `now`.
    ///
    /// # Errors
    /// When the chain does not hold, or is not of this identity.
    pub(crate) fn verify(&self, holder: &Identity, now: Timestamp) -> Result<VerifiedGmc> {
        let gmc = gmc::verify(&self.chain, &self.root()?.id(), now)?;
        if gmc.subject() != holder.key() || *holder.name() != self.identity {
            return Err(invalid(WHAT, "the membership in it is of another identity"));
        }
        Ok(gmc)
    }

    /// Whether this is text of the kind that [`to_text`](Self::to_text) writes.
    pub(crate) fn is_config(text: &str) -> bool {
        let mut begin = Vec::new();
        let reader = ArmoredReader::new(text.trim().as_bytes());
        let _ = reader.take(64).read_to_end(&mut begin);
        sealed::begins(&begin)
    }

    fn root(&self) -> Result<GroupRoot> {
        let der = self.chain.certificates().next().unwrap_or_default();
        Ok(GroupRoot::from_der(der)?)
    }
}

fn decoded(text: &str) -> Result<Vec<u8>> {
    BASE64
        .decode(text.as_bytes())
        .map_err(|error| invalid(WHAT, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(by_owner: bool) -> (GroupConfig, Identity) {
        let mut rng = rand::rng();
        let now = Timestamp::from_secs(1_800_000_000);
        let ada = Identity::generate("", Some("Ada"), now, &mut rng).unwrap();
        let key = GroupKey::create("chess", Some("Chess"), now, &mut rng).unwrap();
        let config = GroupConfig {
            identity: ada.name().clone(),
            group: key.root().name().clone(),
            friendly_name: "Chess".into(),
            comment: String::new(),
            cloud: Cloud::global(),
            bootstrap: vec!["/ip4/192.0.2.1/udp/3587/quic-v1".parse().unwrap()],
            chain: key.issue_first(&ada.card(), now, &mut rng).unwrap(),
            secret: DiscoverySecret::generate(&mut rng),
            group_key: by_owner.then_some(key),
        };
        (config, ada)
    }

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    #[test]
    fn what_is_written_is_read_and_nothing_of_it_is_in_clear() {
        let (config, ada) = config(true);
        let text = config.to_text("correct horse", NOW).unwrap();
        assert!(GroupConfig::is_config(&text));
        assert!(text.starts_with("-----BEGIN AGE ENCRYPTED FILE-----"));
        for part in [ada.name().to_string(), config.group.to_string()] {
            assert!(!text.contains(&part));
        }
        let read = GroupConfig::from_text(&text, "correct horse").unwrap();
        assert_eq!(read.secret.expose(), config.secret.expose());
        assert_eq!(read.chain, config.chain);
        assert_eq!(
            (&read.cloud, &read.bootstrap),
            (&config.cloud, &config.bootstrap)
        );
        let key = |config: &GroupConfig| config.group_key.as_ref().unwrap().sign(b"x");
        assert_eq!(key(&read), key(&config));
        read.verify(&ada, NOW).unwrap();
        let wrong = GroupConfig::from_text(&text, "wrong horse").unwrap_err();
        assert_eq!(wrong.code(), "wrong_passphrase");
        let shown = format!("{config:?}");
        assert!(!shown.contains("192.0.2.1") && !shown.contains("secret"));
    }

    #[test]
    fn parts_of_two_groups_do_not_make_one_file() {
        let ((one, ada), (other, ben)) = (config(true), config(true));
        let mixed = [
            GroupConfig {
                group: other.group.clone(),
                ..one.clone()
            },
            GroupConfig {
                chain: other.chain.clone(),
                ..one.clone()
            },
            GroupConfig {
                group_key: other.group_key.clone(),
                ..one.clone()
            },
        ];
        for config in mixed {
            let json = config.to_json(NOW).unwrap();
            assert_eq!(
                GroupConfig::from_json(&json).unwrap_err().code(),
                "invalid_export"
            );
        }
        assert!(one.verify(&ben, NOW).is_err());
        assert!(one.verify(&ada, NOW).is_ok());
    }

    #[test]
    fn bounds_kinds_and_versions_are_kept() {
        let (config, _) = config(false);
        assert!(config.group_key.is_none());
        let json = String::from_utf8(config.to_json(NOW).unwrap().to_vec()).unwrap();
        assert!(json.contains("\"group_key\": null"));
        let code = |json: &str| GroupConfig::from_json(json.as_bytes()).unwrap_err().code();
        assert_eq!(
            code(&json.replace("group configuration", "shopping list")),
            "invalid_export"
        );
        assert_eq!(
            code(&json.replace("\"version\": 1", "\"version\": 2")),
            "invalid_export"
        );
        assert_eq!(
            code(&json.replacen('{', "{\"more\": 1,", 1)),
            "invalid_export"
        );
        let mut many = config.clone();
        many.bootstrap = vec![config.bootstrap[0].clone(); MAX_BOOTSTRAP_ADDRESSES + 1];
        assert!(GroupConfig::from_json(&many.to_json(NOW).unwrap()).is_err());
        let long = "x".repeat(MAX_CONFIG_BYTES + 1);
        assert!(GroupConfig::from_text(&long, "p").is_err());
        assert!(!GroupConfig::is_config("-----BEGIN CERTIFICATE-----"));
    }
}
