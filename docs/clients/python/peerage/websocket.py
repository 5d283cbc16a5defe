"""A WebSocket client (RFC 6455) for the node's direct connections.

Small because it speaks to one server: no extensions, no subprotocols, no TLS, bounded messages. Over a
Unix socket or TCP, which few libraries offer for both.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import secrets
import struct
from typing import Final

from .errors import PeerageError

_MAGIC: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_CONTINUATION, _TEXT, _BINARY, _CLOSE, _PING, _PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
#: A message of a direct connection has at most 16 MiB and its type before it.
MAX_MESSAGE_BYTES: Final = 16 * 1024 * 1024 + 64
_MAX_HEAD_BYTES: Final = 64 * 1024
_CLOSE_TIMEOUT: Final = 5.0


class WebSocketClosed(Exception):
    """The other side closed. `code` 1000 is a regular end."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"closed with {code}: {reason}" if reason else f"closed with {code}")
        self.code = code
        self.reason = reason


class WebSocket:
    """One open socket. One task may read and another write; reads and writes by themselves do not mix."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._sending = asyncio.Lock()
        self._closing = False

    @classmethod
    async def connect(
        cls, *, socket: str | None, address: tuple[str, int] | None, host: str, path: str, token: str | None
    ) -> WebSocket:
        """Opens the connection and asks for the upgrade."""
        where = socket or f"{host}"
        try:
            if socket is not None:
                reader, writer = await asyncio.open_unix_connection(socket, limit=_MAX_HEAD_BYTES)
            else:
                assert address is not None
                reader, writer = await asyncio.open_connection(*address, limit=_MAX_HEAD_BYTES)
        except OSError as error:
            raise PeerageError.unreachable(where, error) from error
        try:
            await _upgrade(reader, writer, host, path, token)
        except BaseException as error:
            writer.close()
            if isinstance(error, (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError)):
                raise PeerageError.broken(error) from error
            raise
        return cls(reader, writer)

    async def send(self, data: bytes) -> None:
        """Sends a binary message; returns when the system has taken it."""
        await self._send(_BINARY, data)

    async def send_text(self, text: str) -> None:
        """Sends a text message."""
        await self._send(_TEXT, text.encode())

    async def receive(self) -> bytes | str:
        """The next message; raises `WebSocketClosed` at the end."""
        kind, parts, length = 0, [], 0
        while True:
            final, opcode, payload = await self._frame()
            if opcode == _PING:
                await self._send(_PONG, payload)
                continue
            if opcode == _PONG:
                continue
            if opcode == _CLOSE:
                code = struct.unpack("!H", payload[:2])[0] if len(payload) >= 2 else 1005
                reason = payload[2:].decode(errors="replace")
                await self._answer_close(payload[:2])
                raise WebSocketClosed(code, reason)
            if (opcode == _CONTINUATION) != (kind != 0) or opcode > _BINARY:
                raise PeerageError.broken("a frame out of turn")
            kind = kind or opcode
            parts.append(payload)
            length += len(payload)
            if length > MAX_MESSAGE_BYTES:
                await self.close(1009)
                raise PeerageError.broken("a message that is too large")
            if final:
                data = b"".join(parts)
                return data.decode() if kind == _TEXT else data

    async def close(self, code: int = 1000) -> None:
        """Closes in order; waits a moment for the other side to do so too."""
        if not self._closing:
            self._closing = True
            try:
                await self._send(_CLOSE, struct.pack("!H", code))
                async with asyncio.timeout(_CLOSE_TIMEOUT):
                    while (await self._frame())[1] != _CLOSE:
                        pass
            except (OSError, asyncio.IncompleteReadError, TimeoutError, PeerageError, WebSocketClosed):
                pass  # It is gone, which is what was wanted.
        self._writer.close()

    async def _answer_close(self, code: bytes) -> None:
        if not self._closing:
            self._closing = True
            try:
                await self._send(_CLOSE, code)
            except OSError:
                pass
        self._writer.close()

    async def _send(self, opcode: int, payload: bytes) -> None:
        mask = secrets.token_bytes(4)
        length = len(payload)
        if length < 126:
            head = struct.pack("!BB", 0x80 | opcode, 0x80 | length)
        elif length < 1 << 16:
            head = struct.pack("!BBH", 0x80 | opcode, 0x80 | 126, length)
        else:
            head = struct.pack("!BBQ", 0x80 | opcode, 0x80 | 127, length)
        async with self._sending:
            self._writer.write(head + mask + _masked(payload, mask))
            await self._writer.drain()

    async def _frame(self) -> tuple[bool, int, bytes]:
        try:
            first, second = await self._reader.readexactly(2)
            length = second & 0x7F
            if length == 126:
                (length,) = struct.unpack("!H", await self._reader.readexactly(2))
            elif length == 127:
                (length,) = struct.unpack("!Q", await self._reader.readexactly(8))
            if length > MAX_MESSAGE_BYTES:
                raise PeerageError.broken("a frame that is too large")
            payload = await self._reader.readexactly(length)
        except asyncio.IncompleteReadError as error:
            raise WebSocketClosed(1006, "the connection broke") from error
        return bool(first & 0x80), first & 0x0F, payload


async def _upgrade(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, path: str, token: str | None
) -> None:
    key = base64.b64encode(os.urandom(16))
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: {host}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {key.decode()}",
    ]
    if token is not None:
        lines.append(f"Authorization: Bearer {token}")
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
    await writer.drain()
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    status_line, *header_lines = head.strip().split("\r\n")
    headers = {}
    for line in header_lines:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    status = int(status_line.split(" ")[1])
    if status != 101:
        length = min(int(headers.get("content-length", "0")), _MAX_HEAD_BYTES)
        body = await reader.readexactly(length)
        try:
            problem = json.loads(body)
        except ValueError:
            problem = {}
        raise PeerageError.from_problem(status, problem if isinstance(problem, dict) else {})
    expected = base64.b64encode(hashlib.sha1(key + _MAGIC).digest()).decode()
    if headers.get("sec-websocket-accept") != expected:
        raise PeerageError.broken("the upgrade was not answered for us")


def _masked(payload: bytes, mask: bytes) -> bytes:
    """XOR with the repeated mask, as whole numbers because that is quick."""
    if not payload:
        return b""
    repeated = (mask * (len(payload) // 4 + 1))[: len(payload)]
    number = int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")
    return number.to_bytes(len(payload), "big")
