//! The stock gossipsub instance of one group, and its settings.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Wake, Waker},
    time::Duration,
};

use futures::task::AtomicWaker;
use libp2p::{
    gossipsub::{
        Behaviour, Config, ConfigBuilder, IdentTopic, IdentityTransform, Message,
        MessageAuthenticity, MessageId, ValidationMode, WhitelistSubscriptionFilter,
    },
    swarm::{ConnectionHandler, NetworkBehaviour, handler::OutboundUpgradeSend},
};
use peerage_records::id::GroupId;
use sha2::{Digest, Sha256};

/// The largest message: one record envelope.
pub const MAX_GOSSIP_BYTES: usize = 56 * 1024;

/// The frame limit must exceed the largest message by 16 KiB at least, because gossipsub holds it
/// against its whole read buffer, which may already contain 8 KiB of the next frame.
const MAX_TRANSMIT_BYTES: usize = 96 * 1024;

/// What is sent in one IHAVE or IWANT; times 22 bytes it stays far below what is accepted.
const MAX_CONTROL_IDS: usize = 512;

/// What is accepted of control messages in one frame.
const MAX_CONTROL_BYTES: usize = 256 * 1024;

/// Messages queued per neighbour; 256 × 56 KiB = 14 MiB at the very worst. What overflows is dropped
/// here and repaired by reconciliation.
const QUEUE_MESSAGES: usize = 256;

/// Every group's instance has this one topic. The group is named by the link, never by the topic.
const TOPIC: &str = "r";

/// Bytes of a message id: what 160 bits of SHA-256 need, small enough for hundreds per IHAVE.
const MESSAGE_ID_BYTES: usize = 20;

pub(super) type Gossip = Behaviour<IdentityTransform, WhitelistSubscriptionFilter>;
pub(super) type Inner = <Gossip as NetworkBehaviour>::ConnectionHandler;
pub(super) type InnerIn = <Inner as ConnectionHandler>::FromBehaviour;
pub(super) type InnerOut = <Inner as ConnectionHandler>::ToBehaviour;
pub(super) type InnerInbound = <Inner as ConnectionHandler>::InboundProtocol;
pub(super) type InnerOutbound = <Inner as ConnectionHandler>::OutboundProtocol;
pub(super) type InnerInboundStream =
    <InnerInbound as libp2p::swarm::handler::InboundUpgradeSend>::Output;
pub(super) type InnerOutboundStream = <InnerOutbound as OutboundUpgradeSend>::Output;

/// The settings of every group's gossip, public so that a comparison can run with the same ones.
///
/// Messages carry no author and no signature of their own: records are signed, the id is the hash of
/// the whole envelope, and the application validates before anything is passed on.
#[must_use]
pub fn gossip_config() -> Config {
    ConfigBuilder::default()
        .validation_mode(ValidationMode::Anonymous)
        .validate_messages()
        .message_id_fn(|message: &Message| message_id(&message.data))
        .flood_publish(false)
        // Lean: a node gets each body from all its mesh but the one it sends to first, so three or four
        // of them mean about two and a half copies. Never less than three: with two, a node that loses
        // one hears only by lazy gossip, half a heartbeat late. What a thin mesh loses, lazy gossip
        // and then reconciliation bring.
        .mesh_n(3)
        .mesh_n_low(3)
        .mesh_n_high(5)
        .mesh_outbound_min(1)
        .heartbeat_interval(Duration::from_millis(700))
        .heartbeat_initial_delay(Duration::from_millis(100))
        .history_length(6)
        .history_gossip(3)
        .gossip_factor(0.25)
        .duplicate_cache_time(Duration::from_secs(180))
        .max_transmit_size(MAX_TRANSMIT_BYTES)
        .max_control_messages_sent(MAX_CONTROL_IDS)
        .max_control_message_size(MAX_CONTROL_BYTES)
        .connection_handler_queue_len(QUEUE_MESSAGES)
        .idontwant_message_size_threshold(1024)
        .build()
        .expect("constants, and a test builds them")
}

/// The id of a message: the first 20 bytes of SHA-256 over all of it.
#[must_use]
pub fn message_id(bytes: &[u8]) -> MessageId {
    MessageId::new(&Sha256::digest(bytes)[..MESSAGE_ID_BYTES])
}

