"""The way to the node: HTTP over its Unix socket, or over loopback with a token."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

import httpx

from .errors import PeerageError
from .websocket import WebSocket

#: The daemon answers, or says that it cannot, within half of this.
ANSWER_TIMEOUT: Final = 60.0
#: A stream says something at least every 15 s; one that says nothing for longer is dead.
STREAM_TIMEOUT: Final = 45.0
#: At most this many bytes in one line of a stream: a full message of a direct connection in base64.
MAX_LINE_BYTES: Final = 32 * 1024 * 1024

#: What databases and backups are sent as.
FILE: Final = "application/octet-stream"

Scalar = str | int | float | bool
QueryValue = Scalar | list[str] | list[int] | None


def default_socket() -> str:
    """Where a node listens that was started without options by the same user."""
    if path := os.environ.get("PEERAGE_SOCKET"):
        return path
    if folder := os.environ.get("PEERAGE_DATA_DIR"):
        return str(Path(folder) / "api.sock")
    base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local/share")
    return str(Path(base) / "peerage" / "api.sock")


@dataclass(frozen=True)
class ServerSentEvent:
    """One event of a stream."""

    name: str
    data: str
    id: str | None


class Transport:
    """Sends requests and opens streams. Used through `Client`."""

    def __init__(self, socket: str | None, url: str | None, token: str | None) -> None:
        if url is not None and socket is not None:
            raise ValueError("give a socket or a url, not both")
        self._socket = None if url is not None else (socket or default_socket())
        self._token = token
        headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
        self._base = url.rstrip("/") if url is not None else "http://peerage"
        self._http = httpx.AsyncClient(
            base_url=self._base,
            headers=headers,
            # Nothing of this machine's environment gets between us and the node.
            trust_env=False,
            timeout=httpx.Timeout(ANSWER_TIMEOUT),
            transport=httpx.AsyncHTTPTransport(uds=self._socket),
        )

    @property
    def where(self) -> str:
        """What is talked to, for messages."""
        return self._socket or self._base

    async def close(self) -> None:
        await self._http.aclose()

    async def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, QueryValue] | None = None,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """One request; the JSON of the answer, bytes of a file, text where it is neither, or nothing."""
        content: bytes | None = None
        more = dict(headers or {})
        if isinstance(body, bytes):
            content = body
            more["Content-Type"] = FILE
        elif body is not None:
            content = json.dumps(body).encode()
            more["Content-Type"] = "application/json"
        try:
            answer = await self._http.request(
                method, with_query(path, query), content=content, headers=more
            )
        except httpx.ConnectError as error:
            raise PeerageError.unreachable(self.where, error) from error
        except httpx.TimeoutException as error:
            raise PeerageError(
                f"no answer within {ANSWER_TIMEOUT:g} s", code="timed_out", kind="retry"
            ) from error
        except httpx.HTTPError as error:
            raise PeerageError.broken(error) from error
        if not answer.is_success:
            raise _refusal(answer)
        if not answer.content:
            return None
        kind = answer.headers.get("content-type", "")
        if "json" in kind:
            return answer.json()
        if kind.startswith(FILE):
            return answer.content
        return answer.text

    @asynccontextmanager
    async def stream(
        self,
        path: str,
        query: Mapping[str, QueryValue] | None = None,
        last_event_id: str | None = None,
    ) -> AsyncIterator[AsyncIterator[ServerSentEvent]]:
        """Opens a stream of server-sent events."""
        headers = {"Accept": "text/event-stream"}
        if last_event_id is not None:
            headers["Last-Event-ID"] = last_event_id
        timeout = httpx.Timeout(ANSWER_TIMEOUT, read=STREAM_TIMEOUT)
        try:
            async with self._http.stream(
                "GET", with_query(path, query), headers=headers, timeout=timeout
            ) as answer:
                if not answer.is_success:
                    await answer.aread()
                    raise _refusal(answer)
                yield _events(answer)
        except httpx.ConnectError as error:
            raise PeerageError.unreachable(self.where, error) from error
        except httpx.HTTPError as error:
            raise PeerageError.broken(error) from error

    async def websocket(
        self, path: str, query: Mapping[str, QueryValue] | None = None
    ) -> WebSocket:
        """Opens a WebSocket."""
        address, host = None, "peerage"
        if self._socket is None:
            parts = urlsplit(self._base)
            host = parts.netloc
            address = (parts.hostname or "127.0.0.1", parts.port or 80)
        return await WebSocket.connect(
            socket=self._socket,
            address=address,
            host=host,
            path=with_query(path, query),
            token=self._token,
        )


def segment(name: str) -> str:
    """A name as part of a path."""
    return quote(name, safe="")


def with_query(path: str, query: Mapping[str, QueryValue] | None) -> str:
    """A path with what is asked; what is `None` is left out, lists are joined by commas."""

    def text(value: Scalar | list[str] | list[int]) -> str:
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, list):
            return ",".join(str(one) for one in value)
        return str(value)

    given = {key: text(value) for key, value in (query or {}).items() if value is not None}
    return f"{path}?{urlencode(given, quote_via=quote)}" if given else path


def _refusal(answer: httpx.Response) -> PeerageError:
    try:
        problem = answer.json()
    except ValueError:
        problem = None
    after = answer.headers.get("retry-after", "")
    return PeerageError.from_problem(
        answer.status_code,
        problem if isinstance(problem, dict) else {},
        float(after) if after.isdigit() else None,
    )


async def _events(answer: httpx.Response) -> AsyncIterator[ServerSentEvent]:
    name, data, last_id = "message", list[str](), None
    async for line in _lines(answer):
        if not line:
            if data:
                yield ServerSentEvent(name, "\n".join(data), last_id)
            name, data, last_id = "message", [], None
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match field:
            case "event":
                name = value
            case "data":
                data.append(value)
            case "id":
                last_id = value


async def _lines(answer: httpx.Response) -> AsyncIterator[str]:
    """Lines that end in a line feed and nothing else: text in them may hold any other separator."""
    rest = b""
    async for part in answer.aiter_bytes():
        *whole, rest = (rest + part).split(b"\n")
        for line in whole:
            yield line.removesuffix(b"\r").decode()
        if len(rest) > MAX_LINE_BYTES:
            raise PeerageError.broken("an endless line")
