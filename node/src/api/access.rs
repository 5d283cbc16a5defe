//! Who may do what: one table of all routes, and nothing that is not in it.
//!
//! A route that is missing here is the operator's alone, and a test compares the table with the
//! document, so a new one cannot be forgotten either way.

use axum::http::Method;
use utoipa::openapi::{OpenApi, path::Operation};

use super::caller::Caller;
use crate::{Error, model::Scope};

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Whoever may use the API.
    Anyone,
    /// The operator, and applications with this scope.
    Needs(Scope),
    /// The operator: it hands out keys, or rights.
    Operator,
}

use Access::{Anyone, Needs, Operator};

/// Each route, in the order of the paths.
const TABLE: &[(&str, Access)] = &[
    ("GET /metrics", Needs(Scope::Node)),
    ("POST /v1/addresses/inspect", Needs(Scope::Read)),
    ("GET /v1/application", Anyone),
    ("GET /v1/applications", Operator),
    ("POST /v1/applications", Operator),
    ("DELETE /v1/applications/{name}", Operator),
    ("GET /v1/applications/{name}", Operator),
    ("POST /v1/applications/{name}/token", Operator),
    ("POST /v1/backup", Operator),
    // It tells of the whole node, as its status does.
    ("GET /v1/doctor", Needs(Scope::Node)),
    ("GET /v1/errors", Anyone),
    ("GET /v1/errors/{code}", Anyone),
    ("GET /v1/groups", Needs(Scope::Read)),
    ("POST /v1/groups", Needs(Scope::Groups)),
    ("POST /v1/groups/import", Operator),
    ("POST /v1/groups/join", Needs(Scope::Groups)),
    ("POST /v1/groups/recover", Operator),
    ("POST /v1/groups/visit", Needs(Scope::Groups)),
    ("DELETE /v1/groups/{group}", Needs(Scope::Groups)),
    ("GET /v1/groups/{group}", Needs(Scope::Read)),
    ("GET /v1/groups/{group}/address", Needs(Scope::Members)),
    ("GET /v1/groups/{group}/audit", Needs(Scope::Read)),
    ("GET /v1/groups/{group}/audit/file", Needs(Scope::Read)),
    ("POST /v1/groups/{group}/close", Needs(Scope::Online)),
    ("POST /v1/groups/{group}/config/export", Operator),
    ("POST /v1/groups/{group}/connect", Needs(Scope::Online)),
    ("POST /v1/groups/{group}/connect-at", Needs(Scope::Online)),
    ("GET /v1/groups/{group}/consumers", Needs(Scope::Read)),
    (
        "DELETE /v1/groups/{group}/consumers/{consumer}",
        Needs(Scope::Read),
    ),
    ("GET /v1/groups/{group}/database", Operator),
    ("PUT /v1/groups/{group}/database", Operator),
    ("GET /v1/groups/{group}/direct", Needs(Scope::Direct)),
    ("POST /v1/groups/{group}/direct", Needs(Scope::Direct)),
    ("GET /v1/groups/{group}/direct/listen", Needs(Scope::Direct)),
    ("GET /v1/groups/{group}/direct/pipe", Needs(Scope::Direct)),
    (
        "DELETE /v1/groups/{group}/direct/{id}",
        Needs(Scope::Direct),
    ),
    ("GET /v1/groups/{group}/direct/{id}", Needs(Scope::Direct)),
    (
        "POST /v1/groups/{group}/direct/{id}/messages",
        Needs(Scope::Direct),
    ),
    (
        "GET /v1/groups/{group}/direct/{id}/socket",
        Needs(Scope::Direct),
    ),
    ("DELETE /v1/groups/{group}/door", Needs(Scope::Members)),
    ("GET /v1/groups/{group}/door", Needs(Scope::Read)),
    ("PUT /v1/groups/{group}/door", Needs(Scope::Members)),
    ("GET /v1/groups/{group}/events", Needs(Scope::Read)),
    ("POST /v1/groups/{group}/events/ack", Needs(Scope::Read)),
    ("GET /v1/groups/{group}/fingerprint", Needs(Scope::Read)),
    ("GET /v1/groups/{group}/graph", Needs(Scope::Read)),
    ("GET /v1/groups/{group}/invitations", Needs(Scope::Members)),
    ("POST /v1/groups/{group}/invitations", Needs(Scope::Members)),
    ("POST /v1/groups/{group}/key/admin", Operator),
    ("POST /v1/groups/{group}/key/export", Operator),
    ("POST /v1/groups/{group}/leave", Needs(Scope::Groups)),
    ("GET /v1/groups/{group}/member-tree", Needs(Scope::Read)),
    ("GET /v1/groups/{group}/members", Needs(Scope::Read)),
    (
        "GET /v1/groups/{group}/members/{member}",
        Needs(Scope::Read),
    ),
    (
        "POST /v1/groups/{group}/members/{member}/remove",
        Needs(Scope::Members),
    ),
    (
        "POST /v1/groups/{group}/members/{member}/renew",
        Needs(Scope::Members),
    ),
    ("GET /v1/groups/{group}/neighbours", Needs(Scope::Read)),
    ("GET /v1/groups/{group}/nodes", Needs(Scope::Read)),
    ("GET /v1/groups/{group}/nodes/{peer_id}", Needs(Scope::Read)),
    ("POST /v1/groups/{group}/open", Needs(Scope::Online)),
    ("POST /v1/groups/{group}/ping", Needs(Scope::Online)),
    ("PATCH /v1/groups/{group}/presence", Needs(Scope::Online)),
    ("GET /v1/groups/{group}/properties", Needs(Scope::Read)),
    ("PATCH /v1/groups/{group}/properties", Needs(Scope::Groups)),
    ("GET /v1/groups/{group}/records", Needs(Scope::Read)),
    ("POST /v1/groups/{group}/records", Needs(Scope::Write)),
    (
        "DELETE /v1/groups/{group}/records/{id}",
        Needs(Scope::Write),
    ),
    ("GET /v1/groups/{group}/records/{id}", Needs(Scope::Read)),
    ("PATCH /v1/groups/{group}/records/{id}", Needs(Scope::Write)),
    ("GET /v1/groups/{group}/removals", Needs(Scope::Read)),
    ("GET /v1/groups/{group}/requests", Needs(Scope::Members)),
    (
        "POST /v1/groups/{group}/requests/{who}/accept",
        Needs(Scope::Members),
    ),
    (
        "POST /v1/groups/{group}/requests/{who}/deny",
        Needs(Scope::Members),
    ),
    ("POST /v1/groups/{group}/settle", Operator),
    ("GET /v1/identities", Needs(Scope::Read)),
    ("POST /v1/identities", Needs(Scope::Identities)),
    ("POST /v1/identities/import", Needs(Scope::Identities)),
    ("DELETE /v1/identities/{name}", Needs(Scope::Identities)),
    ("GET /v1/identities/{name}", Needs(Scope::Read)),
    ("PATCH /v1/identities/{name}", Needs(Scope::Identities)),
    ("GET /v1/identities/{name}/card", Needs(Scope::Read)),
    ("POST /v1/identities/{name}/export", Operator),
    ("GET /v1/identity", Needs(Scope::Read)),
    // It makes an identity where there is none.
    ("GET /v1/identity/card", Needs(Scope::Identities)),
    ("POST /v1/invitations/inspect", Needs(Scope::Read)),
    ("GET /v1/invitations/{id}", Needs(Scope::Members)),
    ("POST /v1/invitations/{id}/reissue", Needs(Scope::Members)),
    ("POST /v1/invitations/{id}/revoke", Needs(Scope::Members)),
    ("GET /v1/memberships", Needs(Scope::Node)),
    ("GET /v1/openapi.json", Anyone),
    ("GET /v1/session", Anyone),
    ("POST /v1/shutdown", Needs(Scope::Node)),
    ("GET /v1/status", Needs(Scope::Node)),
];

