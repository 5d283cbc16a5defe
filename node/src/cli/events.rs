//! `peerage events …`

use futures::StreamExt;

use super::{
    args::EventsCommand,
    client::Client,
    failure::Failure,
    output::{Output, harmless, short_time},
};
use crate::model::{EventOrigin, GroupEvent};

pub(super) async fn run(
    client: &Client,
    command: EventsCommand,
    output: Output,
) -> Result<(), Failure> {
    let EventsCommand::Tail {
        group,
        after,
        count,
    } = command;
    let path = client.group(&group).await?;
    let events = client.events(&path, after).await?;
    let mut events = std::pin::pin!(events);
    let mut left = count.unwrap_or(u64::MAX);
    while left > 0 {
        let Some(event) = events.next().await else {
            break;
        };
        output.line(&event?, event_line)?;
        left -= 1;
    }
    Ok(())
}

pub(super) fn event_line(event: &GroupEvent) -> String {
    let sequence = event.sequence.map(|sequence| sequence.to_string());
    let mut line = format!(
        "{} {:>6} {:<22}",
        short_time(&event.at),
        sequence.as_deref().unwrap_or("-"),
        event.kind.as_str()
    );
    if let Some(record) = &event.record {
        line.push_str(&format!(" {record}"));
    }
    if event.origin == Some(EventOrigin::Local) {
        line.push_str(" (ours)");
    }
    if let Some(detail) = &event.detail {
        line.push_str(&format!(" {}", harmless(detail)));
    }
    line.trim_end().to_owned()
}
