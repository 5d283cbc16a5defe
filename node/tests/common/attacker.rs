//! A peer of somebody who means no good: our own network half, spoken to by hand.
#![allow(dead_code, reason = "each test uses what it needs")]

use std::{
    rc::Rc,
    time::{Duration, Instant},
};

use libp2p::{Multiaddr, PeerId, identity::Keypair};
use peerage::{GroupHandle, InviteOptions, Node, clock::Clock};
use peerage_protocol::{
    admission::{self, Admitted, Chooser, Gate, Heard, Outcome, Presented, is_chooser},
    binding::NodeBinding,
    engine::{ExchangeNumber, Input, Output},
    identity::Identity,
    invitation::Accepted,
    net::{kad, translate::Network},
    roster::Roster,
    secret::DiscoverySecret,
    wire::link::LinkFrame,
};
use peerage_records::id::{GroupId, IdentityKey, ReplicaId};

use super::nodes::DEADLINE;

/// A complete node as its peers see it.
#[derive(Debug, Clone)]
pub(crate) struct Victim {
    pub(crate) peer: PeerId,
    pub(crate) address: Multiaddr,
}

impl Victim {
    pub(crate) async fn of(node: &Node) -> Self {
        let status = node.status().await.unwrap();
        Self {
            peer: status.peer_id.parse().unwrap(),
            address: status.listen[0].parse().unwrap(),
        }
    }
}

/// Which side of an exchange a peer is on; decided by the two peer ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// It speaks first.
    Chooser,
    /// It may only knock.
    Responder,
}

pub(crate) const SIDES: [Side; 2] = [Side::Chooser, Side::Responder];

/// A key whose peer is on this side before that victim.
pub(crate) fn key_on(side: Side, victim: &PeerId) -> Keypair {
    loop {
        let key = Keypair::generate_ed25519();
        let first = is_chooser(&key.public().to_peer_id(), victim);
        if first == (side == Side::Chooser) {
            return key;
        }
    }
}

/// What somebody holds who was a member, or pretends to be one.
#[derive(Clone)]
pub(crate) struct Papers {
    pub(crate) identity: Identity,
    pub(crate) group: GroupId,
    pub(crate) secret: DiscoverySecret,
    /// The chain that is shown, encoded.
    pub(crate) chain: Vec<u8>,
    /// It judges by what is shown alone.
    pub(crate) roster: Rc<Roster>,
}

impl Papers {
    pub(crate) fn identity(clock: &Clock) -> Identity {
        Identity::generate("", None, clock.timestamp(), &mut rand::rng()).unwrap()
    }

    /// Papers of a member, for somebody the group knows nothing of but their invitation.
    pub(crate) async fn issued(from: &GroupHandle, clock: &Clock, options: InviteOptions) -> Self {
        let identity = Self::identity(clock);
        let invitation = from.invite(&identity.card(), options).await.unwrap();
        let accepted = invitation.accept(&identity, clock.timestamp()).unwrap();
        Self::of(identity, &accepted)
    }

    pub(crate) fn of(identity: Identity, accepted: &Accepted) -> Self {
        Self {
            identity,
            group: accepted.gmc.group(),
            secret: accepted.secret.clone(),
            chain: accepted.gmc.chain().encode().to_vec(),
            roster: Rc::new(Roster::new(accepted.gmc.group(), accepted.gmc.root().key())),
        }
    }

    pub(crate) fn gate(&self) -> Gate<'_> {
        Gate {
            group: &self.group,
            secret: &self.secret,
            roster: &self.roster,
        }
    }

    /// A binding of our identity to a peer, made now by this clock.
    pub(crate) fn binding(&self, peer: PeerId, clock: &Clock) -> NodeBinding {
        NodeBinding::create(&self.identity, peer, clock.timestamp(), [7; 16])
    }

    /// What is shown when all is as it should be, as far as these papers go.
    pub(crate) fn present(&self, peer: PeerId, clock: &Clock) -> Presented {
        self.present_with(&self.binding(peer, clock))
    }

    pub(crate) fn present_with(&self, binding: &NodeBinding) -> Presented {
        Presented {
            binding: binding.encode().to_vec().into(),
            chain: self.chain.clone().into(),
            addresses: Vec::new(),
            neighbours: 0,
        }
    }
}

