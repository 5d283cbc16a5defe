// The way to the node: HTTP over its Unix socket, or over loopback with a token.

import http from "node:http";
import os from "node:os";
import path from "node:path";

import { PeerageError, refusal } from "./errors.js";

/** The daemon answers, or says that it cannot, within half of this. */
const ANSWER_TIMEOUT_MS = 60_000;
/** A stream says something at least every 15 s; one that says nothing for longer is dead. */
const STREAM_TIMEOUT_MS = 45_000;
/** A page of full records is the largest answer. */
const MAX_ANSWER_BYTES = 128 * 1024 * 1024;
/** At most this much in one line of a stream: a full message of a direct connection in base64. */
const MAX_LINE_CHARS = 32 * 1024 * 1024;
/** What databases and backups are sent as. */
const FILE = "application/octet-stream";

/** Where a node listens that was started without options by the same user. */
export function defaultSocket(env = process.env) {
  if (env.PEERAGE_SOCKET) return env.PEERAGE_SOCKET;
  if (env.PEERAGE_DATA_DIR) return path.join(env.PEERAGE_DATA_DIR, "api.sock");
  const base = env.XDG_DATA_HOME || path.join(os.homedir(), ".local/share");
  return path.join(base, "peerage", "api.sock");
}

export class Transport {
  constructor({ socket, url, token } = {}) {
    if (socket !== undefined && url !== undefined) throw new TypeError("give a socket or a url, not both");
    this.token = token;
    if (url === undefined) {
      this.socket = socket ?? defaultSocket();
      this.host = "peerage";
      this.where = this.socket;
    } else {
      const parsed = new URL(url);
      if (parsed.protocol !== "http:") throw new TypeError("the node speaks http on loopback");
      this.hostname = parsed.hostname.replace(/^\[|\]$/g, "");
      this.port = parsed.port || "80";
      this.host = parsed.host;
      this.where = url;
    }
    this.agent = new http.Agent({ keepAlive: true });
  }

  close() {
    this.agent.destroy();
  }

  headers(more = {}) {
    const headers = { host: this.host, ...more };
    if (this.token !== undefined) headers.authorization = `Bearer ${this.token}`;
    return headers;
  }

  place() {
    return this.socket === undefined
      ? { hostname: this.hostname, port: this.port }
      : { socketPath: this.socket };
  }

  /** One request; the JSON of the answer, bytes of a file, text where it is neither, or nothing. */
  async request(method, target, { query, body, headers = {}, signal } = {}) {
    const more = {};
    for (const [name, value] of Object.entries(headers)) {
      if (value !== undefined) more[name] = String(value);
    }
    const file = body instanceof Uint8Array;
    const content = file || body === undefined ? body : JSON.stringify(body);
    if (content !== undefined) {
      more["content-type"] = file ? FILE : "application/json";
      more["content-length"] = String(Buffer.byteLength(content));
    }
    const timeout = AbortSignal.timeout(ANSWER_TIMEOUT_MS);
    const either = signal === undefined ? timeout : AbortSignal.any([timeout, signal]);
    try {
      const answer = await this.send(method, withQuery(target, query), more, content, either);
      const bytes = await whole(answer);
      const status = answer.statusCode ?? 0;
      const kind = answer.headers["content-type"] ?? "";
      const passed = status >= 200 && status <= 299;
      if (passed && kind.startsWith(FILE)) return bytes;
      const text = bytes.toString();
      if (!passed) throw refusal(status, answer.headers, text);
      if (text === "") return undefined;
      return kind.includes("json") ? JSON.parse(text) : text;
    } catch (error) {
      if (error instanceof PeerageError || signal?.aborted) throw error;
      if (timeout.aborted) {
        const detail = `no answer within ${ANSWER_TIMEOUT_MS / 1000} s`;
        throw new PeerageError({ code: "timed_out", kind: "retry", detail }, { cause: error });
      }
      throw PeerageError.broken(error);
    }
  }

