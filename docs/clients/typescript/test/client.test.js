import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Client, PeerageError, typeId } from "../src/index.js";
import { Daemon, eventually } from "./daemon.js";

let ada, ben, peerage, other, group;

before(async () => {
  const options = ["--api-listen", "127.0.0.1:0"];
  [ada, ben] = await Promise.all([Daemon.start({ options }), Daemon.start()]);
  peerage = new Client({ socket: ada.socket });
  other = new Client({ socket: ben.socket });
});

after(async () => {
  peerage.close();
  other.close();
  await Promise.all([ada.end(), ben.end()]);
});

async function publish(client, text, type = "note") {
  return (await client.recordsPublish(group, { type, payload_text: text })).id;
}

async function records(events) {
  const found = [];
  for await (const event of events) found.push(event.record);
  return found;
}

test("an identity and a group are made, and another node joins it", async () => {
  const identity = await peerage.identitiesCreate({ friendly_name: "Ada" });
  assert.match(identity.name, /^[0-9a-f]{40}\./);
  group = (await peerage.groupsCreate({ friendly_name: "Chess" })).name;
  await peerage.groupsConnect(group);
  await other.identitiesCreate({ friendly_name: "Ben" });
  const card = await other.identitiesDefaultCard();
  const invitation = await peerage.invitationsCreate(group, { card: card.text });
  await other.groupsJoin({ invitation: invitation.uri });
  await other.groupsConnect(group);
  await eventually("synchronisation", async () => (await other.groupsShow(group)).synchronised);
});

test("a record arrives and is listed", async () => {
  const id = await publish(peerage, "see you at eight");
  await eventually("the record", async () => {
    const { items } = await other.recordsList(group, { type: "note" });
    return items.length === 1 && items[0].id === id;
  });
  assert.equal((await other.recordsGet(group, id)).type, typeId("note"));
});

test("a repeated request is carried out once", async () => {
  const body = { type: "once", payload_text: "once" };
  const first = await peerage.recordsPublish(group, body, { idempotencyKey: "one" });
  const again = await peerage.recordsPublish(group, body, { idempotencyKey: "one" });
  assert.equal(first.id, again.id);
});

test("events go on after the last that was seen", async () => {
  const published = [];
  for (const text of ["a", "b", "c"]) published.push(await publish(peerage, text, "letter"));
  const wanted = { kinds: ["record_added"], recordType: "letter" };
  let last;
  for await (const event of peerage.events(group, { ...wanted, after: 0 })) {
    assert.equal(event.record, published[0]);
    last = event.position;
    break;
  }
  const rest = await records(peerage.events(group, { ...wanted, after: last, wait: 0 }));
  assert.deepEqual(rest, published.slice(1));
});

test("a snapshot and what follows", async () => {
  const there = await publish(peerage, "there", "shown");
  const { records: shown, position } = await peerage.snapshot(group, { recordType: "shown" });
  assert.deepEqual(shown.map((record) => record.id), [there]);
  const later = await publish(peerage, "later", "shown");
  const rest = peerage.events(group, { after: position, recordType: "shown", kinds: "record_*", wait: 0 });
  assert.deepEqual(await records(rest), [later]);
});

test("a consumer is told again what it did not finish", async () => {
  const published = [];
  for (const text of ["a", "b", "c"]) published.push(await publish(peerage, text, "task"));
  const wanted = { after: 0, kinds: "record_added", recordType: "task", wait: 0 };
  const consume = async (most) => {
    const seen = [];
    for await (const event of peerage.consume(group, "board", wanted)) {
      seen.push(event.record);
      if (seen.length === most) break;
    }
    return seen;
  };
  assert.deepEqual(await consume(2), published.slice(0, 2));
  assert.deepEqual(await consume(9), published.slice(1));
  assert.deepEqual(await consume(9), []);
});

test("errors say what to do", async () => {
  const unknown = (error) => {
    assert(error instanceof PeerageError);
    assert.deepEqual([error.code, error.kind, error.status], ["group_not_found", "not_found", 404]);
    assert.equal(error.original, "PEER_E_NOT_FOUND");
    assert.match(error.nextStep, /peerage group/);
    return true;
  };
  await assert.rejects(peerage.groupsShow("Nobody"), unknown);
  await assert.rejects(peerage.events("Nobody").next(), unknown);
  await assert.rejects(peerage.messages(group, "1"), { name: "PeerageError", kind: "not_found", status: 404 });
  const nowhere = new Client({ socket: `${ada.socket}.not` });
  const unreachable = { code: "daemon_unreachable", kind: "unavailable", status: 0 };
  await assert.rejects(nowhere.nodeStatus(), unreachable);
  await assert.rejects(nowhere.messages(group, "1"), unreachable);
  nowhere.close();
});

