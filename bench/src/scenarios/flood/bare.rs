//! The rivals: gossipsub alone, over the transport Peerage uses.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use futures::StreamExt;
use libp2p::{
    Multiaddr, PeerId, Swarm,
    gossipsub::{
        Behaviour, Config, ConfigBuilder, Event, IdentTopic, Message, MessageAcceptance,
        MessageAuthenticity, MessageId, ValidationMode,
    },
    identity::Keypair,
    multiaddr::Protocol,
    swarm::SwarmEvent,
};
use peerage_protocol::net::{
    group_net::{gossip_config, message_id},
    transport,
};
use rand::{SeedableRng, rngs::StdRng, seq::index};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
};

use super::{
    Outcome, Parameters, System,
    load::{self, Arrivals, Plan, Published},
    peerage::envelope_bytes,
};
use crate::{Result, scenarios::nodes, usage::Usage};

const TOPIC: &str = "r";

/// What a node is asked.
enum Command {
    Publish(Vec<u8>),
    /// How many neighbours are there?
    Count(oneshot::Sender<Neighbours>),
}

/// A node's neighbours.
#[derive(Default)]
struct Neighbours {
    /// Those that get every message unasked.
    mesh: usize,
    connections: u32,
}

/// What all nodes share.
struct Shared {
    system: System,
    topic: IdentTopic,
    payloads: Vec<Vec<u8>>,
    arrivals: Arrivals<u64>,
    /// Bodies that went through gossipsub: those received and those published here.
    bodies: Arc<AtomicU64>,
    failures: Mutex<Vec<String>>,
}

pub(super) async fn measure(system: System, parameters: &Parameters) -> Result<Outcome> {
    let message_bytes = envelope_bytes(parameters.payload)?;
    let plan = Plan::new(parameters, message_bytes);
    let shared = Arc::new(Shared {
        system,
        topic: IdentTopic::new(TOPIC),
        payloads: plan.payloads,
        arrivals: Arrivals::new(),
        bodies: Arc::default(),
        failures: Mutex::default(),
    });
    let before = Usage::now();
    let (nodes, mut tasks) = start(&shared, parameters).await?;
    let formed_ms = nodes::until_formed(parameters.form_timeout, Instant::now(), || {
        formed(system, &nodes, parameters)
    })
    .await?;
    let idle = load::rest(parameters).await;
    let rss_idle = before.used().rss_kib;

    let connections: u32 = count(&nodes).await.iter().map(|n| n.connections).sum();
    let bodies = shared.bodies.load(Ordering::Relaxed);
    let mut published = Vec::with_capacity(parameters.records);
    let used = load::apply(parameters, &shared.arrivals, |index, at| {
        // A node that is gone cannot publish; its record will be missing.
        let _ = nodes[plan.authors[index]].send(Command::Publish(shared.payloads[index].clone()));
        published.push(Published {
            record: index as u64,
            at,
        });
    })
    .await;
    let received = shared.bodies.load(Ordering::Relaxed) - bodies - parameters.records as u64;
    let per_node = 1.0 / parameters.nodes as f64;
    let outcome = Outcome {
        message_bytes,
        formed_ms,
        copies: received as f64 / (parameters.records * (parameters.nodes - 1)) as f64,
        connections: f64::from(connections) * per_node,
        rss_idle_kib: rss_idle * per_node,
        rss_end_kib: before.used().rss_kib * per_node,
        failures: std::mem::take(
            &mut shared
                .failures
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        ),
        ..load::evaluate(parameters, &published, &shared.arrivals, idle, used)
    };
    tasks.shutdown().await;
    Ok(outcome)
}

type Node = mpsc::UnboundedSender<Command>;

/// Starts all nodes; each dials a few random earlier ones.
async fn start(shared: &Arc<Shared>, parameters: &Parameters) -> Result<(Vec<Node>, JoinSet<()>)> {
    let mut rng = StdRng::seed_from_u64(parameters.seed);
    let mut swarms: Vec<(Swarm<Behaviour>, Multiaddr)> = Vec::with_capacity(parameters.nodes);
    for _ in 0..parameters.nodes {
        swarms.push(listening(shared).await?);
    }
    let addresses: Vec<Multiaddr> = swarms.iter().map(|(_, address)| address.clone()).collect();
    let (mut nodes, mut tasks) = (Vec::new(), JoinSet::new());
    for (node, (mut swarm, _)) in swarms.into_iter().enumerate() {
        for earlier in index::sample(&mut rng, node, parameters.dials.min(node)) {
            swarm.dial(addresses[earlier].clone())?;
        }
        let (commands, asked) = mpsc::unbounded_channel();
        nodes.push(commands);
        tasks.spawn(drive(node, swarm, asked, Arc::clone(shared)));
    }
    Ok((nodes, tasks))
}

