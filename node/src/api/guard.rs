//! What is checked of a request before anybody looks at what it asks for.
//!
//! A browser on this machine runs the programs of strangers. They can make it send requests to any
//! address of this machine: by a form, by a name that turns out to be 127.0.0.1, by a WebSocket. What
//! gives them away is what they cannot choose: the `Host` they believe to speak to, the `Origin` they
//! come from, and the types of content they may send without asking first.

use axum::http::{HeaderMap, Method, Request, header};
use hyper::body::Body;

use super::files::FILE_TYPE;
use crate::Error;

/// The type of content of every body.
const JSON: &str = "application/json";

/// Names by which a client may address the API on the socket; those of loopback too.
const SOCKET_NAMES: [&str; 2] = ["peerage", "localhost"];

/// Addresses of this machine that a name cannot be rebound to.
const LOOPBACK: [&str; 2] = ["127.0.0.1", "[::1]"];

/// By which way a request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// The Unix socket.
    Socket,
    /// Loopback, on this port.
    Loopback(u16),
}

/// Checks a request of either way.
///
/// # Errors
/// [`Error::HostRefused`], [`Error::OriginRefused`], [`Error::NotJson`].
pub(super) fn check<B: Body>(
    request: &Request<B>,
    way: Way,
    origins: &[String],
) -> Result<(), Error> {
    check_host(request, way)?;
    check_origin(request.headers(), origins)?;
    check_content(request)
}

/// The token a request carries. None where it carries none that could be one.
pub(super) fn token(headers: &HeaderMap) -> Option<&str> {
    let text = only(headers, &header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = text.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| token.trim_matches(' '))
}

fn check_host<B>(request: &Request<B>, way: Way) -> Result<(), Error> {
    // What a proxy would be sent: a second place for a host to be named in.
    let uri = request.uri();
    if uri.authority().is_some() || uri.scheme().is_some() || *request.method() == Method::CONNECT {
        return Err(Error::HostRefused);
    }
    let host = only(request.headers(), &header::HOST).and_then(|host| host.to_str().ok());
    // Who is asked without one, or with two, cannot know who was meant.
    let meant = host.is_some_and(|host| is_ours(host, way));
    meant.then_some(()).ok_or(Error::HostRefused)
}

/// One spelling of each: what is not exactly this is not us, whatever it may resolve to.
fn is_ours(host: &str, way: Way) -> bool {
    let (name, port) = match host.rsplit_once(':') {
        // The colons within an address are not before a port.
        Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
        _ => (host, None),
    };
    let loopback = LOOPBACK.contains(&name) || name.eq_ignore_ascii_case("localhost");
    match way {
        Way::Socket => {
            let named = loopback
                || SOCKET_NAMES
                    .iter()
                    .any(|ours| name.eq_ignore_ascii_case(ours));
            named && port.is_none_or(is_port)
        }
        Way::Loopback(ours) => {
            let same = match port {
                Some(port) => port == ours.to_string(),
                None => ours == 80,
            };
            loopback && same
        }
    }
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok()
}

/// A program has no origin; a page always has when it could do harm.
fn check_origin(headers: &HeaderMap, origins: &[String]) -> Result<(), Error> {
    let allowed = headers.get_all(header::ORIGIN).iter().all(|origin| {
        let origin = origin.to_str().unwrap_or("null");
        origins.iter().any(|allowed| allowed == origin)
    });
    if !allowed {
        return Err(Error::OriginRefused);
    }
    // A page that reads what is on its own host, or embeds something, sends no origin. A browser that
    // is told an address by its user says `none`.
    let from_page = headers
        .get_all("sec-fetch-site")
        .iter()
        .any(|site| site.as_bytes() != b"none");
    if from_page && !headers.contains_key(header::ORIGIN) {
        return Err(Error::OriginRefused);
    }
    Ok(())
}

/// A form can send three types of content, and neither JSON nor that of files is one of them.
fn check_content<B: Body>(request: &Request<B>) -> Result<(), Error> {
    let headers = request.headers();
    let said = headers.contains_key(header::CONTENT_TYPE);
    if !said && request.body().is_end_stream() {
        return Ok(());
    }
    let json = only(headers, &header::CONTENT_TYPE)
        .and_then(|content| content.to_str().ok())
        .is_some_and(|content| is_json(content) || (takes_file(request) && content == FILE_TYPE));
    json.then_some(()).ok_or(Error::NotJson)
}

