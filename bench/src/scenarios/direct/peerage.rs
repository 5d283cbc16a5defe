//! Direct connections between two whole nodes, through the library.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Instant,
};

use bytes::Bytes;
use futures::{AsyncRead, AsyncWrite, StreamExt};
use peerage::{DirectEvent, DirectInterest, DirectListener, DirectTarget, Pipe};
use peerage_protocol::{
    direct::{ConnectionId, DirectMode},
    wire::direct::MessageType,
};
use tempfile::TempDir;
use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};

use super::{
    Outcome, Parameters,
    load::{self, WARM_UP},
};
use crate::{
    Result,
    scenarios::nodes::{self, Member},
};

/// How long the two may take to know each other.
const FORM_TIMEOUT_SECONDS: f64 = 30.0;

/// Two members that know each other.
struct Pair {
    near: Member,
    far: Member,
    _folder: TempDir,
}

impl Pair {
    async fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let members = nodes::start(2, folder.path()).await?;
        nodes::until_formed(FORM_TIMEOUT_SECONDS, Instant::now(), || {
            nodes::formed(&members, 1)
        })
        .await?;
        let mut members = members.into_iter();
        let (Some(near), Some(far)) = (members.next(), members.next()) else {
            return Err("there are two members".into());
        };
        Ok(Self {
            near,
            far,
            _folder: folder,
        })
    }

    /// Opens a connection from the near member to the far one, which listens already.
    async fn open(&self, mode: DirectMode) -> Result<ConnectionId> {
        let target = DirectTarget {
            mode,
            ..DirectTarget::to(self.far.group.info().await?.identity)
        };
        let id = self.near.group.open_direct(target).await?;
        Ok(self.near.group.direct_connected(id).await?.id)
    }

    async fn stop(self) -> Result<()> {
        self.near.node.shutdown().await?;
        self.far.node.shutdown().await?;
        Ok(())
    }
}

/// The next connection that a listener hears of.
async fn connected(listener: &mut DirectListener) -> Result<ConnectionId> {
    loop {
        let event = listener.next().await.ok_or("the listener has ended")?;
        if let DirectEvent::Connected(info) = event {
            return Ok(info.id);
        }
    }
}

/// The next message on this connection.
async fn received(listener: &mut DirectListener, on: ConnectionId) -> Result<Bytes> {
    loop {
        match listener.next().await.ok_or("the listener has ended")? {
            DirectEvent::Data(message) if message.id == on => return Ok(message.data),
            DirectEvent::Missed { messages } => return Err(format!("{messages} lost").into()),
            DirectEvent::Disconnected(notice) if notice.id == on => {
                return Err(format!("the connection ended: {}", notice.reason).into());
            }
            _ => {}
        }
    }
}

/// In mode stream.
pub(super) async fn stream(parameters: &Parameters) -> Result<Outcome> {
    let pair = Pair::start().await?;
    let interest = DirectInterest {
        connections: true,
        pipes: true,
        ..DirectInterest::default()
    };
    let mut listener = pair.far.group.listen_direct(interest).await?;
    let mut pipes = Vec::new();
    for _ in 0..2 {
        let near = pair.open(DirectMode::Stream).await?;
        let far = connected(&mut listener).await?;
        let near = pair.near.group.take_pipe(near)?;
        let far = pair.far.group.take_pipe(far)?;
        pipes.push((Compatible(near), Compatible(far)));
    }
    let (Some(trips), Some(bulk)) = (pipes.pop(), pipes.pop()) else {
        return Err("there are two pipes".into());
    };
    let outcome = load::measure(parameters, bulk, trips).await;
    pair.stop().await?;
    outcome
}

/// A pipe, in the terms of the other systems.
struct Compatible(Pipe);

impl AsyncRead for Compatible {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<std::io::Result<usize>> {
        let mut into = ReadBuf::new(buffer);
        Pin::new(&mut self.0)
            .poll_read(cx, &mut into)
            .map_ok(|()| into.filled().len())
    }
}

impl AsyncWrite for Compatible {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// In mode messages.
pub(super) async fn messages(parameters: &Parameters) -> Result<Outcome> {
    let pair = Pair::start().await?;
    let kind = MessageType::from_name("peerage-bench");
    let mut near_ear = pair
        .near
        .group
        .listen_direct(DirectInterest::messages())
        .await?;
    let mut far_ear = pair
        .far
        .group
        .listen_direct(DirectInterest::messages())
        .await?;
    let near = pair.open(DirectMode::Messages).await?;
    let far = connected(&mut far_ear).await?;
    let far_group = pair.far.group.clone();

    let rounds = WARM_UP + parameters.round_trips;
    let echo = tokio::spawn(async move {
        for _ in 0..rounds {
            let data = received(&mut far_ear, far).await?;
            far_group.send_direct(far, kind, data).await?;
        }
        Result::<_>::Ok((far_ear, far_group))
    });
    let message = Bytes::from(vec![0x5a; parameters.bytes]);
    let mut trips = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let begun = Instant::now();
        pair.near
            .group
            .send_direct(near, kind, message.clone())
            .await?;
        received(&mut near_ear, near).await?;
        trips.push(begun.elapsed().as_secs_f64() * 1e6);
    }
    let (mut far_ear, far_group) = echo.await??;

    let total = parameters.total_bytes();
    let receiver = tokio::spawn(async move {
        let mut left = total;
        while left > 0 {
            let data = received(&mut far_ear, far).await?;
            left = left
                .checked_sub(data.len())
                .ok_or("more came than was sent")?;
        }
        far_group.send_direct(far, kind, vec![1]).await?;
        Result::<_>::Ok(())
    });
    let block = Bytes::from(vec![0x5a; parameters.block_bytes()]);
    let begun = Instant::now();
    let mut left = total;
    while left > 0 {
        let n = left.min(block.len());
        pair.near
            .group
            .send_direct(near, kind, block.slice(..n))
            .await?;
        left -= n;
    }
    received(&mut near_ear, near).await?;
    let seconds = begun.elapsed().as_secs_f64();
    receiver.await??;
    pair.stop().await?;
    Ok(Outcome {
        bulk: parameters.mebibytes as f64 / seconds,
        round_trips: trips.split_off(WARM_UP),
    })
}
