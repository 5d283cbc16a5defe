"""The client: every operation of the API, and the streams."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from types import TracebackType
from typing import Any, Literal, Self, cast

from .errors import PeerageError
from .models import AckRequest, DirectTold, EventOrigin, GroupEvent, OpenDirect, RecordInfo
from .operations import Operations, path_of
from .streams import DirectMessages, Pipe, Session, lasting
from .transport import QueryValue, Transport


class Client(Operations):
    """A way to a node: over its Unix socket (the default), or over loopback with a token.

        async with Client() as peerage:
            print(await peerage.status())
    """

    def __init__(
        self, socket: str | None = None, *, url: str | None = None, token: str | None = None
    ) -> None:
        self._transport = Transport(socket, url, token)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connections that are kept for the next request."""
        await self._transport.close()

    async def events(
        self,
        group: str,
        *,
        identity: str | None = None,
        after: str | int | None = None,
        kinds: str | list[str] | None = None,
        record_type: str | list[str] | None = None,
        origin: EventOrigin | None = None,
        consumer: str | None = None,
        snapshot: bool = False,
        wait: int | None = None,
        reconnect: bool = True,
    ) -> AsyncGenerator[GroupEvent, None]:
        """Events of a group as they happen.

        A stream that breaks is opened again after the last event it told; an error that no waiting mends
        is raised. Without `after`, `consumer` or `snapshot`, what happens while it is broken before the
        first event is not told. With `wait` it ends after so many silent seconds; 0 tells what there is.
        A snapshot that breaks begins again.
        """
        last: str | None = None
        query: dict[str, QueryValue] = {
            "identity": identity,
            "after": after,
            "kinds": kinds,
            "record_type": record_type,
            "origin": origin,
            "consumer": consumer,
            "snapshot": snapshot or None,
            "wait": wait,
        }
        stream = lasting(
            self._transport,
            path_of("events_events", group=group),
            query,
            lambda: last,
            reconnect=reconnect,
            ends=wait is not None,
        )
        async with aclosing(stream):
            async for told in stream:
                if told.id is not None:
                    last = told.id
                yield cast(GroupEvent, json.loads(told.data))

    async def snapshot(
        self,
        group: str,
        *,
        identity: str | None = None,
        record_type: str | list[str] | None = None,
    ) -> tuple[list[RecordInfo], str]:
        """The visible records as of one moment, and the position from which `events(after=…)` goes on."""
        records: list[RecordInfo] = []
        stream = self.events(
            group,
            identity=identity,
            record_type=record_type,
            kinds=["snapshot_record", "snapshot_end"],
            snapshot=True,
            wait=0,
            reconnect=False,
        )
        async with aclosing(stream):
            async for event in stream:
                content = event.get("content")
                if event["kind"] == "snapshot_end":
                    return records, event["position"]
                if content is not None:
                    records.append(content)
        raise PeerageError.broken("the snapshot has no end")

    async def consume(
        self,
        group: str,
        consumer: str,
        *,
        identity: str | None = None,
        after: str | int | None = None,
        kinds: str | list[str] | None = None,
        record_type: str | list[str] | None = None,
        origin: EventOrigin | None = None,
        wait: int | None = None,
    ) -> AsyncGenerator[GroupEvent, None]:
        """Events from where this consumer is, a place that the node keeps.

        An event is acknowledged when the next one is asked for: one whose handling raised, or was cut
        short by a crash, comes again the next time.
        """
        stream = self.events(
            group,
            identity=identity,
            after=after,
            kinds=kinds,
            record_type=record_type,
            origin=origin,
            consumer=consumer,
            wait=wait,
        )
        async with aclosing(stream):
            async for event in stream:
                yield event
                ack: AckRequest = {"consumer": consumer, "position": event["position"]}
                await self.events_acknowledge(group, ack, identity=identity)

    def session(self) -> Session:
        """An application's session: `async with client.session(): …`. What it opens, it holds that long."""
        return Session(self._transport, path_of("applications_session"))

    async def listen(
        self,
        group: str,
        *,
        identity: str | None = None,
        connections: bool = True,
        pipes: bool = False,
        data: Literal["all", "none"] = "all",
        types: str | list[str] | None = None,
        reconnect: bool = True,
    ) -> AsyncGenerator[DirectTold, None]:
        """Lets members open direct connections as long as it is read, and tells what comes on them."""
        query: dict[str, QueryValue] = {
            "identity": identity,
            "connections": connections,
            "pipes": pipes,
            "data": data,
            "types": types,
        }
        path = path_of("direct_listen", group=group)
        stream = lasting(self._transport, path, query, lambda: None, reconnect=reconnect)
        async with aclosing(stream):
            async for told in stream:
                yield cast(DirectTold, json.loads(told.data))

    async def messages(self, group: str, id: str, *, identity: str | None = None) -> DirectMessages:
        """The socket of an open connection for messages: large ones too, both ways."""
        socket = await self._transport.websocket(
            path_of("direct_socket", group=group, id=id), {"identity": identity}
        )
        return DirectMessages(socket)

    async def take_pipe(self, group: str, id: str, *, identity: str | None = None) -> Pipe:
        """A pipe that is open: the first who takes it has it, and within 30 seconds."""
        connection = await self.direct_show(group, id, identity=identity)
        if connection["mode"] != "stream":
            raise PeerageError(f"{id} carries messages", code="invalid_input", kind="fix_input")
        socket = await self._transport.websocket(
            path_of("direct_socket", group=group, id=id), {"identity": identity}
        )
        return Pipe(socket, connection)

    async def open_pipe(
        self, group: str, member: str, *, node: str | None = None, identity: str | None = None
    ) -> Pipe:
        """Opens a pipe to a member who accepts pipes."""
        body: OpenDirect = {"member": member, "mode": "stream", "wait": True}
        if node is not None:
            body["node"] = node
        opening = await self.direct_open(group, body, identity=identity)
        if opening.get("connection") is None:
            await self.direct_close(group, opening["id"], identity=identity)
            raise PeerageError("the pipe is not open yet", code="timed_out", kind="retry")
        return await self.take_pipe(group, opening["id"], identity=identity)

    async def accept_pipe(self, group: str, *, identity: str | None = None) -> Pipe:
        """Waits until a member opens a pipe, and takes it. `Pipe.connection` says with whom."""
        socket = await self._transport.websocket(
            path_of("direct_accept", group=group), {"identity": identity}
        )
        return await Pipe.accepted(socket)

    async def _call(
        self,
        method: str,
        path: str,
        query: Mapping[str, QueryValue] | None = None,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        return await self._transport.request(method, path, query, body, headers)
