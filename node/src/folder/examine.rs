//! Reading everything once, to find what is damaged.

use peerage_protocol::identity::Identity;

use super::{DataFolder, MAX_FILE_BYTES, files};
use crate::Error;

impl DataFolder {
    /// Every identity that can be read, and what is wrong with the others.
    #[must_use]
    pub fn examine_identities(&self, passphrase: Option<&str>) -> (Vec<Identity>, Vec<Error>) {
        let (mut identities, mut troubles) = (Vec::new(), Vec::new());
        let paths = match files::list(&self.path.join("identities"), "pem") {
            Ok(paths) => paths,
            Err(error) => return (identities, vec![error]),
        };
        for path in paths {
            match self.read_identity(&path, passphrase) {
                Ok(identity) => identities.extend(identity),
                Err(error) => troubles.push(error),
            }
        }
        troubles.extend(self.default_identity().err());
        (identities, troubles)
    }

    /// What is wrong with the memberships of these identities.
    #[must_use]
    pub fn examine_memberships<'a>(
        &self,
        identities: impl IntoIterator<Item = &'a Identity>,
        passphrase: Option<&str>,
    ) -> Vec<Error> {
        let mut troubles = Vec::new();
        for identity in identities {
            let paths = match files::list(&self.groups_of(identity.name()), "json") {
                Ok(paths) => paths,
                Err(error) => {
                    troubles.push(error);
                    continue;
                }
            };
            for path in paths {
                let read = match files::read(&path, MAX_FILE_BYTES) {
                    // Gone since we looked.
                    Ok(None) => continue,
                    Ok(Some(bytes)) => self
                        .open_membership(&path, &bytes, identity, passphrase)
                        .map(drop),
                    Err(error) => Err(error),
                };
                troubles.extend(read.err());
            }
        }
        troubles
    }
}
