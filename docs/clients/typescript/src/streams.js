// What is held open: streams that come back, sessions, and direct connections.

import { createHash } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";

import { PeerageError } from "./errors.js";

/** Pauses before a stream is opened again: doubling, with some chance in it. */
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 10_000;
/** The namespace of readable type names. */
const TYPES = Buffer.from("404987f7f0485fe3ac5f47a64f77ea11", "hex");
const TYPE_BYTES = 16;
/** As much as one message of a pipe's socket takes, and less than makes anybody wait. */
const PIECE_BYTES = 64 * 1024;
/** With more waiting to be sent, whoever sends waits. */
const MAX_BUFFERED_BYTES = 1024 * 1024;
/** With more waiting to be read, the other side waits. */
const MAX_UNREAD = 32;
const REGULAR = 1000;

/** The UUID of a record or message type: of UUID text itself, else the one the name stands for. */
export function typeId(name) {
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(name)) return name.toLowerCase();
  const digest = createHash("sha1").update(TYPES).update(name).digest().subarray(0, TYPE_BYTES);
  digest[6] = (digest[6] & 0x0f) | 0x50;
  digest[8] = (digest[8] & 0x3f) | 0x80;
  return uuid(digest);
}

/**
 * A stream that is opened again when it breaks, and when it ends unless it `ends` by itself. An error that no waiting mends is thrown, and so is the
 * first one: what never worked is a mistake to be told of, not a connection that broke.
 */
export async function* lasting(transport, path, options, { signal, reconnect, ends = false }) {
  for (let wait = FIRST_PAUSE_MS, opened = false; ; ) {
    try {
      for await (const told of transport.stream(path, { ...options(), signal })) {
        opened = true;
        wait = FIRST_PAUSE_MS;
        if (told.name === "open") continue;
        if (told.name === "error") throw new PeerageError(JSON.parse(told.data));
        yield told;
      }
      if (ends) return;
    } catch (error) {
      if (signal?.aborted) return;
      const passes = error instanceof PeerageError && ["retry", "unavailable"].includes(error.kind);
      if (!reconnect || !opened || !passes) throw error;
    }
    if (!reconnect || signal?.aborted) return;
    await pause(wait * (0.5 + Math.random()), undefined, { signal }).catch(() => {});
    wait = Math.min(wait * 2, LONGEST_PAUSE_MS);
  }
}

/** A named application's place at the node. See `index.d.ts`. */
export class Session {
  #end = new AbortController();

  static async begin(transport, path) {
    const session = new Session();
    const signal = session.#end.signal;
    const stream = transport.stream(path, { signal });
    let attached;
    const begun = new Promise((resolve) => (attached = resolve));
    session.lost = (async () => {
      try {
        for await (const told of stream) {
          if (told.name === "error") throw new PeerageError(JSON.parse(told.data));
          if (told.name === "attached") attached();
        }
      } catch (error) {
        if (!signal.aborted) throw error;
      }
    })();
    // Whoever does not ask need not hear of it.
    session.lost.catch(() => {});
    const early = session.lost.then(() => {
      throw PeerageError.broken(new Error("the session ended at once"));
    });
    early.catch(() => {});
    await Promise.race([begun, early]);
    return session;
  }

  close() {
    this.#end.abort();
  }
}

/** A socket read one message at a time; what is not read holds the sender up. */
class Reader {
  #socket;
  #unread = [];
  #waiting;
  #closed;

