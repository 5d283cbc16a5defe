//! What applications are told: which events, in which order, from where, and that none is lost.

#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

mod common;
#[path = "common/nodes.rs"]
mod nodes;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use futures::{StreamExt, TryStreamExt, stream};
use nodes::{DAY, Home, code, id_of, note, publish, ready, told, told_of};
use peerage::{
    EventFilter, EventStream, GroupHandle,
    clock::Clock,
    model::{EventKind, EventOrigin, GroupChange, GroupEvent, GroupStatus, Position},
};
use peerage_records::{
    id::{RecordId, RecordType},
    record::{RecordDraft, RecordUpdate},
    store::{Partition, RecordQuery},
};
use serde_json::{Value, json};

const HOUR: Duration = Duration::from_secs(60 * 60);

/// All that there is to read now.
async fn drained(stream: &mut EventStream) -> Vec<GroupEvent> {
    let mut events = Vec::new();
    while let Some(event) = stream.next_now().await.unwrap() {
        events.push(event);
    }
    events
}

/// Waits for an event, with everything before it.
async fn up_to(
    stream: &mut EventStream,
    what: &str,
    fits: impl Fn(&GroupEvent) -> bool,
) -> Vec<GroupEvent> {
    let heard = std::cell::RefCell::new(Vec::new());
    told(stream, what, |event| {
        heard.borrow_mut().push(event.clone());
        fits(event)
    })
    .await;
    heard.into_inner()
}

fn kinds(events: &[GroupEvent]) -> Vec<EventKind> {
    events.iter().map(|event| event.kind).collect()
}

fn in_order(events: &[GroupEvent]) -> bool {
    events
        .windows(2)
        .all(|two| two[0].position < two[1].position)
}

fn of_type(kind: &str, text: &str) -> RecordDraft {
    RecordDraft {
        kind: RecordType::from_name(kind),
        ..note(&Clock::system(), text, DAY)
    }
}

