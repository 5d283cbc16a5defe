//! Records as an application sees them.

use data_encoding::BASE64;
use peerage_records::record::{Attribute, AttributeValue, Record};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{instant_text, parse_instant};
use crate::Error;

/// A record, decoded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RecordInfo {
    /// Record id, UUID text.
    pub id: String,
    /// Record type, UUID text.
    #[serde(rename = "type")]
    pub kind: String,
    /// 1 for a new record, one more with each update.
    pub version: u32,
    /// Who made it: public key, 64 hex digits.
    pub creator: String,
    /// Who changed it last: public key, 64 hex digits.
    pub modifier: Option<String>,
    /// When it was made.
    #[schema(format = DateTime)]
    pub created: String,
    /// When it was changed last.
    #[schema(format = DateTime)]
    pub modified: String,
    /// When it lapses.
    #[schema(format = DateTime)]
    pub expires: String,
    /// Named values other members can search for.
    pub attributes: Vec<AttributeInfo>,
    /// Content, standard base64.
    pub payload: String,
    /// Content as text, when it is UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload_text: Option<String>,
}

impl From<&Record> for RecordInfo {
    fn from(record: &Record) -> Self {
        Self {
            id: record.id.to_string(),
            kind: record.kind.to_string(),
            version: record.version,
            creator: record.creator.to_string(),
            modifier: record.modifier.map(|key| key.to_string()),
            created: instant_text(record.created),
            modified: instant_text(record.modified),
            expires: instant_text(record.expires),
            attributes: record.attributes.iter().map(AttributeInfo::from).collect(),
            payload: BASE64.encode(&record.payload),
            payload_text: String::from_utf8(record.payload.clone()).ok(),
        }
    }
}

/// A named value of a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AttributeInfo {
    /// 1 to 40 letters and digits.
    #[schema(example = "subject")]
    pub name: String,
    /// How the value is to be read.
    #[serde(rename = "type")]
    pub kind: AttributeType,
    /// A number for `integer`, text for the others.
    pub value: AttributeScalar,
}

/// How the value of an attribute is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AttributeType {
    /// Text.
    String,
    /// A whole number.
    Integer,
    /// An RFC 3339 instant.
    Date,
}

/// The value of an attribute in JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum AttributeScalar {
    /// For `integer`.
    Number(i64),
    /// For `string` and `date`.
    Text(String),
}

impl From<&Attribute> for AttributeInfo {
    fn from(attribute: &Attribute) -> Self {
        let (kind, value) = match &attribute.value {
            AttributeValue::String(text) => {
                (AttributeType::String, AttributeScalar::Text(text.clone()))
            }
            AttributeValue::Integer(number) => {
                (AttributeType::Integer, AttributeScalar::Number(*number))
            }
            AttributeValue::Date(at) => (
                AttributeType::Date,
                AttributeScalar::Text(instant_text(*at)),
            ),
        };
        Self {
            name: attribute.name.clone(),
            kind,
            value,
        }
    }
}

impl TryFrom<AttributeInfo> for Attribute {
    type Error = Error;

    fn try_from(info: AttributeInfo) -> Result<Self, Error> {
        let value = match (info.kind, info.value) {
            (AttributeType::String, AttributeScalar::Text(text)) => AttributeValue::String(text),
            (AttributeType::Integer, AttributeScalar::Number(number)) => {
                AttributeValue::Integer(number)
            }
            (AttributeType::Date, AttributeScalar::Text(text)) => AttributeValue::Date(
                parse_instant(&text).map_err(|reason| Error::invalid("attributes", reason))?,
            ),
            (AttributeType::Integer, AttributeScalar::Text(_)) => {
                return Err(Error::invalid(
                    "attributes",
                    "an integer's value is a number",
                ));
            }
            (AttributeType::String | AttributeType::Date, AttributeScalar::Number(_)) => {
                return Err(Error::invalid(
                    "attributes",
                    "a string's or date's value is text",
                ));
            }
        };
        Ok(Self {
            name: info.name,
            value,
        })
    }
}
