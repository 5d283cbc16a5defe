//! Applications that read events: in this process, and over the local API's socket.

use std::{path::Path, time::Instant};

use futures::StreamExt;
use peerage::{EventFilter, EventStream, GroupHandle, model::EventKind};
use peerage_records::id::RecordType;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::UnixStream,
    sync::mpsc,
};

use super::RECORD_TYPE;
use crate::Result;

/// The id of a record and when its event came.
pub(super) type Arrival = (String, Instant);

/// Events about the records of the measurement.
pub(super) async fn events(group: &GroupHandle) -> Result<EventStream> {
    let filter = EventFilter::all()
        .kinds([EventKind::RecordAdded])
        .record_type(RecordType::from_name(RECORD_TYPE));
    Ok(group.events_where(filter, None).await?)
}

/// Reads in this process.
pub(super) async fn in_process(group: &GroupHandle) -> Result<mpsc::Receiver<Arrival>> {
    let mut events = events(group).await?;
    let (arrived, arrivals) = mpsc::channel(64);
    tokio::spawn(async move {
        while let Some(Ok(event)) = events.next().await {
            let arrival = (event.record.unwrap_or_default(), Instant::now());
            if arrived.send(arrival).await.is_err() {
                return;
            }
        }
    });
    Ok(arrivals)
}

/// Reads as a program in another language would: HTTP on the socket, server-sent events.
pub(super) async fn over_socket(socket: &Path, group: &str) -> Result<mpsc::Receiver<Arrival>> {
    let mut stream = UnixStream::connect(socket).await?;
    let request = format!(
        "GET /v1/groups/{group}/events?kinds=record_added&record_type={RECORD_TYPE} HTTP/1.1\r\n\
         host: peerage\r\naccept: text/event-stream\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut lines = BufReader::new(stream).lines();
    let status = lines.next_line().await?.unwrap_or_default();
    if !status.contains("200") {
        return Err(format!("the local API answered {status:?}").into());
    }
    let (arrived, arrivals) = mpsc::channel(64);
    tokio::spawn(async move {
        while let Ok(Some(line)) = lines.next_line().await {
            let Some(data) = line.strip_prefix("data:") else {
                continue;
            };
            let now = Instant::now();
            let record = serde_json::from_str::<serde_json::Value>(data)
                .ok()
                .and_then(|event| Some(event.get("record")?.as_str()?.to_owned()));
            if arrived
                .send((record.unwrap_or_default(), now))
                .await
                .is_err()
            {
                return;
            }
        }
    });
    Ok(arrivals)
}
