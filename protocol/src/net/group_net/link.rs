//! One open link on a connection: the group's gossip handler, and the channel of frames beside it.
//!
//! Stock gossipsub gives up on a connection for good when one stream is refused or when five have
//! been opened. So nothing that goes wrong with a stream is told to the inner handler: it is tried
//! again here, and before the fifth opening the behaviour is asked for a fresh handler and a fresh
//! introduction under the next epoch. The other side sees the higher epoch and does the same, because
//! an instance introduces itself only to a peer that is new to it.

use std::{
    collections::VecDeque,
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use futures::AsyncRead;
use futures_timer::Delay;
use libp2p::swarm::{
    ConnectionHandler, ConnectionHandlerEvent, Stream,
    handler::{ConnectionEvent, FullyNegotiatedInbound, FullyNegotiatedOutbound},
};

use super::{
    LinkHandle, LinkLoss, MAX_FRAME_BYTES, Misbehaviour,
    allowance::Allowance,
    framing::{FrameReader, FrameWriter, ReadError},
    gate::{Epoch, LinkId},
    gossip::{
        Inner, InnerInbound, InnerInboundStream, InnerOut, InnerOutbound, InnerOutboundStream,
    },
    outbox::Outbox,
    upgrade::{Kind, Outbound},
};

/// Gossipsub disables a handler at the fifth stream in one direction, successful ones included.
const STREAMS_PER_EPOCH: u32 = 4;

/// The first wait after a refusal: the other side is usually about to open its gate.
const FIRST_RETRY: Duration = Duration::from_millis(100);

/// Waits double up to this, so that a gate opened late is found soon after.
const LAST_RETRY: Duration = Duration::from_secs(2);

/// Channel openings in a row that may fail before the link is given up; about half a minute.
const MAX_CHANNEL_ATTEMPTS: u32 = 16;

/// Gossip streams accepted within `INBOUND_WINDOW`, so that nobody makes us renew without end.
const INBOUND_STREAMS: u32 = 8;
const INBOUND_WINDOW: Duration = Duration::from_secs(8);

/// What the behaviour hands over to install a link.
pub struct NewLink {
    pub(super) id: LinkId,
    pub(super) handle: LinkHandle,
    pub(super) inner: Inner,
    pub(super) outbox: Outbox,
    /// How long the other side may refuse us before the link is given up.
    pub(super) patience: Duration,
}

impl fmt::Debug for NewLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("NewLink").field(&self.id).finish()
    }
}

pub(super) struct Link {
    pub(super) id: LinkId,
    pub(super) handle: LinkHandle,
    pub(super) epoch: Epoch,
    inner: Inner,
    /// What the inner handler wants its outbound stream upgraded with, kept for further attempts.
    upgrade: Option<InnerOutbound>,
    gossip: Opening,
    delivered_out: u32,
    delivered_in: u32,
    gossip_out: bool,
    gossip_in: bool,
    inbound_allowance: Allowance,
    renewing: bool,
    ready_told: bool,
    patience: Duration,
    /// Runs while gossip is not up in both directions.
    give_up: Option<Delay>,
    outbox: Outbox,
    channel: Opening,
    writer: Option<(Stream, FrameWriter)>,
    accepting_channel: bool,
    reader: Option<(Stream, FrameReader)>,
    notices: VecDeque<LinkEvent>,
}

/// How far the opening of an outbound stream is.
struct Opening {
    state: OpeningState,
    failures: u32,
}

enum OpeningState {
    Idle,
    Wanted,
    UnderWay,
    Waiting(Delay),
    Open,
}

/// What a link has to say.
#[expect(
    clippy::large_enum_variant,
    reason = "the large one is what passes by the thousand; a box each would cost more"
)]
pub(super) enum LinkEvent {
    Inner(InnerOut),
    /// Gossip is up in both directions, for the first time in this link.
    Ready,
    /// A fresh inner handler is needed, for this epoch.
    Worn(Epoch),
    Frame(Vec<u8>),
    Drained,
    /// The link's last word.
    Lost(LinkLoss, Option<Misbehaviour>),
}

impl Link {
    pub(super) fn new(new: NewLink) -> Self {
        Self {
            id: new.id,
            handle: new.handle,
            epoch: 0,
            inner: new.inner,
            upgrade: None,
            gossip: Opening::idle(),
            delivered_out: 0,
            delivered_in: 0,
            gossip_out: false,
            gossip_in: false,
            inbound_allowance: Allowance::new(INBOUND_STREAMS, INBOUND_WINDOW),
            renewing: false,
            ready_told: false,
            patience: new.patience,
            give_up: Some(Delay::new(new.patience)),
            outbox: new.outbox,
            channel: Opening::idle(),
            writer: None,
            accepting_channel: false,
            reader: None,
            notices: VecDeque::new(),
        }
    }

