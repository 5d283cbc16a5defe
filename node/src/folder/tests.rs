use std::{fs, os::unix::fs::PermissionsExt};

use peerage_protocol::{
    cloud::Cloud,
    gmc::{self, IssueOptions},
    group::{GroupKey, Role},
    identity::Identity,
    invitation::{Invitation, InvitationDraft},
    name::PeerName,
    secret::DiscoverySecret,
};
use peerage_records::time::Timestamp;
use proptest::prelude::*;

use super::*;

const NOW: Timestamp = Timestamp::from_secs(1_795_000_000);

fn identity(classifier: &str) -> Identity {
    Identity::generate(classifier, Some("Ada"), NOW, &mut rand::rng()).unwrap()
}

fn membership(holder: &Identity) -> Membership {
    let key = GroupKey::create("chess", Some("Chess"), NOW, &mut rand::rng()).unwrap();
    let chain = key
        .issue_first(&holder.card(), NOW, &mut rand::rng())
        .unwrap();
    Membership {
        identity: holder.name().clone(),
        chain,
        secret: DiscoverySecret::from_bytes([7; 32]),
        cloud: "Global_".to_owned(),
        bootstrap: vec!["/ip4/10.0.0.1/udp/3587/quic-v1".parse().unwrap()],
        group_key: Some(key),
        friendly_name: "Chess".to_owned(),
        comment: String::new(),
        synchronised: true,
        connected: false,
        added: NOW,
    }
}

/// Every file below the folder with its content, without the lock.
fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name().unwrap() != "lock" {
                let content = fs::read(&path).unwrap();
                found.push((path, content));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn a_second_node_is_refused_and_told_who_has_the_folder() {
    let base = tempfile::tempdir().unwrap();
    let first = DataFolder::open(base.path()).unwrap();
    let error = DataFolder::open(base.path()).unwrap_err();
    assert_eq!(error.code(), "folder_in_use");
    assert!(
        error.to_string().contains(&std::process::id().to_string()),
        "{error}"
    );
    drop(first);
    DataFolder::open(base.path()).unwrap();
}

#[test]
fn a_released_folder_is_written_by_its_next_holder_only() {
    let base = tempfile::tempdir().unwrap();
    let first = DataFolder::open(base.path()).unwrap();
    let ada = identity("");
    first.release();
    let second = DataFolder::open(base.path()).unwrap();
    let before = contents(base.path());
    let kept = membership(&ada);
    let group = kept.root().unwrap().id();
    for refused in [
        first.save_identity(&ada, None, NOW),
        first.set_default_identity(ada.name()),
        first.delete_identity(ada.name()),
        first.save_membership(&kept, &ada, None),
        first.delete_membership(ada.name(), &group),
    ] {
        assert_eq!(refused.unwrap_err().code(), "shutting_down");
    }
    assert_eq!(contents(base.path()), before);
    second.save_identity(&ada, None, NOW).unwrap();
}

#[test]
fn everything_is_for_the_owner_alone() {
    let base = tempfile::tempdir().unwrap();
    let path = base.path().join("data");
    let folder = DataFolder::open(&path).unwrap();
    let ada = identity("");
    folder.node_key().unwrap();
    folder.save_identity(&ada, None, NOW).unwrap();
    folder.set_default_identity(ada.name()).unwrap();
    folder
        .save_membership(&membership(&ada), &ada, None)
        .unwrap();
    let mut folders = vec![path];
    while let Some(folder) = folders.pop() {
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder), 0o700, "{}", folder.display());
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                assert_eq!(mode(&path), 0o600, "{}", path.display());
            }
        }
    }
}

#[test]
fn the_node_key_stays_the_same() {
    let base = tempfile::tempdir().unwrap();
    let key = DataFolder::open(base.path()).unwrap().node_key().unwrap();
    let again = DataFolder::open(base.path()).unwrap().node_key().unwrap();
    assert_eq!(key.public(), again.public());
}