/// Routes that name no group or identity, and yet show an application that is confined to some nothing
/// beyond them.
const SHOWS_OWN: &[&str] = &[
    "GET /v1/application",
    "GET /v1/errors",
    "GET /v1/errors/{code}",
    "GET /v1/groups",
    "GET /v1/identities",
    "GET /v1/openapi.json",
    "GET /v1/session",
    "POST /v1/addresses/inspect",
    "POST /v1/invitations/inspect",
];

/// Who may use a route.
pub(super) fn of(method: &Method, route: &str) -> Access {
    let asked = (method.as_str(), route);
    let found = TABLE
        .iter()
        .find(|(row, _)| row.split_once(' ') == Some(asked));
    found.map_or(Operator, |(_, access)| *access)
}

/// Refuses what the caller may not do.
///
/// # Errors
/// [`Error::OperatorOnly`], [`Error::OutOfScope`], [`Error::OutOfReach`].
pub(super) fn check(caller: &Caller, method: &Method, route: &str) -> Result<(), Error> {
    let Caller::Application(application) = caller else {
        return Ok(());
    };
    let name = || application.kept.name.clone();
    match of(method, route) {
        Anyone => {}
        Needs(scope) if application.kept.scopes.contains(&scope) => {}
        Needs(scope) => {
            return Err(Error::OutOfScope {
                application: name(),
                scope,
            });
        }
        Operator => {
            return Err(Error::OperatorOnly {
                application: name(),
            });
        }
    }
    // A route that names a group or an identity was confined before it was chosen.
    let names_one = route.contains("{group}") || route.starts_with("/v1/identities/{name}");
    let asked = (method.as_str(), route);
    let shows_own = SHOWS_OWN
        .iter()
        .any(|row| row.split_once(' ') == Some(asked));
    if application.is_confined() && !names_one && !shows_own {
        return Err(Error::OutOfReach {
            application: name(),
        });
    }
    Ok(())
}

