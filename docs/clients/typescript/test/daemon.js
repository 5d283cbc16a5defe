// A real daemon on a folder of its own.

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";

const BINARY = process.env.PEERAGE_BIN ?? "peerage";

export class Daemon {
  static async start({ listen = "/ip4/127.0.0.1/udp/0/quic-v1", options = [] } = {}) {
    const daemon = new Daemon();
    daemon.folder = await mkdtemp(path.join(os.tmpdir(), "peerage-"));
    daemon.socket = path.join(daemon.folder, "data", "api.sock");
    daemon.listen = listen;
    daemon.options = options;
    await daemon.up();
    return daemon;
  }

  async up() {
    this.child = spawn(
      BINARY,
      ["--data-dir", path.join(this.folder, "data"), "up", "--json", "--listen", this.listen, ...this.options],
      { env: { HOME: this.folder }, stdio: ["ignore", "pipe", "inherit"] },
    );
    const lines = createInterface({ input: this.child.stdout });
    const [first] = await Promise.race([
      once(lines, "line"),
      once(this.child, "exit").then(() => {
        throw new Error("the daemon did not start");
      }),
    ]);
    this.ready = JSON.parse(first);
  }

  /** What a command says in JSON, as the operator. */
  async run(...command) {
    const words = ["--data-dir", path.join(this.folder, "data"), ...command, "--json"];
    const { stdout } = await promisify(execFile)(BINARY, words, { env: { HOME: this.folder } });
    return JSON.parse(stdout);
  }

  /** Ends it as a crash would. */
  async kill() {
    this.child.kill("SIGKILL");
    await once(this.child, "exit");
  }

  async end() {
    if (this.child.exitCode === null && this.child.signalCode === null) await this.kill();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Waits until a probe gives something. */
export async function eventually(what, probe) {
  const deadline = Date.now() + 60_000;
  for (;;) {
    const found = await probe();
    if (found) return found;
    if (Date.now() > deadline) throw new Error(`not in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
