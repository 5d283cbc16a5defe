//! An insider with more puppets than count.
#![cfg(feature = "sim")]

mod members;

use std::time::Duration;

use members::*;
use peerage_protocol::{
    engine::{Output, Removal},
    group::Role,
    roster::MAX_PER_SIGNER,
    sim::{Config, removal_of},
};
use peerage_records::{codec::SignedRecord, id::RecordType, record::Record};

/// So many more than count.
const EXCESS: usize = 24;
/// So many at a time, and so slowly that gossip carries them.
const BATCH: usize = 32;
const PACE: Duration = Duration::from_secs(4);

#[test]
fn m20_members_flooded_with_memberships_in_different_orders_keep_the_same_ones() {
    let (mut world, group, creator) = founded(Config::from_env(250));
    let nodes = grown(&mut world, group, creator, &[Role::Member, Role::Admin]);
    let (other, insider) = (nodes[0], nodes[1]);
    let issuer = world.membership_of(insider, group).clone();
    let now = world.now();
    let mut flood: Vec<SignedRecord> = (0..MAX_PER_SIGNER + EXCESS)
        .map(|_| {
            let identity = world.identity();
            let puppet = world.issue_as(&issuer, identity, Role::Member, None, now);
            let record = Record::create_reserved_for(
                puppet.identity.key().as_bytes(),
                RecordType::MEMBERSHIP,
                puppet.gmc.group(),
                issuer.identity.key(),
                puppet
                    .gmc
                    .not_after()
                    .min(peerage_records::record::MAX_EXPIRY),
                puppet.gmc.chain().encode().to_vec(),
                now,
            );
            SignedRecord::sign(record.unwrap(), |bytes| issuer.identity.sign(bytes))
        })
        .collect();
    // Cut apart, with a node of the insider each, so that each hears all of it in an order of its own.
    let twin = world.add_node();
    world.enrol_as(twin, group, issuer.clone());
    world.connect(twin, group);
    settle(&mut world, group, &[creator, other, insider, twin]);
    world.partition(&[&[creator, insider], &[other, twin]]);
    world.run_for(10 * SECOND);
    let id = world.group_id(group);
    for (node, liar) in [(creator, insider), (other, twin)] {
        assert!(world.neighbours(node, group).contains(&liar));
        for batch in flood.chunks(BATCH) {
            for one in batch {
                let bytes = one.bytes().to_vec();
                world.inject(liar, Output::Gossip { group: id, bytes });
            }
            world.run_for(PACE);
        }
        world.run_for(5 * SECOND);
        flood.reverse();
        let view = world.view(node, group).unwrap();
        assert_eq!(view.roster.len(), 3 + MAX_PER_SIGNER);
        assert_eq!(parted(&world, node, liar), [], "which is nobody's fault");
    }
    world.turn_raw(twin);
    world.turn_raw(insider);
    world.heal();
    settle(&mut world, group, &[creator, other]);
    let held = flood
        .iter()
        .filter(|one| world.holds(creator, group, &one.hash()))
        .count();
    assert_eq!(held, MAX_PER_SIGNER, "on disk, too");

    // More than could be kept by name; they go with their maker.
    let removal = Removal {
        cascade: true,
        ..removal_of(issuer.identity.key())
    };
    let command = world.revoke(creator, group, removal);
    world.succeeded(creator, command);
    settle(&mut world, group, &[creator, other]);
    assert_eq!(world.view(other, group).unwrap().roster.len(), 2);
}
