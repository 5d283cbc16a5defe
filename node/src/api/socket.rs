//! The socket on disk.

use std::{
    fs, io,
    os::unix::fs::{FileTypeExt, PermissionsExt},
    path::{Path, PathBuf},
};

use tokio::net::UnixListener;

use crate::Error;

/// A bound socket.
#[derive(Debug)]
pub(super) struct Listener {
    listener: UnixListener,
    guard: Guard,
}

/// Removes the socket when the server ends.
#[derive(Debug)]
pub(super) struct Guard(PathBuf);

impl Listener {
    /// Binds beside the path and renames, so that the socket never exists with wider permissions.
    pub(super) fn bind(path: &Path) -> Result<Self, Error> {
        refuse_living(path)?;
        // Short, because the path of a socket has about 100 bytes.
        let unfinished = path.with_file_name(format!(".{}", std::process::id()));
        let bound = remove_socket(&unfinished)
            .and_then(|()| UnixListener::bind(&unfinished))
            .and_then(|listener| {
                fs::set_permissions(&unfinished, fs::Permissions::from_mode(0o600))?;
                fs::rename(&unfinished, path)?;
                Ok(listener)
            });
        match bound {
            Ok(listener) => Ok(Self {
                listener,
                guard: Guard(path.to_path_buf()),
            }),
            Err(error) => {
                let _ = fs::remove_file(&unfinished);
                Err(match error.kind() {
                    io::ErrorKind::InvalidInput => Error::InvalidSetting {
                        field: "socket".to_owned(),
                        reason: format!("{} is no path for a socket: {error}", path.display()),
                    },
                    _ => Error::io(path, error),
                })
            }
        }
    }

    pub(super) fn into_parts(self) -> (UnixListener, Guard) {
        (self.listener, self.guard)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// A socket somebody answers on is theirs; one nobody answers on was left behind.
fn refuse_living(path: &Path) -> Result<(), Error> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Error::io(path, error)),
    };
    if !found.file_type().is_socket() {
        return Err(Error::InvalidSetting {
            field: "socket".to_owned(),
            reason: format!("{} exists and is not a socket", path.display()),
        });
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Ok(_) => Err(Error::SocketInUse {
            path: path.to_path_buf(),
        }),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(()),
        Err(error) => Err(Error::io(path, error)),
    }
}

fn remove_socket(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_live_socket_is_refused_and_a_dead_one_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("api.sock");
        let first = Listener::bind(&path).unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(Listener::bind(&path).unwrap_err().code(), "socket_in_use");
        let (listener, guard) = first.into_parts();
        drop(listener);
        // As after kill -9: the file stays, nobody answers.
        assert!(path.exists());
        let second = Listener::bind(&path).unwrap();
        std::mem::forget(guard);
        drop(second);
        assert!(!path.exists());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn a_path_too_long_for_a_socket_is_a_wrong_setting() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("x".repeat(100));
        fs::create_dir(&deep).unwrap();
        let error = Listener::bind(&deep.join("api.sock")).unwrap_err();
        assert_eq!(error.code(), "invalid_setting");
        assert_eq!(fs::read_dir(&deep).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn another_file_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("letter");
        fs::write(&path, "dear").unwrap();
        assert_eq!(Listener::bind(&path).unwrap_err().code(), "invalid_setting");
        assert_eq!(fs::read(&path).unwrap(), b"dear");
    }
}