test("a database is bytes", async () => {
  const database = await peerage.portableExportDatabase(group);
  assert(database instanceof Uint8Array && database.length > 1024);
  const damaged = peerage.portableImportDatabase(group, database.subarray(1));
  await assert.rejects(damaged, (error) => error instanceof PeerageError && ![0, 415].includes(error.status));
});

/** What comes of an attempt that is refused until the other side listens. */
function once(what, attempt) {
  return eventually(what, async () => {
    try {
      return await attempt();
    } catch (error) {
      if (error instanceof PeerageError) return undefined;
      throw error;
    }
  });
}

test("direct messages go both ways", async () => {
  const end = new AbortController();
  let incoming;
  const listening = (async () => {
    for await (const told of other.listen(group, { data: "none", signal: end.signal })) {
      if (told.event === "connected") incoming = told.connection;
    }
  })();
  const id = await once("a connection", async () => {
    const opening = await peerage.directOpen(group, { member: "Ben", wait: true });
    return opening.connection && opening.id;
  });
  await eventually("the connection at the other side", () => incoming);
  const here = await peerage.messages(group, id);
  const there = await other.messages(group, incoming.id);
  const large = Buffer.alloc(1024 * 1024, "abc");
  await here.send("chat", large);
  assert.deepEqual(await there.receive(), { type: typeId("chat"), data: large });
  await there.send("chat", "");
  assert.deepEqual(await here.receive(), { type: typeId("chat"), data: Buffer.alloc(0) });
  await peerage.directSend(group, id, { type: "chat", payload_text: "psst" });
  assert.equal((await there.receive()).data.toString(), "psst");
  await peerage.directClose(group, id);
  assert.equal(await there.receive(), undefined);
  await Promise.all([here.close(), there.close()]);
  end.abort();
  await listening;
});

test("a pipe carries bytes both ways", async () => {
  const accepting = other.acceptPipe(group);
  const here = await once("a pipe", () => peerage.openPipe(group, "Ben"));
  const there = await accepting;
  assert.equal(there.connection.incoming, true);
  const content = Buffer.alloc(512 * 1024, "abc");
  await here.write(content);
  await here.end();
  assert(content.equals(await there.readAll()));
  await there.write("thanks");
  await there.end();
  assert.equal((await here.readAll()).toString(), "thanks");
  await Promise.all([here.finish(), there.finish()]);
});

test("waiting for a pipe can be ended", async () => {
  const signal = AbortSignal.timeout(100);
  await assert.rejects(other.acceptPipe(group, { signal }), { name: "TimeoutError" });
});

test("events survive the end of the daemon", async () => {
  const first = await publish(peerage, "before", "survivor");
  const stream = peerage.events(group, { after: 0, recordType: "survivor", kinds: "record_added" });
  assert.equal((await stream.next()).value.record, first);
  const next = stream.next();
  await ada.kill();
  await ada.up();
  const second = await once("the node", () => publish(peerage, "after", "survivor"));
  assert.equal((await next).value.record, second);
  await stream.return();
});

test("an application has a session over loopback", async () => {
  const { token } = await ada.run("app", "register", "board", "--scope", "read", "--scope", "online");
  const url = `http://${ada.ready.api_listen}`;
  const board = new Client({ url, token });
  await peerage.groupsClose(group);
  const online = async () => (await peerage.groupsShow(group)).status !== "offline";
  await assert.rejects(board.groupsConnect(group), { code: "session_needed" });
  await assert.rejects(publish(board, "not allowed"), { code: "out_of_scope", status: 403 });
  const session = await board.session();
  await board.groupsConnect(group);
  assert.equal(await online(), true);
  await assert.rejects(board.session(), { name: "PeerageError" });
  await ada.run("app", "revoke", "board");
  await session.lost;
  await assert.rejects(board.groupsList(), { status: 401 });
  await eventually("the end of what the application held", async () => !(await online()));
  const stranger = new Client({ url, token: "wrong" });
  await assert.rejects(stranger.session(), { status: 401, kind: "not_authorised" });
  board.close();
  stranger.close();
});