async fn listening(shared: &Shared) -> Result<(Swarm<Behaviour>, Multiaddr)> {
    let key = Keypair::generate_ed25519();
    let peer = PeerId::from_public_key(&key.public());
    let transport = transport::quic(&key, transport::QuicSettings::default());
    let authenticity = match shared.system {
        System::Bare | System::Peerage => MessageAuthenticity::Anonymous,
        System::Signed | System::Stock => MessageAuthenticity::Signed(key),
    };
    let mut behaviour = Behaviour::new(authenticity, config(shared.system, &shared.bodies)?)?;
    behaviour.subscribe(&shared.topic)?;
    let mut swarm = Swarm::new(transport, behaviour, peer, transport::swarm_config());
    swarm.listen_on("/ip4/127.0.0.1/udp/0/quic-v1".parse()?)?;
    loop {
        if let SwarmEvent::NewListenAddr { address, .. } = swarm.select_next_some().await {
            return Ok((swarm, address.with(Protocol::P2p(peer))));
        }
    }
}

/// The settings of a rival. Its ids are counted where they are made, once per body that comes in.
fn config(system: System, bodies: &Arc<AtomicU64>) -> Result<Config> {
    let mut builder = match system {
        System::Peerage | System::Bare | System::Signed => ConfigBuilder::from(gossip_config()),
        System::Stock => ConfigBuilder::default(),
    };
    let bodies = Arc::clone(bodies);
    let id = match system {
        System::Peerage | System::Bare => |message: &Message| message_id(&message.data),
        System::Signed | System::Stock => author_and_number,
    };
    builder.message_id_fn(move |message| {
        bodies.fetch_add(1, Ordering::Relaxed);
        id(message)
    });
    if system == System::Signed {
        builder.validation_mode(ValidationMode::Strict);
    }
    Ok(builder.build()?)
}

/// gossipsub's own kind of id.
fn author_and_number(message: &Message) -> MessageId {
    let author = message.source.map(PeerId::to_base58);
    let number = message.sequence_number.unwrap_or_default();
    MessageId::from(format!("{}{number}", author.unwrap_or_default()))
}

async fn drive(
    node: usize,
    mut swarm: Swarm<Behaviour>,
    mut commands: mpsc::UnboundedReceiver<Command>,
    shared: Arc<Shared>,
) {
    loop {
        tokio::select! {
            command = commands.recv() => match command {
                None => return,
                Some(Command::Publish(message)) => {
                    if let Err(error) = swarm.behaviour_mut().publish(shared.topic.clone(), message) {
                        shared
                            .failures
                            .lock()
                            .unwrap_or_else(PoisonError::into_inner)
                            .push(format!("node {node} could not publish: {error}"));
                    }
                }
                Some(Command::Count(reply)) => {
                    let _ = reply.send(Neighbours {
                        mesh: swarm.behaviour().all_mesh_peers().count(),
                        connections: swarm.network_info().connection_counters().num_established(),
                    });
                }
            },
            event = swarm.select_next_some() => {
                if let SwarmEvent::Behaviour(Event::Message { propagation_source, message_id, message }) = event {
                    heard(&shared, node, &message.data);
                    if shared.system != System::Stock {
                        swarm.behaviour_mut().report_message_validation_result(
                            &message_id,
                            &propagation_source,
                            MessageAcceptance::Accept,
                        );
                    }
                }
            }
        }
    }
}

/// Notes a message that came through unharmed.
fn heard(shared: &Shared, node: usize, data: &[u8]) {
    let index = data
        .first_chunk()
        .map(|bytes| u64::from_be_bytes(*bytes))
        .unwrap_or(u64::MAX);
    let sent = usize::try_from(index)
        .ok()
        .and_then(|index| shared.payloads.get(index));
    if sent.is_some_and(|sent| sent == data) {
        shared.arrivals.note(node, index);
    }
}

/// The neighbours of every node; a node that is gone has none.
async fn count(nodes: &[Node]) -> Vec<Neighbours> {
    let mut counts = Vec::with_capacity(nodes.len());
    for commands in nodes {
        let (reply, count) = oneshot::channel();
        let _ = commands.send(Command::Count(reply));
        counts.push(count.await.unwrap_or_default());
    }
    counts
}

async fn formed(system: System, nodes: &[Node], parameters: &Parameters) -> Result<(), String> {
    let wanted = parameters.neighbours.min(parameters.nodes - 1) as u32;
    // A mesh that gossipsub itself finds thick enough.
    let mesh = config(system, &Arc::default())
        .map_err(|error| error.to_string())?
        .mesh_n_low()
        .min(parameters.nodes - 1);
    let lacking = count(nodes)
        .await
        .iter()
        .filter(|neighbours| neighbours.connections < wanted || neighbours.mesh < mesh)
        .count();
    if lacking == 0 {
        Ok(())
    } else {
        Err(format!(
            "{lacking} nodes have fewer than {wanted} connections, or {mesh} neighbours in their mesh"
        ))
    }
}