#[test]
fn identities_survive_a_restart() {
    let base = tempfile::tempdir().unwrap();
    let (ada, ben) = (identity("home/../x"), identity(""));
    {
        let folder = DataFolder::open(base.path()).unwrap();
        folder.save_identity(&ada, None, NOW).unwrap();
        folder.save_identity(&ben, None, NOW).unwrap();
        folder.set_default_identity(ben.name()).unwrap();
    }
    let folder = DataFolder::open(base.path()).unwrap();
    let mut names: Vec<PeerName> = folder
        .load_identities(None)
        .unwrap()
        .iter()
        .map(|identity| identity.name().clone())
        .collect();
    names.sort();
    let mut expected = vec![ada.name().clone(), ben.name().clone()];
    expected.sort();
    assert_eq!(names, expected);
    assert_eq!(
        folder.default_identity().unwrap().as_ref(),
        Some(ben.name())
    );
    let facts = folder.identity_facts(ada.name()).unwrap();
    assert_eq!((facts.created, facts.protected), (NOW, false));
}

#[test]
fn a_deleted_identity_leaves_nothing_but_its_name() {
    let base = tempfile::tempdir().unwrap();
    let folder = DataFolder::open(base.path()).unwrap();
    let ada = identity("");
    let before = contents(base.path());
    folder.save_identity(&ada, None, NOW).unwrap();
    folder.set_default_identity(ada.name()).unwrap();
    folder.delete_identity(ada.name()).unwrap();
    let (names, rest): (Vec<_>, Vec<_>) = contents(base.path())
        .into_iter()
        .partition(|(path, _)| path.ends_with("deleted-identities"));
    assert_eq!(rest, before);
    assert_eq!(names[0].1, format!("{}\n", ada.name()).into_bytes());
    assert_eq!(
        folder.delete_identity(ada.name()).unwrap_err().code(),
        "identity_not_found"
    );
    assert_eq!(folder.default_identity().unwrap(), None);
}

#[test]
fn a_wrong_passphrase_changes_nothing() {
    let base = tempfile::tempdir().unwrap();
    let folder = DataFolder::open(base.path()).unwrap();
    let (ada, ben) = (identity("ada"), identity("ben"));
    folder.save_identity(&ada, Some("right"), NOW).unwrap();
    folder.save_identity(&ben, None, NOW).unwrap();
    let before = contents(base.path());
    let wrong = folder.load_identities(Some("wrong")).unwrap_err();
    assert_eq!(wrong.code(), "wrong_passphrase");
    assert!(wrong.to_string().contains(".pem"), "{wrong}");
    assert_eq!(
        folder.load_identities(None).unwrap_err().code(),
        "passphrase_needed"
    );
    assert_eq!(contents(base.path()), before);
    assert_eq!(folder.load_identities(Some("right")).unwrap().len(), 2);
}

#[test]
fn a_passphrase_protects_what_was_kept_in_the_clear() {
    let base = tempfile::tempdir().unwrap();
    let folder = DataFolder::open(base.path()).unwrap();
    let ada = identity("");
    folder.save_identity(&ada, None, NOW).unwrap();
    folder
        .save_membership(&membership(&ada), &ada, None)
        .unwrap();
    let identities = folder.load_identities(Some("secret")).unwrap();
    folder
        .load_memberships(&identities, Some("secret"))
        .unwrap();
    let facts = folder.identity_facts(ada.name()).unwrap();
    assert_eq!((facts.created, facts.protected), (NOW, true));
    for (path, content) in contents(base.path()) {
        let text = String::from_utf8_lossy(&content);
        assert!(!text.contains("BEGIN PRIVATE KEY"), "{}", path.display());
    }
    assert_eq!(
        folder.load_identities(None).unwrap_err().code(),
        "passphrase_needed"
    );
    assert_eq!(
        folder
            .load_memberships(&identities, None)
            .unwrap_err()
            .code(),
        "passphrase_needed"
    );
}

