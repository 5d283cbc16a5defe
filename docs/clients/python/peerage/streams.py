"""What is held open: streams that come back, sessions, and direct connections."""

from __future__ import annotations

import asyncio
import json
import random
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from types import TracebackType
from typing import Final, Self, cast

from .errors import PeerageError
from .models import ConnectionInfo
from .transport import QueryValue, ServerSentEvent, Transport
from .websocket import WebSocket, WebSocketClosed

#: Pauses before a stream is opened again: doubling, with some chance in it.
FIRST_PAUSE: Final = 0.2
LONGEST_PAUSE: Final = 10.0

_TYPE_BYTES: Final = 16
_TYPES: Final = uuid.UUID("404987f7-f048-5fe3-ac5f-47a64f77ea11")
#: The close code of a pipe that was cut before its end.
CUT: Final = 4001


def type_id(name: str) -> uuid.UUID:
    """The UUID of a record or message type: of UUID text itself, else the one the name stands for."""
    try:
        return uuid.UUID(name)
    except ValueError:
        return uuid.uuid5(_TYPES, name)


async def lasting(
    transport: Transport,
    path: str,
    query: Mapping[str, QueryValue],
    last_event_id: Callable[[], str | None],
    *,
    reconnect: bool,
    ends: bool = False,
) -> AsyncGenerator[ServerSentEvent, None]:
    """A stream that is opened again when it breaks, and when it ends unless it `ends` by itself. An error that no waiting mends is raised, and so is
    the first one: what never worked is a mistake to be told of, not a connection that broke."""
    opened, wait = False, FIRST_PAUSE
    while True:
        try:
            async with transport.stream(path, query, last_event_id()) as events:
                opened = True
                async for event in events:
                    wait = FIRST_PAUSE
                    if event.name == "error":
                        raise PeerageError.from_problem(0, json.loads(event.data))
                    yield event
            if ends:
                return
        except PeerageError as error:
            if not reconnect or not opened or error.kind not in ("retry", "unavailable"):
                raise
        if not reconnect:
            return
        await asyncio.sleep(wait * (0.5 + random.random()))
        wait = min(wait * 2, LONGEST_PAUSE)


class Session:
    """A named application's place at the node: what it opens is held as long as this lasts.

        async with client.session() as session:
            await client.connect_group("Chess")
            await session.lost()
    """

    def __init__(self, transport: Transport, path: str) -> None:
        self._transport = transport
        self._path = path
        self._attached: asyncio.Event = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._hold())
        attached = asyncio.create_task(self._attached.wait())
        try:
            await asyncio.wait({self._task, attached}, return_when=asyncio.FIRST_COMPLETED)
            if self._task.done():
                self._task.result()
                raise PeerageError.broken("the session ended at once")
        finally:
            attached.cancel()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def lost(self) -> None:
        """Returns, or raises why, when the node has ended the session: its groups are closed then."""
        assert self._task is not None, "the session has not begun"
        await asyncio.shield(self._task)

    async def _hold(self) -> None:
        async with self._transport.stream(self._path) as events:
            async for event in events:
                if event.name == "error":
                    raise PeerageError.from_problem(0, json.loads(event.data))
                if event.name == "attached":
                    self._attached.set()


class DirectMessages:
    """Typed messages on a direct connection, both ways, held up by whoever is slower."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket

    async def send(self, type: str | uuid.UUID, data: bytes) -> None:
        """Sends a message of up to 16 MiB."""
        kind = type if isinstance(type, uuid.UUID) else type_id(type)
        await self._socket.send(kind.bytes + data)

    def __aiter__(self) -> AsyncIterator[tuple[uuid.UUID, bytes]]:
        return self._messages()

    async def receive(self) -> tuple[uuid.UUID, bytes]:
        """The next message: its type and content. Raises `WebSocketClosed` at the end."""
        while True:
            message = await self._socket.receive()
            # Text tells of messages that were missed, which a single reader does not.
            if isinstance(message, bytes) and len(message) >= _TYPE_BYTES:
                return uuid.UUID(bytes=message[:_TYPE_BYTES]), message[_TYPE_BYTES:]

    async def close(self) -> None:
        """Stops reading; the connection stays open until it is closed by its id."""
        await self._socket.close()

    async def _messages(self) -> AsyncIterator[tuple[uuid.UUID, bytes]]:
        while True:
            try:
                yield await self.receive()
            except WebSocketClosed:
                return

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()


class Pipe:
    """Bytes both ways between two applications."""

    def __init__(self, socket: WebSocket, connection: ConnectionInfo) -> None:
        self._socket = socket
        self._ended = False
        #: With whom.
        self.connection = connection

    @classmethod
    async def accepted(cls, socket: WebSocket) -> Self:
        """Waits on a socket until a pipe has come, which text tells of."""
        try:
            while True:
                message = await socket.receive()
                if isinstance(message, str):
                    return cls(socket, cast(ConnectionInfo, json.loads(message)))
        except BaseException:
            await socket.close()
            raise

    async def write(self, data: bytes) -> None:
        """Sends bytes; nothing is sent for none."""
        for start in range(0, len(data), _PIECE_BYTES):
            await self._socket.send(data[start : start + _PIECE_BYTES])

    async def end(self) -> None:
        """No more bytes come from here; the other direction goes on."""
        if not self._ended:
            self._ended = True
            await self._socket.send(b"")

    async def read(self) -> bytes:
        """The next bytes; empty at their end. Raises `WebSocketClosed` when the pipe was cut."""
        try:
            message = await self._socket.receive()
        except WebSocketClosed as closed:
            if closed.code == 1000:
                return b""
            raise
        if not isinstance(message, bytes):
            return await self.read()
        if not message:
            # Whoever asks for more has done with what came before.
            await self._socket.send_text("taken")
        return message

    async def read_all(self) -> bytes:
        """Everything that still comes."""
        parts = []
        while part := await self.read():
            parts.append(part)
        return b"".join(parts)

    async def finish(self) -> None:
        """Ends, and waits until the other side has taken everything.

        Read to the end before. Raises `WebSocketClosed` when the pipe was cut before.
        """
        await self.end()
        try:
            while True:
                await self._socket.receive()
        except WebSocketClosed as closed:
            if closed.code != 1000:
                raise

    async def close(self) -> None:
        """Cuts the pipe unless it is finished."""
        await self._socket.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()


#: As much as one message of a pipe's socket takes, and less than makes anybody wait.
_PIECE_BYTES: Final = 64 * 1024