/// What a victim did about a frame.
#[derive(Debug)]
pub(crate) enum Answer {
    /// It ended the exchange without a byte.
    Ended(Duration),
    /// It said something.
    Said(ExchangeNumber, Vec<u8>),
}

/// What showing papers led to.
#[derive(Debug)]
pub(crate) enum Shown {
    /// A link may be opened by this exchange.
    Admitted(ExchangeNumber, Box<Admitted>),
    /// Not a byte, after a while.
    Refused(Duration),
}

/// A connected attacker.
pub(crate) struct Attacker {
    pub(crate) network: Network,
    pub(crate) peer: PeerId,
    pub(crate) victim: Victim,
    pub(crate) side: Side,
    /// Exchanges the victim has begun by itself, with their first frames.
    pub(crate) begun: Vec<(ExchangeNumber, Vec<u8>)>,
    /// Frames of links.
    pub(crate) frames: Vec<Vec<u8>>,
}

impl Attacker {
    /// Connects to the victim as a new peer on this side of it.
    pub(crate) async fn connect(victim: &Victim, side: Side) -> Self {
        let clock = kad::Clock::new(Clock::system().timestamp());
        let network = Network::new(key_on(side, &victim.peer), clock);
        let mut attacker = Self {
            peer: network.peer(),
            network,
            victim: victim.clone(),
            side,
            begun: Vec::new(),
            frames: Vec::new(),
        };
        attacker.order(Output::Dial {
            peer: victim.peer,
            addresses: vec![victim.address.clone()],
        });
        let peer = victim.peer;
        attacker
            .until("a connection", |_, input| match input {
                Input::PeerConnected(connected) if connected == peer => Some(()),
                _ => None,
            })
            .await;
        attacker
    }

    pub(crate) fn order(&mut self, output: Output) {
        let _ = self.network.carry_out(output);
    }

    /// Takes what comes until it fits; notes what the victim says by itself.
    pub(crate) async fn until<T>(
        &mut self,
        what: &str,
        mut fits: impl FnMut(&mut Self, Input) -> Option<T>,
    ) -> T {
        let wait = async {
            loop {
                let input = self.network.next().await;
                if let Some(found) = fits(self, input) {
                    return found;
                }
            }
        };
        tokio::time::timeout(DEADLINE, wait)
            .await
            .unwrap_or_else(|_| panic!("not in time: {what}"))
    }

    /// Opens an exchange of our own.
    pub(crate) async fn exchange(&mut self) -> ExchangeNumber {
        let replica = ReplicaId::of(
            &IdentityKey::from_bytes([0; 32]),
            &GroupId::from_bytes([0; 32]),
        );
        self.order(Output::StartExchange {
            peer: self.victim.peer,
            replica,
        });
        self.until("an exchange", |_, input| match input {
            Input::ExchangeStarted { exchange, .. } => Some(exchange.unwrap()),
            _ => None,
        })
        .await
    }

    /// Sends a frame and waits for what comes of it.
    pub(crate) async fn say(&mut self, exchange: ExchangeNumber, frame: Vec<u8>) -> Answer {
        self.order(Output::SendExchange { exchange, frame });
        let began = Instant::now();
        self.until("an answer or an end", |attacker, input| match input {
            Input::ExchangeFrame {
                exchange: of,
                frame,
                ..
            } if of == exchange => Some(Answer::Said(of, frame)),
            Input::ExchangeEnded { exchange: of } if of == exchange => {
                Some(Answer::Ended(began.elapsed()))
            }
            other => {
                attacker.note(other);
                None
            }
        })
        .await
    }

    /// Opens an exchange and says this first.
    pub(crate) async fn hello(&mut self, frame: Vec<u8>) -> Answer {
        let exchange = self.exchange().await;
        self.say(exchange, frame).await
    }

    pub(crate) fn note(&mut self, input: Input) {
        match input {
            Input::ExchangeFrame {
                exchange, frame, ..
            } => self.begun.push((exchange, frame)),
            Input::Frame { frame, .. } => self.frames.push(frame),
            Input::Knocked { .. } => panic!("the victim knocks at an attacker"),
            _ => {}
        }
    }

