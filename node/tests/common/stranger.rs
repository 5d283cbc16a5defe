//! A stranger with everything stock libp2p offers to look around with.

use std::collections::{BTreeMap, BTreeSet};

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, StreamExt};
use libp2p::{
    StreamProtocol, Swarm,
    gossipsub::{self, IdentTopic, MessageAuthenticity},
    identify, identity,
    kad::{self, Quorum},
    ping,
    request_response::{self, ProtocolSupport},
    swarm::{NetworkBehaviour, SwarmEvent, dial_opts::DialOpts},
};
use peerage_protocol::{
    cloud::Cloud,
    net::{
        direct,
        group_net::PROTOCOL,
        kad::{config, record_key},
        knock, transport,
    },
};
use peerage_records::id::GroupId;
use tokio::time::timeout;

use super::{attacker::Victim, nodes::DEADLINE};

/// What a stranger has found out about a node.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    protocols: BTreeSet<String>,
    agent: String,
    version: String,
    /// Whether it speaks gossip with the stranger.
    gossip: bool,
    answers_ping: bool,
    /// What came of each knock, by its length.
    knocks: BTreeMap<usize, bool>,
    /// What came of each first bytes on the groups' protocol.
    mux: Vec<Vec<u8>>,
    /// Whether the node took what was put under a group's key, and whether it is found there.
    put: bool,
    found: bool,
}

/// The protocols of every node.
fn static_protocols() -> BTreeSet<String> {
    [
        PROTOCOL.to_string(),
        direct::PROTOCOL.to_string(),
        knock::PROTOCOL.to_string(),
        Cloud::global().kad_protocol(),
        "/ipfs/id/1.0.0".into(),
        "/ipfs/id/push/1.0.0".into(),
        "/ipfs/ping/1.0.0".into(),
    ]
    .into()
}

/// All that any node shows: it serves the cloud, every knock gets the same nothing, and an exchange
/// may begin. Everything else is refused, and what is no announcement is not stored.
pub(crate) fn nothing() -> Seen {
    let refused = || vec![0];
    Seen {
        protocols: static_protocols(),
        agent: concat!("peerage/", env!("CARGO_PKG_VERSION")).into(),
        version: "/peerage/1".into(),
        gossip: false,
        answers_ping: true,
        knocks: [(0, true), (20, true), (66, true), (96, true), (97, true)].into(),
        mux: [vec![vec![1]], vec![refused(); 6]].concat(),
        put: false,
        found: false,
    }
}

#[derive(NetworkBehaviour)]
#[behaviour(prelude = "libp2p::swarm::derive_prelude")]
struct Stranger {
    gossip: gossipsub::Behaviour,
    kad: kad::Behaviour<kad::store::MemoryStore>,
    identify: identify::Behaviour,
    ping: ping::Behaviour,
    knocks: knock::Behaviour,
    mux: request_response::Behaviour<First>,
}

fn stranger(topics: &[String]) -> Swarm<Stranger> {
    let key = identity::Keypair::generate_ed25519();
    let peer = key.public().to_peer_id();
    let signed = MessageAuthenticity::Signed(key.clone());
    let mut gossip = gossipsub::Behaviour::new(signed, gossipsub::Config::default()).unwrap();
    for topic in topics {
        gossip.subscribe(&IdentTopic::new(topic)).unwrap();
    }
    let store = kad::store::MemoryStore::new(peer);
    let identify = identify::Config::new("/stranger/1".into(), key.public());
    let behaviour = Stranger {
        gossip,
        kad: kad::Behaviour::with_config(peer, store, config(&Cloud::global())),
        identify: identify::Behaviour::new(identify),
        ping: ping::Behaviour::default(),
        knocks: knock::behaviour(),
        mux: request_response::Behaviour::new(
            [(PROTOCOL, ProtocolSupport::Full)],
            request_response::Config::default(),
        ),
    };
    let transport = transport::quic(&key, transport::QuicSettings::default());
    Swarm::new(transport, behaviour, peer, transport::swarm_config())
}

