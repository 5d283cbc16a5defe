//! Records over HTTP.

use axum::{Extension, Json, extract::State, http::StatusCode, response::Response};
use data_encoding::BASE64;
use peerage_records::{
    id::{RecordId, RecordType},
    record::{Attribute, RecordDraft, RecordUpdate},
    store::{Partition, RecordQuery},
    time::Timestamp,
};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    Api, MAX_PAGE_BYTES,
    extract::{AsWhom, Asked, Body, Names, created, segment},
    once::OnceKey,
    page::Paging,
};
use crate::{
    Error,
    clock::Clock,
    model::{
        AttributeInfo, AttributeScalar, Page, Problem, RecordChange, RecordInfo, RecordPut,
        parse_expiry,
    },
};

/// Records read at once, about 3 MiB at worst.
const PORTION: usize = 64;

/// How long a record lives when nothing is said.
const DEFAULT_LIFETIME: &str = "28d";

/// Which records.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    /// The member, where several identities of this node are in the group.
    identity: Option<String>,
    /// Only this type: UUID text or a readable name.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// Where to go on: `next` of the page before.
    cursor: Option<String>,
    /// At most this many.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<usize>,
}

/// Records of a group, by id
#[utoipa::path(get, path = "/v1/groups/{group}/records", tag = "records",
    params(("group" = String, Path, description = "Peer name, a unique start of it, or the friendly name"), Filter),
    responses((status = 200, body = Page<RecordInfo>), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn list(
    State(api): State<Api>,
    Names(group): Names<String>,
    Asked(filter): Asked<Filter>,
) -> Result<Json<Page<RecordInfo>>, Error> {
    let mut paging = Paging::<String>::new("records", filter.limit, filter.cursor.as_deref())?;
    let mut query = RecordQuery {
        kind: filter.kind.as_deref().map(record_type).transpose()?,
        partition: Partition::Application,
        after: paging.after.as_deref().map(record_id).transpose()?,
        limit: PORTION.min(paging.limit + 1),
    };
    let whom = AsWhom {
        identity: filter.identity,
    };
    let group = api.group(&group, &whom).await?;
    let (mut records, mut bytes) = (Vec::new(), 0);
    // One more than the page has tells whether there is another one.
    while records.len() <= paging.limit {
        let portion = group.list(query.clone()).await?;
        let last = portion.len() < query.limit;
        for record in portion {
            if bytes > MAX_PAGE_BYTES {
                paging.limit = paging.limit.min(records.len());
            }
            bytes += content_bytes(&record);
            query.after = Some(record_id(&record.id)?);
            records.push(record);
        }
        if last {
            break;
        }
    }
    paging.page(records, |record| record.id.clone()).map(Json)
}

/// About how long the content of a record is in an answer.
fn content_bytes(record: &RecordInfo) -> usize {
    let attributes = record.attributes.iter().map(|one| match &one.value {
        AttributeScalar::Text(text) => text.len(),
        AttributeScalar::Number(_) => 0,
    });
    let text = record.payload_text.as_ref().map_or(0, String::len);
    record.payload.len() + text + attributes.sum::<usize>()
}

/// Publish a record; it is durable on this node when the answer comes
#[utoipa::path(post, path = "/v1/groups/{group}/records", tag = "records", request_body = RecordPut,
    params(("group" = String, Path, description = "Peer name, a unique start of it, or the friendly name"), AsWhom),
    responses((status = 201, body = RecordInfo), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn publish(
    State(api): State<Api>,
    Names(group): Names<String>,
    Asked(whom): Asked<AsWhom>,
    key: Option<Extension<OnceKey>>,
    Body(put): Body<RecordPut>,
) -> Result<Response, Error> {
    let draft = RecordDraft {
        kind: record_type(&put.kind)?,
        expires: expiry(put.expires.as_deref().unwrap_or(DEFAULT_LIFETIME))?,
        attributes: attributes(put.attributes)?,
        payload: payload(put.payload, put.payload_text)?.unwrap_or_default(),
    };
    let handle = api.group(&group, &whom).await?;
    let record = match key {
        Some(Extension(OnceKey(key))) => handle.publish_once(&key, draft).await?,
        None => handle.publish(draft).await?,
    };
    let place = format!(
        "/v1/groups/{}/records/{}",
        segment(handle.name()),
        record.id
    );
    Ok(created(place, record))
}

/// One record
#[utoipa::path(get, path = "/v1/groups/{group}/records/{id}", tag = "records",
    params(
        ("group" = String, Path, description = "Peer name, a unique start of it, or the friendly name"),
        ("id" = String, Path, description = "Record id"),
        AsWhom
    ),
    responses((status = 200, body = RecordInfo), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn get(
    State(api): State<Api>,
    Names((group, id)): Names<(String, String)>,
    Asked(whom): Asked<AsWhom>,
) -> Result<Json<RecordInfo>, Error> {
    let id = record_id(&id)?;
    api.group(&group, &whom).await?.get(id).await.map(Json)
}

/// Change a record; what is absent stays
#[utoipa::path(patch, path = "/v1/groups/{group}/records/{id}", tag = "records", request_body = RecordChange,
    params(
        ("group" = String, Path, description = "Peer name, a unique start of it, or the friendly name"),
        ("id" = String, Path, description = "Record id"),
        AsWhom
    ),
    responses((status = 200, body = RecordInfo), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn update(
    State(api): State<Api>,
    Names((group, id)): Names<(String, String)>,
    Asked(whom): Asked<AsWhom>,
    Body(change): Body<RecordChange>,
) -> Result<Json<RecordInfo>, Error> {
    let id = record_id(&id)?;
    let change = RecordUpdate {
        expires: change.expires.as_deref().map(expiry).transpose()?,
        attributes: change.attributes.map(attributes).transpose()?,
        payload: payload(change.payload, change.payload_text)?,
    };
    let group = api.group(&group, &whom).await?;
    group.update(id, change).await.map(Json)
}

/// Delete a record, at every member
#[utoipa::path(delete, path = "/v1/groups/{group}/records/{id}", tag = "records",
    params(
        ("group" = String, Path, description = "Peer name, a unique start of it, or the friendly name"),
        ("id" = String, Path, description = "Record id"),
        AsWhom
    ),
    responses((status = 204, description = "deleted"), (status = "default", description = "an error", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn delete(
    State(api): State<Api>,
    Names((group, id)): Names<(String, String)>,
    Asked(whom): Asked<AsWhom>,
) -> Result<StatusCode, Error> {
    let id = record_id(&id)?;
    api.group(&group, &whom).await?.delete_record(id).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn record_type(text: &str) -> Result<RecordType, Error> {
    text.parse().map_err(|error| Error::invalid("type", error))
}

fn record_id(text: &str) -> Result<RecordId, Error> {
    text.parse().map_err(|error| Error::invalid("id", error))
}

fn expiry(text: &str) -> Result<Timestamp, Error> {
    parse_expiry(text, Clock::system().timestamp())
        .map_err(|reason| Error::invalid("expires", reason))
}

fn attributes(list: Vec<AttributeInfo>) -> Result<Vec<Attribute>, Error> {
    list.into_iter().map(Attribute::try_from).collect()
}

pub(super) fn payload(
    base64: Option<String>,
    text: Option<String>,
) -> Result<Option<Vec<u8>>, Error> {
    match (base64, text) {
        (Some(_), Some(_)) => Err(Error::invalid(
            "payload",
            "is given either as base64 or as payload_text",
        )),
        (Some(base64), None) => BASE64
            .decode(base64.as_bytes())
            .map(Some)
            .map_err(|error| Error::invalid("payload", error)),
        (None, text) => Ok(text.map(String::into_bytes)),
    }
}
