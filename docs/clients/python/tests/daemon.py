"""A real daemon on a folder of its own."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any, Awaitable, Callable, TypeVar

BINARY = os.environ.get("PEERAGE_BIN", "peerage")
DEADLINE = 60.0
T = TypeVar("T")


class Daemon:
    """Killed and removed by `end`."""

    def __init__(self, *options: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="peerage-"))
        self.socket = str(self.folder / "data" / "api.sock")
        self.options = options
        self.ready: dict[str, Any] = {}
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Returns when it says that it is up."""
        self._process = await asyncio.create_subprocess_exec(
            BINARY,
            "--data-dir",
            str(self.folder / "data"),
            "up",
            "--json",
            "--listen",
            "/ip4/127.0.0.1/udp/0/quic-v1",
            *self.options,
            env={"HOME": str(self.folder)},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
        )
        assert self._process.stdout is not None
        line = await asyncio.wait_for(self._process.stdout.readline(), DEADLINE)
        assert line, "the daemon did not start"
        self.ready = json.loads(line)

    async def run(self, *arguments: str) -> Any:
        """What a command says in JSON, as the operator."""
        command = await asyncio.create_subprocess_exec(
            BINARY,
            "--data-dir",
            str(self.folder / "data"),
            *arguments,
            "--json",
            env={"HOME": str(self.folder)},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
        )
        output, _ = await asyncio.wait_for(command.communicate(), DEADLINE)
        assert command.returncode == 0, output
        return json.loads(output)

    async def kill(self) -> None:
        """Ends it as a crash would."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def end(self) -> None:
        await self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


async def eventually(what: str, probe: Callable[[], Awaitable[T | None]]) -> T:
    """Waits until a probe gives something."""
    async with asyncio.timeout(DEADLINE):
        while True:
            found = await probe()
            if found:
                return found
            await asyncio.sleep(0.025)
    raise AssertionError(what)
