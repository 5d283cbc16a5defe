//! The handler of one connection: every link and exchange on it, behind one static protocol name.

use std::{
    collections::VecDeque,
    fmt,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use futures::{
    StreamExt,
    future::{Either, select},
    stream::FuturesUnordered,
};
use futures_timer::Delay;
use libp2p::{
    PeerId,
    swarm::{
        ConnectionHandler, ConnectionHandlerEvent, Stream, SubstreamProtocol,
        handler::{
            ConnectionEvent, DialUpgradeError, FullyNegotiatedInbound, FullyNegotiatedOutbound,
            InboundUpgradeSend, UpgradeInfoSend,
        },
    },
};

use super::{
    ExchangeId, LinkHandle, LinkLoss, Misbehaviour,
    allowance::Allowance,
    directs::Expected,
    exchange::{Exchange, ExchangeEvent, Opener, QUEUE_BYTES},
    gate::{Epoch, LinkId},
    gossip::{Inner, InnerIn, InnerInbound, InnerInboundStream, InnerOut},
    link::{Link, LinkEvent, NewLink},
    outbox::Outbox,
    upgrade::{Asked, Inbound, Kind, Opened, Outbound, Permit, accept, refuse},
};
use crate::direct;

/// Inbound sub-streams that may be between their first byte and our answer, and exchanges of the
/// other side that may run, at the same time. A member opens few at once, a stranger needs none.
pub(super) const MAX_INBOUND: usize = 8;

/// Outbound streams of links that may be opening at the same time: well under what the other side
/// accepts, so that members of many common groups do not refuse one another.
const MAX_OPENING: usize = 4;

/// Exchanges accepted within `EXCHANGE_WINDOW`: many common groups may be admitted at once, a flood
/// is answered with refusals.
const EXCHANGES: u32 = 64;
const EXCHANGE_WINDOW: Duration = Duration::from_secs(10);

/// How long opening a stream may take, and answering one.
const OPENING_TIMEOUT: Duration = Duration::from_secs(10);

/// An inner handler whose stream broke while its queue was empty registers no waker; looking after
/// it this often bounds how long a message waits for that.
const LOOK_AFTER: Duration = Duration::from_secs(5);

/// From the behaviour. Small, because the swarm queues few of them; frames go through an outbox.
pub enum Command {
    Open(Box<NewLink>),
    Refresh {
        link: LinkId,
        epoch: Epoch,
        inner: Box<Inner>,
    },
    Close {
        link: LinkId,
    },
    Inner {
        link: LinkId,
        epoch: Epoch,
        event: InnerIn,
    },
    Exchange {
        id: ExchangeId,
        outbox: Outbox,
    },
    /// Open the stream of a direct connection.
    Direct {
        id: direct::ConnectionId,
        handle: LinkHandle,
    },
}

/// To the behaviour.
pub enum Notice {
    Inner {
        link: LinkId,
        epoch: Epoch,
        event: InnerOut,
    },
    Ready {
        link: LinkId,
    },
    Worn {
        link: LinkId,
        to: Epoch,
    },
    Lost {
        link: LinkId,
        loss: LinkLoss,
    },
    Frame {
        link: LinkId,
        frame: Vec<u8>,
    },
    Drained {
        link: LinkId,
    },
    ExchangeOpened {
        id: ExchangeId,
        outbox: Outbox,
    },
    ExchangeFrame {
        id: ExchangeId,
        frame: Vec<u8>,
    },
    ExchangeEnded {
        id: ExchangeId,
    },
    /// The stream of a direct connection, opened or accepted; `None` when that failed.
    Direct {
        id: direct::ConnectionId,
        stream: Option<Stream>,
    },
    Misbehaved(Misbehaviour),
}

/// What an outbound stream was asked for.
#[derive(Clone, Copy, Debug)]
pub enum Purpose {
    Exchange(ExchangeId),
    Channel(LinkId),
    Gossip(LinkId, Epoch),
    Direct(direct::ConnectionId),
}

pub struct MuxHandler {
    peer: PeerId,
    expected: Expected,
    /// Direct connections whose stream is to be opened.
    directs: VecDeque<(direct::ConnectionId, LinkHandle)>,
    links: Vec<Link>,
    exchanges: Vec<Exchange>,
    /// Exchanges whose stream is to be opened.
    requested: VecDeque<ExchangeId>,
    exchange_allowance: Allowance,
    exchange_lifetime: Duration,
    ids: Arc<AtomicU64>,
    negotiating: Arc<AtomicUsize>,
    answers: FuturesUnordered<Pin<Box<dyn Future<Output = Answer> + Send>>>,
    opening: usize,
    notices: VecDeque<Notice>,
    /// Misbehaviour is reported once per connection and kind of it.
    reported: Vec<Misbehaviour>,
    turn: usize,
    look_after: Option<Delay>,
}

impl fmt::Debug for MuxHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MuxHandler")
            .field("links", &self.links.len())
            .field("exchanges", &self.exchanges.len())
            .finish_non_exhaustive()
    }
}

