//! The applications that may use the node under a name of their own.
//!
//! Each has a token, which the node shows once and keeps as a hash only; scopes, which say what it may
//! do; and quotas, so that it harms no other. Who owns the data folder needs none of this: it is the
//! *operator*.

mod token;
mod usage;

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use peerage_records::time::Timestamp;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

pub(crate) use self::usage::{Counted, Permit, Usage};
use crate::{
    Application, Error, Node, Result,
    folder::{DataFolder, KeptApplication},
    handle::WeakApplication,
    model::{NewApplication, Quotas},
};

/// At most this many applications: each may hold as many requests as its quota allows.
pub const MAX_APPLICATIONS: usize = 32;

/// An application is confined to at most this many groups, and identities; beyond it, to none.
pub const MAX_CONFINED: usize = 16;

/// At most this many characters of name: it is part of log lines and of the names of cursors.
const MAX_NAME_CHARS: usize = 64;

/// What the operator is called where applications have names; nobody else may be called so.
pub(crate) const OPERATOR: &str = "operator";

/// An application that is registered, until its token is replaced or revoked.
pub(crate) struct Registered {
    pub(crate) kept: KeptApplication,
    /// How much it uses now.
    pub(crate) usage: Usage,
    /// The token is good no longer.
    pub(crate) ended: CancellationToken,
    session: Mutex<Option<WeakApplication>>,
}

impl fmt::Debug for Registered {
    /// Without the hash.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registered")
            .field("name", &self.kept.name)
            .finish_non_exhaustive()
    }
}

impl Registered {
    fn new(kept: KeptApplication) -> Arc<Self> {
        Arc::new(Self {
            usage: Usage::new(&kept.name, kept.quotas),
            kept,
            ended: CancellationToken::new(),
            session: Mutex::new(None),
        })
    }

    /// What it holds, while its session lasts.
    pub(crate) fn session(&self) -> Option<Application> {
        let session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        session.as_ref()?.upgrade()
    }

    /// Begins its session, which ends with the last clone of the answer. There is one at a time: an
    /// application of several processes has a name for each.
    pub(crate) fn begin_session(&self, node: &Node) -> Result<Application> {
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        if session.as_ref().is_some_and(|one| one.upgrade().is_some()) {
            return Err(Error::SessionExists {
                application: self.kept.name.clone(),
            });
        }
        let application = node.attach(&self.kept.name)?;
        *session = Some(application.downgrade());
        Ok(application)
    }

    /// Whether it may use only some of the groups or identities.
    pub(crate) fn is_confined(&self) -> bool {
        !self.kept.groups.is_empty() || !self.kept.identities.is_empty()
    }

    pub(crate) fn may_use_group(&self, group: &str) -> bool {
        allowed(&self.kept.groups, group)
    }

    pub(crate) fn may_use_identity(&self, identity: &str) -> bool {
        allowed(&self.kept.identities, identity)
    }
}

fn allowed(only: &[String], name: &str) -> bool {
    only.is_empty() || only.iter().any(|allowed| allowed == name)
}

/// Who is registered: in memory, and on disk before in memory.
#[derive(Debug)]
pub(crate) struct Registry {
    folder: Arc<DataFolder>,
    known: RwLock<Arc<Vec<Arc<Registered>>>>,
    /// One change at a time.
    changing: Mutex<()>,
}

impl Registry {
    /// Loads what the folder holds.
    pub(crate) fn open(folder: Arc<DataFolder>) -> Result<Self> {
        let kept = folder.load_applications()?;
        let known = kept.into_iter().map(Registered::new).collect();
        Ok(Self {
            folder,
            known: RwLock::new(Arc::new(known)),
            changing: Mutex::new(()),
        })
    }

