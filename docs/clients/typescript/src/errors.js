/** An error of the node, or of the way to it. See `index.d.ts`. */
export class PeerageError extends Error {
  constructor(problem, { status = 0, retryAfter, cause } = {}) {
    super(problem.detail ?? `the node answered ${status}`, { cause });
    this.name = "PeerageError";
    this.code = problem.code ?? "unknown";
    this.kind = problem.kind ?? "internal";
    this.status = status;
    this.original = problem.original;
    this.nextStep = problem.next_step;
    this.retryAfter = retryAfter;
    this.problem = problem;
  }

  static unreachable(where, cause) {
    return new PeerageError(
      {
        code: "daemon_unreachable",
        kind: "unavailable",
        original: "PEER_E_NOT_INITIALIZED",
        detail: `no daemon answers on ${where}: ${cause.message}`,
        next_step: "start it with: peerage up",
      },
      { cause },
    );
  }

  static broken(cause) {
    return new PeerageError(
      {
        code: "shutting_down",
        kind: "retry",
        detail: `the daemon broke off: ${cause.message ?? cause}`,
        next_step: "see the daemon's log; start it with: peerage up",
      },
      { cause },
    );
  }
}

/** What a refusal says, whatever its body is. */
export function refusal(status, headers, text) {
  let problem = {};
  try {
    const read = JSON.parse(text);
    if (read !== null && typeof read === "object") problem = read;
  } catch {
    // Not JSON: the status is all there is.
  }
  const after = Number.parseInt(headers["retry-after"] ?? "", 10);
  return new PeerageError(problem, { status, retryAfter: Number.isNaN(after) ? undefined : after });
}
