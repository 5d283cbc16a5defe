"""The client does its work against two real daemons."""

from __future__ import annotations

import asyncio
import unittest
from contextlib import AsyncExitStack, aclosing
from typing import Any

from peerage import Client, PeerageError, WebSocketClosed, type_id
from peerage.models import ConnectionInfo, GroupEvent
from tests.daemon import DEADLINE, Daemon, eventually


class ClientTest(unittest.IsolatedAsyncioTestCase):
    """Ada and Ben, who are in a group."""

    async def asyncSetUp(self) -> None:
        self.held = await self.enterAsyncContext(AsyncExitStack())
        self.ada, self.ben = Daemon("--api-listen", "127.0.0.1:0"), Daemon()
        for daemon in (self.ada, self.ben):
            self.held.push_async_callback(daemon.end)
        await asyncio.gather(self.ada.start(), self.ben.start())
        self.peerage = await self.held.enter_async_context(Client(self.ada.socket))
        self.other = await self.held.enter_async_context(Client(self.ben.socket))
        identity = await self.peerage.identities_create({"friendly_name": "Ada"})
        self.assertRegex(identity["name"], r"^[0-9a-f]{40}\.")
        self.group = (await self.peerage.groups_create({"friendly_name": "Chess"}))["name"]
        await self.peerage.groups_connect(self.group)
        await self.other.identities_create({"friendly_name": "Ben"})
        card = await self.other.identities_default_card()
        invitation = await self.peerage.invitations_create(self.group, {"card": card["text"]})
        await self.other.groups_join({"invitation": invitation["uri"]})
        await self.other.groups_connect(self.group)

        async def together() -> bool:
            return (await self.other.groups_show(self.group))["synchronised"]

        await eventually("synchronisation", together)

    async def told(self, client: Client, after: str) -> list[GroupEvent]:
        """Events about notes that there are."""
        stream = client.events(self.group, after=after, record_type="note", kinds="record_*", wait=0)
        return [event async for event in stream]

    async def publish(self, client: Client, text: str) -> str:
        note = await client.records_publish(self.group, {"type": "note", "payload_text": text})
        return note["id"]

    async def test_records_arrive_and_are_listed(self) -> None:
        note = await self.publish(self.peerage, "see you at eight")

        async def arrived() -> bool:
            page = await self.other.records_list(self.group, type="note")
            return [one["id"] for one in page["items"]] == [note]

        await eventually("the record", arrived)
        self.assertEqual((await self.other.records_get(self.group, note))["type"], str(type_id("note")))

    async def test_a_repeated_request_is_carried_out_once(self) -> None:
        first = await self.peerage.records_publish(
            self.group, {"type": "note", "payload_text": "once"}, idempotency_key="one"
        )
        again = await self.peerage.records_publish(
            self.group, {"type": "note", "payload_text": "once"}, idempotency_key="one"
        )
        self.assertEqual(first["id"], again["id"])

    async def test_events_go_on_after_the_last_that_was_seen(self) -> None:
        notes = [await self.publish(self.peerage, str(number)) for number in range(5)]
        stream = self.peerage.events(self.group, after=0, record_type="note", kinds=["record_added"])
        async with aclosing(stream):
            seen = [await anext(stream) for _ in range(2)]
        rest = await self.told(self.peerage, after=seen[-1]["position"])
        self.assertEqual([event.get("record") for event in seen + rest], notes)

    async def test_events_survive_the_end_of_the_daemon(self) -> None:
        first = await self.publish(self.peerage, "before")
        stream = self.peerage.events(self.group, after=0, record_type="note", kinds="record_added")
        async with aclosing(stream):
            self.assertEqual((await anext(stream)).get("record"), first)
            next_event = asyncio.ensure_future(anext(stream))
            await self.ada.kill()
            await self.ada.start()
            second = await self.publish(self.peerage, "after")
            event = await asyncio.wait_for(next_event, DEADLINE)
            self.assertEqual(event.get("record"), second)

    async def test_a_snapshot_and_what_follows(self) -> None:
        note = await self.publish(self.peerage, "there")
        records, position = await self.peerage.snapshot(self.group, record_type="note")
        self.assertEqual([record["id"] for record in records], [note])
        later = await self.publish(self.peerage, "later")
        rest = await self.told(self.peerage, after=position)
        self.assertEqual([event.get("record") for event in rest], [later])

    async def test_a_consumer_is_told_again_what_it_did_not_finish(self) -> None:
        notes = [await self.publish(self.peerage, str(number)) for number in range(3)]

        async def consume(most: int) -> list[str | None]:
            seen: list[str | None] = []
            stream = self.peerage.consume(
                self.group, "board", after=0, kinds="record_added", record_type="note", wait=0
            )
            async with aclosing(stream):
                async for event in stream:
                    seen.append(event.get("record"))
                    if len(seen) == most:
                        break
            return seen

        self.assertEqual(await consume(2), notes[:2])
        self.assertEqual(await consume(9), notes[1:])
        self.assertEqual(await consume(9), [])

    async def test_errors_say_what_to_do(self) -> None:
        with self.assertRaises(PeerageError) as caught:
            await self.peerage.groups_show("Nobody")
        error = caught.exception
        self.assertEqual((error.code, error.kind, error.status), ("group_not_found", "not_found", 404))
        self.assertEqual(error.original, "PEER_E_NOT_FOUND")
        self.assertIn("peerage group", error.next_step or "")
        with self.assertRaises(PeerageError) as caught:
            await anext(self.peerage.events("Nobody"))
        self.assertEqual(caught.exception.code, "group_not_found")
        with self.assertRaises(PeerageError) as caught:
            await self.peerage.messages(self.group, "1")
        self.assertEqual(caught.exception.kind, "not_found")
        async with Client(self.ada.socket + ".not") as nowhere:
            for attempt in (nowhere.node_status(), nowhere.messages(self.group, "1")):
                with self.assertRaises(PeerageError) as caught:
                    await attempt
                self.assertEqual(caught.exception.code, "daemon_unreachable")
                self.assertEqual(caught.exception.kind, "unavailable")

    async def test_a_database_is_bytes(self) -> None:
        database: Any = await self.peerage.portable_export_database(self.group)
        self.assertIsInstance(database, bytes)
        self.assertGreater(len(database), 1024)
        with self.assertRaises(PeerageError) as caught:
            await self.peerage.portable_import_database(self.group, database[:-1])
        self.assertNotIn(caught.exception.status, (0, 415))

    async def connection(self) -> tuple[str, str]:
        """A connection from Ada to Ben who listens: its id at both."""
        incoming: asyncio.Queue[ConnectionInfo] = asyncio.Queue()

        async def listen() -> None:
            async for told in self.other.listen(self.group, data="none"):
                if told["event"] == "connected":
                    incoming.put_nowait(told["connection"])

        listening = asyncio.create_task(listen())
        self.held.callback(listening.cancel)

        async def opened() -> str | None:
            try:
                opening = await self.peerage.direct_open(self.group, {"member": "Ben", "wait": True})
            except PeerageError:
                return None
            return opening["id"] if opening.get("connection") else None

        id = await eventually("a connection", opened)
        return id, (await asyncio.wait_for(incoming.get(), DEADLINE))["id"]

    async def test_direct_messages_go_both_ways(self) -> None:
        here, there = await self.connection()
        async with (
            await self.peerage.messages(self.group, here) as ada,
            await self.other.messages(self.group, there) as ben,
        ):
            large = bytes(range(256)) * 4096
            await ada.send("chat", large)
            self.assertEqual(await asyncio.wait_for(ben.receive(), DEADLINE), (type_id("chat"), large))
            await ben.send("chat", b"")
            self.assertEqual(await asyncio.wait_for(ada.receive(), DEADLINE), (type_id("chat"), b""))
            await self.peerage.direct_send(self.group, here, {"type": "chat", "payload_text": "psst"})
            self.assertEqual(await asyncio.wait_for(ben.receive(), DEADLINE), (type_id("chat"), b"psst"))
            await self.peerage.direct_close(self.group, here)
            with self.assertRaises(WebSocketClosed) as caught:
                await asyncio.wait_for(ben.receive(), DEADLINE)
            self.assertEqual(caught.exception.code, 4000)

    async def test_a_pipe_carries_bytes_both_ways(self) -> None:
        accepting = asyncio.create_task(self.other.accept_pipe(self.group))

        async def opened() -> bool:
            try:
                self.pipe = await self.peerage.open_pipe(self.group, "Ben")
            except PeerageError:
                return False
            return True

        await eventually("a pipe", opened)
        content = bytes(range(256)) * 2048
        async with self.pipe as ada, await asyncio.wait_for(accepting, DEADLINE) as ben:
            self.assertTrue(ben.connection["incoming"])
            await ada.write(content)
            await ada.end()
            self.assertEqual(await asyncio.wait_for(ben.read_all(), DEADLINE), content)
            await ben.write(b"thanks")
            await ben.end()
            self.assertEqual(await asyncio.wait_for(ada.read_all(), DEADLINE), b"thanks")
            await asyncio.wait_for(asyncio.gather(ada.finish(), ben.finish()), DEADLINE)

    async def test_an_application_has_a_session_over_loopback(self) -> None:
        scopes = ("--scope", "read", "--scope", "online")
        token = (await self.ada.run("app", "register", "board", *scopes))["token"]
        url = f"http://{self.ada.ready['api_listen']}"
        await self.peerage.groups_close(self.group)

        async def held() -> bool:
            return (await self.peerage.groups_show(self.group))["status"] != "offline"

        async with Client(url=url, token=token) as board:
            with self.assertRaises(PeerageError) as caught:
                await board.groups_connect(self.group)
            self.assertEqual(caught.exception.code, "session_needed")
            with self.assertRaises(PeerageError) as caught:
                await self.publish(board, "not allowed")
            self.assertEqual((caught.exception.code, caught.exception.status), ("out_of_scope", 403))
            async with board.session() as session:
                await board.groups_connect(self.group)
                self.assertTrue(await held())
                with self.assertRaises(PeerageError):
                    async with board.session():
                        pass
                await self.ada.run("app", "revoke", "board")
                await asyncio.wait_for(session.lost(), DEADLINE)
            with self.assertRaises(PeerageError) as caught:
                await board.groups_list()
            self.assertEqual(caught.exception.status, 401)
        async with Client(url=url, token="wrong") as stranger:
            with self.assertRaises(PeerageError) as caught:
                async with stranger.session():
                    pass
            self.assertEqual((caught.exception.status, caught.exception.kind), (401, "not_authorised"))

        async def closed() -> bool:
            return not await held()

        await eventually("the end of what the application held", closed)


if __name__ == "__main__":
    unittest.main()
