// Prints what happens in a group: node examples/watch.js Chess [POSITION]

import { Client, PeerageError } from "../src/index.js";

const [group, after] = process.argv.slice(2);
const peerage = new Client();
const end = new AbortController();
process.once("SIGINT", () => end.abort());

try {
  for await (const event of peerage.events(group, { after, signal: end.signal })) {
    const about = event.record ?? event.member ?? event.status ?? "";
    console.log(event.position, event.at, event.kind, about);
  }
} catch (error) {
  if (!(error instanceof PeerageError)) throw error;
  console.error(`${error.message} [${error.code}]${error.nextStep ? ` (${error.nextStep})` : ""}`);
  process.exitCode = 1;
} finally {
  peerage.close();
}
