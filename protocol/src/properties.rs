//! A group's properties: what its creator says about it, in one record signed with the group's key.
//!
//! Layout and reasons: `docs/formats/properties.md`. The judge looks into every properties record with
//! [`check`], so whoever holds one can read it.

use std::time::Duration;

use peerage_records::{
    judge::Refusal,
    record::{Attribute, AttributeValue, Record},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

use crate::{
    name::{MAX_FRIENDLY_NAME_CHARS, NameError, check_friendly_name},
    signing,
};

/// The shortest time for which a group's policy lets memberships be issued: below it, clocks that differ
/// and members that sleep would lose theirs before anybody could renew it.
pub const MIN_MEMBERSHIP_LIFETIME: Duration = Duration::from_secs(8 * 3_600);
/// The longest time a policy may name; for more, name none.
pub const MAX_MEMBERSHIP_LIFETIME: Duration = Duration::from_secs(3_650 * 24 * 3_600);
/// The shortest lifetime of a presence record, and the usual one. Shorter ones are raised to it.
pub const MIN_PRESENCE_LIFETIME: Duration = Duration::from_secs(300);
/// The longest lifetime of a presence record: a node that crashed is shown for as long.
pub const MAX_PRESENCE_LIFETIME: Duration = Duration::from_secs(30 * 24 * 3_600);
/// The most nodes a policy can ask to show themselves; for more, ask all.
pub const MAX_PRESENT: u32 = 1_000_000;
/// The smallest limit on the size of records a group can set.
pub const MIN_RECORD_LIMIT_BYTES: u32 = 1_024;
/// The greatest limit on the size of records a group can set, and what no limit means.
pub const MAX_RECORD_LIMIT_BYTES: u32 = 60 * 1_024 * 1_024;
/// At most this many bytes encoded: two texts of 255 characters and a few numbers.
pub const MAX_PROPERTIES_BYTES: usize = 2 * 4 * MAX_FRIENDLY_NAME_CHARS + 64;

const VERSION: u8 = 1;
/// The original's `PEER_DEFER_EXPIRATION`.
const DEFER_EXPIRY: u8 = 4;

/// Which nodes show themselves to the others without being told to by an application.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum PresencePolicy {
    /// Every node that is online.
    #[default]
    All,
    /// None.
    Nobody,
    /// About so many, for groups too large for all: never 0.
    About(u32),
}

/// What the creator says about the group. Everything has its usual value in the default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Properties {
    /// Shown to people; may be empty.
    pub friendly_name: String,
    /// What the group is for; may be empty.
    pub comment: String,
    /// For how long memberships are issued when nobody says otherwise. `None`: for as long as the
    /// issuer's own.
    pub membership_lifetime: Option<Duration>,
    /// For how long a node is shown after it was last heard of.
    pub presence_lifetime: Duration,
    /// Which nodes show themselves.
    pub presence: PresencePolicy,
    /// Whether a node that has no neighbour keeps what has expired until it has one again.
    pub defer_expiry: bool,
    /// The largest record members publish; `None`: as large as records may be.
    pub max_record_bytes: Option<u32>,
}

impl Default for Properties {
    fn default() -> Self {
        Self {
            friendly_name: String::new(),
            comment: String::new(),
            membership_lifetime: None,
            presence_lifetime: MIN_PRESENCE_LIFETIME,
            presence: PresencePolicy::default(),
            defer_expiry: false,
            max_record_bytes: None,
        }
    }
}

/// A change to some of a group's properties; `None` leaves one as it is. What cannot be changed (cloud,
/// classifier, names of group and creator) has no field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PropertiesChange {
    /// See [`Properties::friendly_name`].
    pub friendly_name: Option<String>,
    /// See [`Properties::comment`].
    pub comment: Option<String>,
    /// See [`Properties::membership_lifetime`].
    pub membership_lifetime: Option<Option<Duration>>,
    /// See [`Properties::presence_lifetime`].
    pub presence_lifetime: Option<Duration>,
    /// See [`Properties::presence`].
    pub presence: Option<PresencePolicy>,
    /// See [`Properties::defer_expiry`].
    pub defer_expiry: Option<bool>,
    /// See [`Properties::max_record_bytes`].
    pub max_record_bytes: Option<Option<u32>>,
}

/// `[1, friendly name, comment, membership lifetime or null, presence lifetime, presence maximum, flags,
/// record limit]`, lifetimes in seconds; maximum: −1 all, 0 nobody; limit: 0 none.
#[derive(Serialize, Deserialize)]
struct Body(u8, String, String, Option<u64>, u64, i64, u8, u32);