fn only(kinds: &str) -> EventFilter {
    EventFilter::all().kinds(EventKind::matching(kinds).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_hears_what_it_registered_for_in_order_and_then_that_there_is_nothing() {
    let clock = Clock::system();
    let home = Home::with_clock(&clock).await;
    let group = home.create("Chess").await;
    let mut all = group.events(None).await.unwrap();
    let mut other = group.events(None).await.unwrap();
    let notes = only("record_*").record_type(RecordType::from_name("note"));
    let mut of_notes = group.events_where(notes, None).await.unwrap();
    let moves = EventFilter::all().record_type(RecordType::from_name("move"));
    let mut of_moves = group.events_where(moves, None).await.unwrap();
    let mut remote = {
        let filter = only("record_*").origin(EventOrigin::Remote);
        group.events_where(filter, None).await.unwrap()
    };
    drained(&mut all).await;
    assert!(all.next_now().await.unwrap().is_none(), "nothing happens");

    // What the application does itself is told to it, too.
    let id = publish(&group, "a").await;
    let change = RecordUpdate {
        payload: Some(b"b".to_vec()),
        ..RecordUpdate::default()
    };
    group.update(id, change).await.unwrap();
    let played = id_of(&group.publish(of_type("move", "e4")).await.unwrap());
    group.delete_record(id).await.unwrap();
    let brief = id_of(&group.publish(note(&clock, "brief", HOUR)).await.unwrap());
    group.connect().await.unwrap();
    clock.advance(2 * HOUR);
    told_of(&mut other, EventKind::RecordExpired, brief).await;

    let others = drained(&mut other).await;
    let heard = drained(&mut all).await;
    assert!(in_order(&heard));
    let records: Vec<_> = heard
        .iter()
        .filter(|event| event.sequence.is_some())
        .collect();
    let told: Vec<_> = records
        .iter()
        .map(|event| (event.kind, event.record.clone().unwrap()))
        .filter(|(_, record)| {
            [id, played, brief]
                .iter()
                .any(|id| *record == id.to_string())
        })
        .collect();
    let expected = [
        (EventKind::RecordAdded, id),
        (EventKind::RecordUpdated, id),
        (EventKind::RecordAdded, played),
        (EventKind::RecordDeleted, id),
        (EventKind::RecordAdded, brief),
        (EventKind::RecordExpired, brief),
    ]
    .map(|(kind, id)| (kind, id.to_string()));
    assert_eq!(told, expected);
    for event in &records {
        assert_eq!(event.position, Position::of(event.sequence.unwrap()));
        assert_eq!(
            (event.number, event.origin),
            (Some(3), Some(EventOrigin::Local))
        );
    }
    for (id, kind) in [(id, "note"), (played, "move"), (brief, "note")] {
        let (id, kind) = (id.to_string(), RecordType::from_name(kind).to_string());
        let mut of_it = records
            .iter()
            .filter(|event| event.record.as_ref() == Some(&id));
        assert!(of_it.all(|event| event.record_type.as_ref() == Some(&kind)));
    }
    assert!(kinds(&heard).contains(&EventKind::StatusChanged));

    // Each has its own copy; the other has read all but what came since.
    assert!(others.iter().all(|event| heard.contains(event)));
    // Only the kinds and the types registered for.
    let expected: Vec<_> = expected
        .iter()
        .filter(|(_, id)| *id != played.to_string())
        .collect();
    let told = drained(&mut of_notes).await;
    assert_eq!(
        kinds(&told),
        expected.iter().map(|one| one.0).collect::<Vec<_>>()
    );
    // A type does not keep events back that have none.
    let told = drained(&mut of_moves).await;
    let records: Vec<_> = told.iter().filter(|event| event.record.is_some()).collect();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].record, Some(played.to_string()));
    assert!(kinds(&told).contains(&EventKind::StatusChanged));
    assert!(drained(&mut remote).await.is_empty());

    // From any position the rest follows, events of the moment included.
    let middle = heard
        .iter()
        .position(|event| event.sequence.is_none())
        .unwrap();
    let after = Some(heard[middle].position);
    let mut rest = group.events_where(EventFilter::all(), after).await.unwrap();
    let rest = drained(&mut rest).await;
    assert!(rest.starts_with(&heard[middle + 1..]));

    // A registration that was ended hears nothing, not even what had happened.
    publish(&group, "unheard").await;
    all.end();
    let ended = all.next_now().await.unwrap_err();
    assert_eq!(ended.code(), "events_ended");
    assert_eq!(
        ended.original().map(|original| original.name),
        Some("E_INVALIDARG")
    );
    assert!(all.next().await.is_none());
    assert_eq!(drained(&mut of_notes).await.len(), 1, "others go on");

    // Each application moves its own cursors only.
    let (board, clocks) = (
        home.node.attach("board").unwrap(),
        home.node.attach("clocks").unwrap(),
    );
    let theirs = board.open_group(group.name(), None).await.unwrap();
    let others = clocks.open_group(group.name(), None).await.unwrap();
    let (one, two) = (
        theirs.consumer("mail").await.unwrap(),
        others.consumer("mail").await.unwrap(),
    );
    let id = publish(&group, "for both").await;
    let mut events = one.events(only("record_*")).await.unwrap();
    let told = told_of(&mut events, EventKind::RecordAdded, id).await;
    one.ack(told.position).await.unwrap();
    assert!(two.position().unwrap() < told.position);
    let mut events = two.events(only("record_*")).await.unwrap();
    told_of(&mut events, EventKind::RecordAdded, id).await;
    assert!(group.consumers().await.unwrap().is_empty());
    assert_eq!(
        code(group.find_consumer("mail").await),
        "consumer_not_found"
    );
    drop((board, clocks));

    // Nobody registers with a group that is gone.
    let handle = home.node.open_group(group.name(), None).await.unwrap();
    group.delete().await.unwrap();
    assert_eq!(code(handle.events(None).await), "group_gone");
    assert_eq!(code(handle.consumer("mail").await), "group_gone");
    assert_eq!(
        code(handle.snapshot(EventFilter::all()).await),
        "group_gone"
    );
    assert_eq!(code(of_notes.next_now().await), "group_gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_registers_before_connecting_misses_nothing_of_the_first_connection() {
    let ada = Home::new().await;
    let chess = ada.host("Chess").await;
    let mut before: Vec<RecordId> = Vec::new();
    for text in ["a", "b", "c"] {
        before.push(publish(&chess, text).await);
    }
    let ben = Home::new().await;
    let group = ben.join(&chess).await;
    let mut events = group.events(None).await.unwrap();
    group.connect().await.unwrap();
    ready(&group).await;
    let heard = up_to(&mut events, "that it is in line", |event| {
        event.kind == EventKind::Synchronised
    })
    .await;

    let adas = chess.info().await.unwrap();
    let node = ada.node.status().await.unwrap().peer_id;
    let find = |heard: &[GroupEvent], kind| {
        let found = heard.iter().find(|event| event.kind == kind);
        found.unwrap_or_else(|| panic!("no {kind}")).clone()
    };
    let first = find(&heard, EventKind::StatusChanged);
    assert_eq!(first.status, Some(GroupStatus::Connecting));
    assert_eq!(
        (first.listening, first.has_connections),
        (Some(true), Some(false))
    );
    let linked = find(&heard, EventKind::NeighbourConnected);
    assert_eq!(
        (linked.number, linked.node.as_ref()),
        (Some(5), Some(&node))
    );
    assert_eq!(linked.member.as_ref(), Some(&adas.identity));
    assert!(linked.connection.is_some());
    let joined = find(&heard, EventKind::MemberJoined);
    assert_eq!((joined.number, joined.kind.change()), (Some(8), Some(4)));
    // Ada's node, of which she says herself that it is online.
    let is_online = |event: &GroupEvent| {
        event.kind == EventKind::MemberConnected && event.member.as_ref() == Some(&adas.identity)
    };
    let online = match heard.iter().find(|event| is_online(event)) {
        Some(event) => event.clone(),
        None => told(&mut events, "that Ada is online", is_online).await,
    };
    assert_eq!((online.number, online.kind.change()), (Some(8), Some(1)));
    assert_eq!(online.node.as_ref(), Some(&node));
    for id in &before {
        let id = Some(id.to_string());
        let added = heard.iter().find(|event| event.record == id).unwrap();
        assert_eq!(added.kind, EventKind::RecordAdded);
        assert_eq!(added.origin, Some(EventOrigin::Remote));
        assert!(added.position > linked.position);
    }

    // What the group is called is told to all, and what it is called now is theirs to look up.
    let mut adas_events = chess.events(None).await.unwrap();
    let change = GroupChange {
        comment: Some("every Tuesday".to_owned()),
        ..GroupChange::default()
    };
    chess.set_properties(change).await.unwrap();
    for stream in [&mut adas_events, &mut events] {
        let told = told(stream, "the properties", |event| {
            event.kind == EventKind::PropertiesChanged
        })
        .await;
        assert_eq!(
            (told.number, told.detail, told.record),
            (Some(2), None, None)
        );
    }

    // Its end is told of the same connection.
    chess.close().await.unwrap();
    let mut rest = up_to(&mut events, "that the neighbour is gone", |event| {
        event.kind == EventKind::NeighbourDisconnected
    })
    .await;
    let unlinked = rest.last().unwrap();
    assert_eq!(
        (&unlinked.connection, &unlinked.node),
        (&linked.connection, &linked.node)
    );
    assert!(unlinked.reason.is_some() && unlinked.member == linked.member);
    let end = up_to(&mut events, "the status", |event| {
        event.kind == EventKind::StatusChanged
    })
    .await;
    rest.extend(end);
    assert_eq!(rest.last().unwrap().status, Some(GroupStatus::Listening));
    assert!(in_order(&rest));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_reader_harms_nobody_and_catches_up_completely() {
    const RECORDS: usize = 3_000;
    const QUICK: usize = 9;
    let home = Home::new().await;
    let group = &home.create("Chess").await;
    let notes = || only("record_*").record_type(RecordType::from_name("note"));
    let mut stalled = group.events_where(notes(), None).await.unwrap();
    let mut quick = Vec::new();
    for _ in 0..QUICK {
        let events = group.events_where(notes(), None).await.unwrap();
        quick.push(tokio::spawn(events.take(RECORDS).try_collect::<Vec<_>>()));
    }
    let ids: BTreeSet<String> = stream::iter(0..RECORDS)
        .map(|number| async move { publish(group, &number.to_string()).await.to_string() })
        .buffer_unordered(200)
        .collect()
        .await;

    // Far more than is kept in memory went by, and the nine have it while the tenth stands still.
    let mut heard = Vec::new();
    for reader in quick {
        let read = tokio::time::timeout(nodes::DEADLINE, reader);
        heard.push(read.await.unwrap().unwrap().unwrap());
    }
    heard.push(drained(&mut stalled).await);
    for events in &heard {
        assert!(*events == heard[0], "one order for all");
    }
    assert!(in_order(&heard[0]));
    let told: BTreeSet<String> = heard[0].iter().map(|e| e.record.clone().unwrap()).collect();
    assert!(told == ids && heard[0].len() == RECORDS);
}

/// The texts of notes, as a reader of snapshot and events keeps them.
async fn present(group: &GroupHandle) -> BTreeMap<String, String> {
    let query = RecordQuery {
        kind: Some(RecordType::from_name("note")),
        partition: Partition::Application,
        after: None,
        limit: 10_000,
    };
    let records = group.list(query).await.unwrap();
    let text = |record: peerage::model::RecordInfo| (record.id, record.payload_text.unwrap());
    records.into_iter().map(text).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_and_what_follows_it_lose_nothing_and_tell_nothing_twice() {
    let home = Home::new().await;
    let group = home.create("Chess").await;
    let mut ids = Vec::new();
    for number in 0..300 {
        ids.push(publish(&group, &number.to_string()).await);
    }
    let notes = || only("record_*").record_type(RecordType::from_name("note"));
    let before = present(&group).await;
    let mut snapshot = group.snapshot(notes()).await.unwrap();
    let position = snapshot.position();

    // The group goes on while the snapshot is read.
    let mut kept = BTreeMap::new();
    let mut number = 0;
    while let Some(record) = snapshot.next().await {
        let record = record.unwrap();
        let text = record.payload_text.unwrap();
        assert!(kept.insert(record.id, text).is_none(), "once each");
        if number % 10 == 0 {
            let id = ids[number % ids.len()];
            let change = RecordUpdate {
                payload: Some(format!("{number} changed").into_bytes()),
                ..RecordUpdate::default()
            };
            group.update(id, change).await.unwrap();
            group
                .delete_record(ids[(number + 5) % ids.len()])
                .await
                .unwrap();
            publish(&group, &format!("{number} new")).await;
        }
        number += 1;
    }
    assert_eq!(kept, before, "as of one moment");

    let mut events = group.events_where(notes(), Some(position)).await.unwrap();
    let told = drained(&mut events).await;
    assert_eq!(told[0].sequence, Some(position.sequence + 1));
    for event in told {
        let id = event.record.unwrap();
        let held = match event.kind {
            EventKind::RecordAdded => kept.insert(id.clone(), String::new()).is_none(),
            EventKind::RecordUpdated => kept.contains_key(&id),
            EventKind::RecordDeleted => kept.remove(&id).is_some(),
            other => panic!("{other}"),
        };
        assert!(held, "told once, of what was there: {:?} {id}", event.kind);
    }
    let now = present(&group).await;
    assert!(kept.keys().eq(now.keys()));
}

/// The events of a request that ends by itself.
fn lines(place: &common::Place, path: &str) -> Vec<Value> {
    let headers = [("accept", "application/x-ndjson")];
    let answer = common::request(&place.socket(), "GET", path, &headers, None);
    assert_eq!(answer.status, 200, "{answer:?}");
    let text = String::from_utf8(answer.body).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn put(place: &common::Place, group: &str, text: &str) -> String {
    let body = json!({ "type": "note", "payload_text": text });
    let answer = place.post(&format!("{group}/records"), &body);
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.json()["id"].as_str().unwrap().to_owned()
}

#[test]
fn what_was_acknowledged_survives_a_kill_and_the_rest_comes_again() {
    let place = common::Place::new();
    let daemon = place.start();
    place.json(["id", "new"]);
    let name = place.json(["group", "create", "--friendly-name", "Chess"]);
    let group = format!(
        "/v1/groups/{}",
        common::escaped(name["name"].as_str().unwrap())
    );
    let read = |consumer: &str| {
        let path = format!("{group}/events?consumer={consumer}&kinds=record_*&record_type=note");
        lines(&place, &format!("{path}&wait=0"))
    };
    let records = |events: &[Value]| -> Vec<String> {
        let of = |event: &Value| event["record"].as_str().unwrap().to_owned();
        events.iter().map(of).collect()
    };
    let ack = |consumer: &str, position: &Value| {
        let body = json!({ "consumer": consumer, "position": position });
        place.post(&format!("{group}/events/ack"), &body)
    };
    // A consumer is new once, and from then on nothing is lost for it.
    assert!(read("mail").is_empty() && read("other").is_empty());
    let ids: Vec<String> = ["a", "b", "c", "d"]
        .iter()
        .map(|text| put(&place, &group, text))
        .collect();
    let heard = read("mail");
    assert_eq!(records(&heard), ids);
    assert_eq!(
        records(&read("mail")),
        ids,
        "what is not acknowledged comes again"
    );
    let answer = ack("mail", &heard[1]["position"]);
    assert_eq!(
        (answer.status, &answer.json()["position"]),
        (200, &heard[1]["position"])
    );

    daemon.kill();
    let daemon = place.start();

    assert_eq!(records(&read("mail")), ids[2..]);
    assert_eq!(
        records(&read("other")),
        ids,
        "another consumer is another matter"
    );
    // Not back, and not beyond what has happened.
    assert_eq!(
        ack("mail", &json!(1)).json()["position"],
        heard[1]["position"]
    );
    assert_eq!(ack("mail", &json!("99999")).code(), "invalid_input");
    assert_eq!(ack("nobody", &json!(1)).code(), "consumer_not_found");

    // The same from the command line, which acknowledges what it has printed.
    let tail = [
        "events",
        "tail",
        "--consumer",
        "mail",
        "--kind",
        "record_*",
        "--type",
        "note",
    ];
    let tail = |more: &[&str]| {
        let output = place.run(tail.iter().chain(&["--wait", "0", "--json"]).chain(more));
        assert!(output.status.success(), "{}", common::stderr(&output));
        let text = common::stdout(&output);
        let events: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        records(&events)
    };
    assert_eq!(tail(&[]), ids[2..]);
    assert_eq!(tail(&["--ack", "--count", "1"]), ids[2..3]);
    assert_eq!(tail(&["--ack"]), ids[3..]);
    daemon.kill();
    let _daemon = place.start();
    assert!(tail(&[]).is_empty());
    let consumers = place.json(["events", "consumers", "ls"]);
    assert_eq!(consumers[0]["name"], "mail");
    assert_eq!(consumers[0]["position"], heard[3]["position"]);
    place.json(["events", "consumers", "rm", "mail"]);
    assert_eq!(place.fails(["events", "consumers", "rm", "mail"]).0, 3);

    // The present state first, then what follows.
    let all = lines(
        &place,
        &format!("{group}/events?snapshot=true&record_type=note&wait=0"),
    );
    let kinds: Vec<_> = all
        .iter()
        .map(|event| event["kind"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds,
        [
            "snapshot_record",
            "snapshot_record",
            "snapshot_record",
            "snapshot_record",
            "snapshot_end"
        ]
    );
    assert_eq!(all[0]["content"]["type"], all[0]["record_type"]);
    assert_eq!(all[4]["position"], heard[3]["position"]);
    // Both forms of a position lead on.
    let last = put(&place, &group, "e");
    for after in [
        all[4]["position"].as_str().unwrap().to_owned(),
        format!("{}.5", heard[3]["sequence"]),
    ] {
        let rest = lines(
            &place,
            &format!("{group}/events?after={after}&kinds=record_added&wait=0"),
        );
        assert_eq!(records(&rest), [last.as_str()]);
    }
    for bad in [
        "after=x",
        "after=1.2.3",
        "kinds=nothing",
        "kinds=",
        "record_type=",
        "wait=99999",
    ] {
        let answer = place.get(&format!("{group}/events?{bad}"));
        assert_eq!(
            (answer.status, answer.code()),
            (400, "invalid_input".into()),
            "{bad}"
        );
    }
}