/// The same settings, counting every message that is given an id: each published here, and each copy
/// that comes in. gossipsub drops duplicates without a word, and only here does it show them to us.
pub(super) fn counting(config: Config, bodies: &Arc<AtomicU64>) -> Config {
    let (bodies, inner) = (Arc::clone(bodies), config.clone());
    ConfigBuilder::from(config)
        .message_id_fn(move |message| {
            bodies.fetch_add(1, Ordering::Relaxed);
            inner.message_id(message)
        })
        .build()
        .expect("settings that were valid stay so with another id function")
}

/// The topic of every instance.
pub(super) fn topic() -> IdentTopic {
    IdentTopic::new(TOPIC)
}

/// One group's instance with what is needed to poll it only when it has something to do.
pub(super) struct Instance {
    pub(super) gossip: Gossip,
    alarm: Arc<Alarm>,
}

impl Instance {
    pub(super) fn new(group: GroupId, config: Config, woken: &Arc<Woken>) -> Self {
        let filter = WhitelistSubscriptionFilter([topic().hash()].into());
        let mut gossip =
            Gossip::new_with_subscription_filter(MessageAuthenticity::Anonymous, config, filter)
                .expect("anonymous messages go with anonymous validation");
        gossip
            .subscribe(&topic())
            .expect("the filter lists this topic");
        let alarm = Arc::new(Alarm {
            group,
            rung: AtomicBool::new(false),
            woken: woken.clone(),
        });
        alarm.wake_by_ref();
        Self { gossip, alarm }
    }

    /// Mutable access, after which the instance is polled: it does not wake itself.
    pub(super) fn touch(&mut self) -> &mut Gossip {
        self.alarm.wake_by_ref();
        &mut self.gossip
    }

    /// The waker to poll the instance with; always the same, because queues keep the first they get.
    pub(super) fn waker(&self) -> Waker {
        self.alarm.rung.store(false, Ordering::Release);
        Waker::from(self.alarm.clone())
    }
}

/// The groups that want to be polled, in the order in which they asked.
pub(super) struct Woken {
    queue: std::sync::Mutex<std::collections::VecDeque<GroupId>>,
    pub(super) task: AtomicWaker,
}

impl Woken {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            queue: std::sync::Mutex::default(),
            task: AtomicWaker::new(),
        })
    }

    pub(super) fn next(&self) -> Option<GroupId> {
        self.queue().pop_front()
    }

    fn queue(&self) -> std::sync::MutexGuard<'_, std::collections::VecDeque<GroupId>> {
        self.queue
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Puts its group in the queue, once until the group is polled.
struct Alarm {
    group: GroupId,
    rung: AtomicBool,
    woken: Arc<Woken>,
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.rung.swap(true, Ordering::AcqRel) {
            self.woken.queue().push_back(self.group);
            self.woken.task.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settings_fit_together() {
        let config = gossip_config();

        assert!(config.max_transmit_size() >= MAX_GOSSIP_BYTES + 16 * 1024);
        let longest_control = config.max_control_messages_sent() * (MESSAGE_ID_BYTES + 4);
        assert!(longest_control < config.max_control_message_size());
        assert!(longest_control < config.max_transmit_size());
    }

    #[test]
    fn the_message_id_covers_all_bytes() {
        let id = message_id(b"abc");

        assert_eq!(id.0.len(), MESSAGE_ID_BYTES);
        assert_eq!(&id.0[..4], [0xba, 0x78, 0x16, 0xbf]);
        assert_ne!(id, message_id(b"abd"));
    }

    #[test]
    fn every_message_that_is_given_an_id_is_counted_and_keeps_its_id() {
        let bodies = Arc::default();
        let config = counting(gossip_config(), &bodies);
        let message = Message {
            source: None,
            data: b"abc".to_vec(),
            sequence_number: None,
            topic: topic().hash(),
        };

        assert_eq!(config.message_id(&message), message_id(b"abc"));
        assert_eq!(config.message_id(&message), message_id(b"abc"));
        assert_eq!(bodies.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn a_group_is_queued_once_until_it_is_polled() {
        let woken = Woken::new();
        let group = GroupId::from_bytes([1; 32]);
        let mut instance = Instance::new(group, gossip_config(), &woken);
        instance.touch();
        instance.touch();

        assert_eq!(woken.next(), Some(group));
        assert_eq!(woken.next(), None);
        instance.waker().wake();
        assert_eq!(woken.next(), Some(group));
    }
}