#[test]
fn memberships_survive_and_keep_their_secret_sealed() {
    let base = tempfile::tempdir().unwrap();
    let folder = DataFolder::open(base.path()).unwrap();
    let ada = identity("");
    let mut kept = membership(&ada);
    folder.save_membership(&kept, &ada, Some("secret")).unwrap();
    kept.connected = true;
    folder.save_membership(&kept, &ada, Some("secret")).unwrap();
    let found = folder
        .load_memberships(std::slice::from_ref(&ada), Some("secret"))
        .unwrap();
    let [found] = found.as_slice() else {
        panic!("one membership, not {}", found.len());
    };
    assert_eq!(found.secret.expose(), kept.secret.expose());
    assert_eq!(found.chain, kept.chain);
    assert_eq!(found.bootstrap, kept.bootstrap);
    assert!(found.connected && found.synchronised);
    assert!(found.group_key.is_some());
    let group = found.root().unwrap().id();
    assert!(
        folder
            .load_memberships(&[identity("")], None)
            .unwrap()
            .is_empty()
    );
    folder.delete_membership(ada.name(), &group).unwrap();
    assert_eq!(
        folder
            .delete_membership(ada.name(), &group)
            .unwrap_err()
            .code(),
        "group_not_found"
    );
    assert!(
        !contents(base.path())
            .iter()
            .any(|(path, _)| path.starts_with(base.path().join("groups")))
    );
}

#[test]
fn every_damaged_file_is_named_and_left_as_it_is() {
    let base = tempfile::tempdir().unwrap();
    let ada = identity("");
    {
        let folder = DataFolder::open(base.path()).unwrap();
        folder.node_key().unwrap();
        folder.save_identity(&ada, None, NOW).unwrap();
        folder.set_default_identity(ada.name()).unwrap();
        folder
            .save_membership(&membership(&ada), &ada, None)
            .unwrap();
    }
    let load = || -> Result<usize, Error> {
        let folder = DataFolder::open(base.path())?;
        folder.node_key()?;
        folder.default_identity()?;
        folder.load_identities(None)?;
        let found = folder.load_memberships(std::slice::from_ref(&ada), None)?;
        Ok(found.len())
    };
    assert_eq!(load().unwrap(), 1);
    for (path, content) in contents(base.path()) {
        fs::write(&path, &content[..content.len() / 2]).unwrap();
        let damaged = contents(base.path());
        if path.starts_with(base.path().join("groups")) {
            // One group is not worth all the others.
            assert_eq!(load().unwrap(), 0, "{}", path.display());
        } else {
            let error = load().expect_err(&path.display().to_string());
            assert_eq!(error.code(), "file_damaged", "{}: {error}", path.display());
            assert!(
                error.to_string().contains(&path.display().to_string()),
                "{error}"
            );
        }
        assert_eq!(contents(base.path()), damaged);
        fs::write(&path, &content).unwrap();
        assert_eq!(load().unwrap(), 1);
    }
}

#[test]
fn a_damaged_membership_does_not_hide_the_others() {
    let base = tempfile::tempdir().unwrap();
    let folder = DataFolder::open(base.path()).unwrap();
    let ada = identity("");
    let (one, two) = (membership(&ada), membership(&ada));
    folder.save_membership(&one, &ada, Some("secret")).unwrap();
    folder.save_membership(&two, &ada, Some("secret")).unwrap();
    let root = one.root().unwrap();
    fs::write(folder.membership_path(ada.name(), root.name()), "{").unwrap();
    let load = |passphrase| folder.load_memberships(std::slice::from_ref(&ada), Some(passphrase));
    let found = load("secret").unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].chain, two.chain);
    assert_eq!(folder.count_memberships().unwrap(), 2);
    assert_eq!(load("wrong").unwrap_err().code(), "wrong_passphrase");
}

