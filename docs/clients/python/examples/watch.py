"""Prints what happens in a group: python examples/watch.py Chess [POSITION]"""

from __future__ import annotations

import asyncio
import sys

from peerage import Client, PeerageError


async def main(group: str, after: str | None) -> None:
    async with Client() as peerage:
        async for event in peerage.events(group, after=after):
            about = event.get("record") or event.get("member") or event.get("status") or ""
            print(event["position"], event["at"], event["kind"], about, flush=True)


if __name__ == "__main__":
    try:
        asyncio.run(main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None))
    except PeerageError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        pass