/// Whether the body of this request is a file.
fn takes_file<B>(request: &Request<B>) -> bool {
    request.method() == Method::PUT && request.uri().path().ends_with("/database")
}

fn is_json(content: &str) -> bool {
    let (essence, parameters) = content.split_once(';').unwrap_or((content, ""));
    let parameters = parameters.trim().replace('"', "");
    essence.trim().eq_ignore_ascii_case(JSON)
        && (parameters.is_empty() || parameters.eq_ignore_ascii_case("charset=utf-8"))
}

/// The value of a header that is there once.
fn only<'a>(
    headers: &'a HeaderMap,
    name: &header::HeaderName,
) -> Option<&'a axum::http::HeaderValue> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => Some(value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{Empty, Full};
    use hyper::body::Bytes;
    use proptest::prelude::*;

    use super::*;

    const PORT: u16 = 3588;

    fn from(headers: &[(&str, &str)]) -> Request<Empty<Bytes>> {
        let mut request = Request::get("/v1/status");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(Empty::new()).unwrap()
    }

    fn code(result: Result<(), Error>) -> &'static str {
        result.map_or_else(|error| error.code(), |()| "fine")
    }

    #[test]
    fn l1_only_loopback_itself_is_a_host_of_ours() {
        let way = Way::Loopback(PORT);
        for host in [
            "127.0.0.1:3588",
            "localhost:3588",
            "LocalHost:3588",
            "[::1]:3588",
        ] {
            assert_eq!(
                code(check(&from(&[("host", host)]), way, &[])),
                "fine",
                "{host}"
            );
        }
        for host in [
            "",
            "attacker.com",
            "attacker.com:3588",
            "127.evil.com:3588",
            "127.0.0.1.evil.com:3588",
            "localhost.evil.com:3588",
            "evil.localhost:3588",
            "localhost.:3588",
            "127.0.0.1.:3588",
            "127.0.0.1",
            "localhost",
            "[::1]",
            "::1",
            "::1:3588",
            "[::1]x:3588",
            "[::1:3588",
            "127.0.0.1:80",
            "127.0.0.1:03588",
            "127.0.0.1:+3588",
            "127.0.0.1:3588 ",
            "127.0.0.1:",
            "127.1:3588",
            "127.0.1:3588",
            "2130706433:3588",
            "0x7f000001:3588",
            "0x7f.0.0.1:3588",
            "0177.0.0.1:3588",
            "127.0.0.2:3588",
            "0.0.0.0:3588",
            "0:3588",
            "[::]:3588",
            "[0:0:0:0:0:0:0:1]:3588",
            "[::ffff:127.0.0.1]:3588",
            "[::1%25lo]:3588",
            "user@127.0.0.1:3588",
            "evil.com@127.0.0.1:3588",
            "127.0.0.1:3588@evil.com",
            "127.0.0.1:3588:3588",
            "127.0.0.1:3588,evil.com",
            "127.0.0.1:3588/",
            "http://127.0.0.1:3588",
            "peerage",
            "peerage:3588",
        ] {
            let refused = check(&from(&[("host", host)]), way, &[]);
            assert_eq!(code(refused), "host_refused", "{host:?}");
        }
        let twice = from(&[("host", "127.0.0.1:3588"), ("host", "127.0.0.1:3588")]);
        assert_eq!(code(check(&twice, way, &[])), "host_refused");
        assert_eq!(code(check(&from(&[]), way, &[])), "host_refused", "none");
        for target in [
            "http://evil.com/v1/status",
            "http://127.0.0.1:3588/v1/status",
        ] {
            let mut absolute = from(&[("host", "127.0.0.1:3588")]);
            *absolute.uri_mut() = target.parse().unwrap();
            assert_eq!(code(check(&absolute, way, &[])), "host_refused", "{target}");
        }
        let default = from(&[("host", "127.0.0.1")]);
        assert_eq!(code(check(&default, Way::Loopback(80), &[])), "fine");
    }

    #[test]
    fn l1_the_socket_has_names_of_its_own() {
        for host in ["peerage", "localhost", "localhost:1", "127.0.0.1", "[::1]"] {
            assert_eq!(
                code(check(&from(&[("host", host)]), Way::Socket, &[])),
                "fine",
                "{host}"
            );
        }
        for host in [
            "attacker.com",
            "peerage.evil.com",
            "peerage.",
            "peerage:x",
            "",
            "127.1",
        ] {
            let refused = check(&from(&[("host", host)]), Way::Socket, &[]);
            assert_eq!(code(refused), "host_refused", "{host}");
        }
    }

    #[test]
    fn l2_a_page_is_refused_unless_its_origin_is_allowed() {
        let page = |more: &[(&str, &str)]| {
            let mut headers = vec![("host", "localhost")];
            headers.extend_from_slice(more);
            let allowed = ["tauri://localhost".to_owned()];
            code(check(&from(&headers), Way::Socket, &allowed))
        };
        assert_eq!(page(&[]), "fine");
        assert_eq!(page(&[("sec-fetch-site", "none")]), "fine");
        assert_eq!(page(&[("origin", "tauri://localhost")]), "fine");
        assert_eq!(
            page(&[
                ("origin", "tauri://localhost"),
                ("sec-fetch-site", "cross-site")
            ]),
            "fine"
        );
        for refused in [
            [("origin", "null")].as_slice(),
            &[("origin", "")],
            &[("origin", "http://localhost")],
            &[("origin", "TAURI://localhost")],
            &[
                ("origin", "tauri://localhost"),
                ("origin", "http://evil.com"),
            ],
            &[("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "same-origin")],
            &[("sec-fetch-site", "none"), ("sec-fetch-site", "same-site")],
        ] {
            assert_eq!(page(refused), "origin_refused", "{refused:?}");
        }
    }

    #[test]
    fn l2_a_body_is_json_or_refused() {
        let send = |content: &[&str], body: &'static str| {
            let mut request = Request::post("/v1/groups").header("host", "peerage");
            for content in content {
                request = request.header("content-type", *content);
            }
            let request = request
                .body(Full::new(Bytes::from_static(body.as_bytes())))
                .unwrap();
            code(check(&request, Way::Socket, &[]))
        };
        assert_eq!(send(&[], ""), "fine");
        for content in [
            JSON,
            "Application/JSON; charset=UTF-8",
            "application/json;charset=\"utf-8\"",
        ] {
            assert_eq!(send(&[content], "{}"), "fine", "{content}");
        }
        for content in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "text/plain; application/json",
            "application/jsonx",
            "application/json; charset=utf-16",
            "application/json, text/plain",
            "application/problem+json",
            "",
        ] {
            assert_eq!(send(&[content], "{}"), "not_json", "{content}");
            assert_eq!(send(&[content], ""), "not_json", "{content}");
        }
        assert_eq!(send(&[], "{}"), "not_json");
        assert_eq!(send(&[JSON, "text/plain"], "{}"), "not_json");
    }

    #[test]
    fn l3_a_token_is_in_one_header_and_nowhere_else() {
        let found = |values: &[&str]| {
            let headers: Vec<_> = values
                .iter()
                .map(|value| ("authorization", *value))
                .collect();
            token(from(&headers).headers()).map(str::to_owned)
        };
        assert_eq!(found(&["Bearer abc"]).as_deref(), Some("abc"));
        assert_eq!(found(&["bearer  abc "]).as_deref(), Some("abc"));
        for none in [
            &[][..],
            &["abc"],
            &["Basic abc"],
            &["Bearer"],
            &["Bearer a", "Bearer a"],
        ] {
            assert_eq!(found(none), None, "{none:?}");
        }
    }

    proptest! {
        /// Whatever is taken for ours is one of six texts.
        #[test]
        fn l1_no_other_text_is_a_host_of_ours(
            host in "([a-z0-9.:@%\\[\\]x-]{0,24}|(localhost|127\\.0\\.0\\.1|\\[::1\\])[.:a-z0-9@]{0,6})"
        ) {
            if is_ours(&host, Way::Loopback(PORT)) {
                let ours = ["127.0.0.1:3588", "localhost:3588", "[::1]:3588"];
                prop_assert!(ours.contains(&host.as_str()), "{host}");
            }
        }
    }
}