/// Says in the document who may use each path, as `x-peerage-access`.
pub(super) fn describe(document: &mut OpenApi) {
    for (path, item) in &mut document.paths.paths {
        let operations: [(Method, &mut Option<Operation>); 5] = [
            (Method::GET, &mut item.get),
            (Method::PUT, &mut item.put),
            (Method::POST, &mut item.post),
            (Method::DELETE, &mut item.delete),
            (Method::PATCH, &mut item.patch),
        ];
        for (method, operation) in operations {
            let Some(operation) = operation else { continue };
            let word = match of(&method, path) {
                Anyone => "anyone",
                Needs(scope) => scope.as_str(),
                Operator => "operator",
            };
            let extensions = operation.extensions.get_or_insert_with(Default::default);
            extensions.insert("x-peerage-access".to_owned(), word.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// A route without a row would be the operator's alone, a row without a route guards nothing.
    #[test]
    fn every_route_has_a_row_and_every_row_a_route() {
        let document = serde_json::to_value(crate::api::openapi()).unwrap();
        let mut routes = BTreeSet::new();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                routes.insert(format!("{} {path}", method.to_uppercase()));
                assert!(operation["x-peerage-access"].is_string(), "{method} {path}");
            }
        }
        let rows: BTreeSet<String> = TABLE.iter().map(|(row, _)| (*row).to_owned()).collect();
        assert_eq!(rows.len(), TABLE.len(), "each row once");
        assert_eq!(routes, rows);
        assert!(SHOWS_OWN.iter().all(|row| rows.contains(*row)));
    }

    #[test]
    fn what_is_not_in_the_table_is_the_operators() {
        assert_eq!(of(&Method::GET, "/v1/anything"), Operator);
        assert_eq!(of(&Method::PUT, "/v1/groups"), Operator);
        assert_eq!(of(&Method::GET, "/v1/groups"), Needs(Scope::Read));
    }
}
