//! Members find one another through real Kademlia nodes, over QUIC on loopback.
#![cfg(feature = "net")]
#![expect(clippy::unwrap_used, reason = "a step that fails fails the test")]

use std::{task::Poll, time::Duration};

use futures::StreamExt;
use libp2p::{
    Multiaddr, PeerId, Swarm, SwarmBuilder,
    kad::{self, GetRecordOk, PutRecordError, QueryId, QueryResult, Record, store::RecordStore},
    swarm::SwarmEvent,
};
use peerage_protocol::{
    cloud::Cloud,
    discovery::{
        Announcement, EntrySet, Lookup, Presence, Progress, PublishSchedule, Rendezvous, Sightings,
        Stamp,
    },
    net::kad::{self as peerage_kad, Behaviour, Clock},
    secret::DiscoverySecret,
};
use peerage_records::time::Timestamp;
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

const NODES: usize = 6;
const LIFETIME: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn a_member_finds_what_two_members_published() {
    let mut net = Net::start(NODES).await;
    let group = group(1);
    for publisher in [0, 1] {
        net.announce(publisher, &group).await.unwrap();
    }
    let sightings = net.look_up(5, &group).await;
    assert_eq!(peers(&sightings), sorted([net.peer(0), net.peer(1)]));
    let Presence::Online(addresses) = sightings.online[0].announcement.presence() else {
        panic!("online");
    };
    assert!(!addresses.is_empty());
}

#[tokio::test]
async fn other_groups_find_nothing() {
    let mut net = Net::start(NODES).await;
    net.announce(0, &group(1)).await.unwrap();
    assert_eq!(net.look_up(5, &group(2)).await, Sightings::default());
}

#[tokio::test]
async fn storing_nodes_refuse_forged_announcements() {
    let mut net = Net::start(NODES).await;
    let (ours, strangers) = (group(1), group(2));
    net.announce(0, &ours).await.unwrap();

    // A stranger that learned the place puts there what only its own key signed.
    let announcement = Announcement::online(net.peer(3), [address(3587)], vec![]).unwrap();
    let stamp = net.stamp();
    let foreign = seal(&strangers, &announcement, stamp);
    let mut damaged = foreign.encode();
    *damaged.last_mut().unwrap() ^= 1;
    let others: Vec<PeerId> = (0..NODES)
        .filter(|n| *n != 3)
        .map(|n| net.peer(n))
        .collect();
    let mut queries = Vec::new();
    for (key, value) in [
        (ours.key(), foreign.encode()),
        (strangers.key(), damaged),
        (ours.key(), b"free storage".to_vec()),
    ] {
        let record = Record::new(key.to_vec(), value);
        let liar = net.swarms[3].behaviour_mut();
        assert!(liar.store_mut().put(record.clone()).is_err());
        // Straight to the storing nodes, past its own store.
        queries.push(liar.put_record_to(
            record,
            others.clone().into_iter(),
            peerage_kad::PUBLISH_QUORUM,
        ));
    }
    // libp2p notices a refusal only when it tires of waiting, after ten seconds; so all at once.
    while !queries.is_empty() {
        let (ended, result) = net.progress(3, &queries).await;
        let QueryResult::PutRecord(Err(
            PutRecordError::QuorumFailed { success, .. } | PutRecordError::Timeout { success, .. },
        )) = result
        else {
            panic!("no node stores it: {result:?}");
        };
        assert!(success.is_empty());
        queries.retain(|query| *query != ended);
    }
    let refused: u64 = net.counts(|counts| counts.refused);
    assert_eq!(refused, 3 * NODES as u64);
    assert_eq!(peers(&net.look_up(5, &ours).await), [net.peer(0)]);
}

#[tokio::test]
async fn at_most_four_addresses_are_found() {
    let mut net = Net::start(NODES).await;
    let group = group(1);
    let many = (1..=9).map(address);
    let announcement = Announcement::online(net.peer(0), many, vec![]).unwrap();
    net.publish(0, &group, &announcement).await.unwrap();
    let sightings = net.look_up(4, &group).await;
    let Presence::Online(addresses) = sightings.online[0].announcement.presence() else {
        panic!("online");
    };
    assert_eq!(addresses.len(), 4);
}

