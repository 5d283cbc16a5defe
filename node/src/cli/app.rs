//! `peerage app …`

use std::pin::pin;

use futures::StreamExt;
use serde::Serialize;
use serde_json::Value;

use super::{
    args::{AppCommand, RegisterArgs},
    client::Client,
    failure::Failure,
    output::{Output, fields, short_time, table, yes},
};
use crate::{
    Error,
    api::segment,
    error::catalogue,
    model::{
        ApplicationInfo, GroupInfo, IssuedToken, NewApplication, Quotas, SessionEvent,
        SessionEventKind,
    },
};

pub(super) async fn run(
    client: &Client,
    command: AppCommand,
    output: Output,
) -> Result<(), Failure> {
    match command {
        AppCommand::Register(args) => {
            let issued: IssuedToken = client.post("/v1/applications", &new(args)).await?;
            token(&issued, output)
        }
        AppCommand::Attach { groups, connect } => attach(client, &groups, connect, output).await,
        AppCommand::Ls => {
            let all: Vec<ApplicationInfo> = client.list("/v1/applications").await?;
            output.show(&all, |all| application_table(all))
        }
        AppCommand::Show { name } => {
            let one: ApplicationInfo = client.get(&place(&name)).await?;
            output.show(&one, application_fields)
        }
        AppCommand::Token { name } => {
            let issued: IssuedToken = client.ask(&format!("{}/token", place(&name))).await?;
            token(&issued, output)
        }
        AppCommand::Revoke { name } => {
            client.delete(&place(&name)).await?;
            output.show(&Revoked { revoked: name }, |done| {
                format!("revoked {}; its token is of no use any more", done.revoked)
            })
        }
    }
}

#[derive(Serialize)]
struct Revoked {
    revoked: String,
}

/// Holds the session open, and the groups in it.
async fn attach(
    client: &Client,
    groups: &[String],
    connect: bool,
    output: Output,
) -> Result<(), Failure> {
    if client.authorization().is_none() {
        return Err(nobody());
    }
    let mut session = pin!(client.lines::<SessionEvent>("/v1/session").await?);
    while let Some(event) = session.next().await {
        let event = match event {
            Ok(event) => event,
            Err(failure) => return ended(client).await.and(Err(failure)),
        };
        if event.kind == SessionEventKind::Attached {
            for group in groups {
                let what = if connect { "connect" } else { "open" };
                let path = format!("/v1/groups/{}/{what}", segment(group));
                let _: GroupInfo = client.ask(&path).await?;
            }
        }
        output.line(&event, |event| {
            let reason = event.reason.as_deref().map(|reason| format!(": {reason}"));
            let reason = reason.unwrap_or_default();
            format!("{} {}{reason}", event.application, event.kind.as_str())
        })?;
        if event.kind == SessionEventKind::Ended {
            return ended(client).await;
        }
    }
    // It was cut off before it could say why.
    ended(client).await?;
    Err(Error::ShuttingDown.into())
}

/// The operator needs no session, and would hold nothing by it.
fn nobody() -> Failure {
    let detail = "an application is attached, and no token says which: PEERAGE_TOKEN is not set";
    Failure::new(&catalogue::TOKEN_NEEDED, detail).advise(
        "put its token in PEERAGE_TOKEN: peerage app register NAME --scope online, or peerage app token NAME",
    )
}

/// Whether the session has ended in order, with the node, or because the token was revoked.
async fn ended(client: &Client) -> Result<(), Failure> {
    let asked: Result<Value, Failure> = client.get("/v1/application").await;
    match asked {
        Err(failure) if failure.is(&catalogue::TOKEN_NEEDED) => Err(failure),
        _ => Ok(()),
    }
}

/// The token alone goes to standard output, so that it can be sent to a file; what is to be said about
/// it, beside.
fn token(issued: &IssuedToken, output: Output) -> Result<(), Failure> {
    if output == Output::Text {
        eprintln!(
            "the token of {}; it is not shown again, and the node keeps only its hash:",
            issued.name
        );
    }
    output.show(issued, |issued| issued.token.clone())
}

fn new(args: RegisterArgs) -> NewApplication {
    let usual = Quotas::default();
    NewApplication {
        name: args.name,
        scopes: args.scopes.into_iter().collect(),
        groups: args.groups,
        identities: args.identities,
        quotas: Quotas {
            requests_per_second: args.max_requests.unwrap_or(usual.requests_per_second),
            concurrent_requests: args.max_concurrent.unwrap_or(usual.concurrent_requests),
            streams: args.max_streams.unwrap_or(usual.streams),
            bytes_per_minute: args.max_bytes.unwrap_or(usual.bytes_per_minute),
            groups: args.max_groups.unwrap_or(usual.groups),
        },
    }
}

fn place(name: &str) -> String {
    format!("/v1/applications/{}", segment(name))
}

fn application_table(all: &[ApplicationInfo]) -> String {
    let rows = all.iter().map(|one| {
        [
            one.name.clone(),
            scopes(one),
            yes(one.attached),
            one.holds.len().to_string(),
            short_time(&one.token_made),
        ]
    });
    table(
        ["NAME", "SCOPES", "ATTACHED", "HOLDS", "TOKEN MADE"],
        rows,
        "no applications yet; register one with: peerage app register NAME --scope read",
    )
}

fn application_fields(one: &ApplicationInfo) -> String {
    let only = |names: &[String]| match names {
        [] => "all".to_owned(),
        names => names.join("\n"),
    };
    let quotas = one.quotas;
    fields(&[
        ("name", one.name.clone()),
        ("scopes", scopes(one)),
        ("groups", only(&one.groups)),
        ("identities", only(&one.identities)),
        ("registered", short_time(&one.registered)),
        ("token made", short_time(&one.token_made)),
        ("attached", yes(one.attached)),
        (
            "holds",
            match one.holds.as_slice() {
                [] => "none".to_owned(),
                holds => holds.join("\n"),
            },
        ),
        (
            "requests",
            format!(
                "{} per second, {} at once",
                quotas.requests_per_second, quotas.concurrent_requests
            ),
        ),
        ("streams", format!("{} at once", quotas.streams)),
        ("bytes", format!("{} per minute", quotas.bytes_per_minute)),
        ("groups held", format!("{} at once", quotas.groups)),
    ])
}

fn scopes(one: &ApplicationInfo) -> String {
    let words: Vec<&str> = one.scopes.iter().map(|scope| scope.as_str()).collect();
    words.join(", ")
}