impl Properties {
    /// These properties with a change made to them, within their limits.
    ///
    /// # Errors
    /// Names the first value outside its limits.
    pub fn with(&self, change: &PropertiesChange) -> Result<Self, PropertiesError> {
        let mut changed = self.clone();
        if let Some(name) = &change.friendly_name {
            changed.friendly_name.clone_from(name);
        }
        if let Some(comment) = &change.comment {
            changed.comment.clone_from(comment);
        }
        if let Some(lifetime) = change.membership_lifetime {
            changed.membership_lifetime = lifetime;
        }
        if let Some(lifetime) = change.presence_lifetime {
            changed.presence_lifetime = lifetime;
        }
        if let Some(presence) = change.presence {
            changed.presence = presence;
        }
        if let Some(defer) = change.defer_expiry {
            changed.defer_expiry = defer;
        }
        if let Some(limit) = change.max_record_bytes {
            changed.max_record_bytes = limit;
        }
        changed.settled()
    }

    /// Raises what may be raised silently, cuts times to whole seconds, and checks the rest.
    ///
    /// # Errors
    /// Names the first value outside its limits.
    pub fn settled(mut self) -> Result<Self, PropertiesError> {
        let whole = |time: Duration| Duration::from_secs(time.as_secs());
        self.presence_lifetime = whole(self.presence_lifetime).max(MIN_PRESENCE_LIFETIME);
        self.membership_lifetime = self.membership_lifetime.map(whole);
        if self.presence == PresencePolicy::About(0) {
            self.presence = PresencePolicy::Nobody;
        }
        self.max_record_bytes = self.max_record_bytes.filter(|limit| *limit != 0);
        self.check()?;
        Ok(self)
    }

    fn check(&self) -> Result<(), PropertiesError> {
        check_friendly_name(&self.friendly_name).map_err(PropertiesError::FriendlyName)?;
        check_friendly_name(&self.comment).map_err(PropertiesError::Comment)?;
        if let Some(lifetime) = self.membership_lifetime
            && !(MIN_MEMBERSHIP_LIFETIME..=MAX_MEMBERSHIP_LIFETIME).contains(&lifetime)
        {
            return Err(PropertiesError::MembershipLifetime(lifetime));
        }
        if !(MIN_PRESENCE_LIFETIME..=MAX_PRESENCE_LIFETIME).contains(&self.presence_lifetime) {
            return Err(PropertiesError::PresenceLifetime(self.presence_lifetime));
        }
        if let PresencePolicy::About(nodes) = self.presence
            && !(1..=MAX_PRESENT).contains(&nodes)
        {
            return Err(PropertiesError::PresenceMaximum(nodes));
        }
        if let Some(limit) = self.max_record_bytes
            && !(MIN_RECORD_LIMIT_BYTES..=MAX_RECORD_LIMIT_BYTES).contains(&limit)
        {
            return Err(PropertiesError::RecordLimit(limit));
        }
        Ok(())
    }

    /// The payload of a properties record.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        signing::to_cbor(&Body(
            VERSION,
            self.friendly_name.clone(),
            self.comment.clone(),
            self.membership_lifetime.map(|time| time.as_secs()),
            self.presence_lifetime.as_secs(),
            match self.presence {
                PresencePolicy::All => -1,
                PresencePolicy::Nobody => 0,
                PresencePolicy::About(nodes) => i64::from(nodes),
            },
            if self.defer_expiry { DEFER_EXPIRY } else { 0 },
            self.max_record_bytes.unwrap_or(0),
        ))
    }

    /// Reads what [`encode`](Self::encode) wrote.
    ///
    /// # Errors
    /// When it is anything else, or a value is outside its limits.
    pub fn decode(bytes: &[u8]) -> Result<Self, PropertiesError> {
        if bytes.len() > MAX_PROPERTIES_BYTES {
            return Err(PropertiesError::Malformed);
        }
        let Body(version, friendly_name, comment, membership, presence, maximum, flags, limit) =
            signing::from_cbor(bytes).ok_or(PropertiesError::Malformed)?;
        if version != VERSION || flags & !DEFER_EXPIRY != 0 {
            return Err(PropertiesError::Malformed);
        }
        let properties = Self {
            friendly_name,
            comment,
            membership_lifetime: membership.map(Duration::from_secs),
            presence_lifetime: Duration::from_secs(presence),
            presence: match maximum {
                -1 => PresencePolicy::All,
                0 => PresencePolicy::Nobody,
                nodes => PresencePolicy::About(
                    u32::try_from(nodes).map_err(|_| PropertiesError::Malformed)?,
                ),
            },
            defer_expiry: flags & DEFER_EXPIRY != 0,
            max_record_bytes: (limit != 0).then_some(limit),
        };
        properties.check()?;
        Ok(properties)
    }

    /// When a membership issued at `now` ends that nobody gave an end; `None`: with the issuer's own,
    /// which ends at `issuer_end`.
    #[must_use]
    pub fn membership_end(&self, now: Timestamp, issuer_end: Timestamp) -> Option<Timestamp> {
        let end = now + self.membership_lifetime?;
        (end < issuer_end).then_some(end)
    }

    /// Whether a record is within the group's limit: its payload, and its texts twice.
    ///
    /// Asked by whoever publishes, not of what others published: members learn of a new limit at
    /// different times, and must hold the same all the same.
    ///
    /// # Errors
    /// Says by how much it is too large.
    pub fn check_size(
        &self,
        attributes: &[Attribute],
        payload: &[u8],
    ) -> Result<(), PropertiesError> {
        let texts: usize = attributes
            .iter()
            .map(|attribute| match &attribute.value {
                AttributeValue::String(text) => attribute.name.len() + text.chars().count(),
                AttributeValue::Integer(_) | AttributeValue::Date(_) => attribute.name.len(),
            })
            .sum();
        let bytes = payload.len() + 2 * texts;
        match self.max_record_bytes {
            Some(limit) if bytes > limit as usize => {
                Err(PropertiesError::RecordTooLarge { bytes, limit })
            }
            _ => Ok(()),
        }
    }
}