/// What became of an inbound stream.
enum Answer {
    Refused,
    Gossip(LinkId, Epoch, Option<InnerInboundStream>),
    Channel(LinkId, Option<Stream>),
    Direct(direct::ConnectionId, Option<Stream>),
}

impl MuxHandler {
    pub(super) fn new(
        ids: Arc<AtomicU64>,
        exchange_lifetime: Duration,
        peer: PeerId,
        expected: Expected,
    ) -> Self {
        Self {
            peer,
            expected,
            directs: VecDeque::new(),
            links: Vec::new(),
            exchanges: Vec::new(),
            requested: VecDeque::new(),
            exchange_allowance: Allowance::new(EXCHANGES, EXCHANGE_WINDOW),
            exchange_lifetime,
            ids,
            negotiating: Arc::default(),
            answers: FuturesUnordered::new(),
            opening: 0,
            notices: VecDeque::new(),
            reported: Vec::new(),
            turn: 0,
            look_after: None,
        }
    }

    fn link(&mut self, id: LinkId) -> Option<&mut Link> {
        self.links.iter_mut().find(|l| l.id == id)
    }

    fn asked(&mut self, asked: Asked) {
        let Asked {
            header,
            stream,
            permit,
        } = asked;
        let by_handle = self.links.iter_mut().find(|l| l.handle == header.handle);
        match (header.kind, by_handle) {
            (Some(Kind::Exchange), _) => self.exchange_asked(stream, permit),
            (Some(Kind::Gossip), Some(link)) => {
                let (id, epoch) = (link.id, header.epoch);
                match link.admit_gossip(epoch) {
                    Some(upgrade) => {
                        self.answer(Answer::Gossip(id, epoch, None), permit, async move {
                            Answer::Gossip(id, epoch, accept_gossip(stream, upgrade).await)
                        })
                    }
                    None => self.refuse(stream, permit),
                }
            }
            (Some(Kind::Channel), Some(link)) => {
                let id = link.id;
                if link.admit_channel() {
                    self.answer(Answer::Channel(id, None), permit, async move {
                        Answer::Channel(id, accept_plain(stream).await)
                    });
                } else {
                    self.refuse(stream, permit);
                }
            }
            (Some(Kind::Direct), _) => match self.expected.take(&self.peer, &header.handle) {
                Some(id) => self.answer(Answer::Direct(id, None), permit, async move {
                    Answer::Direct(id, accept_plain(stream).await)
                }),
                None => self.refuse(stream, permit),
            },
            (None, _) | (_, None) => self.refuse(stream, permit),
        }
    }

    fn exchange_asked(&mut self, stream: Stream, permit: Permit) {
        if !self.may_exchange() {
            self.refuse(stream, permit);
            return;
        }
        let id = ExchangeId(self.ids.fetch_add(1, Ordering::Relaxed));
        let outbox = Outbox::new(QUEUE_BYTES);
        let exchange = Exchange::theirs(id, outbox.clone(), self.exchange_lifetime, stream);
        self.exchanges.push(exchange);
        self.notices
            .push_back(Notice::ExchangeOpened { id, outbox });
    }

