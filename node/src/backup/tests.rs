//! Archives that no backup has made.

use std::{fs, io::Write, os::unix::fs::PermissionsExt, path::Path};

use tar::{EntryType, Header};

use super::{
    archive::{discard, read, read_tar},
    manifest::{FileInBackup, MAX_FILES, Manifest, NAME},
    restore, verify, *,
};
use crate::{Error, Result, portable::sealed};

const NOW: peerage_records::time::Timestamp =
    peerage_records::time::Timestamp::from_secs(1_800_000_000);

fn manifest(files: &[(&str, &[u8])]) -> Manifest {
    use sha2::{Digest, Sha256};
    let mut manifest = Manifest::of(crate::model::instant_text(NOW), &libp2p::PeerId::random());
    manifest.files = files
        .iter()
        .map(|(path, content)| FileInBackup {
            path: (*path).to_owned(),
            bytes: content.len() as u64,
            sha256: data_encoding::HEXLOWER.encode(&Sha256::digest(content)),
        })
        .collect();
    manifest
}

/// An entry as a hostile hand writes it: any name, any type, any size.
fn entry(tar: &mut Vec<u8>, name: &str, kind: EntryType, size: u64, content: &[u8]) {
    let mut header = Header::new_ustar();
    header.as_mut_bytes()[..name.len().min(100)]
        .copy_from_slice(&name.as_bytes()[..name.len().min(100)]);
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(0o4777);
    if kind == EntryType::Symlink || kind == EntryType::Link {
        header.set_link_name("/etc/passwd").unwrap();
    }
    header.set_cksum();
    tar.extend_from_slice(header.as_bytes());
    tar.extend_from_slice(content);
    tar.resize(tar.len().next_multiple_of(512), 0);
}

fn archive(manifest: &[u8], entries: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut tar = Vec::new();
    entry(
        &mut tar,
        NAME,
        EntryType::Regular,
        manifest.len() as u64,
        manifest,
    );
    entries(&mut tar);
    tar.resize(tar.len() + 1024, 0);
    tar
}

/// An archive of these files as a node makes it.
fn archive_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    archive(&manifest(files).to_json().unwrap(), |tar| {
        for (path, content) in files {
            let size = content.len() as u64;
            entry(tar, path, EntryType::Regular, size, content);
        }
    })
}

/// The file that every data folder has.
const FORMAT_FILE: &[u8] = b"peerage data folder, format 1\n";

/// Restores over whatever is there.
fn forced(file: &Path, target: &Path) -> Result<Restored> {
    let options = RestoreOptions {
        force: true,
        new_node_key: false,
    };
    restore(file, "p", target, options, NOW, &mut |_, _| {})
}

/// Names in a folder, in order.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn taken(tar: &[u8]) -> Result<Manifest> {
    read_tar(tar, |_| Ok(()), discard, &mut |_, _| {})
}

fn sealed_file(path: &Path, tar: &[u8]) {
    let mut writer = sealed::seal(fs::File::create(path).unwrap(), "p").unwrap();
    writer.write_all(tar).unwrap();
    writer.finish().unwrap();
}

fn why(error: &Error) -> String {
    assert_eq!(error.code(), "invalid_export", "{error}");
    error.to_string()
}

#[test]
fn w2_an_archive_is_taken_for_what_its_manifest_says_or_not_at_all() {
    let content = b"peerage data folder, format 1\n".as_slice();
    let listed = manifest(&[("format", content)]);
    let json = listed.to_json().unwrap();
    let size = content.len() as u64;
    let good = archive(&json, |tar| {
        entry(tar, "format", EntryType::Regular, size, content)
    });
    assert_eq!(taken(&good).unwrap(), listed);

    let of = |name: &str, kind, size, content: &[u8]| {
        let tar = archive(&json, |tar| entry(tar, name, kind, size, content));
        why(&taken(&tar).unwrap_err())
    };
    // Paths that lead elsewhere, and things that are no files.
    for name in ["../format", "/format", "./format", "lock", "store/../../x"] {
        of(name, EntryType::Regular, size, content);
    }
    for kind in [
        EntryType::Symlink,
        EntryType::Link,
        EntryType::Directory,
        EntryType::Char,
        EntryType::Fifo,
        EntryType::GNUSparse,
        EntryType::GNULongName,
        EntryType::XHeader,
        EntryType::XGlobalHeader,
    ] {
        of("format", kind, size, content);
    }
    // Sizes that lie, up to more than there is room for.
    for lie in [0, size - 1, size + 1, u64::from(u32::MAX), (1 << 33) - 1] {
        of("format", EntryType::Regular, lie, content);
    }
    // Another content, one file too few, one too many, one twice.
    of(
        "format",
        EntryType::Regular,
        size,
        &content.to_ascii_uppercase(),
    );
    why(&taken(&archive(&json, |_| {})).unwrap_err());
    let more = archive(&json, |tar| {
        entry(tar, "format", EntryType::Regular, size, content);
        entry(tar, "format", EntryType::Regular, size, content);
    });
    why(&taken(&more).unwrap_err());
    // Cut off anywhere, and nonsense.
    for cut in [0, 100, 512, 600, good.len() / 2, good.len() - 1024 - 512] {
        assert!(taken(&good[..cut]).is_err(), "{cut}");
    }
    assert!(taken(&[0xff; 4096]).is_err());
}