/// What the judge asks of a properties record besides whose it is.
///
/// # Errors
/// When its content cannot be read, whoever looks at it.
pub fn check(record: &Record) -> Result<(), Refusal> {
    Properties::decode(&record.payload)
        .map(drop)
        .map_err(|error| Refusal::Malformed(error.to_string()))
}

/// Why properties are refused. Nothing has changed then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PropertiesError {
    /// Not canonical CBOR of properties, or of a version this build does not know.
    #[error("not the properties of a group")]
    Malformed,
    /// The friendly name is too long or contains a control character.
    #[error("the friendly name of a group: {0}")]
    FriendlyName(NameError),
    /// The comment is too long or contains a control character.
    #[error("the comment of a group: {0}")]
    Comment(NameError),
    /// Memberships would be too short or too long.
    #[error("memberships of {} s are not between 8 hours and 10 years", .0.as_secs())]
    MembershipLifetime(Duration),
    /// Presence would last too long.
    #[error("presence for {} s is not between 5 minutes and 30 days", .0.as_secs())]
    PresenceLifetime(Duration),
    /// More nodes than can be asked for.
    #[error("{0} present nodes are not between 1 and {MAX_PRESENT}")]
    PresenceMaximum(u32),
    /// The limit on records is too small or too great.
    #[error(
        "a limit of {0} bytes is not between {MIN_RECORD_LIMIT_BYTES} and {MAX_RECORD_LIMIT_BYTES}"
    )]
    RecordLimit(u32),
    /// A record is beyond the group's limit.
    #[error("the record counts {bytes} bytes, the group allows {limit}")]
    RecordTooLarge {
        /// What it counts.
        bytes: usize,
        /// The group's limit.
        limit: u32,
    },
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);
    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn changed(change: PropertiesChange) -> Result<Properties, PropertiesError> {
        Properties::default().with(&change)
    }

    #[test]
    fn a_name_or_comment_of_255_characters_is_taken_and_of_256_refused() {
        for chars in [255, 256] {
            let text = Some("é".repeat(chars));
            let named = changed(PropertiesChange {
                friendly_name: text.clone(),
                ..PropertiesChange::default()
            });
            let commented = changed(PropertiesChange {
                comment: text,
                ..PropertiesChange::default()
            });
            assert_eq!(named.is_ok(), chars == 255);
            assert_eq!(commented.is_ok(), chars == 255);
            if let Ok(named) = named {
                assert_eq!(Properties::decode(&named.encode()), Ok(named));
            }
        }
    }

    #[test]
    fn a_short_presence_lifetime_is_raised_to_five_minutes() {
        for (wanted, settled) in [(0, 300), (1, 300), (299, 300), (300, 300), (301, 301)] {
            let properties = changed(PropertiesChange {
                presence_lifetime: Some(Duration::from_secs(wanted)),
                ..PropertiesChange::default()
            });
            let settled = Duration::from_secs(settled);
            assert_eq!(properties.unwrap().presence_lifetime, settled);
        }
    }

    #[test]
    fn a_membership_lifetime_outside_8_hours_to_10_years_is_refused() {
        for (seconds, taken) in [
            (8 * 3_600 - 1, false),
            (8 * 3_600, true),
            (3_650 * 86_400, true),
            (3_650 * 86_400 + 1, false),
        ] {
            let lifetime = Duration::from_secs(seconds);
            let properties = changed(PropertiesChange {
                membership_lifetime: Some(Some(lifetime)),
                ..PropertiesChange::default()
            });
            let expected = if taken {
                Ok(Some(lifetime))
            } else {
                Err(PropertiesError::MembershipLifetime(lifetime))
            };
            assert_eq!(properties.map(|p| p.membership_lifetime), expected);
        }
    }

    #[test]
    fn a_record_limit_of_0_is_none_and_others_are_1_kib_to_60_mib() {
        for (bytes, taken) in [
            (0, Ok(None)),
            (1_023, Err(PropertiesError::RecordLimit(1_023))),
            (1_024, Ok(Some(1_024))),
            (62_914_560, Ok(Some(62_914_560))),
            (62_914_561, Err(PropertiesError::RecordLimit(62_914_561))),
        ] {
            let properties = changed(PropertiesChange {
                max_record_bytes: Some(Some(bytes)),
                ..PropertiesChange::default()
            });
            assert_eq!(properties.map(|p| p.max_record_bytes), taken);
        }
    }

    #[test]
    fn a_record_counts_its_payload_and_its_texts_twice() {
        let properties = Properties {
            max_record_bytes: Some(1_024),
            ..Properties::default()
        };
        let attributes = [Attribute {
            name: "name".into(),
            value: AttributeValue::String("value!".into()),
        }];
        let size = |bytes: usize| properties.check_size(&attributes, &vec![0; bytes]);
        assert_eq!(size(1_004), Ok(()));
        let (bytes, limit) = (1_025, 1_024);
        assert_eq!(
            size(1_005),
            Err(PropertiesError::RecordTooLarge { bytes, limit })
        );
        let unlimited = Properties::default();
        assert_eq!(unlimited.check_size(&attributes, &[0; 48 * 1_024]), Ok(()));
    }

    #[test]
    fn memberships_end_by_the_policy_but_not_after_their_issuers() {
        let properties = Properties {
            membership_lifetime: Some(HOUR * 24),
            ..Properties::default()
        };
        let end = NOW + HOUR * 24;
        assert_eq!(properties.membership_end(NOW, NOW + HOUR * 100), Some(end));
        assert_eq!(properties.membership_end(NOW, NOW + HOUR), None);
        let none = Properties::default();
        assert_eq!(none.membership_end(NOW, NOW + HOUR * 100), None);
    }

    #[test]
    fn other_versions_flags_and_forms_are_refused() {
        let good = Properties::default().encode();
        assert!(Properties::decode(&good).is_ok());
        let bad = |body: Body| {
            let bytes = signing::to_cbor(&body);
            assert!(Properties::decode(&bytes).is_err(), "{bytes:?}");
        };
        let text = String::new;
        bad(Body(2, text(), text(), None, 300, -1, 0, 0));
        bad(Body(1, text(), text(), None, 300, -1, 1, 0));
        bad(Body(1, text(), text(), None, 299, -1, 0, 0));
        bad(Body(1, text(), text(), None, 300, -2, 0, 0));
        bad(Body(1, text(), text(), None, 300, i64::MAX, 0, 0));
        bad(Body(1, text(), text(), Some(0), 300, -1, 0, 0));
        bad(Body(1, text(), text(), None, 300, -1, 0, 1));
        bad(Body(1, "a\u{7}".into(), text(), None, 300, -1, 0, 0));
        let mut trailing = good;
        trailing.push(0);
        assert!(Properties::decode(&trailing).is_err());
    }

    prop_compose! {
        fn any_properties()(
            friendly_name in "[a-zA-Zäß ]{0,255}",
            comment in "[a-zA-Zäß ]{0,255}",
            membership in proptest::option::of(28_800_u64..=315_360_000),
            presence in 300_u64..=2_592_000,
            maximum in -1_i64..1_000,
            defer_expiry: bool,
            limit in proptest::option::of(1_024_u32..=62_914_560),
        ) -> Properties {
            Properties {
                friendly_name,
                comment,
                membership_lifetime: membership.map(Duration::from_secs),
                presence_lifetime: Duration::from_secs(presence),
                presence: match maximum {
                    -1 => PresencePolicy::All,
                    0 => PresencePolicy::Nobody,
                    nodes => PresencePolicy::About(nodes as u32),
                },
                defer_expiry,
                max_record_bytes: limit,
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(properties in any_properties()) {
            let bytes = properties.encode();
            prop_assert!(bytes.len() <= MAX_PROPERTIES_BYTES);
            prop_assert_eq!(Properties::decode(&bytes), Ok(properties.clone()));
            prop_assert_eq!(properties.with(&PropertiesChange::default()), Ok(properties));
        }

        #[test]
        fn any_bytes_are_read_one_way_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(properties) = Properties::decode(&bytes) {
                prop_assert_eq!(properties.encode(), bytes);
            }
        }
    }
}