  /** Opens a stream of server-sent events; ends with it, or when the signal is aborted. */
  async *stream(target, { query, lastEventId, signal } = {}) {
    const headers = { accept: "text/event-stream" };
    if (lastEventId !== undefined) headers["last-event-id"] = lastEventId;
    let answer;
    try {
      answer = await this.send("GET", withQuery(target, query), headers, undefined, signal);
      if (answer.statusCode !== 200) {
        const text = (await whole(answer)).toString();
        throw refusal(answer.statusCode, answer.headers, text);
      }
      answer.socket.setTimeout(STREAM_TIMEOUT_MS, () => answer.destroy(new Error("the stream is silent")));
      // The head has come: what is open is open.
      yield { name: "open", data: "", id: undefined };
      let [name, data, id] = ["message", [], undefined];
      for await (const line of lines(answer)) {
        if (line === "") {
          if (data.length > 0) yield { name, data: data.join("\n"), id };
          [name, data, id] = ["message", [], undefined];
          continue;
        }
        const colon = line.indexOf(":");
        const field = colon < 0 ? line : line.slice(0, colon);
        const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
        if (field === "event") name = value;
        else if (field === "data") data.push(value);
        else if (field === "id") id = value;
      }
    } catch (error) {
      if (error instanceof PeerageError || signal?.aborted) throw error;
      throw PeerageError.broken(error);
    } finally {
      answer?.destroy();
    }
  }

  /** Opens a WebSocket. Needs the package `ws`, which direct connections alone use. */
  async websocket(target, query) {
    const { WebSocket } = await import("ws");
    const way = withQuery(target, query);
    const url = this.socket === undefined ? `ws://${this.host}${way}` : `ws+unix://${this.socket}:${way}`;
    const socket = new WebSocket(url, { headers: this.headers(), perMessageDeflate: false });
    await new Promise((resolve, reject) => {
      socket.once("open", () => {
        // What comes with the answer waits for its reader, who resumes.
        socket.pause();
        resolve();
      });
      socket.on("error", (error) => {
        const reach = ["ENOENT", "ECONNREFUSED", "EACCES"].includes(error.code);
        reject(reach ? PeerageError.unreachable(this.where, error) : PeerageError.broken(error));
      });
      socket.once("unexpected-response", (_, answer) => {
        whole(answer)
          .then((text) => refusal(answer.statusCode, answer.headers, text.toString()), PeerageError.broken)
          .then((error) => {
            reject(error);
            socket.terminate();
          });
      });
    });
    return socket;
  }

  send(method, target, headers, content, signal) {
    return new Promise((resolve, reject) => {
      const request = http.request({
        ...this.place(),
        path: target,
        method,
        headers: this.headers(headers),
        // A stream is a connection of its own, so that requests do not wait behind it.
        agent: headers.accept === "text/event-stream" ? false : this.agent,
        signal,
      });
      request.once("response", resolve);
      request.once("error", (error) => {
        const reach = ["ENOENT", "ECONNREFUSED", "EACCES"].includes(error.code);
        reject(reach ? PeerageError.unreachable(this.where, error) : error);
      });
      request.end(content);
    });
  }
}

/** A path with what is asked; what is undefined is left out, lists are joined by commas. */
export function withQuery(target, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null);
  if (given.length === 0) return target;
  const text = given.map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(String(value))}`);
  return `${target}?${text.join("&")}`;
}

async function whole(answer) {
  const parts = [];
  let length = 0;
  for await (const part of answer) {
    length += part.length;
    if (length > MAX_ANSWER_BYTES) throw new Error("an endless answer");
    parts.push(part);
  }
  return Buffer.concat(parts);
}

/** Lines that end in a line feed and nothing else: text in them may hold any other separator. */
async function* lines(answer) {
  answer.setEncoding("utf8");
  let rest = "";
  for await (const part of answer) {
    const found = (rest + part).split("\n");
    rest = found.pop();
    for (const line of found) yield line.endsWith("\r") ? line.slice(0, -1) : line;
    if (rest.length > MAX_LINE_CHARS) throw new Error("an endless line");
  }
}