    /// All of them, by name.
    pub(crate) fn all(&self) -> Arc<Vec<Arc<Registered>>> {
        Arc::clone(&self.known.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn find(&self, name: &str) -> Result<Arc<Registered>> {
        let all = self.all();
        let found = all.iter().find(|one| one.kept.name == name);
        found.cloned().ok_or_else(|| Error::ApplicationNotFound {
            name: name.to_owned(),
        })
    }

    /// Whose token this is. Takes as long whether it is anybody's or not.
    pub(crate) fn holder(&self, token: &str) -> Option<Arc<Registered>> {
        let all = self.all();
        let hashes = all.iter().map(|one| &one.kept.token_hash);
        token::find(token, hashes).map(|index| Arc::clone(&all[index]))
    }

    /// Registers an application; its token is in nobody's hands but the caller's.
    pub(crate) fn register(
        &self,
        new: NewApplication,
        now: Timestamp,
    ) -> Result<Zeroizing<String>> {
        check(&new)?;
        let (token, token_hash) = token::generate();
        self.change(|all| {
            if all.iter().any(|one| one.kept.name == new.name) {
                return Err(Error::ApplicationExists { name: new.name });
            }
            if all.len() >= MAX_APPLICATIONS {
                return Err(Error::TooManyApplications {
                    limit: MAX_APPLICATIONS,
                });
            }
            all.push(Registered::new(KeptApplication {
                name: new.name,
                token_hash,
                scopes: new.scopes,
                groups: new.groups,
                identities: new.identities,
                quotas: new.quotas,
                registered: now,
                token_made: now,
            }));
            all.sort_by(|one, other| one.kept.name.cmp(&other.kept.name));
            Ok(())
        })?;
        Ok(token)
    }

    /// Gives an application another token. The earlier one is of no use from now on, and what it had
    /// begun ends.
    pub(crate) fn renew(&self, name: &str, now: Timestamp) -> Result<Zeroizing<String>> {
        let (token, token_hash) = token::generate();
        let earlier = self.change(|all| {
            let one = found(all, name)?;
            let renewed = Registered::new(KeptApplication {
                token_hash,
                token_made: now,
                ..one.kept.clone()
            });
            Ok(std::mem::replace(one, renewed))
        })?;
        earlier.ended.cancel();
        Ok(token)
    }

    /// Forgets an application. Its token is of no use from now on, and what it had begun ends.
    pub(crate) fn revoke(&self, name: &str) -> Result<()> {
        let gone = self.change(|all| {
            let gone = Arc::clone(found(all, name)?);
            all.retain(|one| one.kept.name != name);
            Ok(gone)
        })?;
        gone.ended.cancel();
        Ok(())
    }

    /// Waits for the disk.
    fn change<T>(&self, change: impl FnOnce(&mut Vec<Arc<Registered>>) -> Result<T>) -> Result<T> {
        let _turn = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all = (*self.all()).clone();
        let changed = change(&mut all)?;
        let kept: Vec<KeptApplication> = all.iter().map(|one| one.kept.clone()).collect();
        self.folder.save_applications(&kept)?;
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(all);
        Ok(changed)
    }
}

fn found<'a>(all: &'a mut [Arc<Registered>], name: &str) -> Result<&'a mut Arc<Registered>> {
    all.iter_mut()
        .find(|one| one.kept.name == name)
        .ok_or_else(|| Error::ApplicationNotFound {
            name: name.to_owned(),
        })
}

/// A name for an application.
pub(crate) fn check_name(name: &str) -> Result<()> {
    let fits = name.len() <= MAX_NAME_CHARS
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.'));
    if !fits {
        return Err(Error::invalid(
            "name",
            "has 1 to 64 characters: lower-case letters, digits, - _ and .; begins with a letter",
        ));
    }
    if name == OPERATOR {
        return Err(Error::invalid("name", "operator is who owns the node"));
    }
    Ok(())
}