#[test]
fn a_deletion_that_was_cut_short_leaves_no_membership() {
    let base = tempfile::tempdir().unwrap();
    let folder = DataFolder::open(base.path()).unwrap();
    let ada = identity("");
    let kept = membership(&ada);
    folder.save_membership(&kept, &ada, None).unwrap();
    let root = kept.root().unwrap();
    let (group, name) = (root.id(), root.name());
    // The key cannot be removed: a folder is in its place.
    let key = folder.group_key_path(ada.name(), name);
    fs::remove_file(&key).unwrap();
    fs::create_dir(&key).unwrap();
    folder.delete_membership(ada.name(), &group).unwrap_err();
    let found = folder.load_memberships(std::slice::from_ref(&ada), None);
    assert!(found.unwrap().is_empty());
    // What is left can be deleted again.
    fs::remove_dir(&key).unwrap();
    fs::write(&key, "").unwrap();
    folder.delete_membership(ada.name(), &group).unwrap();
    assert!(!key.exists());
}

#[test]
fn a_held_folder_stays_ours() {
    let base = tempfile::tempdir().unwrap();
    let folder = DataFolder::open(base.path()).unwrap();
    let hold = folder.hold();
    drop(folder);
    let refused = DataFolder::open(base.path()).unwrap_err();
    assert_eq!(refused.code(), "folder_in_use");
    drop(hold);
    DataFolder::open(base.path()).unwrap();
}

#[test]
fn a_newer_format_is_not_touched() {
    let base = tempfile::tempdir().unwrap();
    drop(DataFolder::open(base.path()).unwrap());
    fs::write(
        base.path().join("format"),
        "peerage data folder, format 2\n",
    )
    .unwrap();
    assert_eq!(
        DataFolder::open(base.path()).unwrap_err().code(),
        "unsupported_version"
    );
    fs::remove_file(base.path().join("format")).unwrap();
    assert_eq!(
        DataFolder::open(base.path()).unwrap_err().code(),
        "file_damaged"
    );
}

#[test]
fn a_folder_that_cannot_be_made_is_an_error() {
    let base = tempfile::tempdir().unwrap();
    let file = base.path().join("file");
    fs::write(&file, "").unwrap();
    assert_eq!(
        DataFolder::open(&file.join("data")).unwrap_err().code(),
        "io"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_bytes_in_any_file_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let base = tempfile::tempdir().unwrap();
        let ada = identity("");
        let folder = DataFolder::open(base.path()).unwrap();
        folder.save_identity(&ada, None, NOW).unwrap();
        folder.save_membership(&membership(&ada), &ada, None).unwrap();
        folder.set_default_identity(ada.name()).unwrap();
        for (path, content) in contents(base.path()) {
            fs::write(&path, &bytes).unwrap();
            let _ = folder.node_key();
            let _ = folder.default_identity();
            let _ = folder.identity_facts(ada.name());
            let _ = folder.load_identities(None);
            let _ = folder.load_memberships(std::slice::from_ref(&ada), None);
            fs::write(&path, &content).unwrap();
        }
    }
}

fn invitation(holder: &Identity, membership: &Membership, invited: &Identity) -> KeptInvitation {
    let key = membership.group_key.as_ref().unwrap();
    let own = gmc::verify(&membership.chain, &key.root().id(), NOW).unwrap();
    let (card, rng) = (invited.card(), &mut rand::rng());
    let options = IssueOptions::new(Role::Member);
    let chain = gmc::issue(holder, &own, &card, None, &options, NOW, rng).unwrap();
    let draft = InvitationDraft {
        chain,
        cloud: Cloud::global(),
        bootstrap: Vec::new(),
        note: None,
    };
    let invitation = Invitation::create(draft, holder, &card, &membership.secret, rng).unwrap();
    KeptInvitation {
        invitation,
        card,
        made: NOW,
        used: false,
        replaced_by: None,
        revoked: None,
    }
}