#[tokio::test]
async fn a_member_that_goes_offline_is_found_no_more() {
    let mut net = Net::start(NODES).await;
    let group = group(1);
    net.announce(0, &group).await.unwrap();
    net.announce(1, &group).await.unwrap();
    assert_eq!(net.look_up(5, &group).await.online.len(), 2);

    let gone = Announcement::withdrawn(net.peer(0));
    net.publish(0, &group, &gone).await.unwrap();
    let sightings = net.look_up(5, &group).await;
    assert_eq!(peers(&sightings), [net.peer(1)]);
    assert_eq!(sightings.withdrawn, [net.peer(0)]);
}

#[tokio::test]
async fn a_member_that_vanished_is_found_no_more_after_a_lifetime() {
    let mut net = Net::start(NODES).await;
    let group = group(1);
    net.announce(0, &group).await.unwrap();
    net.set_clock(net.now + LIFETIME + Duration::from_millis(1));
    assert_eq!(net.look_up(5, &group).await, Sightings::default());
}

#[tokio::test]
async fn a_full_set_passes_between_nodes() {
    let mut net = Net::start(3).await;
    let group = group(1);
    let long: Vec<Multiaddr> = (0..4)
        .map(|n| {
            format!("/dns4/{}/udp/{n}/quic-v1", "x".repeat(85))
                .parse()
                .unwrap()
        })
        .collect();
    for _ in 0..64 {
        let announcement =
            Announcement::online(PeerId::random(), long.clone(), vec![1; 512]).unwrap();
        net.publish(0, &group, &announcement).await.unwrap();
    }
    assert_eq!(net.look_up(2, &group).await.online.len(), 64);
    // And back, as a republisher would put it.
    let value = net.swarms[1]
        .behaviour_mut()
        .store_mut()
        .records()
        .next()
        .unwrap()
        .into_owned();
    assert!(value.value.len() > 70_000);
    let to = [net.peer(2)];
    let query = net.swarms[1].behaviour_mut().put_record_to(
        value,
        to.into_iter(),
        peerage_kad::PUBLISH_QUORUM,
    );
    assert_eq!(net.put_ends(1, query).await, Ok(()));
}

#[tokio::test]
async fn provider_records_are_not_stored() {
    let mut net = Net::start(3).await;
    let key = kad::RecordKey::new(&group(1).key());
    // Refused at home already.
    assert!(net.swarms[0].behaviour_mut().start_providing(key).is_err());
}

/// Some nodes of one cloud that know one another, and one clock for all.
struct Net {
    swarms: Vec<Swarm<Behaviour>>,
    clock: Clock,
    now: Timestamp,
    schedule: PublishSchedule,
    rng: ChaCha20Rng,
}

impl Net {
    async fn start(nodes: usize) -> Self {
        let now = Timestamp::from_secs(1_800_000_000);
        let clock = Clock::new(now);
        let mut net = Self {
            swarms: (0..nodes).map(|_| swarm(clock.clone())).collect(),
            clock,
            now,
            schedule: PublishSchedule::new(LIFETIME),
            rng: ChaCha20Rng::seed_from_u64(7),
        };
        let listen: Multiaddr = "/ip4/127.0.0.1/udp/0/quic-v1".parse().unwrap();
        let mut addresses: Vec<Option<Multiaddr>> = vec![None; nodes];
        for swarm in &mut net.swarms {
            swarm.listen_on(listen.clone()).unwrap();
        }
        while addresses.iter().any(Option::is_none) {
            let (node, event) = net.next().await;
            if let SwarmEvent::NewListenAddr { address, .. } = event {
                addresses[node] = Some(address);
            }
        }
        let known: Vec<(PeerId, Multiaddr)> = (0..nodes)
            .map(|n| (net.peer(n), addresses[n].clone().unwrap()))
            .collect();
        for swarm in &mut net.swarms {
            let local = *swarm.local_peer_id();
            for (peer, address) in known.iter().filter(|(peer, _)| *peer != local) {
                swarm.behaviour_mut().add_address(peer, address.clone());
            }
        }
        net
    }

    fn peer(&self, node: usize) -> PeerId {
        *self.swarms[node].local_peer_id()
    }

    fn set_clock(&mut self, now: Timestamp) {
        self.now = now;
        self.clock.set(now);
    }

    fn counts(&mut self, of: impl Fn(peerage_kad::Counts) -> u64) -> u64 {
        let stores = self
            .swarms
            .iter_mut()
            .map(|swarm| swarm.behaviour_mut().store_mut());
        stores.map(|store| of(store.counts())).sum()
    }

    fn stamp(&mut self) -> Stamp {
        self.set_clock(self.now + Duration::from_millis(1));
        self.schedule.publish(self.now, &mut self.rng)
    }

