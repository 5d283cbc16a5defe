// The client: every operation of the API, and the streams. Types are in index.d.ts.

import { PeerageError } from "./errors.js";
import { Operations, OPERATIONS, pathOf } from "./operations.js";
import { DirectMessages, lasting, Pipe, Session, typeId } from "./streams.js";
import { Transport } from "./transport.js";

export { DirectMessages, OPERATIONS, Operations, PeerageError, Pipe, Session, pathOf, typeId };

export class Client extends Operations {
  #transport;

  constructor(options = {}) {
    super();
    this.#transport = new Transport(options);
  }

  close() {
    this.#transport.close();
  }

  request(method, path, options) {
    return this.#transport.request(method, path, options);
  }

  async *events(group, { signal, reconnect = true, ...options } = {}) {
    const { record_type = options.recordType, recordType, snapshot, ...rest } = options;
    const query = { ...rest, record_type, snapshot: snapshot || undefined };
    let last;
    const now = () => ({ query, lastEventId: last });
    const ends = options.wait !== undefined;
    const path = pathOf("events_events", { group });
    for await (const told of lasting(this.#transport, path, now, { signal, reconnect, ends })) {
      if (told.id !== undefined) last = told.id;
      yield JSON.parse(told.data);
    }
  }

  async snapshot(group, options = {}) {
    const records = [];
    const kinds = ["snapshot_record", "snapshot_end"];
    const wanted = { ...options, kinds, snapshot: true, wait: 0, reconnect: false };
    for await (const event of this.events(group, wanted)) {
      if (event.kind === "snapshot_end") return { records, position: event.position };
      if (event.content) records.push(event.content);
    }
    options.signal?.throwIfAborted();
    throw PeerageError.broken(new Error("the snapshot has no end"));
  }

  async *consume(group, consumer, options = {}) {
    const { identity } = options;
    for await (const event of this.events(group, { ...options, consumer })) {
      yield event;
      await this.eventsAcknowledge(group, { consumer, position: event.position }, { identity });
    }
  }

  session() {
    return Session.begin(this.#transport, pathOf("applications_session"));
  }

  async *listen(group, { signal, reconnect = true, ...query } = {}) {
    const path = pathOf("direct_listen", { group });
    for await (const told of lasting(this.#transport, path, () => ({ query }), { signal, reconnect })) {
      yield JSON.parse(told.data);
    }
  }

  async messages(group, id, { identity } = {}) {
    const path = pathOf("direct_socket", { group, id });
    return new DirectMessages(await this.#transport.websocket(path, { identity }));
  }

  async takePipe(group, id, { identity } = {}) {
    const connection = await this.directShow(group, id, { identity });
    if (connection.mode !== "stream") {
      throw new PeerageError({ code: "invalid_input", kind: "fix_input", detail: `${id} carries messages` });
    }
    const path = pathOf("direct_socket", { group, id });
    return Pipe.on(await this.#transport.websocket(path, { identity }), connection);
  }

  async openPipe(group, member, { node, identity } = {}) {
    const body = { member, node, mode: "stream", wait: true };
    const { id, connection } = await this.directOpen(group, body, { identity });
    if (!connection) {
      await this.directClose(group, id, { identity });
      throw new PeerageError({ code: "timed_out", kind: "retry", detail: "the pipe is not open yet" });
    }
    return this.takePipe(group, id, { identity });
  }

  async acceptPipe(group, { identity, signal } = {}) {
    signal?.throwIfAborted();
    const socket = await this.#transport.websocket(pathOf("direct_accept", { group }), { identity });
    const stop = () => socket.terminate();
    signal?.addEventListener("abort", stop);
    try {
      if (signal?.aborted) stop();
      return await Pipe.accepted(socket);
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    } finally {
      signal?.removeEventListener("abort", stop);
    }
  }
}