/// Connects to a node and tries everything. `key` is where a group announces itself and `name` its
/// name, in case that helps.
pub(crate) async fn look_around(victim: &Victim, key: [u8; 32], name: &str) -> Seen {
    let group = GroupId::of_name(name);
    let topics = [name.to_owned(), group.to_string(), "r".to_owned()];
    let mut swarm = stranger(&topics);
    let dial = DialOpts::peer_id(victim.peer)
        .addresses(vec![victim.address.clone()])
        .build();
    swarm.dial(dial).unwrap();
    let mut looking = Looking::new(victim.clone(), key);
    let all = async {
        while !looking.is_over() {
            let event = swarm.select_next_some().await;
            looking.on_event(&mut swarm, event);
        }
    };
    if timeout(DEADLINE, all).await.is_err() {
        panic!("not all seen in time: {looking:?}");
    }
    // Nobody is there to gossip with, so nothing can be said either.
    let gossip = &mut swarm.behaviour_mut().gossip;
    assert!(gossip.all_peers().all(|(_, topics)| topics.is_empty()));
    for topic in topics {
        assert!(gossip.publish(IdentTopic::new(topic), "let me in").is_err());
    }
    looking.into_seen()
}

#[derive(Debug)]
struct Looking {
    victim: Victim,
    key: [u8; 32],
    info: Option<identify::Info>,
    gossip: Option<bool>,
    answers_ping: bool,
    knocks: BTreeMap<usize, bool>,
    asked: BTreeMap<request_response::OutboundRequestId, usize>,
    mux: BTreeMap<usize, Vec<u8>>,
    opened: BTreeMap<request_response::OutboundRequestId, usize>,
    put: Option<bool>,
    found: Option<bool>,
}

impl Looking {
    fn new(victim: Victim, key: [u8; 32]) -> Self {
        Self {
            victim,
            key,
            info: None,
            gossip: None,
            answers_ping: false,
            knocks: BTreeMap::new(),
            asked: BTreeMap::new(),
            mux: BTreeMap::new(),
            opened: BTreeMap::new(),
            put: None,
            found: None,
        }
    }

    fn is_over(&self) -> bool {
        self.info.is_some()
            && self.gossip.is_some()
            && self.answers_ping
            && self.knocks.len() == knocks().len()
            && self.mux.len() == first_bytes().len()
            && self.found.is_some()
    }

    fn into_seen(self) -> Seen {
        let info = self.info.unwrap();
        let protocols = info.protocols.iter().map(StreamProtocol::to_string);
        Seen {
            protocols: protocols.collect(),
            agent: info.agent_version,
            version: info.protocol_version,
            gossip: self.gossip.unwrap(),
            answers_ping: self.answers_ping,
            knocks: self.knocks,
            mux: self.mux.into_values().collect(),
            put: self.put.unwrap(),
            found: self.found.unwrap(),
        }
    }

    fn on_event(&mut self, swarm: &mut Swarm<Stranger>, event: SwarmEvent<StrangerEvent>) {
        let victim = self.victim.clone();
        let behaviour = swarm.behaviour_mut();
        match event {
            SwarmEvent::ConnectionEstablished { .. } => {
                for bytes in knocks() {
                    let length = bytes.len();
                    let asked = behaviour.knocks.send_request(&victim.peer, bytes);
                    self.asked.insert(asked, length);
                }
                for (number, bytes) in first_bytes().into_iter().enumerate() {
                    let opened = behaviour.mux.send_request(&victim.peer, bytes);
                    self.opened.insert(opened, number);
                }
                behaviour.kad.add_address(&victim.peer, victim.address);
                let record = kad::Record::new(record_key(self.key), b"let me in".to_vec());
                let to = [victim.peer].into_iter();
                behaviour.kad.put_record_to(record, to, Quorum::One);
            }
            SwarmEvent::Behaviour(StrangerEvent::Identify(identify::Event::Received {
                info,
                ..
            })) => self.info = Some(info),
            SwarmEvent::Behaviour(StrangerEvent::Ping(ping)) => {
                self.answers_ping |= ping.result.is_ok();
            }
            SwarmEvent::Behaviour(StrangerEvent::Gossip(event)) => {
                let refused = matches!(event, gossipsub::Event::GossipsubNotSupported { .. });
                self.gossip = Some(self.gossip.unwrap_or_default() || !refused);
            }
            SwarmEvent::Behaviour(StrangerEvent::Knocks(event)) => self.on_knock(event),
            SwarmEvent::Behaviour(StrangerEvent::Mux(event)) => self.on_mux(event),
            SwarmEvent::Behaviour(StrangerEvent::Kad(event)) => self.on_kad(behaviour, event),
            _ => {}
        }
    }

