//! `peerage record …`

use data_encoding::BASE64;
use futures::StreamExt;
use peerage_records::id::RecordType;

use super::{
    args::{PayloadArgs, RecordCommand},
    client::{Client, GroupPath},
    events::event_line,
    failure::Failure,
    id::Deleted,
    input,
    output::{Output, fields, harmless, on_one_line, short_time, table},
    values::AttributeArg,
};
use crate::{
    Error,
    api::segment,
    model::{AttributeInfo, AttributeScalar, RecordChange, RecordInfo, RecordPut},
};

/// At most this many characters of content in a table.
const MAX_SHOWN_CHARS: usize = 60;

pub(super) async fn run(
    client: &Client,
    command: RecordCommand,
    output: Output,
) -> Result<(), Failure> {
    match command {
        RecordCommand::Put {
            group,
            kind,
            payload,
            attributes,
            expires,
        } => {
            let Some(payload) = content(payload)? else {
                return Err(Failure::usage(
                    "nothing to publish: give --payload or --file; --payload '' publishes an empty record",
                ));
            };
            let put = RecordPut {
                kind,
                expires: Some(expires.0),
                attributes: plain(attributes),
                payload: Some(payload),
                payload_text: None,
            };
            let path = client.group(&group).await?.below("/records");
            let record: RecordInfo = client.post(&path, &put).await?;
            output.show(&record, record_fields)
        }
        RecordCommand::Get { group, id, raw } => {
            let path = record_path(&client.group(&group).await?, &id);
            let record: RecordInfo = client.get(&path).await?;
            if raw {
                return output.bytes(&bytes_of(&record)?);
            }
            output.show(&record, record_fields)
        }
        RecordCommand::Ls { group, kind, limit } => {
            let path = client.group(&group).await?;
            let query = kind
                .as_ref()
                .map_or_else(String::new, |kind| format!("type={}", segment(kind)));
            let path = path.asking("/records", &query);
            let records: Vec<RecordInfo> = client.list_up_to(&path, limit).await?;
            output.show(&records, |records| record_table(records, kind.as_deref()))
        }
        RecordCommand::Update {
            group,
            id,
            payload,
            attributes,
            expires,
        } => {
            let change = RecordChange {
                expires: expires.map(|expires| expires.0),
                attributes: (!attributes.is_empty()).then(|| plain(attributes)),
                payload: content(payload)?,
                payload_text: None,
            };
            if change == RecordChange::default() {
                return Err(Failure::usage(
                    "nothing to change: give --payload, --file, --attr or --expires",
                ));
            }
            let path = record_path(&client.group(&group).await?, &id);
            let record: RecordInfo = client.patch(&path, &change).await?;
            output.show(&record, record_fields)
        }
        RecordCommand::Rm { group, id } => {
            let path = record_path(&client.group(&group).await?, &id);
            client.delete(&path).await?;
            output.show(&Deleted { deleted: id }, |done| {
                format!("deleted {}", harmless(&done.deleted))
            })
        }
        RecordCommand::Watch { group, kind } => {
            let path = client.group(&group).await?;
            watch(client, &path, kind.as_deref(), output).await
        }
    }
}

async fn watch(
    client: &Client,
    group: &GroupPath,
    kind: Option<&str>,
    output: Output,
) -> Result<(), Failure> {
    let mut query = "kinds=record_*".to_owned();
    if let Some(kind) = kind {
        let kind: RecordType = kind.parse().map_err(|e| Error::invalid("type", e))?;
        query.push_str(&format!("&record_type={kind}"));
    }
    let events = client.events(group, &query).await?;
    let mut events = std::pin::pin!(events);
    while let Some(event) = events.next().await {
        let event = event?;
        let of_group = |kind: &String| {
            kind.parse::<RecordType>()
                .is_ok_and(|kind| kind.is_reserved())
        };
        // Memberships and the like are the group's own business.
        if kind.is_some() || !event.record_type.as_ref().is_some_and(of_group) {
            output.line(&event, event_line)?;
        }
    }
    Ok(())
}

fn record_path(group: &GroupPath, id: &str) -> String {
    group.below(&format!("/records/{}", segment(id)))
}

fn content(payload: PayloadArgs) -> Result<Option<String>, Failure> {
    let bytes = match (payload.payload, payload.file) {
        (Some(text), _) => text.into_bytes(),
        (None, Some(path)) => input::content(&path)?,
        (None, None) => return Ok(None),
    };
    Ok(Some(BASE64.encode(&bytes)))
}

fn plain(attributes: Vec<AttributeArg>) -> Vec<AttributeInfo> {
    attributes
        .into_iter()
        .map(|attribute| attribute.0)
        .collect()
}

fn bytes_of(record: &RecordInfo) -> Result<Vec<u8>, Failure> {
    BASE64
        .decode(record.payload.as_bytes())
        .map_err(|error| Error::Internal(error.to_string()).into())
}

fn attribute_text(attribute: &AttributeInfo) -> String {
    let value = match &attribute.value {
        AttributeScalar::Number(number) => number.to_string(),
        AttributeScalar::Text(text) => harmless(text),
    };
    format!("{}={value}", attribute.name)
}

fn shown(record: &RecordInfo) -> String {
    match &record.payload_text {
        Some(text) => on_one_line(text),
        None => format!(
            "({} bytes)",
            bytes_of(record).map_or(0, |bytes| bytes.len())
        ),
    }
}

fn clipped(text: &str) -> String {
    if text.chars().count() <= MAX_SHOWN_CHARS {
        return text.to_owned();
    }
    text.chars()
        .take(MAX_SHOWN_CHARS - 1)
        .chain(['…'])
        .collect()
}

fn record_fields(record: &RecordInfo) -> String {
    let attributes: Vec<_> = record.attributes.iter().map(attribute_text).collect();
    fields(&[
        ("id", record.id.clone()),
        ("type", record.kind.clone()),
        ("version", record.version.to_string()),
        ("creator", record.creator.clone()),
        ("modifier", record.modifier.clone().unwrap_or_default()),
        ("created", short_time(&record.created)),
        ("modified", short_time(&record.modified)),
        ("expires", short_time(&record.expires)),
        ("attributes", attributes.join("\n")),
        ("content", shown(record)),
    ])
}

/// `kind` is the name that the records were asked for by: it cannot be had from their type.
fn record_table(records: &[RecordInfo], kind: Option<&str>) -> String {
    table(
        [
            "ID",
            "TYPE",
            "VERSION",
            "CREATOR",
            "MODIFIED",
            "ATTRIBUTES",
            "CONTENT",
        ],
        records.iter().map(|record| {
            let attributes: Vec<_> = record.attributes.iter().map(attribute_text).collect();
            [
                record.id.clone(),
                kind.map_or_else(|| record.kind.chars().take(8).collect::<String>(), harmless),
                record.version.to_string(),
                record.creator.chars().take(8).collect(),
                short_time(&record.modified),
                clipped(&attributes.join(" ")),
                clipped(&shown(record)),
            ]
        }),
        "no record",
    )
}
