//! What comes in and what goes out.

use axum::{
    Json,
    extract::{
        FromRequest, FromRequestParts, Path, Query, Request,
        rejection::{BytesRejection, JsonRejection},
    },
    http::{StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use utoipa::IntoParams;

use super::{MAX_BODY_BYTES, page::Paging};
use crate::{Error, model::Problem};

/// The JSON body of a request.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        match Json::from_request(request, state).await {
            Ok(Json(value)) => Ok(Self(value)),
            Err(JsonRejection::BytesRejection(BytesRejection::FailedToBufferBody(rejection)))
                if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE =>
            {
                Err(Error::TooLarge {
                    limit_bytes: MAX_BODY_BYTES,
                })
            }
            Err(JsonRejection::MissingJsonContentType(_)) => Err(Error::NotJson),
            Err(rejection) => Err(Error::invalid("body", rejection.body_text())),
        }
    }
}

/// Parts of the path.
pub(super) struct Names<T>(pub(super) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Names<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        Path::from_request_parts(parts, state)
            .await
            .map(|Path(value)| Self(value))
            .map_err(|rejection| Error::invalid("path", rejection.body_text()))
    }
}

/// What stands after the question mark.
pub(super) struct Asked<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        Query::from_request_parts(parts, state)
            .await
            .map(|Query(value)| Self(value))
            .map_err(|rejection| Error::invalid("query", rejection.body_text()))
    }
}

/// As whom a group is used.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AsWhom {
    /// The member, where several identities of this node are in the group.
    pub(super) identity: Option<String>,
}

/// Which page of a list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct WhichPage {
    /// Where to go on: `next` of the page before.
    pub(super) cursor: Option<String>,
    /// At most this many.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    pub(super) limit: Option<usize>,
}

/// As whom a group is used, and which page of a list of it.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct OfGroup {
    /// The member, where several identities of this node are in the group.
    pub(super) identity: Option<String>,
    /// Where to go on: `next` of the page before.
    pub(super) cursor: Option<String>,
    /// At most this many.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    pub(super) limit: Option<usize>,
}

impl OfGroup {
    /// Both parts of it.
    pub(super) fn split<K: Serialize + DeserializeOwned>(
        self,
        list: &'static str,
    ) -> Result<(AsWhom, Paging<K>), Error> {
        let paging = Paging::new(list, self.limit, self.cursor.as_deref())?;
        let whom = AsWhom {
            identity: self.identity,
        };
        Ok((whom, paging))
    }
}

/// `201 Created` with the place of what was made.
pub(super) fn created<T: Serialize>(place: String, value: T) -> Response {
    (
        StatusCode::CREATED,
        [(header::LOCATION, place)],
        Json(value),
    )
        .into_response()
}

/// A name as part of a path.
pub(crate) fn segment(name: &str) -> String {
    percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC).to_string()
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let problem = Problem::from(&self);
        if problem.status >= 500 && !matches!(self, Self::Busy | Self::ShuttingDown) {
            tracing::warn!(error = %problem.detail, code = problem.code, "request failed");
        }
        problem.into_response()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let again = self
            .retry_after_seconds
            .map(|seconds| [(header::RETRY_AFTER, seconds.to_string())]);
        let content_type = [(header::CONTENT_TYPE, "application/problem+json")];
        (status, again, content_type, Json(self)).into_response()
    }
}