    fn on_knock(&mut self, event: request_response::Event<Vec<u8>, ()>) {
        match event {
            request_response::Event::Message {
                message: request_response::Message::Response { request_id, .. },
                ..
            } => {
                self.knocks.insert(self.asked[&request_id], true);
            }
            request_response::Event::OutboundFailure { request_id, .. } => {
                self.knocks.insert(self.asked[&request_id], false);
            }
            event => panic!("a node knocks at a stranger: {event:?}"),
        }
    }

    fn on_mux(&mut self, event: request_response::Event<Vec<u8>, Vec<u8>>) {
        match event {
            request_response::Event::Message {
                message:
                    request_response::Message::Response {
                        request_id,
                        response,
                    },
                ..
            } => {
                self.mux.insert(self.opened[&request_id], response);
            }
            request_response::Event::OutboundFailure { request_id, .. } => {
                self.mux.insert(self.opened[&request_id], Vec::new());
            }
            event => panic!("a node opens a stream to a stranger: {event:?}"),
        }
    }

    fn on_kad(&mut self, behaviour: &mut Stranger, event: kad::Event) {
        let kad::Event::OutboundQueryProgressed { result, step, .. } = event else {
            return;
        };
        match result {
            kad::QueryResult::PutRecord(result) => {
                self.put = Some(result.is_ok());
                behaviour.kad.remove_record(&record_key(self.key));
                behaviour.kad.get_record(record_key(self.key));
            }
            kad::QueryResult::GetRecord(Ok(kad::GetRecordOk::FoundRecord(found))) => {
                let ours = found.record.value == b"let me in";
                self.found = Some(self.found.unwrap_or_default() || ours);
            }
            kad::QueryResult::GetRecord(_) if step.last => {
                self.found.get_or_insert(false);
            }
            _ => {}
        }
    }
}

fn knocks() -> Vec<Vec<u8>> {
    vec![
        Vec::new(),
        vec![7; 20],
        vec![0; 66],
        vec![1; 96],
        vec![1; 97],
    ]
}

/// Beginnings of sub-streams: kind, handle, epoch; the kinds are exchange, gossip, channel, none.
fn first_bytes() -> Vec<Vec<u8>> {
    let header = |kind: u8| {
        let mut bytes = vec![kind];
        bytes.extend_from_slice(&[42; 32]);
        bytes.extend_from_slice(&[0; 4]);
        bytes
    };
    vec![
        header(1),
        header(2),
        header(3),
        header(9),
        [header(2), vec![5, 4, 3, 2, 1]].concat(),
        vec![2; 10],
        vec![0xff; 500],
    ]
}

/// Sends first bytes on the groups' protocol and takes all that comes back.
#[derive(Clone, Default)]
struct First;

impl request_response::Codec for First {
    type Protocol = StreamProtocol;
    type Request = Vec<u8>;
    type Response = Vec<u8>;

    async fn read_request<T: AsyncRead + Unpin + Send>(
        &mut self,
        _: &StreamProtocol,
        _: &mut T,
    ) -> std::io::Result<Vec<u8>> {
        Ok(Vec::new())
    }

    async fn read_response<T: AsyncRead + Unpin + Send>(
        &mut self,
        _: &StreamProtocol,
        stream: &mut T,
    ) -> std::io::Result<Vec<u8>> {
        let mut answer = Vec::new();
        stream.take(1_000).read_to_end(&mut answer).await?;
        Ok(answer)
    }

    async fn write_request<T: AsyncWrite + Unpin + Send>(
        &mut self,
        _: &StreamProtocol,
        stream: &mut T,
        bytes: Vec<u8>,
    ) -> std::io::Result<()> {
        stream.write_all(&bytes).await
    }

    async fn write_response<T: AsyncWrite + Unpin + Send>(
        &mut self,
        _: &StreamProtocol,
        _: &mut T,
        _: Vec<u8>,
    ) -> std::io::Result<()> {
        Ok(())
    }
}
