"""What shared/bus/port.py promises, as one suite that every adapter passes. A gap is a strict xfail in the adapter's file.

An adapter's test file subclasses BusSuite and supplies the fixture `world`.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections import Counter

import pytest

from shared.bus.port import partition_of
from shared.errors import Permanent
from tests.contract.bus_world import (
    HEADERS,
    PARTITIONS,
    PATIENCE,
    SESSION,
    World,
    drain,
    drain_unsettled,
    helpless,
    one_each,
    publish,
    publish_until_taken,
    pumping,
    read_through,
    record,
    refused,
    remote,
    settled,
    shared_out,
    some,
    values,
)


class BusSuite:
    # -- Reading and order -----------------------------------------------------------------------------------------------------

    async def test_records_come_back_whole_and_in_order_of_their_partition(self, world: World) -> None:
        topic = await world.topic()
        sent = [record(topic, b"lead-%d" % (n % 23), b"%05d" % n) for n in range(600)]
        async with world.publisher() as publisher:
            for start in range(0, len(sent), 150):
                await publisher.publish(sent[start : start + 150])
        async with world.reader(topic) as reader:
            read = await drain(reader, len(sent), limit=70)
        assert sorted(values(read)) == [r.value for r in sent]
        for partition in range(PARTITIONS):
            mine = [r for r in read if r.partition == partition]
            assert mine
            assert values(mine) == sorted(values(mine))
            assert [r.offset for r in mine] == list(range(len(mine)))
        assert {r.partition for r in read if r.key == b"lead-7"} == {partition_of(b"lead-7", PARTITIONS)}
        assert all(r.topic == topic and r.headers == HEADERS for r in read)
        assert {r.value: r.key for r in read} == {r.value: r.key for r in sent}

    async def test_an_empty_list_is_published_and_nothing_is_read(self, world: World) -> None:
        topic = await world.topic()
        await publish(world, [])
        async with world.reader(topic) as reader:
            assert await reader.read(10) == []

    async def test_every_new_group_begins_at_the_earliest_record(self, world: World) -> None:
        topic = await world.topic()
        await publish(world, one_each(topic, b"before anybody came"))
        for group in ("one", "other"):
            async with world.reader(topic, group) as reader:
                assert values(await drain(reader, PARTITIONS)) == [b"before anybody came"] * PARTITIONS

    async def test_two_groups_at_once_both_get_all(self, world: World) -> None:
        topic = await world.topic()
        async with world.reader(topic, "one") as one, world.reader(topic, "other") as other:
            await publish(world, [record(topic, b"%d" % n, b"%d" % n) for n in range(50)])
            both = await asyncio.gather(drain(one, 50), drain(other, 50))
        assert sorted(values(both[0])) == sorted(values(both[1])) == sorted(b"%d" % n for n in range(50))

    async def test_a_read_gives_no_more_than_its_limit(self, world: World) -> None:
        topic = await world.topic()
        await publish(world, [record(topic, b"%d" % n, b"x") for n in range(40)])
        async with world.reader(topic) as reader:
            batch = await some(reader, limit=7)
            reader.done(batch)
            assert 1 <= len(batch) <= 7
            assert len(await drain(reader, 40 - len(batch), limit=7)) == 40 - len(batch)

    async def test_a_large_record_passes(self, world: World) -> None:
        topic = await world.topic()
        big = [random.Random(n).randbytes(400 * 1024) for n in range(3)]
        await publish(world, [record(topic, b"k", value) for value in big])
        async with world.reader(topic) as reader:
            assert values(await drain(reader, 3)) == big

    async def test_publishing_on_an_unknown_topic_says_what_to_do(self, world: World) -> None:
        async with world.publisher() as publisher:
            with pytest.raises(Permanent, match="no such topic: misspelt; run: python -m services migrate"):
                await publisher.publish([record("misspelt", b"k", b"v")])

    async def test_many_writers_lose_nothing_and_keep_their_order(self, world: World) -> None:
        topic, writers, rounds, batch = await world.topic(), 8, 15, 20

        async def write(writer: int) -> None:
            async with world.publisher() as publisher:
                for n in range(rounds):
                    keys = [b"lead-%d" % (k % 11) for k in range(batch)]
                    await publisher.publish(
                        [record(topic, key, b"%d/%06d" % (writer, n * batch + k)) for k, key in enumerate(keys)]
                    )

        async with world.reader(topic) as reader, asyncio.TaskGroup() as group:
            for writer in range(writers):
                group.create_task(write(writer))
            read = await drain(reader, writers * rounds * batch, limit=300)
        assert max(Counter(values(read)).values()) == 1
        for partition in range(PARTITIONS):
            mine = [r for r in read if r.partition == partition]
            assert [r.offset for r in mine] == list(range(len(mine)))
            for writer in range(writers):
                own = [value for value in values(mine) if value.startswith(b"%d/" % writer)]
                assert own == sorted(own)

    # -- Settling --------------------------------------------------------------------------------------------------------------

    async def test_what_is_rewound_is_read_again(self, world: World) -> None:
        topic = await world.topic(partitions=1)
        await publish(world, [record(topic, b"k", b"%d" % n) for n in range(10)])
        async with world.reader(topic) as reader:
            first = await drain_unsettled(reader, 10)
            reader.rewind(first)
            again = await drain_unsettled(reader, 10)
            assert again == first
            reader.done(again[:4])
            reader.rewind(again[4:])
            assert await drain(reader, 6) == first[4:]
            await reader.commit()
            assert await reader.read(10) == []

    async def test_a_rewound_record_is_not_committed(self, world: World) -> None:
        topic = await world.topic(partitions=1)
        await publish(world, [record(topic, b"k", b"%d" % n) for n in range(6)])
        async with world.reader(topic) as reader:
            batch = await drain_unsettled(reader, 6)
            reader.done(batch[:2])
            reader.rewind(batch[2:])
            await reader.commit()
        async with world.reader(topic) as successor:
            assert values(await drain(successor, 4)) == [b"2", b"3", b"4", b"5"]

    async def test_a_commit_is_durable_and_close_commits_what_is_done(self, world: World) -> None:
        topic = await world.topic()
        for commit, name in ((True, b"committed"), (False, b"closed")):
            await publish(world, one_each(topic, name))
            async with world.reader(topic) as reader:
                assert values(await drain(reader, PARTITIONS)) == [name] * PARTITIONS
                if commit:
                    await reader.commit()
        await publish(world, one_each(topic, b"after"))
        async with world.reader(topic) as reader:
            assert values(await drain(reader, PARTITIONS)) == [b"after"] * PARTITIONS

    async def test_lag_counts_what_is_not_yet_read(self, world: World) -> None:
        topic = await world.topic(partitions=1)
        await publish(world, [record(topic, b"k", b"v") for _ in range(100)])
        async with world.reader(topic) as reader:
            batch = await some(reader, limit=10)
            reader.done(batch)
            assert await reader.lag() == 100 - len(batch)
            await drain(reader, 100 - len(batch))
            assert await reader.lag() == 0
            assert reader.trouble() is None

    # -- Groups ----------------------------------------------------------------------------------------------------------------

    async def test_two_members_share_and_each_record_is_read_once(self, world: World) -> None:
        topic = await world.topic()
        async with (
            world.publisher() as publisher,
            world.reader(topic) as one,
            world.reader(topic) as other,
            pumping(one) as first,
            pumping(other) as second,
        ):
            await settled(publisher, topic, [first, second])
            for n in range(5):
                shares = await shared_out(publisher, topic, [first, second], b"steady-%d" % n)
                assert sorted(itertools.chain(*shares)) == list(range(PARTITIONS))
                assert [len(share) for share in shares] == [2, 2]

    async def test_a_member_that_closes_hands_over_at_once(self, world: World) -> None:
        topic, session = await world.topic(), 8.0
        bus = world.bus(session)
        leaver = await bus.reader(f"group-{topic}", [topic], member="leaver")
        async with (
            world.publisher() as publisher,
            world.reader(topic, session_timeout=session) as stayer,
            pumping(stayer) as staying,
        ):
            async with pumping(leaver) as leaving:
                await settled(publisher, topic, [leaving, staying])
            await leaver.close()
            await bus.close()
            async with asyncio.timeout(session / 2):
                assert await shared_out(publisher, topic, [staying], b"alone") == [[0, 1, 2, 3]]

    async def test_a_killed_member_is_replaced_and_its_uncommitted_records_are_read_again(self, world: World) -> None:
        topic = await world.topic()
        await publish(world, [r for n in range(3) for r in one_each(topic, b"%d" % n)])
        async with world.member(topic) as victim:
            places = await remote(victim, 3 * PARTITIONS)
            await victim.done()
            await victim.kill()
        async with world.reader(topic) as successor, asyncio.timeout(4 * SESSION):
            read = await drain(successor, 3 * PARTITIONS)
        assert sorted((r.partition, r.offset) for r in read) == sorted(places)

    async def test_what_a_killed_member_committed_is_not_read_again(self, world: World) -> None:
        topic = await world.topic()
        await publish(world, one_each(topic, b"old"))
        async with world.member(topic) as victim:
            await remote(victim, PARTITIONS)
            await victim.done()
            await victim.commit()
            await victim.kill()
        await publish(world, one_each(topic, b"new"))
        async with world.reader(topic) as successor:
            assert values(await drain(successor, PARTITIONS)) == [b"new"] * PARTITIONS

    async def test_a_late_commit_does_no_harm(self, world: World) -> None:
        """A member freezes with a batch in hand, is replaced, wakes up and commits: the group does not go back."""
        topic = await world.topic()
        await publish(world, one_each(topic, b"first"))
        async with world.member(topic) as sleeper:
            await remote(sleeper, PARTITIONS)
            sleeper.freeze()
            async with world.reader(topic) as successor:
                assert values(await drain(successor, PARTITIONS)) == [b"first"] * PARTITIONS
                await publish(world, one_each(topic, b"second"))
                assert values(await drain(successor, PARTITIONS)) == [b"second"] * PARTITIONS
                await successor.commit()
                sleeper.thaw()
                await sleeper.done()
                await sleeper.commit()
            await sleeper.kill()
        await publish(world, one_each(topic, b"third"))
        async with world.reader(topic) as last:
            read: list[bytes] = []
            while read.count(b"third") < PARTITIONS:
                read += values(await drain(last, 1))
            assert b"first" not in read, "the group went back"

    # -- The broker goes away --------------------------------------------------------------------------------------------------

    async def test_a_lost_broker_is_transient_and_all_works_again(self, world: World) -> None:
        topic = await world.topic()
        async with world.publisher() as publisher, world.reader(topic) as reader:
            await publisher.publish(one_each(topic, b"before"))
            read = await drain(reader, PARTITIONS)
            async with world.outage(), asyncio.timeout(PATIENCE):
                await asyncio.gather(refused(publisher, one_each(topic, b"during")), helpless(reader))
            await publish_until_taken(world, one_each(topic, b"after"))
            while b"after" not in values(read[-PARTITIONS:]) or values(read).count(b"after") < PARTITIONS:
                read += await read_through(reader)
            reader.done([])
            await reader.commit()
        assert set(values(read)) - {b"during"} == {b"before", b"after"}
