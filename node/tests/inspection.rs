//! Looking at a node: what the doctor finds when exactly that trouble was made, and what is shown of
//! memberships, links and participants.

#![allow(clippy::unwrap_used, reason = "a step that fails fails the test")]

mod common;
#[path = "common/nodes.rs"]
mod nodes;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{BufRead, BufReader},
    net::UdpSocket,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output, Stdio},
    time::{Duration, SystemTime},
};

use common::{Place, peerage, stdout};
use nodes::{Home, eventually, gathering, linked};
use peerage::{
    GroupHandle, InviteOptions, NewGroup, Node,
    api::Server,
    clock::Clock,
    doctor::{bootstrap, disk},
    model::{Check, ConnectionKind, DoctorReport, Finding, Level, LinkDirection, Validity},
};
use peerage_protocol::admission::is_chooser;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// Runs the doctor with these words in front of it: its exit code and its report.
fn examined(mut command: Command) -> (i32, DoctorReport) {
    let output = command.output().unwrap();
    let report = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", common::stderr(&output)));
    (output.status.code().unwrap(), report)
}

fn doctor(place: &Place) -> Command {
    let mut command = peerage(place.path());
    command.arg("--data-dir").arg(place.data());
    command.args(["doctor", "--json"]);
    command
}

/// The one finding of a check.
fn of(report: &DoctorReport, check: Check) -> &Finding {
    let mut found = report.findings.iter().filter(|found| found.check == check);
    let first = found
        .next()
        .unwrap_or_else(|| panic!("no {check:?}: {report:?}"));
    assert!(found.next().is_none(), "two of {check:?}: {report:?}");
    first
}

/// That a check names its trouble, and a next step with this in it.
fn names(report: &DoctorReport, check: Check, level: Level, detail: &str, next: &str) {
    let found = of(report, check);
    assert_eq!(found.level, level, "{found:?}");
    assert!(found.detail.contains(detail), "{found:?}");
    let step = found.next_step.as_deref().unwrap();
    assert!(step.contains(next), "{found:?}");
    assert!(found.kind.is_some());
    assert_eq!(
        report.healthy,
        report.findings.iter().all(|one| one.level < Level::Problem)
    );
}

fn fine(report: &DoctorReport, check: Check) {
    assert_eq!(of(report, check).level, Level::Ok, "{report:?}");
}

#[test]
fn without_a_daemon_the_doctor_says_what_a_start_would_meet() {
    let place = Place::new();
    let (code, report) = examined(doctor(&place));
    names(
        &report,
        Check::Daemon,
        Level::Problem,
        "no daemon runs",
        "peerage up",
    );
    assert_eq!(code, 6);
    for check in [
        Check::Configuration,
        Check::Folder,
        Check::Port,
        Check::Disk,
        Check::Clock,
    ] {
        fine(&report, check);
    }
    assert!(!place.data().exists(), "asking changes nothing");

    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let listen = format!("/ip4/127.0.0.1/udp/{port}/quic-v1");
    let mut command = doctor(&place);
    command
        .env("PEERAGE_LISTEN", listen)
        .env("SSLKEYLOGFILE", "/tmp/keys");
    let (code, report) = examined(command);
    names(
        &report,
        Check::Port,
        Level::Problem,
        &format!("UDP port {port} is taken"),
        "ss -lunp",
    );
    names(
        &report,
        Check::Environment,
        Level::Problem,
        "SSLKEYLOGFILE",
        "unset SSLKEYLOGFILE",
    );
    assert_eq!(code, 2, "that of the first problem");
    drop(taken);

    let config = place.path().join("peerage.toml");
    fs::write(&config, "listn = []\n").unwrap();
    let mut command = doctor(&place);
    command.arg("--config").arg(&config);
    let (code, report) = examined(command);
    names(
        &report,
        Check::Configuration,
        Level::Problem,
        "listn",
        "peerage.toml",
    );
    assert_eq!((code, of(&report, Check::Port).level), (2, Level::Ok));

    let mut command = Command::new("sh");
    command.env_clear().env("HOME", place.path()).args([
        "-c",
        "ulimit -n 96 && exec \"$@\"",
        "sh",
        env!("CARGO_BIN_EXE_peerage"),
        "doctor",
        "--json",
    ]);
    let (_, report) = examined(command);
    names(
        &report,
        Check::OpenFiles,
        Level::Problem,
        "only 96 files",
        "ulimit -n",
    );
}