    fn may_exchange(&mut self) -> bool {
        let running = self
            .exchanges
            .iter()
            .filter(|e| e.opener == Opener::Them)
            .count();
        running < MAX_INBOUND && self.exchange_allowance.take()
    }

    fn refuse(&mut self, stream: Stream, permit: Permit) {
        self.answer(Answer::Refused, permit, async move {
            // Whether the other side hears it is its own affair.
            let _ = refuse(stream).await;
            Answer::Refused
        });
    }

    /// Runs the answer to an inbound stream; `late` is what it comes to when the other side does not
    /// take it in time.
    fn answer(
        &mut self,
        late: Answer,
        permit: Permit,
        answer: impl Future<Output = Answer> + Send + 'static,
    ) {
        self.answers.push(Box::pin(async move {
            let _permit = permit;
            match select(Box::pin(answer), Delay::new(OPENING_TIMEOUT)).await {
                Either::Left((answer, _)) => answer,
                Either::Right(_) => late,
            }
        }));
    }

    fn answered(&mut self, answer: Answer) {
        match answer {
            Answer::Refused => {}
            Answer::Gossip(link, epoch, stream) => {
                if let (Some(link), Some(stream)) = (self.link(link), stream) {
                    link.gossip_accepted(epoch, stream);
                }
            }
            Answer::Channel(link, stream) => {
                if let Some(link) = self.link(link) {
                    link.channel_accepted(stream);
                }
            }
            Answer::Direct(id, stream) => self.notices.push_back(Notice::Direct { id, stream }),
        }
    }

    fn opened(&mut self, stream: Opened, purpose: Purpose) {
        self.settled(purpose);
        match (stream, purpose) {
            (Opened::Exchange(stream), Purpose::Exchange(id)) => {
                if let Some(exchange) = self.exchanges.iter_mut().find(|e| e.id == id) {
                    exchange.opened(stream);
                }
            }
            (Opened::Channel(stream), Purpose::Channel(link)) => {
                if let Some(link) = self.link(link) {
                    link.channel_opened(stream);
                }
            }
            (Opened::Gossip(stream), Purpose::Gossip(link, epoch)) => {
                if let Some(link) = self.link(link) {
                    link.gossip_opened(epoch, stream);
                }
            }
            (Opened::Direct(stream), Purpose::Direct(id)) => {
                let stream = Some(stream);
                self.notices.push_back(Notice::Direct { id, stream });
            }
            // A stream is upgraded for the purpose it was requested with.
            _ => {}
        }
    }

    fn open_failed(&mut self, purpose: Purpose) {
        self.settled(purpose);
        match purpose {
            Purpose::Exchange(id) => {
                let running = self.exchanges.len();
                self.exchanges.retain(|e| e.id != id);
                if self.exchanges.len() < running {
                    self.notices.push_back(Notice::ExchangeEnded { id });
                }
            }
            Purpose::Channel(link) => {
                if let Some(link) = self.link(link) {
                    link.open_failed(Kind::Channel, 0);
                }
            }
            Purpose::Gossip(link, epoch) => {
                if let Some(link) = self.link(link) {
                    link.open_failed(Kind::Gossip, epoch);
                }
            }
            Purpose::Direct(id) => self.notices.push_back(Notice::Direct { id, stream: None }),
        }
    }

    fn settled(&mut self, purpose: Purpose) {
        match purpose {
            Purpose::Exchange(_) => {}
            Purpose::Channel(_) | Purpose::Gossip(..) | Purpose::Direct(_) => self.opening -= 1,
        }
    }

    fn next_request(&mut self) -> Option<(Outbound, Purpose)> {
        if let Some(id) = self.requested.pop_front() {
            return Some((Outbound::Exchange, Purpose::Exchange(id)));
        }
        if self.opening >= MAX_OPENING {
            return None;
        }
        if let Some((id, handle)) = self.directs.pop_front() {
            self.opening += 1;
            return Some((Outbound::Direct(handle), Purpose::Direct(id)));
        }
        let request = self.links.iter_mut().find_map(|link| {
            let outbound = link.next_request()?;
            let purpose = match outbound {
                Outbound::Gossip(_, epoch, _) => Purpose::Gossip(link.id, epoch),
                Outbound::Channel(_) | Outbound::Exchange | Outbound::Direct(_) => {
                    Purpose::Channel(link.id)
                }
            };
            Some((outbound, purpose))
        })?;
        self.opening += 1;
        Some(request)
    }

