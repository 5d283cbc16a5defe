//! Clouds: the namespaces in which groups are looked up.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The longest cloud name, in characters; the original's wire limit.
pub const MAX_CLOUD_NAME_CHARS: usize = 126;

const GLOBAL: &str = "Global_";
const SITE: &str = "Site_";
const LINK_LOCAL: &str = "LinkLocal_";

/// How far a cloud reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// The Internet.
    Global,
    /// One organisation or site.
    SiteLocal,
    /// One network link.
    LinkLocal,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Global => "global",
            Self::SiteLocal => "site-local",
            Self::LinkLocal => "link-local",
        })
    }
}

/// The name of a cloud: `Global_`, `Site_<name>` or `LinkLocal_<link>`. Names are case-sensitive.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Cloud {
    scope: Scope,
    name: String,
}

impl Cloud {
    /// The one global cloud.
    #[must_use]
    pub fn global() -> Self {
        Self {
            scope: Scope::Global,
            name: GLOBAL.to_owned(),
        }
    }

    /// The cloud of the link a node is on, without saying which link.
    #[must_use]
    pub fn link_local() -> Self {
        Self {
            scope: Scope::LinkLocal,
            name: LINK_LOCAL.to_owned(),
        }
    }

    /// The cloud of a site.
    ///
    /// # Errors
    /// When the name is empty, too long, or has characters other than letters, digits and `-_.:/%`.
    pub fn site(name: &str) -> Result<Self, CloudError> {
        format!("{SITE}{name}").parse()
    }

    /// Finds the cloud that is meant among those a node is in: by its name, or by a beginning of it that
    /// only one has, such as `Site_` where there is one site.
    ///
    /// # Errors
    /// When none of them is meant, or several could be.
    pub fn choose<'a>(wanted: &str, here: &'a [Self]) -> Result<&'a Self, CloudError> {
        if let Some(exact) = here.iter().find(|cloud| cloud.name == wanted) {
            return Ok(exact);
        }
        let mut begun = here
            .iter()
            .filter(|cloud| !wanted.is_empty() && cloud.name.starts_with(wanted));
        match (begun.next(), begun.next()) {
            (Some(only), None) => Ok(only),
            (Some(_), Some(_)) => Err(CloudError::Ambiguous),
            (None, _) => Err(CloudError::NotHere),
        }
    }

    /// How far it reaches.
    #[must_use]
    pub const fn scope(&self) -> Scope {
        self.scope
    }

    /// The full name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name of the Kademlia protocol spoken in this cloud. Clouds never mix, because peers of
    /// different clouds have no protocol in common.
    #[must_use]
    pub fn kad_protocol(&self) -> String {
        format!("/peerage/kad/1/{}", self.name)
    }
}

impl Default for Cloud {
    fn default() -> Self {
        Self::global()
    }
}

impl fmt::Display for Cloud {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl FromStr for Cloud {
    type Err = CloudError;

    fn from_str(text: &str) -> Result<Self, CloudError> {
        if text.len() > MAX_CLOUD_NAME_CHARS {
            return Err(CloudError::TooLong { chars: text.len() });
        }
        let (scope, rest) = if let Some(rest) = text.strip_prefix(SITE) {
            (Scope::SiteLocal, rest)
        } else if let Some(rest) = text.strip_prefix(LINK_LOCAL) {
            (Scope::LinkLocal, rest)
        } else if text == GLOBAL {
            (Scope::Global, "")
        } else {
            return Err(CloudError::Unknown);
        };
        if scope == Scope::SiteLocal && rest.is_empty() {
            return Err(CloudError::Unknown);
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.:/%".contains(c);
        if !rest.chars().all(allowed) {
            return Err(CloudError::BadCharacter);
        }
        Ok(Self {
            scope,
            name: text.to_owned(),
        })
    }
}

impl TryFrom<String> for Cloud {
    type Error = CloudError;

    fn try_from(text: String) -> Result<Self, CloudError> {
        text.parse()
    }
}

impl From<Cloud> for String {
    fn from(cloud: Cloud) -> Self {
        cloud.name
    }
}

/// Why a text is not the name of a cloud.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CloudError {
    /// It is none of the three kinds.
    #[error("a cloud is Global_, Site_<name> or LinkLocal_<link>")]
    Unknown,
    /// It is longer than [`MAX_CLOUD_NAME_CHARS`].
    #[error("the cloud name has {chars} characters, at most {MAX_CLOUD_NAME_CHARS} are allowed")]
    TooLong {
        /// Its length.
        chars: usize,
    },
    /// The node is in no such cloud.
    #[error("this node is in no such cloud")]
    NotHere,
    /// The node is in several clouds whose names begin so.
    #[error("this node is in several clouds whose names begin so")]
    Ambiguous,
    /// It has a character that is not allowed.
    #[error("the cloud name may contain letters, digits and -_.:/% only")]
    BadCharacter,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_kinds_parse_and_print() {
        for (text, scope) in [
            ("Global_", Scope::Global),
            ("Site_north.example", Scope::SiteLocal),
            ("LinkLocal_", Scope::LinkLocal),
            ("LinkLocal_2001:4898:28:2::/64", Scope::LinkLocal),
        ] {
            let cloud: Cloud = text.parse().unwrap();
            assert_eq!(cloud.scope(), scope);
            assert_eq!(cloud.to_string(), text);
        }
        assert_eq!(Cloud::default(), Cloud::global());
    }

    #[test]
    fn other_names_are_refused() {
        for text in ["", "global_", "Global_x", "Site_", "Site_a b", "Elsewhere"] {
            assert!(text.parse::<Cloud>().is_err(), "{text}");
        }
        assert_eq!(
            Cloud::site(&"x".repeat(200)),
            Err(CloudError::TooLong { chars: 205 })
        );
    }

    #[test]
    fn an_unknown_cloud_and_an_ambiguous_one_are_told_apart() {
        let here = ["Global_", "Site_north", "Site_north.east", "LinkLocal_"]
            .map(|name| name.parse::<Cloud>().unwrap());
        for (wanted, found) in [
            ("Global_", Ok(0)),
            ("Global", Ok(0)),
            ("Link", Ok(3)),
            ("Site_north", Ok(1)),
            ("Site_north.", Ok(2)),
            ("Site_", Err(CloudError::Ambiguous)),
            ("Site_south", Err(CloudError::NotHere)),
            ("global_", Err(CloudError::NotHere)),
            ("", Err(CloudError::NotHere)),
        ] {
            assert_eq!(
                Cloud::choose(wanted, &here),
                found.map(|index: usize| &here[index]),
                "{wanted:?}"
            );
        }
    }

    #[test]
    fn clouds_have_no_protocol_in_common() {
        let site = Cloud::site("a").unwrap();
        assert_ne!(site.kad_protocol(), Cloud::global().kad_protocol());
        assert_ne!(
            site.kad_protocol(),
            Cloud::site("b").unwrap().kad_protocol()
        );
    }
}