#[test]
fn the_doctor_names_what_is_wrong_with_a_folder_that_was_used() {
    let place = Place::new();
    let daemon = place.start();
    place.json(["id", "new", "--friendly-name", "Ada"]);
    place.json(["group", "create", "--friendly-name", "Chess", "--connect"]);
    let (code, report) = examined(doctor(&place));
    assert!(report.healthy, "{report:?}");
    assert_eq!(code, 0);
    fine(&report, Check::Daemon);
    fine(&report, Check::Members);
    let text = stdout(&place.run(["doctor"]));
    assert!(text.contains("ok      daemon: answers on"), "{text}");

    // A file of a running node was damaged: the node reads it anew and says so.
    let memberships = only_file(&only_folder(&place.data().join("groups")), "json");
    let kept = fs::read(&memberships).unwrap();
    fs::write(&memberships, "{}").unwrap();
    let (code, report) = examined(doctor(&place));
    let name = memberships.file_name().unwrap().to_str().unwrap();
    names(&report, Check::Files, Level::Problem, name, "backup");
    assert_eq!(code, 8);
    let text = stdout(&place.run(["doctor"]));
    assert!(
        text.contains("PROBLEM files:") && text.contains("1 problem(s)"),
        "{text}"
    );
    fs::write(&memberships, kept).unwrap();

    daemon.kill();
    let (code, report) = examined(doctor(&place));
    names(
        &report,
        Check::Daemon,
        Level::Problem,
        "left behind",
        "peerage up",
    );
    fine(&report, Check::Files);
    assert_eq!(code, 6);

    let identity = only_file(&place.data().join("identities"), "pem");
    let kept = fs::read(&identity).unwrap();
    fs::write(&identity, "nonsense").unwrap();
    let (_, report) = examined(doctor(&place));
    let name = identity.file_name().unwrap().to_str().unwrap();
    names(&report, Check::Files, Level::Problem, name, "backup");
    fs::write(&identity, kept).unwrap();

    // Written by a clock that was right, seen by one that is an hour behind it.
    let file = fs::File::options().write(true).open(&identity).unwrap();
    file.set_modified(SystemTime::now() + HOUR).unwrap();
    let (_, report) = examined(doctor(&place));
    names(
        &report,
        Check::Clock,
        Level::Problem,
        "before a file",
        "timedatectl",
    );
    file.set_modified(SystemTime::now()).unwrap();

    let mode = |mode| fs::set_permissions(place.data(), fs::Permissions::from_mode(mode)).unwrap();
    mode(0o755);
    fs::set_permissions(&identity, fs::Permissions::from_mode(0o644)).unwrap();
    let (_, report) = examined(doctor(&place));
    names(
        &report,
        Check::Folder,
        Level::Problem,
        "others on this machine may use",
        "chmod",
    );
    let now = fs::metadata(place.data()).unwrap().permissions().mode() & 0o777;
    assert_eq!(now, 0o755, "it is said, not changed");
    mode(0o700);

    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(place.data(), Some(65_534), None).unwrap();
        let (_, report) = examined(doctor(&place));
        names(
            &report,
            Check::Folder,
            Level::Problem,
            "belongs to user 65534",
            "run as the owner",
        );
        std::os::unix::fs::chown(place.data(), Some(0), None).unwrap();
    }

    // A disk cannot be filled here; what is asked of it can be more than any has.
    let everything = disk::Room { bytes: u64::MAX };
    let found = disk::check(&place.data(), everything, everything);
    assert_eq!((found.check, found.level), (Check::Disk, Level::Problem));
    assert!(found.detail.starts_with("full:") && found.next_step.unwrap().contains("df -h"));
    let found = disk::check(&place.data(), disk::Room { bytes: 0 }, everything);
    assert!(found.level == Level::Warning && found.detail.starts_with("nearly full:"));

    fs::remove_file(place.socket()).unwrap();
    fs::write(place.socket(), "a letter").unwrap();
    let (_, report) = examined(doctor(&place));
    names(
        &report,
        Check::Daemon,
        Level::Problem,
        "is not a socket",
        "--socket",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_finds_a_wrong_clock_on_either_side() {
    let right = Clock::system();
    let ada = Home::with_clock(&right).await;
    let group = ada.host("Chess").await;
    let off = Clock::system();
    off.advance(5 * MINUTE);
    let ben = Home::with_clock(&off).await;
    let other = ben.enter(&group).await;
    linked(&other, 1).await;
    linked(&group, 1).await;
    // Both are let in, and each hears of it.
    let found = clock_of(&ben.node, Level::Warning).await;
    assert!(found.detail.contains("fast by 4 min"), "{found:?}");
    assert!(found.next_step.unwrap().contains("timedatectl"));
    let found = clock_of(&ada.node, Level::Warning).await;
    assert!(
        found.detail.contains("slow by 4 min") || found.detail.contains("slow by 5 min"),
        "{found:?}"
    );
    let status = ben.node.status().await.unwrap();
    assert!(
        status
            .warnings
            .iter()
            .any(|found| found.check == Check::Clock)
    );
    // A clock that is set makes what was seen before worthless.
    right.advance(5 * MINUTE);
    clock_of(&ada.node, Level::Ok).await;

    // One that is too far off is not let in anywhere, and finds out why.
    let peer = |node: &Node| {
        let node = node.clone();
        async move { node.status().await.unwrap().peer_id.parse().unwrap() }
    };
    let ours = peer(&ada.node).await;
    let far = Clock::system();
    far.advance(9 * HOUR);
    let cy = loop {
        let home = Home::with_clock(&far).await;
        // Whoever is asked first sees the other's clock in any case.
        if is_chooser(&ours, &peer(&home.node).await) {
            break home;
        }
    };
    ben.node.shutdown().await.unwrap();
    let late = cy.join(&group).await;
    late.connect().await.unwrap();
    let found = clock_of(&cy.node, Level::Problem).await;
    assert!(found.detail.contains("fast by 8 h"), "{found:?}");
    assert!(found.detail.contains("keeps members apart"), "{found:?}");
}

/// Waits until the doctor says this about the clock.
async fn clock_of(node: &Node, level: Level) -> Finding {
    eventually(&format!("{level:?} about the clock"), async || {
        let report = node.doctor().await.unwrap();
        let found = of(&report, Check::Clock).clone();
        (found.level == level).then_some(found)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_finds_memberships_that_end_and_members_that_are_missing() {
    let clock = Clock::system();
    let ada = Home::with_clock(&clock).await;
    let group = ada.create("Chess").await;
    let ben = Home::with_clock(&clock).await;
    let card = ben.node.card(None).await.unwrap();
    let options = InviteOptions {
        expires: Some(clock.timestamp() + HOUR),
        ..InviteOptions::default()
    };
    let invitation = group.invite(&card, options).await.unwrap();
    let member = ben.node.join(invitation, None).await.unwrap();
    let report = ben.node.doctor().await.unwrap();
    assert!(report.healthy, "{report:?}");

    // Ada's group is offline, so nobody is found.
    member.connect().await.unwrap();
    clock.advance(MINUTE);
    let report = ben.node.doctor().await.unwrap();
    names(
        &report,
        Check::Members,
        Level::Problem,
        "no member of Chess",
        "peerage group ping",
    );
    assert_eq!(
        of(&report, Check::Members).group.as_deref(),
        Some(member.name())
    );
    let status = ben.node.status().await.unwrap();
    assert!(
        status
            .warnings
            .iter()
            .any(|found| found.check == Check::Members)
    );

    clock.advance(45 * MINUTE);
    let report = ben.node.doctor().await.unwrap();
    names(
        &report,
        Check::Credentials,
        Level::Warning,
        "ends in 13 min",
        "peerage member renew",
    );
    let of_ben = |validity| {
        let node = ben.node.clone();
        async move {
            let all = node.memberships().await.unwrap();
            let one = &all[0].memberships[0];
            assert_eq!((one.validity, one.chain_length), (validity, 3));
        }
    };
    of_ben(Validity::Valid).await;
    clock.advance(HOUR);
    let report = ben.node.doctor().await.unwrap();
    names(
        &report,
        Check::Credentials,
        Level::Problem,
        "expired at",
        "peerage join FILE",
    );
    of_ben(Validity::Expired).await;

    // It does not open any more after a restart; what is wrong is known all the same.
    let mut ben = ben;
    ben.restart().await;
    let report = ben.node.doctor().await.unwrap();
    names(
        &report,
        Check::Credentials,
        Level::Problem,
        "expired at",
        "peerage join FILE",
    );
    let member = ben.node.open_group("Chess", None).await.unwrap();
    ada.node.shutdown().await.unwrap();
    let pinged = member.ping().await.unwrap();
    assert!(
        !pinged.found && pinged.participants[0].failure.is_some(),
        "{pinged:?}"
    );
    // A creator's membership has no end worth telling.
    let all = ada.node.memberships().await;
    assert_eq!(all.unwrap_err().code(), "shutting_down");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_finds_records_that_do_not_come_in_line_and_a_bootstrap_that_is_dead() {
    let clock = Clock::system();
    let members = gathering(2, &clock).await;
    let ben = &members[1];
    graph_has_both_ends(&members[0].group, &ben.group).await;
    eventually("a comparison", async || {
        ben.group.graph().await.unwrap().links[0].compared.clone()
    })
    .await;
    let report = ben.home.node.doctor().await.unwrap();
    fine(&report, Check::Synchronisation);
    // Long after the last comparison.
    clock.advance(20 * MINUTE);
    let report = ben.home.node.doctor().await.unwrap();
    names(
        &report,
        Check::Synchronisation,
        Level::Problem,
        "were not compared",
        "peerage group close",
    );

    let status = members[0].home.node.status().await.unwrap();
    let alive = format!("{}/p2p/{}", status.listen[0], status.peer_id);
    let another = format!(
        "{}/p2p/{}",
        status.listen[0],
        ben.home.node.status().await.unwrap().peer_id
    );
    let dead = UdpSocket::bind("127.0.0.1:0").unwrap();
    let dead = format!(
        "/ip4/127.0.0.1/udp/{}/quic-v1/p2p/{}",
        dead.local_addr().unwrap().port(),
        status.peer_id
    );
    let addresses: Vec<_> = [&alive, &another, &dead]
        .map(|text| text.parse().unwrap())
        .into();
    let found = bootstrap::check(&addresses, Duration::from_secs(2)).await;
    let levels: Vec<Level> = found.iter().map(|found| found.level).collect();
    assert_eq!(
        levels,
        [Level::Ok, Level::Warning, Level::Warning],
        "{found:?}"
    );
    assert!(found[1].detail.contains("another peer"), "{found:?}");
    assert!(found[2].detail.starts_with(&dead), "{found:?}");
    let alone = bootstrap::check(&addresses[1..2], Duration::from_secs(2)).await;
    assert_eq!(alone[0].level, Level::Problem);
    assert!(
        alone[0]
            .next_step
            .as_deref()
            .unwrap()
            .contains("peerage up --bootstrap")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_finds_newcomers_that_have_only_one_another() {
    let clock = Clock::system();
    let ada = Home::with_clock(&clock).await;
    let group = ada.create("Chess").await;
    let (ben, cy) = (
        Home::with_clock(&clock).await,
        Home::with_clock(&clock).await,
    );
    let (one, other) = (ben.join(&group).await, cy.join(&group).await);
    one.connect().await.unwrap();
    let address = ben.node.status().await.unwrap().listen[0].parse().unwrap();
    other.connect_at(vec![address]).await.unwrap();
    fine(&cy.node.doctor().await.unwrap(), Check::Synchronisation);
    clock.advance(3 * MINUTE);
    let report = cy.node.doctor().await.unwrap();
    names(
        &report,
        Check::Synchronisation,
        Level::Problem,
        "was not brought up to date",
        "peerage group connect",
    );
}

/// Each of two neighbours shows the other, and who of them made the connection.
async fn graph_has_both_ends(one: &GroupHandle, other: &GroupHandle) {
    let mut graphs = Vec::new();
    for group in [one, other] {
        let graph = eventually("a measured round trip", async || {
            let graph = group.graph().await.unwrap();
            let measured = graph.links.first()?.round_trip_us.is_some();
            (measured && graph.nodes.len() == 2).then_some(graph)
        })
        .await;
        assert!(graph.nodes[0].local && !graph.nodes[1].local);
        assert!(graph.links[0].address.as_deref().unwrap().contains("/udp/"));
        let near = group.connections(Some(ConnectionKind::Neighbour)).await;
        let near = &near.unwrap()[0];
        let inbound = graph.links[0].direction == LinkDirection::Inbound;
        assert_eq!(
            (near.incoming, &near.since),
            (inbound, &graph.links[0].since)
        );
        graphs.push(graph);
    }
    let [a, b] = [&graphs[0].links[0], &graphs[1].links[0]];
    assert_eq!(
        (&a.from, &a.to),
        (&b.from, &b.to),
        "one connection, seen from both ends"
    );
    let directions = [a.direction, b.direction];
    assert!(
        directions.contains(&LinkDirection::Inbound),
        "{directions:?}"
    );
    assert!(
        directions.contains(&LinkDirection::Outbound),
        "{directions:?}"
    );
}

#[test]
fn memberships_links_and_participants_are_shown_from_the_command_line() {
    let (ada, ben) = (Place::new(), Place::new());
    let (_ada, bens) = (ada.start(), ben.start());
    let nasty = "Ada \"] ; x \\ {";
    let me = ada.json(["id", "new", "--classifier", "a", "--friendly-name", nasty]);
    let group = ada.json(["group", "create", "--friendly-name", "Chess", "--connect"]);
    ben.json(["id", "new", "--friendly-name", "Ben"]);
    let card = ben.path().join("ben.card");
    ben.json(["id", "card", "--out", card.to_str().unwrap()]);
    let invitation = ada.json(["invite", "create", "--card", card.to_str().unwrap()]);
    ben.json(["join", invitation["uri"].as_str().unwrap(), "--connect"]);

    let shown = &ada.json(["id", "ls", "--groups"])[0];
    let one = &shown["memberships"][0];
    assert_eq!(
        (&shown["name"], &one["name"]),
        (&me["name"], &group["name"])
    );
    assert_eq!(
        (&one["chain_length"], &one["validity"]),
        (&Value::from(2), &Value::from("valid"))
    );
    let theirs = &ben.json(["id", "ls", "--groups"])[0]["memberships"][0];
    assert_eq!(theirs["chain_length"], 3);
    assert_eq!(theirs["p2p_id"], one["p2p_id"], "the same on every node");
    let text = stdout(&ada.run(["id", "ls", "--groups"]));
    for word in [
        &shown["p2p_id"],
        &shown["name"],
        &one["p2p_id"],
        &one["name"],
    ] {
        assert!(
            text.contains(word.as_str().unwrap()),
            "{word} is not in\n{text}"
        );
    }
    assert!(
        text.contains("GMC CHAIN LEN") && text.contains("Chess") && text.contains("Valid"),
        "{text}"
    );
    let none = ada.json(["id", "ls", "--expired"]);
    assert_eq!(none[0]["memberships"], Value::Array(Vec::new()));

    // By P2P id, wherever a name is taken.
    let (identity, id) = (
        shown["p2p_id"].as_str().unwrap(),
        one["p2p_id"].as_str().unwrap(),
    );
    assert_eq!(id.len(), 32);
    assert_eq!(ada.json(["group", "show", id])["name"], group["name"]);
    assert_eq!(ada.json(["id", "show", identity])["name"], me["name"]);
    // Both are there and present before anything is compared, so that nothing changes between two answers.
    let named = ["member", "ls", "--group", id, "--as", identity];
    let both = until(&ada, &named, |members| {
        let all = members.as_array().unwrap();
        all.len() == 2 && all.iter().all(|member| member["present"] == true)
    });
    assert_eq!(ada.json(["member", "ls", "--as", identity]), both);
    assert_eq!(ada.json(["member", "show", identity])["name"], me["name"]);

    // Who has access, as what, and until when.
    let members = stdout(&ada.run(["member", "ls"]));
    assert!(
        members.contains("ROLES") && members.contains("VALID UNTIL"),
        "{members}"
    );
    let first = &both[0];
    assert!(
        first["roles"][0] == "admin" && first["valid_from"].is_string(),
        "{first}"
    );
    let second = &both[1];
    assert!(
        second["roles"][0] == "member" && second["valid_until"].is_string(),
        "{second}"
    );

    let graph = until(&ada, &["graph", "show"], |graph| {
        graph["links"][0]["to"].is_string()
    });
    assert_eq!(graph["nodes"][0]["friendly_name"], nasty);
    let table = stdout(&ada.run(["graph", "show", "Chess"]));
    assert!(
        table.contains("(this node)") && table.contains("Ben"),
        "{table}"
    );
    let drawn = ada.run(["graph", "show", "Chess", "--format", "dot"]);
    check_dot(&stdout(&drawn));

    let pinged = until(&ada, &["group", "ping", id], |pinged| {
        pinged["found"] == true
    });
    let participant = &pinged["participants"][0];
    assert!(participant["took_us"].as_u64().unwrap() > 0, "{pinged}");
    assert!(
        participant["answered_at"]
            .as_str()
            .unwrap()
            .starts_with("/ip4/127.0.0.1/udp/")
    );
    let text = stdout(&ada.run(["group", "ping"]));
    assert!(text.contains(" ms") && text.contains("/udp/"), "{text}");
    assert_eq!(bens.terminate().0, 0);

    let status = ada.json(["status"]);
    assert_eq!(status["identity_list"][0]["name"], me["name"]);
    assert!(status["started"].is_string() && status["external"].is_array());
    let text = stdout(&ada.run(["status"]));
    assert!(
        text.contains("UP TO DATE") && text.contains("1000 y "),
        "{text}"
    );
    watched_twice(&ada);

    // Nobody has the group open any more, and it can be looked at and deleted all the same.
    ada.json(["group", "close", "Chess"]);
    assert_eq!(
        ada.json(["id", "ls", "--groups"])[0]["memberships"][0],
        *one
    );
    assert_eq!(ada.json(["member", "ls"]).as_array().unwrap().len(), 2);
    // The report is there although it is a failure.
    let output = ada.run(["group", "ping", "--json"]);
    assert_eq!(output.status.code(), Some(7));
    let pinged: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(pinged["found"], false);
    let problem: Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(problem["code"], "no_members_found");
    let output = ada.run(["group", "ping"]);
    assert_eq!(output.status.code(), Some(7));
    let text = stdout(&output);
    assert!(text.contains("none found: no participant"), "{text}");
    ada.json(["group", "delete", id]);
    assert_eq!(ada.json(["group", "ls"]), Value::Array(Vec::new()));
    assert_eq!(
        ada.fails(["group", "show", id]).1["code"],
        "group_not_found"
    );
    assert!(
        fs::read_dir(ada.data().join("groups"))
            .unwrap()
            .next()
            .is_none()
    );
}

/// The commands are those of a user; the clock is the test's, so that nobody waits for an end.
#[tokio::test(flavor = "multi_thread")]
async fn memberships_are_listed_under_their_identities_and_those_that_are_over_apart() {
    let clock = Clock::system();
    let ada = Home::with_clock(&clock).await;
    let (chess, go) = (ada.create("Chess").await, ada.create("Go").await);
    let cara = Home::with_clock(&clock).await;
    let card = cara.node.card(None).await.unwrap();
    let options = InviteOptions {
        expires: Some(clock.timestamp() + HOUR),
        ..InviteOptions::default()
    };
    let brief = chess.invite(&card, options).await.unwrap();
    let brief = cara.node.join(brief, None).await.unwrap();
    let lasting = cara.join(&go).await;
    let first = card.name().to_string();
    let second = cara.another_identity("Second").await;
    let new = NewGroup {
        identity: Some(second.clone()),
        ..NewGroup::default()
    };
    let own = cara.node.create_group(new).await.unwrap();

    let data = cara.place.settings().data_dir;
    let stop = CancellationToken::new();
    let server = Server::bind(cara.node.clone(), &data.join("api.sock"), stop.clone()).unwrap();
    let serving = tokio::spawn(server.run());
    let run = |arguments: &[&str]| {
        let mut command = peerage(&data);
        command.arg("--data-dir").arg(&data).args(arguments);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", common::stderr(&output));
        stdout(&output)
    };
    // What is listed under each identity, and what it is worth.
    let listed = |arguments: &[&str]| {
        let answer: Value = serde_json::from_str(&run(arguments)).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let mut all = BTreeMap::new();
        for identity in answer.as_array().unwrap() {
            let memberships = identity["memberships"].as_array().unwrap();
            let memberships: BTreeSet<(String, String)> = memberships
                .iter()
                .map(|one| (text(&one["name"]), text(&one["validity"])))
                .collect();
            all.insert(text(&identity["name"]), memberships);
        }
        all
    };
    let of = |group: &GroupHandle, validity: &str| (group.name().to_owned(), validity.to_owned());
    let groups = ["id", "ls", "--groups", "--json"];
    let expired = ["id", "ls", "--expired", "--json"];
    let of_second = BTreeSet::from([of(&own, "valid")]);
    let before = BTreeSet::from([of(&brief, "valid"), of(&lasting, "valid")]);
    assert_eq!(
        listed(&groups),
        BTreeMap::from([(first.clone(), before), (second.clone(), of_second.clone())])
    );
    assert!(listed(&expired).values().all(BTreeSet::is_empty));

    clock.advance(2 * HOUR);
    let after = BTreeSet::from([of(&brief, "expired"), of(&lasting, "valid")]);
    assert_eq!(
        listed(&groups),
        BTreeMap::from([(first.clone(), after), (second.clone(), of_second)])
    );
    let over = BTreeSet::from([of(&brief, "expired")]);
    assert_eq!(
        listed(&expired),
        BTreeMap::from([(first, over), (second, BTreeSet::new())])
    );
    let text = run(&["id", "ls", "--expired"]);
    assert!(
        text.contains(brief.name()) && text.contains("Chess") && text.contains("Expired"),
        "{text}"
    );
    assert!(
        !text.contains(lasting.name()) && !text.contains("Valid"),
        "{text}"
    );
    stop.cancel();
    serving.await.unwrap().unwrap();
}

/// Runs a command until its answer fits.
fn until(place: &Place, arguments: &[&str], fits: impl Fn(&Value) -> bool) -> Value {
    let deadline = std::time::Instant::now() + Duration::from_secs(60);
    loop {
        // Some tell what they did not find, and fail.
        let output = place.run([arguments, &["--json"]].concat());
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        if fits(&answer) {
            return answer;
        }
        assert!(
            std::time::Instant::now() < deadline,
            "{arguments:?}: {answer}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Two documents come by themselves, each on a line.
fn watched_twice(place: &Place) {
    let mut command = peerage(place.path());
    command.arg("--data-dir").arg(place.data());
    command.args(["status", "--watch", "1", "--json"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let documents: Vec<Value> = lines
        .take(2)
        .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
        .collect();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(documents[0]["peer_id"], documents[1]["peer_id"]);
    assert_ne!(
        documents[0]["uptime_seconds"],
        documents[1]["uptime_seconds"]
    );
}

/// Quoted strings, brackets that match, statements that end; and Graphviz itself, where it is installed.
fn check_dot(text: &str) {
    assert!(
        text.starts_with("digraph \"") && text.trim_end().ends_with('}'),
        "{text}"
    );
    let (mut quoted, mut escaped) = (false, false);
    let mut outside = String::new();
    for letter in text.chars() {
        match (quoted, escaped, letter) {
            (true, true, _) => escaped = false,
            (true, false, '\\') => escaped = true,
            (_, false, '"') => quoted = !quoted,
            (true, false, _) => {}
            (false, ..) => outside.push(letter),
        }
    }
    assert!(!quoted, "a quote is open: {text}");
    assert_eq!(outside.matches('{').count(), 1, "{outside}");
    assert_eq!(
        outside.matches('[').count(),
        outside.matches(']').count(),
        "{outside}"
    );
    assert_eq!(outside.matches("->").count(), 1, "{outside}");
    let Ok(mut dot) = Command::new("dot")
        .arg("-Tsvg")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
    else {
        return;
    };
    std::io::Write::write_all(&mut dot.stdin.take().unwrap(), text.as_bytes()).unwrap();
    let drawn: Output = dot.wait_with_output().unwrap();
    assert!(drawn.status.success() && stdout(&drawn).contains("</svg>"));
}

fn only_folder(folder: &Path) -> std::path::PathBuf {
    let mut entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries.find(|path| path.is_dir()).unwrap()
}

fn only_file(folder: &Path, extension: &str) -> std::path::PathBuf {
    let mut entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let found = entries.find(|path| path.extension().is_some_and(|end| end == extension));
    found.unwrap()
}