    fn poll_exchanges(&mut self, cx: &mut Context<'_>) -> Poll<Notice> {
        let count = self.exchanges.len();
        for i in 0..count {
            let i = (self.turn + i) % count;
            let id = self.exchanges[i].id;
            let Poll::Ready(event) = self.exchanges[i].poll(cx) else {
                continue;
            };
            self.turn = self.turn.wrapping_add(1);
            if !matches!(event, ExchangeEvent::Frame(_)) {
                self.exchanges.remove(i);
            }
            return Poll::Ready(match event {
                ExchangeEvent::Frame(frame) => Notice::ExchangeFrame { id, frame },
                // Ended by us: the behaviour knows, and drops this.
                ExchangeEvent::Ended | ExchangeEvent::Over => Notice::ExchangeEnded { id },
                ExchangeEvent::Misbehaved(what) => {
                    self.misbehaved(what);
                    Notice::ExchangeEnded { id }
                }
            });
        }
        Poll::Pending
    }

    fn poll_links(&mut self, cx: &mut Context<'_>) -> Poll<Notice> {
        let count = self.links.len();
        for i in 0..count {
            let i = (self.turn + i) % count;
            let (link, epoch) = (self.links[i].id, self.links[i].epoch);
            let Poll::Ready(event) = self.links[i].poll(cx) else {
                continue;
            };
            self.turn = self.turn.wrapping_add(1);
            return Poll::Ready(match event {
                LinkEvent::Inner(event) => Notice::Inner { link, epoch, event },
                LinkEvent::Ready => Notice::Ready { link },
                LinkEvent::Worn(to) => Notice::Worn { link, to },
                LinkEvent::Frame(frame) => Notice::Frame { link, frame },
                LinkEvent::Drained => Notice::Drained { link },
                LinkEvent::Lost(loss, what) => {
                    self.links.remove(i);
                    if let Some(what) = what {
                        self.misbehaved(what);
                    }
                    Notice::Lost { link, loss }
                }
            });
        }
        Poll::Pending
    }

    fn misbehaved(&mut self, what: Misbehaviour) {
        if !self.reported.contains(&what) {
            self.reported.push(what);
            self.notices.push_back(Notice::Misbehaved(what));
        }
    }

    fn poll_look_after(&mut self, cx: &mut Context<'_>) {
        if self.links.is_empty() {
            self.look_after = None;
            return;
        }
        let timer = self
            .look_after
            .get_or_insert_with(|| Delay::new(LOOK_AFTER));
        while Pin::new(&mut *timer).poll(cx).is_ready() {
            timer.reset(LOOK_AFTER);
        }
    }
}

async fn accept_gossip(mut stream: Stream, upgrade: InnerInbound) -> Option<InnerInboundStream> {
    // A disabled inner handler has no protocol to offer.
    let info = UpgradeInfoSend::protocol_info(&upgrade).next()?;
    accept(&mut stream).await.ok()?;
    InboundUpgradeSend::upgrade_inbound(upgrade, stream, info)
        .await
        .ok()
}

async fn accept_plain(mut stream: Stream) -> Option<Stream> {
    accept(&mut stream).await.ok()?;
    Some(stream)
}

impl ConnectionHandler for MuxHandler {
    type FromBehaviour = Command;
    type ToBehaviour = Notice;
    type InboundProtocol = Inbound;
    type OutboundProtocol = Outbound;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = Purpose;

    fn listen_protocol(&self) -> SubstreamProtocol<Inbound> {
        let upgrade = Inbound {
            negotiating: self.negotiating.clone(),
            limit: MAX_INBOUND,
        };
        SubstreamProtocol::new(upgrade, ()).with_timeout(OPENING_TIMEOUT)
    }

    fn connection_keep_alive(&self) -> bool {
        !self.links.is_empty() || !self.exchanges.is_empty() || !self.directs.is_empty()
    }

