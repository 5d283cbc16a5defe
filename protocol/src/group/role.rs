//! What a member may do.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A role in a group. The ids on the wire are the original's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// May issue any role, change and delete anybody's records, and revoke.
    Admin,
    /// A member that may issue its own role and [`Role::Member`].
    InvitingMember,
    /// May publish, and change and delete its own records.
    Member,
}

impl Role {
    /// Every role, in the order of their ids.
    pub const ALL: [Self; 3] = [Self::Admin, Self::InvitingMember, Self::Member];

    /// The id in certificates: a UUID.
    #[must_use]
    pub const fn id(self) -> [u8; 16] {
        match self {
            Self::Admin => 0x04387127_aa56_450a_8ce5_4f565c6790f4_u128,
            Self::InvitingMember => 0x4370fd89_dc18_4cfb_8dbf_9853a8a9f905,
            Self::Member => 0xf12dc4c7_0857_4ca0_93fc_b1bb19a3d8c2,
        }
        .to_be_bytes()
    }

    /// The role with this id, if there is one.
    #[must_use]
    pub fn from_id(id: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.id() == id)
    }

    /// Whether a holder of this role may issue `other`.
    #[must_use]
    pub const fn may_issue(self, other: Self) -> bool {
        match (self, other) {
            (Self::Admin, _) => true,
            (Self::InvitingMember, Self::InvitingMember | Self::Member) => true,
            (Self::InvitingMember, Self::Admin) | (Self::Member, _) => false,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Admin => "admin",
            Self::InvitingMember => "inviting-member",
            Self::Member => "member",
        })
    }
}

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        Self::ALL
            .into_iter()
            .find(|role| role.to_string() == text)
            .ok_or(UnknownRole)
    }
}

/// A text that names no role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a role is admin, inviting-member or member")]
pub struct UnknownRole;

/// A set of roles; what its holder may do is the union of them.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "Vec<Role>", into = "Vec<Role>")]
pub struct Roles(u8);

impl Roles {
    /// Adds a role.
    pub const fn insert(&mut self, role: Role) {
        self.0 |= Self::bit(role);
    }

    /// Whether the set has the role.
    #[must_use]
    pub const fn contains(self, role: Role) -> bool {
        self.0 & Self::bit(role) != 0
    }

    /// Whether the set is empty, which no certificate may have.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The roles in ascending order of their ids.
    pub fn iter(self) -> impl Iterator<Item = Role> {
        Role::ALL
            .into_iter()
            .filter(move |role| self.contains(*role))
    }

    /// Whether a holder of these roles may issue `role`.
    #[must_use]
    pub fn may_issue(self, role: Role) -> bool {
        self.iter().any(|own| own.may_issue(role))
    }

    /// Whether a holder of these roles may do all that a holder of `others` may.
    #[must_use]
    pub fn cover(self, others: Self) -> bool {
        // Who may issue a role has its rights.
        let covers = |role| self.contains(role) || self.may_issue(role);
        others.iter().all(covers)
    }

    const fn bit(role: Role) -> u8 {
        1 << role as u8
    }
}

impl From<Role> for Roles {
    fn from(role: Role) -> Self {
        Self(Self::bit(role))
    }
}

impl FromIterator<Role> for Roles {
    fn from_iter<I: IntoIterator<Item = Role>>(roles: I) -> Self {
        let mut set = Self::default();
        for role in roles {
            set.insert(role);
        }
        set
    }
}

impl From<Vec<Role>> for Roles {
    fn from(roles: Vec<Role>) -> Self {
        roles.into_iter().collect()
    }
}

impl From<Roles> for Vec<Role> {
    fn from(roles: Roles) -> Self {
        roles.iter().collect()
    }
}

impl fmt::Debug for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl fmt::Display for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, role) in self.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}{role}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issuing_goes_down_or_sideways_only() {
        let may = |roles: &[Role], role| roles.iter().copied().collect::<Roles>().may_issue(role);
        for role in Role::ALL {
            assert!(may(&[Role::Admin], role));
            assert!(!may(&[Role::Member], role));
            assert!(!may(&[], role));
        }
        assert!(may(&[Role::InvitingMember], Role::InvitingMember));
        assert!(may(&[Role::InvitingMember], Role::Member));
        assert!(!may(&[Role::InvitingMember], Role::Admin));
        assert!(may(&[Role::Member, Role::InvitingMember], Role::Member));
    }

    #[test]
    fn higher_roles_cover_lower_ones() {
        let of = |roles: &[Role]| roles.iter().copied().collect::<Roles>();
        let ladder = [Role::Member, Role::InvitingMember, Role::Admin];
        for (low, lower) in ladder.into_iter().enumerate() {
            for (high, higher) in ladder.into_iter().enumerate() {
                assert_eq!(of(&[higher]).cover(of(&[lower])), high >= low);
            }
        }
        assert!(of(&[Role::Admin]).cover(of(&[Role::Member, Role::InvitingMember])));
        assert!(!of(&[Role::Member]).cover(of(&[Role::Member, Role::InvitingMember])));
    }

    #[test]
    fn ids_are_ascending_and_known() {
        assert!(Role::ALL.is_sorted_by_key(|role| role.id()));
        for role in Role::ALL {
            assert_eq!(Role::from_id(&role.id()), Some(role));
            assert_eq!(role.to_string().parse(), Ok(role));
        }
        assert_eq!(Role::from_id(&[0; 16]), None);
        assert_eq!("owner".parse::<Role>(), Err(UnknownRole));
    }
}
