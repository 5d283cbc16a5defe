//! Values on the command line that have a form of their own.

use std::{ffi::OsStr, str::FromStr};

use clap::{
    Arg, Command,
    builder::{PossibleValue, StringValueParser, TypedValueParser},
};
use peerage_records::time::Timestamp;

use crate::{
    error::catalogue,
    model::{AttributeInfo, AttributeScalar, AttributeType, parse_expiry, parse_instant},
};

/// `name=text`, `name:int=5` or `name:date=2026-12-24T18:00:00Z`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttributeArg(pub AttributeInfo);

impl FromStr for AttributeArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (left, value) = text
            .split_once('=')
            .ok_or("an attribute is NAME=VALUE, NAME:int=VALUE or NAME:date=VALUE")?;
        let (name, kind) = left.split_once(':').unwrap_or((left, "string"));
        let (kind, value) = match kind {
            "string" => (
                AttributeType::String,
                AttributeScalar::Text(value.to_owned()),
            ),
            "int" | "integer" => {
                let number = value
                    .parse()
                    .map_err(|_| format!("{value:?} is not a whole number of 64 bits"))?;
                (AttributeType::Integer, AttributeScalar::Number(number))
            }
            "date" => {
                parse_instant(value)?;
                (AttributeType::Date, AttributeScalar::Text(value.to_owned()))
            }
            _ => return Err(format!("the type {kind:?} is not string, int or date")),
        };
        Ok(Self(AttributeInfo {
            name: name.to_owned(),
            kind,
            value,
        }))
    }
}

/// A duration from now or an instant, checked but left as text for the daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lifetime(pub String);

impl FromStr for Lifetime {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        parse_expiry(text, Timestamp::from_secs(0)).map(|_| Self(text.to_owned()))
    }
}

/// Any text, completed to the codes and names there are.
#[derive(Debug, Clone, Copy)]
pub struct CodeParser;

impl TypedValueParser for CodeParser {
    type Value = String;

    fn parse_ref(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<String, clap::Error> {
        StringValueParser::new().parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(catalogue::words().map(PossibleValue::new)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> AttributeInfo {
        text.parse::<AttributeArg>().unwrap().0
    }

    #[test]
    fn attributes_carry_their_type() {
        assert_eq!(
            read("title=a=b").value,
            AttributeScalar::Text("a=b".to_owned())
        );
        assert_eq!(read("size:int=-5").value, AttributeScalar::Number(-5));
        assert_eq!(
            read("on:date=2026-12-24T18:00:00Z").kind,
            AttributeType::Date
        );
        for wrong in ["title", "size:int=x", "on:date=soon", "x:colour=red"] {
            assert!(wrong.parse::<AttributeArg>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn lifetimes_are_checked_before_the_daemon_is_asked() {
        assert!("7d".parse::<Lifetime>().is_ok());
        assert!("7".parse::<Lifetime>().is_err());
    }
}