    /// The Hello that these papers make.
    pub(crate) fn hello_frame(&self, papers: &Papers, presented: &Presented) -> (Chooser, Vec<u8>) {
        Chooser::start(
            papers.gate(),
            presented,
            &self.peer,
            &self.victim.peer,
            &mut rand::rng(),
        )
    }

    /// Goes through a whole exchange with these papers, on whichever side we are.
    pub(crate) async fn show(
        &mut self,
        papers: &Papers,
        presented: &Presented,
        clock: &Clock,
    ) -> Shown {
        match self.side {
            Side::Chooser => self.show_first(papers, presented, clock).await,
            Side::Responder => self.show_second(papers, presented, clock).await,
        }
    }

    async fn show_first(&mut self, papers: &Papers, shown: &Presented, clock: &Clock) -> Shown {
        let (chooser, frame) = self.hello_frame(papers, shown);
        match self.hello(frame).await {
            Answer::Ended(after) => Shown::Refused(after),
            Answer::Said(exchange, reply) => {
                let outcome =
                    chooser.on_reply(papers.gate(), &self.peer, &reply, clock.timestamp());
                let Ok(Outcome::Admitted(admitted, frame)) = outcome else {
                    panic!("an answer that admits nobody: {outcome:?}");
                };
                self.order(Output::SendExchange { exchange, frame });
                Shown::Admitted(exchange, Box::new(admitted))
            }
        }
    }

    async fn show_second(&mut self, papers: &Papers, shown: &Presented, clock: &Clock) -> Shown {
        let bytes = self.knock_bytes(papers);
        let (exchange, frame) = self.knock(bytes).await;
        let heard = Heard::hello(
            &frame,
            [papers.gate()].into_iter(),
            &self.peer,
            &self.victim.peer,
            clock.timestamp(),
            &mut rand::rng(),
        )
        .unwrap();
        let (responder, reply) = heard.accept(shown);
        match self.say(exchange, reply).await {
            Answer::Ended(after) => Shown::Refused(after),
            Answer::Said(exchange, confirm) => {
                let admitted = responder.on_confirm(&confirm).unwrap();
                Shown::Admitted(exchange, Box::new(admitted))
            }
        }
    }

    pub(crate) fn knock_bytes(&self, papers: &Papers) -> Vec<u8> {
        let rng = &mut rand::rng();
        admission::knock(papers.gate(), &self.peer, &self.victim.peer, rng)
    }

    /// Knocks and waits for the exchange that the victim begins.
    pub(crate) async fn knock(&mut self, bytes: Vec<u8>) -> (ExchangeNumber, Vec<u8>) {
        self.send_knock(bytes);
        if let Some(begun) = self.begun.pop() {
            return begun;
        }
        self.until("a Hello", |_, input| match input {
            Input::ExchangeFrame {
                exchange, frame, ..
            } => Some((exchange, frame)),
            _ => None,
        })
        .await
    }

    pub(crate) fn send_knock(&mut self, bytes: Vec<u8>) {
        self.order(Output::Knock {
            peer: self.victim.peer,
            bytes,
        });
    }

    /// Opens our end of the link an admission led to.
    pub(crate) fn open(&mut self, exchange: ExchangeNumber, admitted: &Admitted) {
        self.order(Output::InsertGroup(admitted.group));
        self.order(Output::OpenLink {
            group: admitted.group,
            peer: self.victim.peer,
            exchange,
            handle: admitted.handle,
        });
    }

    /// Sends a frame on a link and waits for the first frame that fits.
    pub(crate) async fn ask<T>(
        &mut self,
        group: GroupId,
        frame: &LinkFrame,
        fits: impl Fn(LinkFrame) -> Option<T>,
    ) -> T {
        self.order(Output::Send {
            group,
            peer: self.victim.peer,
            frame: frame.encode(),
        });
        self.until("an answer on the link", |_, input| match input {
            Input::Frame { frame, .. } => fits(LinkFrame::decode(&frame).unwrap()),
            Input::LinkLost { .. } => panic!("the link is lost"),
            _ => None,
        })
        .await
    }
}