#[test]
fn w2_a_manifest_lists_only_what_belongs_into_a_data_folder() {
    let refused = |change: &dyn Fn(&mut Manifest)| {
        let mut manifest = manifest(&[("default-identity", b"x"), ("format", b"x")]);
        change(&mut manifest);
        Manifest::read(&manifest.to_json().unwrap())
            .map(drop)
            .unwrap_err()
    };
    for path in [
        "../format",
        "/etc/passwd",
        "lock",
        "store/../x",
        "identities/x.pem",
        "",
    ] {
        why(&refused(&|manifest| {
            manifest.files[1].path = path.to_owned()
        }));
    }
    why(&refused(&|manifest| manifest.files.reverse()));
    why(&refused(&|manifest| {
        manifest.files[1] = manifest.files[0].clone()
    }));
    why(&refused(&|manifest| {
        manifest
            .files
            .iter_mut()
            .for_each(|file| file.bytes = u64::MAX)
    }));
    why(&refused(&|manifest| {
        manifest.files = vec![manifest.files[0].clone(); MAX_FILES + 1]
    }));
    why(&refused(&|manifest| {
        manifest.format = "a shopping list".to_owned()
    }));
    assert!(why(&refused(&|manifest| manifest.version = 2)).contains("version 2"));
}

#[test]
fn nothing_is_made_of_an_archive_that_is_refused() {
    let base = tempfile::tempdir().unwrap();
    let (file, target) = (base.path().join("bad.backup"), base.path().join("data"));
    let json = manifest(&[("format", b"x")]).to_json().unwrap();
    let tar = archive(&json, |tar| {
        entry(tar, "../../x", EntryType::Regular, 1, b"x")
    });
    sealed_file(&file, &tar);
    let restored = |passphrase: &str, force: bool| {
        let options = RestoreOptions {
            force,
            new_node_key: false,
        };
        restore(&file, passphrase, &target, options, NOW, &mut |_, _| {})
    };
    assert_eq!(
        restored("other", false).unwrap_err().code(),
        "wrong_passphrase"
    );
    why(&restored("p", false).unwrap_err());
    why(&verify(&file, "p", &mut |_, _| {}).unwrap_err());
    // Neither beside what is there, nor in its place.
    fs::create_dir(&target).unwrap();
    fs::write(target.join("mine"), "mine").unwrap();
    assert_eq!(restored("p", false).unwrap_err().code(), "folder_not_empty");
    why(&restored("p", true).unwrap_err());
    assert_eq!(fs::read(target.join("mine")).unwrap(), b"mine");
    fs::remove_file(target.join("lock")).unwrap();
    assert_eq!(fs::read_dir(&target).unwrap().count(), 1);
    assert_eq!(
        fs::read_dir(base.path()).unwrap().count(),
        2,
        "nothing is left beside it"
    );
    assert!(read(&file, "p", |_| Ok(()), discard, &mut |_, _| {}).is_err());
}

#[test]
fn a_folder_that_cannot_be_put_aside_stays_as_it_is() {
    let base = tempfile::tempdir().unwrap();
    let file = base.path().join("good.backup");
    sealed_file(&file, &archive_of(&[("format", FORMAT_FILE)]));
    // A name for a folder, but what it would be called aside is longer than the 255 bytes a name may have.
    let (long, short) = ("d".repeat(240), "e".to_owned());
    for name in [&long, &short] {
        fs::create_dir(base.path().join(name)).unwrap();
        fs::write(base.path().join(name).join("node.key"), "mine").unwrap();
    }
    let target = base.path().join(&long);
    assert_eq!(forced(&file, &target).unwrap_err().code(), "io");
    assert_eq!(fs::read(target.join("node.key")).unwrap(), b"mine");
    assert_eq!(names(&target), ["lock", "node.key"]);
    assert_eq!(names(base.path()), [long.as_str(), "e", "good.backup"]);

    let restored = forced(&file, &base.path().join(&short)).unwrap();
    assert_eq!(
        fs::read(restored.data_dir.join("format")).unwrap(),
        FORMAT_FILE
    );
    let aside = restored.put_aside.unwrap();
    assert_eq!(fs::read(aside.join("node.key")).unwrap(), b"mine");
    assert_eq!(names(base.path()).len(), 4, "nothing else is beside them");
}

#[test]
fn what_is_restored_is_ours_alone() {
    let base = tempfile::tempdir().unwrap();
    let file = base.path().join("good.backup");
    sealed_file(&file, &archive_of(&[("format", FORMAT_FILE)]));
    let target = base.path().join("data");
    // In the place of nothing, and of a folder that others may read.
    for _ in 0..2 {
        forced(&file, &target).unwrap();
        let mode = fs::metadata(&target).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        let found = crate::doctor::folder::check(&target);
        assert_eq!(found.level, crate::model::Level::Ok, "{found:?}");
        fs::set_permissions(&target, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

#[test]
fn where_folders_cannot_be_exchanged_the_old_one_goes_back_when_the_new_one_cannot_come() {
    let base = tempfile::tempdir().unwrap();
    let [new, old, aside] = ["new", "old", "aside"].map(|name| base.path().join(name));
    fs::create_dir(&old).unwrap();
    fs::write(old.join("node.key"), "mine").unwrap();
    let refused = restore::in_two_steps(&new, &old, &aside).unwrap_err();
    assert_eq!(refused.code(), "io");
    assert_eq!(fs::read(old.join("node.key")).unwrap(), b"mine");
    assert_eq!(names(base.path()), ["old"]);

    fs::create_dir(&new).unwrap();
    restore::in_two_steps(&new, &old, &aside).unwrap();
    assert_eq!(names(&old), [""; 0]);
    assert_eq!(names(&aside), ["node.key"]);
}
