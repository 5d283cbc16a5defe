"""What goes wrong, as one exception type."""

from __future__ import annotations

from typing import Any, Mapping


class PeerageError(Exception):
    """An error of the node, or of the way to it.

    `code` is stable and meant for programs; `kind` says what to do about it (`retry`, `fix_input`,
    `not_found`, `not_authorised`, `conflict`, `unavailable`, `damaged`, `internal`).
    """

    def __init__(
        self,
        detail: str,
        *,
        code: str,
        kind: str,
        status: int = 0,
        original: str | None = None,
        next_step: str | None = None,
        retry_after: float | None = None,
        problem: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code
        self.kind = kind
        #: The HTTP status, or 0 when the node was not reached.
        self.status = status
        #: The original Peer Infrastructure's name for it, if it had one.
        self.original = original
        #: What to try next, most often a command.
        self.next_step = next_step
        #: Seconds after which the same request may succeed.
        self.retry_after = retry_after
        #: The whole `application/problem+json`, with fields this version may not know.
        self.problem = dict(problem or {})

    @classmethod
    def from_problem(
        cls, status: int, problem: Mapping[str, Any], retry_after: float | None = None
    ) -> PeerageError:
        """From the body of an answer; what is missing in it is made up for."""

        def text(key: str) -> str | None:
            value = problem.get(key)
            return value if isinstance(value, str) else None

        return cls(
            text("detail") or f"the node answered {status}",
            code=text("code") or "unknown",
            kind=text("kind") or "internal",
            status=status,
            original=text("original"),
            next_step=text("next_step"),
            retry_after=retry_after,
            problem=problem,
        )

    @classmethod
    def unreachable(cls, where: str, reason: object) -> PeerageError:
        """Nobody answers."""
        return cls(
            f"no daemon answers on {where}: {reason}",
            code="daemon_unreachable",
            kind="unavailable",
            original="PEER_E_NOT_INITIALIZED",
            next_step="start it with: peerage up",
        )

    @classmethod
    def broken(cls, reason: object) -> PeerageError:
        """The node went away in the middle, or speaks otherwise than it should."""
        return cls(
            f"the daemon broke off: {reason}",
            code="shutting_down",
            kind="retry",
            next_step="see the daemon's log; start it with: peerage up",
        )

    def __str__(self) -> str:
        step = f" ({self.next_step})" if self.next_step else ""
        return f"{self.detail} [{self.code}]{step}"