    async fn announce(&mut self, node: usize, group: &Rendezvous) -> Result<(), usize> {
        let addresses: Vec<Multiaddr> = self.swarms[node].listeners().cloned().collect();
        let announcement = Announcement::online(self.peer(node), addresses, vec![]).unwrap();
        self.publish(node, group, &announcement).await
    }

    async fn publish(
        &mut self,
        node: usize,
        group: &Rendezvous,
        announcement: &Announcement,
    ) -> Result<(), usize> {
        let set = seal(group, announcement, self.stamp());
        let record = peerage_kad::record(group.key(), &set);
        let query = self.swarms[node]
            .behaviour_mut()
            .put_record(record, peerage_kad::PUBLISH_QUORUM)
            .unwrap();
        self.put_ends(node, query).await
    }

    /// How a put ended: on failure, how many nodes stored it.
    async fn put_ends(&mut self, node: usize, query: QueryId) -> Result<(), usize> {
        match self.progress(node, &[query]).await.1 {
            QueryResult::PutRecord(Ok(_)) => Ok(()),
            QueryResult::PutRecord(Err(error)) => {
                let (PutRecordError::QuorumFailed { success, .. }
                | PutRecordError::Timeout { success, .. }) = error;
                Err(success.len())
            }
            other => panic!("not a put: {other:?}"),
        }
    }

    /// Searches as a member does: merge the answers, stop when they agree, open what was found.
    async fn look_up(&mut self, node: usize, group: &Rendezvous) -> Sightings {
        let key = peerage_kad::record_key(group.key());
        let query = self.swarms[node].behaviour_mut().get_record(key);
        let mut lookup = Lookup::new(Cloud::global(), group.key());
        while let QueryResult::GetRecord(Ok(GetRecordOk::FoundRecord(answer))) =
            self.progress(node, &[query]).await.1
        {
            let progress = lookup.heard(&answer.record.value, self.now).unwrap();
            if progress == Progress::Enough
                && let Some(mut query) = self.swarms[node].behaviour_mut().query_mut(&query)
            {
                query.finish();
            }
        }
        lookup
            .found()
            .map(|found| group.open(found, self.now))
            .unwrap_or_default()
    }

    /// What becomes of the first of these queries to get anywhere.
    async fn progress(&mut self, node: usize, queries: &[QueryId]) -> (QueryId, QueryResult) {
        loop {
            if let (
                from,
                SwarmEvent::Behaviour(kad::Event::OutboundQueryProgressed { id, result, .. }),
            ) = self.next().await
                && from == node
                && queries.contains(&id)
            {
                return (id, result);
            }
        }
    }

    /// The next event of any node.
    async fn next(&mut self) -> (usize, SwarmEvent<kad::Event>) {
        let any = futures::future::poll_fn(|context| {
            for (node, swarm) in self.swarms.iter_mut().enumerate() {
                if let Poll::Ready(Some(event)) = swarm.poll_next_unpin(context) {
                    return Poll::Ready((node, event));
                }
            }
            Poll::Pending
        });
        tokio::time::timeout(Duration::from_secs(60), any)
            .await
            .expect("something happens within a minute")
    }
}

fn swarm(clock: Clock) -> Swarm<Behaviour> {
    SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_quic()
        .with_behaviour(|key| {
            peerage_kad::behaviour(key.public().to_peer_id(), &Cloud::global(), clock)
        })
        .unwrap()
        .with_swarm_config(|config| config.with_idle_connection_timeout(Duration::from_secs(60)))
        .build()
}

fn group(n: u8) -> Rendezvous {
    Rendezvous::new(&DiscoverySecret::from_bytes([n; 32]), &Cloud::global())
}

fn address(port: u16) -> Multiaddr {
    format!("/ip4/192.0.2.1/udp/{port}/quic-v1")
        .parse()
        .unwrap()
}

fn seal(group: &Rendezvous, announcement: &Announcement, stamp: Stamp) -> EntrySet {
    group
        .seal(
            &mut ChaCha20Rng::seed_from_u64(9),
            announcement,
            stamp.sequence,
            stamp.expires,
        )
        .unwrap()
}

fn peers(sightings: &Sightings) -> Vec<PeerId> {
    sorted(
        sightings
            .online
            .iter()
            .map(|sighting| *sighting.announcement.peer()),
    )
}

fn sorted(peers: impl IntoIterator<Item = PeerId>) -> Vec<PeerId> {
    let mut peers: Vec<PeerId> = peers.into_iter().collect();
    peers.sort();
    peers
}
