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
            Err(rejection) => Err(Error::invalid("body", plain(&rejection.body_text()))),
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
            .map_err(|rejection| Error::invalid("path", plain(&rejection.body_text())))
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
            .map_err(|rejection| Error::invalid("query", plain(&rejection.body_text())))
    }
}

/// What the web library says is wrong, without the words by which it tells where: those are its own.
fn plain(text: &str) -> String {
    const BEGINNINGS: [(&str, &str); 4] = [
        (
            "Failed to deserialize the JSON body into the target type: ",
            "",
        ),
        (
            "Failed to parse the request body as JSON: ",
            "is not JSON: ",
        ),
        ("Failed to deserialize query string: ", ""),
        ("Invalid URL: ", ""),
    ];
    let found = BEGINNINGS
        .iter()
        .find_map(|(theirs, ours)| Some(format!("{ours}{}", text.strip_prefix(theirs)?)));
    let text = found.unwrap_or_else(|| text.to_owned());
    match text.starts_with("Invalid UTF-8") {
        true => "is not UTF-8".to_owned(),
        false => text,
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

#[cfg(test)]
mod tests {
    use axum::{
        body::Body as Content,
        http::{self, Uri},
    };

    use super::*;

    async fn refused(body: &str) -> String {
        let request = http::Request::builder()
            .header(header::CONTENT_TYPE, "application/json")
            .body(Content::from(body.to_owned()))
            .unwrap();
        match Body::<WhichPage>::from_request(request, &()).await {
            Ok(_) => panic!("it was taken"),
            Err(error) => error.to_string(),
        }
    }

    #[tokio::test]
    async fn what_is_wrong_with_a_request_is_said_without_the_words_of_the_library() {
        let text = refused("{\"limt\":1}").await;
        assert!(
            text.starts_with("body: limt: unknown field `limt`"),
            "{text}"
        );
        let text = refused("{").await;
        assert!(text.starts_with("body: is not JSON: "), "{text}");
        let uri: Uri = "/x?limt=1".parse().unwrap();
        let (mut parts, ()) = http::Request::builder()
            .uri(uri)
            .body(())
            .unwrap()
            .into_parts();
        match Asked::<WhichPage>::from_request_parts(&mut parts, &()).await {
            Ok(_) => panic!("it was taken"),
            Err(error) => {
                let text = error.to_string();
                assert!(text.starts_with("query: "), "{text}");
                assert!(!text.contains("Failed"), "{text}");
            }
        }
    }

    #[test]
    fn a_path_that_is_no_text_is_said_to_be_none() {
        for said in [
            "Invalid URL: Invalid UTF-8 in `group`",
            "Invalid UTF-8 in `group`",
        ] {
            assert_eq!(plain(said), "is not UTF-8");
        }
        assert_eq!(plain("Invalid URL: no number"), "no number");
        assert_eq!(plain("something else"), "something else");
    }
}