    /// Replaces the inner handler and drops its streams; the channel goes on.
    pub(super) fn refresh(&mut self, epoch: Epoch, inner: Inner) {
        if epoch <= self.epoch {
            return;
        }
        self.epoch = epoch;
        self.inner = inner;
        self.upgrade = None;
        self.gossip = Opening::idle();
        self.delivered_out = 0;
        self.delivered_in = 0;
        self.gossip_out = false;
        self.gossip_in = false;
        self.renewing = false;
        self.give_up = Some(Delay::new(self.patience));
    }

    pub(super) fn inner_command(&mut self, event: <Inner as ConnectionHandler>::FromBehaviour) {
        self.inner.on_behaviour_event(event);
    }

    /// Whether to accept a gossip stream of the other side; answers with what to upgrade it with.
    pub(super) fn admit_gossip(&mut self, epoch: Epoch) -> Option<InnerInbound> {
        if epoch < self.epoch || self.renewing || !self.inbound_allowance.take() {
            return None;
        }
        if epoch > self.epoch {
            self.renew(Some(epoch));
            return None;
        }
        if self.delivered_in >= STREAMS_PER_EPOCH {
            self.renew(self.epoch.checked_add(1));
            return None;
        }
        // The other side's gate is open as of now: no need to wait any longer.
        self.gossip.hurry();
        self.channel.hurry();
        Some(self.inner.listen_protocol().into_upgrade().0)
    }

    pub(super) fn gossip_accepted(&mut self, epoch: Epoch, stream: InnerInboundStream) {
        if epoch != self.epoch || self.renewing {
            return;
        }
        self.delivered_in += 1;
        self.gossip_in = true;
        self.inner
            .on_connection_event(ConnectionEvent::FullyNegotiatedInbound(
                FullyNegotiatedInbound {
                    protocol: stream,
                    info: (),
                },
            ));
        self.check_ready();
    }

    /// Whether to accept a channel of the other side: one at a time, for a second one would mean that
    /// frames of the first are lost.
    pub(super) fn admit_channel(&mut self) -> bool {
        let free = self.reader.is_none() && !self.accepting_channel;
        self.accepting_channel |= free;
        free
    }

    pub(super) fn channel_accepted(&mut self, stream: Option<Stream>) {
        self.accepting_channel = false;
        self.reader = stream.map(|s| (s, FrameReader::new(MAX_FRAME_BYTES)));
    }

    /// The next outbound stream this link wants opened, if any.
    pub(super) fn next_request(&mut self) -> Option<Outbound> {
        if let Some(upgrade) = &self.upgrade
            && self.gossip.begin()
        {
            return Some(Outbound::Gossip(
                self.handle.clone(),
                self.epoch,
                upgrade.clone(),
            ));
        }
        self.channel
            .begin()
            .then(|| Outbound::Channel(self.handle.clone()))
    }

    pub(super) fn gossip_opened(&mut self, epoch: Epoch, stream: InnerOutboundStream) {
        if epoch != self.epoch || self.renewing {
            return;
        }
        self.gossip.opened();
        self.delivered_out += 1;
        self.gossip_out = true;
        self.inner
            .on_connection_event(ConnectionEvent::FullyNegotiatedOutbound(
                FullyNegotiatedOutbound {
                    protocol: stream,
                    info: (),
                },
            ));
        self.check_ready();
    }

    pub(super) fn channel_opened(&mut self, stream: Stream) {
        self.channel.opened();
        self.writer = Some((stream, FrameWriter::default()));
    }