  constructor(socket) {
    this.#socket = socket;
    socket.on("message", (data, binary) => {
      this.#unread.push({ data: Buffer.from(data), binary });
      if (this.#unread.length >= MAX_UNREAD) socket.pause();
      this.#waiting?.();
    });
    socket.on("close", (code, reason) => {
      this.#closed = { code, reason: reason.toString() };
      this.#waiting?.();
    });
    // An error is followed by a close.
    socket.on("error", () => {});
    // It was opened paused, so that nothing came before somebody listened.
    socket.resume();
  }

  /** The next message; undefined once the socket is closed and everything was read. */
  async next() {
    for (;;) {
      const message = this.#unread.shift();
      if (message !== undefined) {
        if (this.#unread.length < MAX_UNREAD) this.#socket.resume();
        return message;
      }
      if (this.#closed !== undefined) return undefined;
      await new Promise((resolve) => (this.#waiting = resolve));
      this.#waiting = undefined;
    }
  }

  get closed() {
    return this.#closed;
  }
}

async function write(socket, data) {
  await new Promise((resolve, reject) => {
    socket.send(data, { binary: typeof data !== "string" }, (error) => (error ? reject(PeerageError.broken(error)) : resolve()));
  });
  while (socket.bufferedAmount > MAX_BUFFERED_BYTES) await pause(5);
}

function shut(socket) {
  if (socket.readyState === socket.CLOSED) return Promise.resolve();
  return new Promise((resolve) => {
    socket.once("close", resolve);
    socket.close(REGULAR);
  });
}

/** Typed messages on a direct connection. See `index.d.ts`. */
export class DirectMessages {
  #socket;
  #reader;

  constructor(socket) {
    this.#socket = socket;
    this.#reader = new Reader(socket);
  }

  async send(type, data) {
    const kind = Buffer.from(typeId(type).replaceAll("-", ""), "hex");
    await write(this.#socket, Buffer.concat([kind, Buffer.from(data)]));
  }

  async receive() {
    for (;;) {
      const message = await this.#reader.next();
      if (message === undefined) return undefined;
      // Text tells of messages that were missed, which a single reader does not.
      if (message.binary && message.data.length >= TYPE_BYTES) {
        return { type: uuid(message.data), data: message.data.subarray(TYPE_BYTES) };
      }
    }
  }

  async *[Symbol.asyncIterator]() {
    for (let message; (message = await this.receive()) !== undefined; ) yield message;
  }

  close() {
    return shut(this.#socket);
  }
}

/** Bytes both ways. See `index.d.ts`. */
export class Pipe {
  #socket;
  #reader;
  #ended = false;

  constructor(socket, reader, connection) {
    this.#socket = socket;
    this.#reader = reader;
    this.connection = connection;
  }

  static on(socket, connection) {
    return new Pipe(socket, new Reader(socket), connection);
  }

  /** Waits until a pipe has come, which text tells of. */
  static async accepted(socket) {
    const reader = new Reader(socket);
    for (;;) {
      const message = await reader.next();
      if (message === undefined) throw ended(reader.closed);
      if (!message.binary) return new Pipe(socket, reader, JSON.parse(message.data.toString()));
    }
  }

  async write(data) {
    const bytes = Buffer.from(data);
    for (let start = 0; start < bytes.length; start += PIECE_BYTES) {
      await write(this.#socket, bytes.subarray(start, start + PIECE_BYTES));
    }
  }

  async end() {
    if (this.#ended) return;
    this.#ended = true;
    await write(this.#socket, Buffer.alloc(0));
  }

  async *[Symbol.asyncIterator]() {
    for (;;) {
      const message = await this.#reader.next();
      if (message === undefined) {
        if (this.#reader.closed.code === REGULAR) return;
        throw ended(this.#reader.closed);
      }
      if (!message.binary) continue;
      if (message.data.length === 0) {
        // Whoever asks for more has done with what came before.
        await write(this.#socket, "taken");
        return;
      }
      yield message.data;
    }
  }

  async finish() {
    await this.end();
    while ((await this.#reader.next()) !== undefined);
    if (this.#reader.closed.code !== REGULAR) throw ended(this.#reader.closed);
  }

  async readAll() {
    const parts = [];
    for await (const part of this) parts.push(part);
    return Buffer.concat(parts);
  }

  close() {
    return shut(this.#socket);
  }
}

function ended({ code, reason }) {
  return PeerageError.broken(new Error(`closed with ${code}${reason ? `: ${reason}` : ""}`));
}

function uuid(bytes) {
  const hex = bytes.subarray(0, TYPE_BYTES).toString("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