#[test]
fn invitations_are_kept_with_their_membership_and_go_with_it() {
    let base = tempfile::tempdir().unwrap();
    let folder = DataFolder::open(base.path()).unwrap();
    let (ada, ben) = (identity(""), identity("ben"));
    let membership = membership(&ada);
    let group = membership.root().unwrap().id();
    folder.save_identity(&ada, None, NOW).unwrap();
    folder.save_membership(&membership, &ada, None).unwrap();
    let mut kept = invitation(&ada, &membership, &ben);
    let id = kept.invitation.id();
    folder.save_invitation(ada.name(), &kept, NOW).unwrap();
    kept.used = true;
    kept.replaced_by = Some("x".to_owned());
    kept.revoked = Some(NOW);
    folder.save_invitation(ada.name(), &kept, NOW).unwrap();

    let read = folder.invitation(ada.name(), &group, &id).unwrap().unwrap();

    assert_eq!(
        (&read.invitation, &read.card),
        (&kept.invitation, &kept.card)
    );
    assert_eq!((read.made, read.used, read.revoked), (NOW, true, Some(NOW)));
    assert_eq!(
        folder.invitation_ids(ada.name(), &group).unwrap(),
        std::slice::from_ref(&id)
    );
    assert_eq!(folder.invitations(ada.name(), &group).unwrap().len(), 1);
    // A path is no id, and nobody else's invitations are found.
    let outside = format!("../{id}");
    assert!(
        folder
            .invitation(ada.name(), &group, &outside)
            .unwrap()
            .is_none()
    );
    assert!(
        folder
            .invitation(ben.name(), &group, &id)
            .unwrap()
            .is_none()
    );
    // Neither are they taken for memberships.
    assert_eq!(folder.count_memberships().unwrap(), 1);
    folder.delete_membership(ada.name(), &group).unwrap();
    assert!(folder.invitations(ada.name(), &group).unwrap().is_empty());
    assert!(contents(&base.path().join("groups")).is_empty());
}

#[test]
fn invitations_are_bounded_and_a_damaged_one_is_left_out() {
    let base = tempfile::tempdir().unwrap();
    let folder = DataFolder::open(base.path()).unwrap();
    let (ada, ben, cy) = (identity(""), identity("ben"), identity("cy"));
    let membership = membership(&ada);
    let group = membership.root().unwrap().id();
    let first = invitation(&ada, &membership, &ben);
    folder.save_invitation(ada.name(), &first, NOW).unwrap();
    let (path, _) = contents(&base.path().join("groups")).remove(0);
    for number in 1..MAX_KEPT_INVITATIONS {
        let name = format!("{number:016x}.json");
        fs::write(path.with_file_name(name), b"{}").unwrap();
    }
    assert_eq!(folder.invitations(ada.name(), &group).unwrap().len(), 1);
    let second = invitation(&ada, &membership, &cy);
    folder.save_invitation(ada.name(), &second, NOW).unwrap();
    let ids = folder.invitation_ids(ada.name(), &group).unwrap();
    assert_eq!(ids.len(), MAX_KEPT_INVITATIONS);
    let good = folder.invitations(ada.name(), &group).unwrap();
    let mut good: Vec<String> = good.iter().map(|kept| kept.invitation.id()).collect();
    let mut made = [first.invitation.id(), second.invitation.id()];
    good.sort();
    made.sort();
    assert_eq!(good, made, "what is of no use went first");
}

#[test]
fn deleted_identities_are_remembered_until_they_are_back() {
    let base = tempfile::tempdir().unwrap();
    let folder = DataFolder::open(base.path()).unwrap();
    let (ada, ben) = (identity(""), identity("ben"));
    for identity in [&ada, &ben] {
        folder.save_identity(identity, None, NOW).unwrap();
        assert!(!folder.was_deleted(identity.name()).unwrap());
        folder.delete_identity(identity.name()).unwrap();
    }
    assert!(folder.was_deleted(ada.name()).unwrap());
    folder.save_identity(&ada, None, NOW).unwrap();
    assert!(!folder.was_deleted(ada.name()).unwrap());
    assert!(folder.was_deleted(ben.name()).unwrap());
}