fn check(new: &NewApplication) -> Result<()> {
    check_name(&new.name)?;
    if new.scopes.is_empty() {
        return Err(Error::invalid(
            "scopes",
            "name at least one: an application without any may do nothing",
        ));
    }
    for (field, names) in [("groups", &new.groups), ("identities", &new.identities)] {
        if names.len() > MAX_CONFINED {
            return Err(Error::invalid(
                field,
                format!("are at most {MAX_CONFINED}; leave them out to allow all"),
            ));
        }
    }
    let Quotas {
        requests_per_second,
        concurrent_requests,
        streams,
        bytes_per_minute,
        groups,
    } = new.quotas;
    let limits = [
        (
            "requests_per_second",
            u64::from(requests_per_second),
            1,
            10_000,
        ),
        ("concurrent_requests", u64::from(concurrent_requests), 1, 64),
        ("streams", u64::from(streams), 1, 64),
        (
            "bytes_per_minute",
            bytes_per_minute,
            crate::api::MAX_BODY_BYTES as u64,
            1 << 30,
        ),
        ("groups", u64::from(groups), 1, 256),
    ];
    for (field, value, least, most) in limits {
        if !(least..=most).contains(&value) {
            return Err(Error::invalid(field, format!("is {least} to {most}")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Scope;

    fn registry() -> (tempfile::TempDir, Registry) {
        let base = tempfile::tempdir().unwrap();
        let folder = Arc::new(DataFolder::open(base.path()).unwrap());
        (base, Registry::open(folder).unwrap())
    }

    fn new(name: &str) -> NewApplication {
        NewApplication {
            name: name.to_owned(),
            scopes: [Scope::Read].into(),
            ..NewApplication::default()
        }
    }

    const NOW: Timestamp = Timestamp::from_secs(1_000);

    #[test]
    fn a_token_is_good_until_it_is_replaced_or_revoked() {
        let (_base, registry) = registry();
        let first = registry.register(new("board"), NOW).unwrap();
        let other = registry.register(new("clock"), NOW).unwrap();
        let holder = registry.holder(&first).unwrap();
        assert_eq!(holder.kept.name, "board");
        assert_eq!(registry.holder(&other).unwrap().kept.name, "clock");
        let second = registry.renew("board", NOW).unwrap();
        assert!(registry.holder(&first).is_none() && holder.ended.is_cancelled());
        let holder = registry.holder(&second).unwrap();
        registry.revoke("board").unwrap();
        assert!(registry.holder(&second).is_none() && holder.ended.is_cancelled());
        assert_eq!(registry.holder(&other).unwrap().kept.name, "clock");
        let again = registry.revoke("board").unwrap_err();
        assert_eq!(again.code(), "application_not_found");
    }

    #[test]
    fn what_is_registered_is_there_after_a_restart_and_no_token_is_on_disk() {
        let (base, registry) = registry();
        let token = registry.register(new("board"), NOW).unwrap();
        let folder = Arc::clone(&registry.folder);
        let again = Registry::open(folder).unwrap();
        assert_eq!(again.holder(&token).unwrap().kept.name, "board");
        let text = std::fs::read_to_string(base.path().join("applications.json")).unwrap();
        assert!(!text.contains(token.as_str()) && !text.contains("peerage_"));
    }

    #[test]
    fn what_does_not_do_is_refused_and_keeps_nothing() {
        let (_base, registry) = registry();
        for name in ["", "Board", "1x", "a b", "operator", "ä", &"a".repeat(65)] {
            let refused = registry.register(new(name), NOW).unwrap_err();
            assert_eq!(refused.code(), "invalid_input", "{name}");
        }
        let powerless = NewApplication {
            scopes: Default::default(),
            ..new("board")
        };
        assert!(registry.register(powerless, NOW).is_err());
        let mut greedy = new("board");
        greedy.quotas.streams = 65;
        assert!(registry.register(greedy, NOW).is_err());
        assert!(registry.all().is_empty());
        for number in 0..MAX_APPLICATIONS {
            registry.register(new(&format!("a{number}")), NOW).unwrap();
        }
        let full = registry.register(new("one-more"), NOW).unwrap_err();
        assert_eq!(full.code(), "too_many_applications");
        let twice = registry.register(new("a0"), NOW).unwrap_err();
        assert_eq!(twice.code(), "application_exists");
    }
}
