//! Applications that are confined to some groups or identities: the others are as if they were not
//! there.
//!
//! The name in a request's path is read here, among what the application may see, and replaced by the
//! one name that nothing else has, before a route is chosen. So no route has to know of it.

use axum::http::{Request, Uri, uri::PathAndQuery};
use percent_encoding::percent_decode_str;

use super::{Api, extract::segment};
use crate::{Error, applications::Registered};

/// What stands where a group's name does and is none.
const NOT_GROUPS: [&str; 3] = ["join", "recover", "visit"];

/// The same for identities.
const NOT_IDENTITIES: [&str; 1] = ["import"];

/// Replaces the names in the path of a confined application's request by those they stand for.
///
/// # Errors
/// [`Error::GroupNotFound`] and [`Error::IdentityNotFound`], as if what it may not see did not exist;
/// [`Error::GroupAmbiguous`] among what it may see.
pub(super) fn confine<B>(
    api: &Api,
    application: &Registered,
    request: &mut Request<B>,
) -> Result<(), Error> {
    if !application.is_confined() {
        return Ok(());
    }
    let (path, query) = (request.uri().path(), request.uri().query());
    let replaced = if let Some(rest) = path.strip_prefix("/v1/groups/") {
        let (name, below) = rest.split_once('/').unwrap_or((rest, ""));
        if NOT_GROUPS.contains(&name) && below.is_empty() {
            return Ok(());
        }
        let (identity, others) = split_identity(query);
        let (group, identity) =
            api.node
                .visible_group(&decoded(name), identity.as_deref(), application)?;
        let mut place = format!("/v1/groups/{}", segment(&group));
        if rest.contains('/') {
            place.push_str(&format!("/{below}"));
        }
        place.push_str(&format!("?identity={}", segment(&identity)));
        if !others.is_empty() {
            place.push_str(&format!("&{others}"));
        }
        place
    } else if let Some(rest) = path.strip_prefix("/v1/identities/") {
        let (name, below) = rest.split_once('/').unwrap_or((rest, ""));
        if NOT_IDENTITIES.contains(&name) && below.is_empty() {
            return Ok(());
        }
        let identity = api.node.visible_identity(&decoded(name), application)?;
        let slash = if rest.contains('/') { "/" } else { "" };
        let query = query.map(|query| format!("?{query}")).unwrap_or_default();
        format!("/v1/identities/{}{slash}{below}{query}", segment(&identity))
    } else {
        return Ok(());
    };
    let place: PathAndQuery = replaced
        .parse()
        .map_err(|_| Error::invalid("path", "is too long"))?;
    *request.uri_mut() = Uri::from(place);
    Ok(())
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// Takes the identity out of a query; the last one named, as the routes would.
fn split_identity(query: Option<&str>) -> (Option<String>, String) {
    let mut identity = None;
    let mut others = Vec::new();
    for pair in query
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty())
    {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let plain = |text: &str| decoded(&text.replace('+', " "));
        if plain(name) == "identity" {
            identity = Some(plain(value));
        } else {
            others.push(pair);
        }
    }
    (identity, others.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_identity_is_taken_out_of_a_query_however_it_is_written() {
        let of = |query| split_identity(Some(query));
        assert_eq!(of("after=1&limit=2"), (None, "after=1&limit=2".to_owned()));
        assert_eq!(
            of("identity=Ada&after=1"),
            (Some("Ada".to_owned()), "after=1".to_owned())
        );
        assert_eq!(
            of("identit%79=A+b%2e"),
            (Some("A b.".to_owned()), String::new())
        );
        assert_eq!(of("identity=a&&identity=b").0.as_deref(), Some("b"));
        assert_eq!(of("identity").0.as_deref(), Some(""));
        assert_eq!(split_identity(None), (None, String::new()));
    }
}
