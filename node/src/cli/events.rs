//! `peerage events …`

use std::time::Duration;

use futures::{Stream, StreamExt};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use super::{
    args::{ConsumersCommand, EventsCommand, TailArgs},
    client::{Client, GroupPath},
    failure::Failure,
    id::Deleted,
    output::{Output, harmless, on_one_line, short_time, table},
};
use crate::{
    api::segment,
    model::{AckRequest, ConsumerInfo, EventOrigin, GroupEvent, Position},
};

/// What was printed is acknowledged at least so often.
const ACK_INTERVAL: Duration = Duration::from_millis(200);

pub(super) async fn run(
    client: &Client,
    command: EventsCommand,
    output: Output,
) -> Result<(), Failure> {
    match command {
        EventsCommand::Tail(tail) => print(client, *tail, output).await,
        EventsCommand::Consumers(ConsumersCommand::Ls { group }) => {
            let group = client.group(&group).await?;
            let consumers: Vec<ConsumerInfo> = client.get(&group.below("/consumers")).await?;
            output.show(&consumers, |consumers| {
                table(
                    ["NAME", "POSITION", "ACKNOWLEDGED"],
                    consumers.iter().map(|consumer| {
                        [
                            consumer.name.clone(),
                            consumer.position.to_string(),
                            short_time(&consumer.moved),
                        ]
                    }),
                    "no consumers",
                )
            })
        }
        EventsCommand::Consumers(ConsumersCommand::Rm { name, group }) => {
            let group = client.group(&group).await?;
            let path = group.below(&format!("/consumers/{}", segment(&name)));
            client.delete(&path).await?;
            output.show(&Deleted { deleted: name }, |done| {
                format!("forgot {}", harmless(&done.deleted))
            })
        }
    }
}

async fn print(client: &Client, tail: TailArgs, output: Output) -> Result<(), Failure> {
    let path = client.group(&tail.group).await?;
    let query = query(&tail);
    let events = client.events(&path, &query).await?;
    let mut events = std::pin::pin!(events);
    let mut acks = Acks {
        client,
        group: &path,
        consumer: tail.consumer.filter(|_| tail.ack),
        printed: None,
        due: None,
    };
    let mut left = tail.count.unwrap_or(u64::MAX);
    while left > 0 {
        let Some(event) = acks.while_waiting(&mut events).await? else {
            break;
        };
        let event = event?;
        output.line(&event, event_line)?;
        acks.printed(event.position);
        left -= 1;
    }
    acks.send().await
}

/// What the stream is asked for.
fn query(tail: &TailArgs) -> String {
    let mut query = Vec::new();
    let mut ask = |name: &str, value: String| query.push(format!("{name}={}", segment(&value)));
    if let Some(after) = tail.after {
        ask("after", after.to_string());
    }
    if !tail.kinds.is_empty() {
        ask("kinds", tail.kinds.join(","));
    }
    if !tail.types.is_empty() {
        ask("record_type", tail.types.join(","));
    }
    if let Some(consumer) = &tail.consumer {
        ask("consumer", consumer.clone());
    }
    if tail.snapshot {
        ask("snapshot", true.to_string());
    }
    if let Some(wait) = tail.wait {
        ask("wait", wait.to_string());
    }
    query.join("&")
}

/// Acknowledges what was printed, soon, but not each event by itself.
struct Acks<'a> {
    client: &'a Client,
    group: &'a GroupPath,
    consumer: Option<String>,
    printed: Option<Position>,
    due: Option<Instant>,
}

impl Acks<'_> {
    fn printed(&mut self, position: Position) {
        if self.consumer.is_some() {
            self.printed = Some(position);
            self.due
                .get_or_insert_with(|| Instant::now() + ACK_INTERVAL);
        }
    }

    /// The next event; acknowledges meanwhile if that is due before it comes.
    async fn while_waiting<T>(
        &mut self,
        events: &mut (impl Stream<Item = T> + Unpin),
    ) -> Result<Option<T>, Failure> {
        if let Some(due) = self.due {
            if due > Instant::now()
                && let Ok(event) = timeout_at(due, events.next()).await
            {
                return Ok(event);
            }
            self.send().await?;
        }
        Ok(events.next().await)
    }

    async fn send(&mut self) -> Result<(), Failure> {
        self.due = None;
        let (Some(consumer), Some(position)) = (&self.consumer, self.printed.take()) else {
            return Ok(());
        };
        let ack = AckRequest {
            consumer: consumer.clone(),
            position,
        };
        let path = self.group.below("/events/ack");
        let _: Value = self.client.post(&path, &ack).await?;
        Ok(())
    }
}

pub(super) fn event_line(event: &GroupEvent) -> String {
    let mut line = format!(
        "{} {:>8} {:<22}",
        short_time(&event.at),
        event.position.to_string(),
        event.kind.as_str()
    );
    if let Some(record) = &event.record {
        line.push_str(&format!(" {record}"));
    }
    if event.origin == Some(EventOrigin::Local) {
        line.push_str(" (ours)");
    }
    let content = event.content.as_ref();
    let text = content.and_then(|record| record.payload_text.as_deref());
    for text in event.detail.as_deref().into_iter().chain(text) {
        line.push_str(&format!(" {}", on_one_line(text)));
    }
    for more in particulars(event) {
        line.push_str(&format!(" {}", harmless(&more)));
    }
    line.trim_end().to_owned()
}

/// What the detail of an event does not say already.
fn particulars(event: &GroupEvent) -> Vec<String> {
    let detail = event.detail.as_deref().unwrap_or_default();
    let unsaid = |text: &&str| !detail.contains(*text);
    let member = event.member.as_deref().filter(unsaid);
    let reason = event.reason.as_deref().filter(unsaid);
    let named = |name, value: Option<&str>| value.map(|value| format!("{name} {value}"));
    [
        member.map(ToOwned::to_owned),
        named("connection", event.connection.as_deref()),
        reason.map(|reason| format!("({reason})")),
        named("next", event.next.as_deref()),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::EventKind;

    #[test]
    fn a_line_tells_who_which_and_why() {
        let failed = GroupEvent {
            at: "2026-01-02T03:04:05.000Z".to_owned(),
            member: Some("ben".to_owned()),
            connection: Some("7".to_owned()),
            reason: Some("refused".to_owned()),
            next: Some("8".to_owned()),
            ..GroupEvent::of(EventKind::DirectFailed)
        };
        let line = event_line(&failed);
        assert!(
            line.ends_with("direct_failed          ben connection 7 (refused) next 8"),
            "{line}"
        );
        let removed = GroupEvent {
            detail: Some("ben by ada: spam".to_owned()),
            reason: Some("spam".to_owned()),
            ..failed
        };
        let line = event_line(&removed);
        assert!(
            line.ends_with(" ben by ada: spam connection 7 next 8"),
            "{line}"
        );
    }
}
