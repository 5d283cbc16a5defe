/** A thin, typed client of a running Peerage node. */

import type { ConnectionInfo, DirectTold, EventOrigin, GroupEvent, RecordInfo } from "./operations.js";
import { Operations } from "./operations.js";

export * from "./operations.js";

/** How a client finds its node. Default: the Unix socket of a node that the same user started. */
export interface ClientOptions {
  /** Path of the Unix socket. */
  socket?: string;
  /** `http://127.0.0.1:PORT`, where the node listens on loopback too. */
  url?: string;
  /** An application's token. Needed over loopback. */
  token?: string;
}

/** An error of the node, or of the way to it. */
export class PeerageError extends Error {
  /** Stable, for programs. */
  readonly code: string;
  /** What to do about it. */
  readonly kind:
    | "retry"
    | "fix_input"
    | "not_found"
    | "not_authorised"
    | "conflict"
    | "unavailable"
    | "damaged"
    | "internal";
  /** The HTTP status; 0 when the node was not reached. */
  readonly status: number;
  /** The original Peer Infrastructure's name for it, if it had one. */
  readonly original?: string;
  /** What to try next, most often a command. */
  readonly nextStep?: string;
  /** Seconds after which the same request may succeed. */
  readonly retryAfter?: number;
  /** The whole `application/problem+json`, with fields this version may not know. */
  readonly problem: Record<string, unknown>;
}

export interface SnapshotOptions {
  /** The member, where several identities of the node are in the group. */
  identity?: string;
  /** Of the records, only those of these types, UUIDs or names. */
  recordType?: string | string[];
  /** Ends the iteration. */
  signal?: AbortSignal;
}

export interface ConsumeOptions extends SnapshotOptions {
  /** The last event that was seen; those after it are told first. */
  after?: number | string;
  /** Only these kinds; `record_*` is all that begin so. */
  kinds?: string | string[];
  /** Of the events about records, only those from this node, or only those from others. */
  origin?: EventOrigin;
  /** End after so many silent seconds; 0 tells what there is and ends. */
  wait?: number;
  /** Open the stream again when it breaks. Default: true. */
  reconnect?: boolean;
}

export interface EventOptions extends ConsumeOptions {
  /** Begin where this consumer is, which is made if there is none. See `consume`. */
  consumer?: string;
  /** Tell all records first, then what happened since. One that breaks begins again. */
  snapshot?: boolean;
}

export interface ListenOptions {
  identity?: string;
  /** Let members open connections for messages. Default: true. */
  connections?: boolean;
  /** Let members open pipes, to be taken with `takePipe`. Default: false. */
  pipes?: boolean;
  /** Which messages. Default: all. */
  data?: "all" | "none";
  /** Only messages of these types. */
  types?: string | string[];
  /** Open the stream again when it breaks. Default: true. */
  reconnect?: boolean;
  signal?: AbortSignal;
}

/** The UUID of a record or message type: of UUID text itself, else the one the name stands for. */
export function typeId(name: string): string;

/** A named application's place at the node: what it opens is held as long as this lasts. */
export class Session {
  private constructor();
  /** Settles when the session is over; rejects with the reason when it broke. */
  readonly lost: Promise<void>;
  /** Ends it: the node closes what the application held. */
  close(): void;
}

/** Typed messages on a direct connection, both ways, held up by whoever is slower. */
export class DirectMessages implements AsyncIterable<{ type: string; data: Buffer }> {
  private constructor();
  /** Sends a message of up to 16 MiB. `type` is a UUID or a readable name. */
  send(type: string, data: string | Uint8Array): Promise<void>;
  /** The next message; undefined at the end. `type` is a UUID: compare with `typeId`. */
  receive(): Promise<{ type: string; data: Buffer } | undefined>;
  [Symbol.asyncIterator](): AsyncGenerator<{ type: string; data: Buffer }, void, undefined>;
  /** Stops reading; the connection stays open until it is closed by its id. */
  close(): Promise<void>;
}

/** Bytes both ways between two applications. */
export class Pipe implements AsyncIterable<Buffer> {
  private constructor();
  /** With whom. */
  readonly connection: ConnectionInfo;
  write(data: string | Uint8Array): Promise<void>;
  /** No more bytes come from here; the other direction goes on. */
  end(): Promise<void>;
  /** The bytes that come. Throws when the pipe was cut. */
  [Symbol.asyncIterator](): AsyncGenerator<Buffer, void, undefined>;
  /** Everything that still comes. */
  readAll(): Promise<Buffer>;
  /**
   * Ends, and waits until the other side has taken everything. Read to the end before. Throws when the pipe
   * was cut before.
   */
  finish(): Promise<void>;
  /** Cuts the pipe unless it is finished. */
  close(): Promise<void>;
}

/** A way to a node. */
export class Client extends Operations {
  constructor(options?: ClientOptions);
  /** Closes the connections that are kept for the next request. */
  close(): void;
  /** One request by hand; the methods of `Operations` are typed. */
  request(
    method: string,
    path: string,
    options?: {
      query?: Record<string, unknown>;
      body?: unknown;
      headers?: Record<string, unknown>;
      signal?: AbortSignal;
    },
  ): Promise<any>;
  /**
   * Events of a group as they happen. A stream that breaks is opened again after the last event it told;
   * an error that no waiting mends is thrown. Without `after`, `consumer` or `snapshot`, what happens
   * while it is broken before the first event is not told.
   */
  events(group: string, options?: EventOptions): AsyncGenerator<GroupEvent, void, undefined>;
  /** The visible records as of one moment, and the position after which `events` goes on. */
  snapshot(group: string, options?: SnapshotOptions): Promise<{ records: RecordInfo[]; position: string }>;
  /**
   * Events from where this consumer is, a place that the node keeps. An event is acknowledged when the next
   * one is asked for: one whose handling threw, or was cut short by a crash, comes again the next time.
   */
  consume(
    group: string,
    consumer: string,
    options?: ConsumeOptions,
  ): AsyncGenerator<GroupEvent, void, undefined>;
  /** Begins an application's session. What it opens, it holds until the session ends. */
  session(): Promise<Session>;
  /** Lets members open direct connections as long as it is read, and tells what comes on them. */
  listen(group: string, options?: ListenOptions): AsyncGenerator<DirectTold, void, undefined>;
  /** The socket of an open connection for messages: large ones too, both ways. */
  messages(group: string, id: string, options?: { identity?: string }): Promise<DirectMessages>;
  /** A pipe that is open: the first who takes it has it, and within 30 seconds. */
  takePipe(group: string, id: string, options?: { identity?: string }): Promise<Pipe>;
  /** Opens a pipe to a member who accepts pipes. */
  openPipe(group: string, member: string, options?: { node?: string; identity?: string }): Promise<Pipe>;
  /** Waits until a member opens a pipe, and takes it. */
  acceptPipe(group: string, options?: { identity?: string; signal?: AbortSignal }): Promise<Pipe>;
}
