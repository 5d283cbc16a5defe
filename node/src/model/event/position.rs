//! Where an event stands in the one order of its group.

use std::{borrow::Cow, fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use utoipa::{PartialSchema, ToSchema, openapi};

/// Where an event stands in the one order of its group, the same for everybody who hears of it.
///
/// Record events have whole positions, the numbers of their changes: `17`. What happens between two of
/// them has a second number that rises: `17.3412` comes after record event 17 and before 18, about 3.4
/// seconds after 17 was stored here. As text in JSON, because the numbers do not fit in JavaScript's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The number of the record event, or of the last one before.
    pub sequence: u64,
    /// 0 for the record event itself.
    pub minor: u64,
}

impl Position {
    /// Before the first event.
    pub const START: Self = Self::of(0);

    /// The position of a record event.
    #[must_use]
    pub const fn of(sequence: u64) -> Self {
        Self { sequence, minor: 0 }
    }
}

impl From<u64> for Position {
    fn from(sequence: u64) -> Self {
        Self::of(sequence)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.minor {
            0 => write!(f, "{}", self.sequence),
            minor => write!(f, "{}.{minor}", self.sequence),
        }
    }
}

/// Text that is no position.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no position such as 17 or 17.3")]
pub struct NoPosition(String);

impl FromStr for Position {
    type Err = NoPosition;

    fn from_str(text: &str) -> Result<Self, NoPosition> {
        let number = |digits: &str| {
            let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
            plain.then(|| digits.parse().ok()).flatten()
        };
        let (sequence, minor) = text.split_once('.').unwrap_or((text, "0"));
        match (number(sequence), number(minor)) {
            (Some(sequence), Some(minor)) => Ok(Self { sequence, minor }),
            _ => Err(NoPosition(text.chars().take(64).collect())),
        }
    }
}

impl Serialize for Position {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Position {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either<'a> {
            Number(u64),
            Text(Cow<'a, str>),
        }
        match Either::deserialize(deserializer)? {
            Either::Number(sequence) => Ok(Self::of(sequence)),
            Either::Text(text) => text.parse().map_err(de::Error::custom),
        }
    }
}

impl PartialSchema for Position {
    fn schema() -> openapi::RefOr<openapi::schema::Schema> {
        openapi::ObjectBuilder::new()
            .schema_type(openapi::schema::Type::String)
            .pattern(Some(r"^\d+(\.\d+)?$"))
            .examples(["17", "17.3412"])
            .description(Some(
                "Where an event stands in the one order of its group: the number of a record event, or \
                 that of the last one before and a second number that rises",
            ))
            .build()
            .into()
    }
}

impl ToSchema for Position {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_happens_between_two_records_sorts_between_them() {
        let order = ["0", "0.7", "9", "10", "10.1", "10.2", "10.10", "11"];
        let parsed: Vec<Position> = order.iter().map(|text| text.parse().unwrap()).collect();
        assert!(parsed.is_sorted());
        let number: Position = serde_json::from_str("17").unwrap();
        assert_eq!(number, Position::of(17));
    }

    #[test]
    fn nothing_else_is_a_position() {
        for text in [
            "",
            ".",
            "1.",
            ".1",
            "1.2.3",
            "-1",
            "+1",
            " 1",
            "1e3",
            "99999999999999999999",
        ] {
            assert!(text.parse::<Position>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn text_and_json_lead_back(sequence: u64, minor: u64) {
            let position = Position { sequence, minor };
            prop_assert_eq!(position.to_string().parse(), Ok(position));
            let json = serde_json::to_string(&position).unwrap();
            prop_assert_eq!(serde_json::from_str::<Position>(&json).unwrap(), position);
        }
    }
}