    fn on_behaviour_event(&mut self, command: Command) {
        match command {
            Command::Open(new) => self.links.push(Link::new(*new)),
            Command::Refresh { link, epoch, inner } => {
                if let Some(link) = self.link(link) {
                    link.refresh(epoch, *inner);
                }
            }
            Command::Close { link } => self.links.retain(|l| l.id != link),
            Command::Inner { link, epoch, event } => {
                if let Some(link) = self.link(link).filter(|l| l.epoch == epoch) {
                    link.inner_command(event);
                }
            }
            Command::Exchange { id, outbox } => {
                let exchange = Exchange::ours(id, outbox, self.exchange_lifetime);
                self.exchanges.push(exchange);
                self.requested.push_back(id);
            }
            Command::Direct { id, handle } => self.directs.push_back((id, handle)),
        }
    }

    fn on_connection_event(&mut self, event: ConnectionEvent<'_, Inbound, Outbound, (), Purpose>) {
        match event {
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound {
                protocol: asked,
                ..
            }) => self.asked(asked),
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound {
                protocol,
                info,
            }) => self.opened(protocol, info),
            ConnectionEvent::DialUpgradeError(DialUpgradeError { info, .. }) => {
                self.open_failed(info);
            }
            // A stream that failed before it had a header has been refused already.
            ConnectionEvent::ListenUpgradeError(_) => {}
            _ => {}
        }
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<ConnectionHandlerEvent<Outbound, Purpose, Notice>> {
        while let Poll::Ready(Some(answer)) = self.answers.poll_next_unpin(cx) {
            self.answered(answer);
        }
        if let Some(notice) = self.notices.pop_front() {
            return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(notice));
        }
        self.poll_look_after(cx);
        if let Poll::Ready(notice) = self.poll_exchanges(cx) {
            return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(notice));
        }
        let polled = self.poll_links(cx);
        if let Some((upgrade, purpose)) = self.next_request() {
            if let Poll::Ready(notice) = polled {
                self.notices.push_back(notice);
            }
            return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest {
                protocol: SubstreamProtocol::new(upgrade, purpose).with_timeout(OPENING_TIMEOUT),
            });
        }
        polled.map(ConnectionHandlerEvent::NotifyBehaviour)
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open(new) => f.debug_tuple("Open").field(&new.id).finish(),
            Self::Refresh { link, epoch, .. } => {
                f.debug_tuple("Refresh").field(link).field(epoch).finish()
            }
            Self::Close { link } => f.debug_tuple("Close").field(link).finish(),
            Self::Inner { link, epoch, event } => f
                .debug_tuple("Inner")
                .field(link)
                .field(epoch)
                .field(event)
                .finish(),
            Self::Exchange { id, .. } => f.debug_tuple("Exchange").field(id).finish(),
            Self::Direct { id, .. } => f.debug_tuple("Direct").field(id).finish(),
        }
    }
}

/// Without contents: what a group's members say stays out of the log.
impl fmt::Debug for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inner { link, epoch, .. } => {
                f.debug_tuple("Inner").field(link).field(epoch).finish()
            }
            Self::Ready { link } => f.debug_tuple("Ready").field(link).finish(),
            Self::Worn { link, to } => f.debug_tuple("Worn").field(link).field(to).finish(),
            Self::Lost { link, loss } => f.debug_tuple("Lost").field(link).field(loss).finish(),
            Self::Frame { link, frame } => f
                .debug_tuple("Frame")
                .field(link)
                .field(&frame.len())
                .finish(),
            Self::Drained { link } => f.debug_tuple("Drained").field(link).finish(),
            Self::ExchangeOpened { id, .. } => f.debug_tuple("ExchangeOpened").field(id).finish(),
            Self::ExchangeFrame { id, frame } => f
                .debug_tuple("ExchangeFrame")
                .field(id)
                .field(&frame.len())
                .finish(),
            Self::ExchangeEnded { id } => f.debug_tuple("ExchangeEnded").field(id).finish(),
            Self::Direct { id, .. } => f.debug_tuple("Direct").field(id).finish(),
            Self::Misbehaved(what) => f.debug_tuple("Misbehaved").field(what).finish(),
        }
    }
}