    /// An outbound stream was refused or failed before it was up. The inner handler never learns it.
    pub(super) fn open_failed(&mut self, kind: Kind, epoch: Epoch) {
        match kind {
            Kind::Gossip if epoch == self.epoch => self.gossip.failed(),
            Kind::Channel => self.channel.failed(),
            Kind::Gossip | Kind::Exchange | Kind::Direct => {}
        }
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<LinkEvent> {
        if let Some(notice) = self.notices.pop_front() {
            return Poll::Ready(notice);
        }
        if let Some(give_up) = &mut self.give_up
            && Pin::new(give_up).poll(cx).is_ready()
        {
            return Poll::Ready(LinkEvent::Lost(LinkLoss::Refused, None));
        }
        self.gossip.poll(cx);
        self.channel.poll(cx);
        if let Poll::Ready(event) = self.poll_inner(cx) {
            return Poll::Ready(event);
        }
        if let Poll::Ready(event) = self.poll_writer(cx) {
            return Poll::Ready(event);
        }
        self.poll_reader(cx)
    }

    fn poll_inner(&mut self, cx: &mut Context<'_>) -> Poll<LinkEvent> {
        // With the task's own context: the inner queue keeps the first waker it is shown.
        while let Poll::Ready(event) = self.inner.poll(cx) {
            match event {
                ConnectionHandlerEvent::NotifyBehaviour(event) => {
                    return Poll::Ready(LinkEvent::Inner(event));
                }
                ConnectionHandlerEvent::OutboundSubstreamRequest { protocol } => {
                    self.gossip_out = false;
                    self.give_up
                        .get_or_insert_with(|| Delay::new(self.patience));
                    if self.delivered_out >= STREAMS_PER_EPOCH {
                        self.renew(self.epoch.checked_add(1));
                    } else {
                        self.upgrade = Some(protocol.into_upgrade().0);
                        self.gossip.want();
                    }
                }
                _ => {}
            }
        }
        match self.notices.pop_front() {
            Some(notice) => Poll::Ready(notice),
            None => Poll::Pending,
        }
    }

    fn poll_writer(&mut self, cx: &mut Context<'_>) -> Poll<LinkEvent> {
        if let Some((stream, writer)) = &mut self.writer {
            let written = writer.poll(stream, &self.outbox, cx);
            // Nothing is ever sent back on this stream, so whatever can be read is its end.
            let ended = Pin::new(stream).poll_read(cx, &mut [0]);
            if written.is_ready() || ended.is_ready() {
                return Poll::Ready(LinkEvent::Lost(LinkLoss::StreamEnded, None));
            }
        } else if self.channel.failures > MAX_CHANNEL_ATTEMPTS {
            return Poll::Ready(LinkEvent::Lost(LinkLoss::Refused, None));
        } else if self.outbox.has_frames(cx) {
            self.channel.want();
        }
        if self.outbox.take_drained() {
            return Poll::Ready(LinkEvent::Drained);
        }
        Poll::Pending
    }

    fn poll_reader(&mut self, cx: &mut Context<'_>) -> Poll<LinkEvent> {
        let Some((stream, reader)) = &mut self.reader else {
            return Poll::Pending;
        };
        reader.poll_next(stream, cx).map(|read| match read {
            Ok(frame) => LinkEvent::Frame(frame),
            Err(ReadError::Ended) => LinkEvent::Lost(LinkLoss::StreamEnded, None),
            Err(ReadError::TooLong) => {
                LinkEvent::Lost(LinkLoss::StreamEnded, Some(Misbehaviour::FrameTooLong))
            }
        })
    }

    /// Asks for a fresh inner handler; until it comes, no stream is opened or accepted.
    fn renew(&mut self, to: Option<Epoch>) {
        if self.renewing {
            return;
        }
        self.renewing = true;
        self.notices.push_back(match to {
            Some(to) => LinkEvent::Worn(to),
            None => LinkEvent::Lost(LinkLoss::StreamEnded, None),
        });
    }

    fn check_ready(&mut self) {
        if self.gossip_in && self.gossip_out {
            self.give_up = None;
            if !self.ready_told {
                self.ready_told = true;
                self.notices.push_back(LinkEvent::Ready);
            }
        }
    }
}

impl Opening {
    fn idle() -> Self {
        Self {
            state: OpeningState::Idle,
            failures: 0,
        }
    }

    /// The stream is needed, again if it was open before.
    fn want(&mut self) {
        if let OpeningState::Idle | OpeningState::Open = self.state {
            self.state = OpeningState::Wanted;
        }
    }

    fn hurry(&mut self) {
        if let OpeningState::Waiting(_) = self.state {
            self.state = OpeningState::Wanted;
            self.failures = 0;
        }
    }

    fn begin(&mut self) -> bool {
        let wanted = matches!(self.state, OpeningState::Wanted);
        if wanted {
            self.state = OpeningState::UnderWay;
        }
        wanted
    }

    fn opened(&mut self) {
        self.state = OpeningState::Open;
        self.failures = 0;
    }

    fn failed(&mut self) {
        let wait = FIRST_RETRY
            .saturating_mul(1 << self.failures.min(16))
            .min(LAST_RETRY);
        self.failures += 1;
        self.state = OpeningState::Waiting(Delay::new(wait));
    }

    fn poll(&mut self, cx: &mut Context<'_>) {
        if let OpeningState::Waiting(delay) = &mut self.state
            && Pin::new(delay).poll(cx).is_ready()
        {
            self.state = OpeningState::Wanted;
        }
    }
}
