"""Lists, from the upload to the last row's lead, on a real PostgreSQL: nothing lost, nothing doubled, whatever happens on the way."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import io
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import timedelta
from functools import partial
from hashlib import sha256
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import openpyxl
import pytest

from services.intake.domain.senders.shape import Result
from services.intake.handlers import imports as handlers
from services.intake.handlers.drafts import Item
from services.intake.handlers.imports import JOB_STEPS, reading, running
from services.intake.handlers.reception import receive_items
from services.intake.handlers.sources import NewSource, create_source
from services.intake.store import imports as store
from services.intake.store.imports import Import
from shared import jobs
from shared.auth import Role
from shared.contracts.envelope import Cause
from shared.contracts.topics import LEADS_RECEIVED
from shared.db.uow import Database, UnitOfWork
from shared.errors import Permanent, Refused
from shared.jobs import Job, Jobs, Progress, loop
from shared.sealing import Sealer
from tests.support.events import CAUSE, ids
from tests.support.installation import Installation
from tests.support.waiting import eventually

Answer = dict[str, Any]

SCANS = (
    "First Name,Last Name,Email,Phone,Scanned At,Booth\r\n"
    "Ada,Example,ada@example.com,+1 202 555 0101,6/1/2026 9:05 AM,B2\r\n"
    "Bo,Sample,bo@example.org,,6/13/2026 9:10 AM,=cmd()\r\n"
    "Ada,Example,ADA@example.com,,6/1/2026 4:40 PM,B3\r\n"
    ",,,,6/1/2026 5:00 PM,badge unreadable\r\n"
    "Cy,Instance,,1.20256E+10,6/2/2026 5:00 PM,B4\r\n"
)


@pytest.fixture
async def database(installation: Installation) -> AsyncIterator[Database]:
    async with opened(installation) as made:
        yield made


@pytest.fixture(autouse=True)
def _brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "BACKOFF", (0.01, 0.05))


@contextlib.asynccontextmanager
async def opened(installation: Installation) -> AsyncIterator[Database]:
    """Intake's database as a process would open it, with a source of lists in it."""
    made = Database(installation.dsns["intake"], service="intake", topic=LEADS_RECEIVED.name, clock=ids)
    try:
        async with made.begin() as uow:
            with contextlib.suppress(Refused):
                await create_source(NewSource("expo", region="US"), uow, Sealer([b"0" * 32], purpose="tests"))
        yield made
    finally:
        await made.close()


@pytest.fixture
async def client(installation: Installation, database: Database) -> AsyncIterator[httpx.AsyncClient]:
    async with installation.running("intake", import_bytes=2_000_000) as made:
        yield made


async def upload(client: httpx.AsyncClient, content: bytes | str, **query: Any) -> Answer:
    params = {"source": "expo", "name": "scans.csv", **query}
    answer = await client.post("/v1/imports", params=params, content=content, headers={"Content-Type": "text/csv"})
    assert answer.status_code == 202, answer.text
    return dict(answer.json())


def reaches(client: httpx.AsyncClient, id: str, *states: str) -> Callable[[], Awaitable[Answer | None]]:
    async def check() -> Answer | None:
        found: Answer = (await client.get(f"/v1/imports/{id}")).json()
        assert found["state"] in states or found["state"] != "failed", found["error"]
        return found if found["state"] in states else None

    return check


async def all_rows(client: httpx.AsyncClient, id: str, **query: Any) -> list[Answer]:
    rows: list[Answer] = []
    cursor = None
    while True:
        page = (await client.get(f"/v1/imports/{id}/rows", params={**query, **({"cursor": cursor} if cursor else {})})).json()
        rows += page["items"]
        if (cursor := page["next"]) is None:
            return rows


async def count(database: Database, table: str) -> int:
    async with database.begin() as uow:
        return int(await uow.fetchval(f"SELECT count(*) FROM intake.{table}"))


# -- A list, from end to end ---------------------------------------------------------------------------------------------------------


async def test_a_list_becomes_leads_and_every_row_says_what_became_of_it(client: httpx.AsyncClient, database: Database) -> None:
    made = await upload(client, SCANS)
    done = await eventually(reaches(client, made["id"], "done"))
    assert done["source"] == "expo"
    assert (done["progress"]["accepted"], done["progress"]["touched"], done["progress"]["rejected"]) == (2, 1, 2)
    assert done["progress"]["reasons"] == {"unreachable": 2}
    assert (done["progress"]["done"], done["progress"]["total"], done["found"]["rows"]) == (5, 5, 5)
    rows = await all_rows(client, made["id"], limit=2)
    assert [(row["row"], row["state"]) for row in rows] == [
        *((2, "accepted"), (3, "accepted"), (4, "touched"), (5, "rejected"), (6, "rejected")),
    ]
    assert rows[0]["lead_id"] == rows[2]["lead_id"] != rows[1]["lead_id"]
    assert rows[0]["cells"]["Phone"] == "+1 202 555 0101"
    assert rows[4]["warnings"] == ["phone: digits were lost: a spreadsheet turned it into a short number"]
    assert await all_rows(client, made["id"], state="rejected") == rows[3:]
    async with database.begin() as uow:
        [lead] = await uow.fetch("SELECT contact, facts FROM intake.leads WHERE id = $1", UUID(rows[1]["lead_id"]))
    assert lead["contact"]["email"] == "bo@example.org"
    assert lead["contact"]["extra"] == {"Scanned At": "2026-06-13T09:10:00", "Booth": "=cmd()"}
    assert lead["facts"]["source"] == "expo"
    assert await count(database, "import_chunks") == 0, "what was uploaded is not kept longer than it is needed"


async def test_the_results_are_a_file_that_is_safe_to_open(client: httpx.AsyncClient) -> None:
    made = await upload(client, SCANS)
    await eventually(reaches(client, made["id"], "done"))
    answer = await client.get(f"/v1/imports/{made['id']}/results.csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))
    assert rows[0] == ["row", "state", "lead_id", "reason", "warnings", *SCANS.partition("\r\n")[0].split(",")]
    assert len(rows) == 6
    assert rows[1][8] == "'+1 202 555 0101"
    assert rows[2][-1] == "'=cmd()"
    assert rows[4][3].startswith("unreachable: ")
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]


async def test_a_dry_run_says_what_would_become_of_it_and_takes_nothing_until_it_is_started(
    client: httpx.AsyncClient, database: Database
) -> None:
    made = await upload(client, SCANS, dry_run=True)
    found = await eventually(reaches(client, made["id"], "read"))
    assert found["would"]["accepted"] == 3
    assert found["would"]["rejected"] == {"unreachable": 2}
    assert found["would"]["warnings"]["phone"] == 1
    assert [row["row"] for row in found["sample"]] == [2, 3, 4, 5, 6]
    assert found["sample"][0]["contact"]["phone"] == "+12025550101"
    assert found["sample"][0]["submitted_at"] == "2026-06-01T09:05:00Z"
    assert "needs an email or a phone" in found["sample"][3]["rejected"]
    assert found["found"]["dates"] == {"columns": ["Scanned At"], "day_first": False, "undecided": False}
    assert [column["field"] for column in found["found"]["columns"]] == [
        *("first_name", "last_name", "email", "phone", "submitted_at", None),
    ]
    assert {row["state"] for row in await all_rows(client, made["id"])} == {"waiting", "rejected"}
    assert await count(database, "leads") == 0
    assert (await client.post(f"/v1/imports/{made['id']}/start")).status_code == 202
    done = await eventually(reaches(client, made["id"], "done"))
    assert (done["progress"]["accepted"], done["progress"]["touched"]) == (2, 1)
    again = await client.post(f"/v1/imports/{made['id']}/start")
    assert (again.status_code, again.json()["type"]) == (409, "urn:handoff:problem:not-startable")


async def test_what_a_person_says_afterwards_is_how_the_list_is_read(client: httpx.AsyncClient) -> None:
    text = "Wer,Kontakt,Wann,Wo\nAda Example,ada@example.com,1/2/2026,B2\nBo Sample,bo@example.org,3/2/2026,B3\n"
    made = await upload(client, text)
    found = await eventually(reaches(client, made["id"], "read"))
    assert "No column is taken for an e-mail address" in found["found"]["notes"][0], "it waits although it is no dry run"
    assert (await client.post(f"/v1/imports/{made['id']}/start")).status_code == 422
    address = f"/v1/imports/{made['id']}"
    mapping = {"Wer": "name", "Kontakt": "email", "Wann": "submitted_at", "Wo": "product"}
    for wrong in ({"Kontakt": "mail"}, {"Contact": "email"}):
        answer = await client.patch(address, json={"mapping": wrong})
        assert (answer.status_code, answer.json()["errors"][0]["field"].lstrip("/")) == (422, f"mapping/{next(iter(wrong))}")
    await client.patch(address, json={"mapping": mapping, "day_first": True, "zone": "Europe/Paris"})
    done = await eventually(reaches(client, made["id"], "done"))
    assert done["progress"]["accepted"] == 2
    assert done["options"] == {"mapping": mapping, "day_first": True, "zone": "Europe/Paris"}
    assert (await client.patch(address, json={"day_first": False})).status_code == 409


async def test_dates_that_leave_it_open_are_asked_for(client: httpx.AsyncClient) -> None:
    text = "Name,Email,Created At\nAda,ada@example.com,6/1/2026\nBo,bo@example.org,01/06/2026\n"
    made = await upload(client, text, dry_run=True)
    found = await eventually(reaches(client, made["id"], "read"))
    assert found["found"]["dates"]["undecided"] is True
    assert "day first or month first (Created At)" in found["found"]["notes"][0]
    assert found["sample"][0]["submitted_at"] is None
    assert "Created At: could be day first" in found["sample"][0]["warnings"][0]
    await client.patch(f"/v1/imports/{made['id']}", json={"day_first": True})
    told = await eventually(reaches(client, made["id"], "read"))
    assert told["found"]["notes"] == []
    assert told["sample"][0]["submitted_at"] == "2026-01-06T00:00:00Z"


async def test_a_workbook_in_a_form_is_read_and_named_after_its_file(client: httpx.AsyncClient) -> None:
    book = openpyxl.Workbook()
    book.worksheets[0].append(["Name", "Email", "Phone"])
    book.worksheets[0].append(["Ada Example", "ada@example.com", 12025550101])
    file = io.BytesIO()
    book.save(file)
    form = {"note": (None, "ignored"), "file": ("expo 2026.xlsx", file.getvalue(), "application/octet-stream")}
    answer = await client.post("/v1/imports", params={"source": "expo"}, files=form)
    assert answer.status_code == 202, answer.text
    done = await eventually(reaches(client, answer.json()["id"], "done"))
    assert (done["name"], done["found"]["kind"], done["size"]) == ("expo 2026.xlsx", "xlsx", len(file.getvalue()))
    assert done["progress"]["accepted"] == 1


async def test_the_same_file_again_says_nothing_new(client: httpx.AsyncClient, database: Database) -> None:
    text = "Name,Email\nAda,ada@example.com\nBo,bo@example.org\n"
    for expected in ("accepted", "duplicate"):
        made = await upload(client, text)
        done = await eventually(reaches(client, made["id"], "done"))
        assert done["progress"][expected] == 2
    assert await count(database, "leads") == 2


async def test_an_id_of_the_senders_own_makes_a_lead_known_in_any_file(client: httpx.AsyncClient) -> None:
    first = await upload(client, "lead id,Email\n7012345678901234567,ada@example.com\n")
    await eventually(reaches(client, first["id"], "done"))
    second = await upload(client, "Email;lead id\nbo@example.org;8\nADA@example.com;7012345678901234567\n")
    done = await eventually(reaches(client, second["id"], "done"))
    assert (done["progress"]["accepted"], done["progress"]["duplicate"]) == (1, 1)


async def test_an_upload_that_is_sent_again_with_its_key_is_one_list(client: httpx.AsyncClient, database: Database) -> None:
    key = {"Idempotency-Key": "expo-2026", "Content-Type": "text/csv"}
    params = {"source": "expo"}
    answers = [await client.post("/v1/imports", params=params, content=SCANS, headers=key) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert answers[1].status_code == 202
    other = await client.post("/v1/imports", params=params, content=SCANS + "\n", headers=key)
    assert other.status_code == 422
    assert await count(database, "imports") == 1


async def test_lists_are_paged_newest_first(client: httpx.AsyncClient) -> None:
    made = [await upload(client, SCANS, dry_run=True, name=f"list {n}") for n in range(3)]
    page = (await client.get("/v1/imports", params={"limit": 2, "source": "expo"})).json()
    assert [item["id"] for item in page["items"]] == [made[2]["id"], made[1]["id"]]
    rest = (await client.get("/v1/imports", params={"limit": 2, "cursor": page["next"]})).json()
    assert ([item["name"] for item in rest["items"]], rest["next"]) == (["list 0"], None)
    assert (await client.get("/v1/imports", params={"source": "nowhere"})).status_code == 422
    assert (await client.get(f"/v1/imports/{ids.uuid7()}")).status_code == 404


# -- Refusals ------------------------------------------------------------------------------------------------------------------------


async def test_who_may_not_is_refused_before_a_byte_is_read(installation: Installation) -> None:
    [service] = installation.build(installation.platform(), "intake")
    viewer = installation.headers(Role.VIEWER)["Authorization"]
    for authorization, status in ((viewer, 403), ("Bearer nonsense", 401), ("", 401)):
        sent: list[Any] = []

        async def send(message: Any, sent: list[Any] = sent) -> None:
            sent.append(message)

        headers = [(b"authorization", authorization.encode()), (b"content-type", b"text/csv"), (b"content-length", b"100")]
        scope = {
            **{
                "type": "http",
                "method": "POST",
                "path": "/v1/imports",
                "raw_path": b"/v1/imports",
                "query_string": b"source=expo",
            },
            **{"headers": headers, "http_version": "1.1", "scheme": "http", "server": ("test", 80), "client": ("test", 1)},
        }
        await service.guard(scope, _no_byte, send)
        assert sent[0]["status"] == status
        assert (b"content-type", b"application/problem+json") in sent[0]["headers"]
    await service.database.close()


async def _no_byte() -> Any:
    raise AssertionError("the body was asked for")


@pytest.mark.parametrize(
    ("params", "content", "headers", "status", "says"),
    [
        ({"source": "nowhere"}, b"Email\n", {}, 422, "no source nowhere"),
        ({}, b"Email\n", {}, 422, "source"),
        ({"source": "expo"}, b"", {}, 422, "is empty"),
        ({"source": "expo", "encoding": "klingon"}, b"Email\n", {}, 422, "encoding"),
        ({"source": "expo", "zone": "Mars/Olympus"}, b"Email\n", {}, 422, "time zone"),
        ({"source": "expo", "delimiter": "x"}, b"Email\n", {}, 422, "delimiter"),
        ({"source": "expo"}, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), {}, 415, "XLS"),
        ({"source": "expo"}, b"{}", {"Content-Type": "application/json"}, 415, "text/csv"),
        ({"source": "expo"}, b"Email\n", {"Content-Encoding": "gzip"}, 415, "Content-Encoding"),
        ({"source": "expo"}, b"Email\n", {"Idempotency-Key": "ä".encode()}, 400, "Idempotency-Key"),
        ({"source": "expo"}, b"no form", {"Content-Type": "multipart/form-data; boundary=x"}, 400, "multipart"),
        ({"source": "expo"}, b"no form", {"Content-Type": "multipart/form-data"}, 422, "boundary"),
        ({"source": "expo"}, b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--\r\n',
         {"Content-Type": "multipart/form-data; boundary=x"}, 422, "part named file"),
        ({"source": "expo"}, b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\nEmail\r\n',
         {"Content-Type": "multipart/form-data; boundary=x"}, 400, "cut off"),
        ({"source": "expo"}, b"Email\n" + b"x" * 2_100_000, {}, 413, "2000000 bytes"),
    ],
)  # fmt: skip
async def test_what_cannot_be_taken_is_refused_and_leaves_nothing(
    client: httpx.AsyncClient,
    database: Database,
    params: dict[str, str],
    content: bytes,
    headers: dict[str, Any],
    status: int,
    says: str,
) -> None:
    answer = await client.post("/v1/imports", params=params, content=content, headers={"Content-Type": "text/csv", **headers})
    assert (answer.status_code, says in answer.text) == (status, True), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert await count(database, "imports") == 0


async def test_the_limit_holds_where_the_length_is_not_told(client: httpx.AsyncClient, database: Database) -> None:
    async def body() -> AsyncIterator[bytes]:
        for _ in range(201):
            yield b"x" * 10_000

    answer = await client.post("/v1/imports", params={"source": "expo"}, content=body(), headers={"Content-Type": "text/csv"})
    assert answer.status_code == 413
    assert await count(database, "imports") == 0


async def test_a_list_that_cannot_be_read_fails_with_what_to_do_and_may_be_read_another_way(client: httpx.AsyncClient) -> None:
    made = await upload(client, "Name;Email\n" + "x" * 200_000 + "\n")
    failed = await eventually(reaches(client, made["id"], "failed"))
    assert "longer than" in failed["error"]
    empty = await upload(client, "Name;Email\n")
    assert "no rows" in (await eventually(reaches(client, empty["id"], "failed")))["error"]
    await client.patch(f"/v1/imports/{empty['id']}", json={"header": 0})
    read = await eventually(reaches(client, empty["id"], "read"))
    assert read["found"]["header"] == 0


# -- A slow sender -------------------------------------------------------------------------------------------------------------------


async def test_a_slow_upload_holds_no_transaction_and_one_that_ends_early_is_forgotten(
    client: httpx.AsyncClient, database: Database, installation: Installation
) -> None:
    more = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield b"Name,Email\n" + b"Ada,ada@example.com\n" * 60_000
        await more.wait()
        yield b"Bo,bo@example.org\n"

    sending = asyncio.create_task(
        client.post("/v1/imports", params={"source": "expo"}, content=body(), headers={"Content-Type": "text/csv"})
    )
    admin = await asyncpg.connect(installation.admin_dsn)
    try:
        await eventually(lambda: admin.fetchval("SELECT count(*) FROM intake.import_chunks"))
        open_ones = (
            "SELECT count(*) FROM pg_stat_activity WHERE usename = 'handoff_intake' AND state LIKE 'idle in transaction%' "
            "AND state_change < now() - interval '0.2 s'"
        )
        assert await admin.fetchval(open_ones) == 0
        assert await admin.fetchval("SELECT state FROM intake.imports") == "uploading"
        sending.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await sending

        async def gone() -> bool:
            return not await admin.fetchval("SELECT EXISTS (SELECT FROM intake.imports)")

        assert await eventually(gone)
    finally:
        await admin.close()


# -- Crashes -------------------------------------------------------------------------------------------------------------------------


def scans(rows: int) -> str:
    return "Name,Email\n" + "".join(f"Ada {n},ada{n}@example.com\n" for n in range(rows))


async def prepare(database: Database, text: str, **said: Any) -> Import:
    """An upload that is whole, as the edge leaves it."""
    content = text.encode()
    async with database.begin() as uow:
        dry_run = said.pop("dry_run", False)
        made = await handlers.begin_upload("expo", "scans.csv", said, uow, dry_run=dry_run, by="tester")
        pieces = range(0, len(content), 100_000)
        for n, start in enumerate(pieces):
            await handlers.add_piece(made.id, n, content[start : start + 100_000], uow)
        await handlers.end_upload(
            made.id, uow, size=len(content), digest=sha256(content).hexdigest(), traceparent=CAUSE.traceparent, by="tester"
        )
    return made


async def state_of(database: Database, id: UUID) -> Import:
    async with database.begin() as uow:
        found = await store.get_import(uow, id)
    assert found
    return found


def ends(database: Database, id: UUID) -> Callable[[], Awaitable[Import | None]]:
    async def check() -> Import | None:
        found = await state_of(database, id)
        return found if found.state in ("done", "failed", "cancelled") else None

    return check


@contextlib.asynccontextmanager
async def working(loop: Jobs) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(loop.run())
    try:
        yield task
    finally:
        loop.stop()
        with contextlib.suppress(asyncio.CancelledError):
            await task


class Crash:
    """The steps of a list, and a moment after so many of them, within one, at which the process dies."""

    def __init__(self, after: int) -> None:
        self._left = after
        self.steps = {kind: self._wrapped(step) for kind, step in JOB_STEPS.items()}
        self.now = asyncio.Event()

    def _wrapped(
        self, step: Callable[[Job, UnitOfWork], Awaitable[Progress]]
    ) -> Callable[[Job, UnitOfWork], Awaitable[Progress]]:
        async def run(job: Job, uow: UnitOfWork) -> Progress:
            progress = await step(job, uow)
            self._left -= 1
            if self._left < 0:
                self.now.set()
                await asyncio.Event().wait()
            return progress

        return run


async def expire_leases(database: Database) -> None:
    """As if the time of those who died were over."""
    async with database.begin() as uow:
        await uow.execute("UPDATE intake.jobs SET lease_until = $1 WHERE lease_until IS NOT NULL", uow.now - timedelta(seconds=1))


async def test_a_list_survives_a_crash_in_any_step(
    database: Database, installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "PIECE", 40)
    monkeypatch.setattr(running, "PIECE", 30)
    made = await prepare(database, scans(100))
    crashes = 0
    for after in (0, 1, 1, 2, 0, 1, 2, 1, 0):
        async with opened(installation) as process:
            crash = Crash(after)
            async with working(Jobs(process, crash.steps, poll=0.02)) as task:
                await eventually(partial(_crashed_or_ended, crash, database, made.id))
                task.cancel()
                crashes += crash.now.is_set()
        await expire_leases(database)
    async with working(Jobs(database, JOB_STEPS, poll=0.02)):
        done = await eventually(ends(database, made.id))
    assert done
    assert done.state == "done"
    assert crashes >= 6
    async with database.begin() as uow:
        job = await jobs.latest(uow, made.id)
        emails = await uow.fetch("SELECT contact->>'email' AS email, count(*) FROM intake.leads GROUP BY 1")
        rows = await uow.fetch("SELECT n, state, lead_id FROM intake.import_rows ORDER BY n")
        events = await uow.fetchval("SELECT count(*) FROM intake.outbox")
    assert job
    assert job.result == {"accepted": 100}
    assert {row["email"]: row["count"] for row in emails} == {f"ada{n}@example.com": 1 for n in range(100)}
    assert [row["n"] for row in rows] == list(range(2, 102))
    assert {row["state"] for row in rows} == {"accepted"}
    assert events == 100


async def _crashed_or_ended(crash: Crash, database: Database, id: UUID) -> bool:
    return crash.now.is_set() or await ends(database, id)() is not None


async def test_a_row_that_cannot_be_handled_holds_up_nobody(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    async def brittle(items: Sequence[Item], uow: UnitOfWork, *, cause: Cause) -> list[Result]:
        calls.append(len(items))
        if any(item.fields["email"] in ("ada7@example.com", "ada55@example.com") for item in items):
            raise Permanent("this lead is more than we can bear")
        return await receive_items(items, uow, cause=cause)

    monkeypatch.setattr(running, "receive_items", brittle)
    monkeypatch.setattr(running, "PIECE", 20)
    made = await prepare(database, scans(100))
    async with working(Jobs(database, JOB_STEPS, poll=0.01)):
        done = await eventually(ends(database, made.id), timeout=20)
    assert done
    assert done.state == "done"
    async with database.begin() as uow:
        rejected = await store.next_rows(uow, made.id, after=0, limit=10, state="rejected")
        job = await jobs.latest(uow, made.id)
    assert [(row.cells[1], row.reason) for row in rejected] == [
        (email, "not-handled: This row could not be handled: this lead is more than we can bear")
        for email in ("ada7@example.com", "ada55@example.com")
    ]
    assert job
    assert job.result == {"accepted": 98, "rejected": 2, "rejected not-handled": 2}
    assert calls.count(20) >= 4, "the pieces without a bad row are taken whole"


async def test_a_list_of_which_nothing_can_be_handled_is_given_up_and_can_go_on(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(items: Sequence[Item], uow: UnitOfWork, *, cause: Cause) -> list[Result]:
        raise Permanent("nothing works today")

    monkeypatch.setattr(running, "MAX_GIVEN_UP", 2)
    with monkeypatch.context() as patched:
        patched.setattr(running, "receive_items", broken)
        made = await prepare(database, scans(10))
        async with working(Jobs(database, JOB_STEPS, poll=0.01)):

            async def failed() -> Job | None:
                async with database.begin() as uow:
                    job = await jobs.latest(uow, made.id)
                return job if job and job.state is jobs.JobState.FAILED else None

            job = await eventually(failed)
    assert job
    assert (job.error, job.done) == ("nothing works today", 2)
    async with database.begin() as uow:
        await handlers.start_import(made.id, uow, by="tester")
    async with working(Jobs(database, JOB_STEPS, poll=0.01)):
        done = await eventually(ends(database, made.id))
    assert done
    assert done.state == "done"
    assert await count(database, "leads") == 8


async def test_a_list_that_is_cancelled_keeps_what_was_taken(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "PIECE", 10)
    made = await prepare(database, scans(200))
    crash = Crash(after=6)
    async with working(Jobs(database, crash.steps)) as task:
        await crash.now.wait()
        task.cancel()
    await expire_leases(database)
    taken = await count(database, "leads")
    assert 0 < taken < 200
    async with database.begin() as uow:
        await handlers.cancel_import(made.id, uow)
    assert (await state_of(database, made.id)).state == "cancelled"
    assert await count(database, "import_chunks") == 0
    async with working(Jobs(database, JOB_STEPS, poll=0.01)):
        other = await prepare(database, "Email\nnext@example.com\n")
        await eventually(ends(database, other.id))
    assert await count(database, "leads") == taken + 1
    with pytest.raises(Refused, match="cancelled already"):
        async with database.begin() as uow:
            await handlers.cancel_import(made.id, uow)


async def test_a_list_that_is_read_another_way_meanwhile_is_not_mixed(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "PIECE", 10)
    made = await prepare(database, scans(60).replace(",", ";"), dry_run=True, delimiter=",")
    crash = Crash(after=3)
    async with working(Jobs(database, crash.steps)) as task:
        await crash.now.wait()
        task.cancel()
    async with database.begin() as uow:
        await handlers.change_import(made.id, {"delimiter": None}, uow, by="tester")
    async with working(Jobs(database, JOB_STEPS, poll=0.01)):

        async def read() -> Import | None:
            found = await state_of(database, made.id)
            return found if found.state == "read" else None

        found = await eventually(read)
    assert found
    assert found.found["delimiter"] == ";"
    async with database.begin() as uow:
        rows = await store.next_rows(uow, made.id, after=0, limit=100)
    assert [len(row.cells) for row in rows] == [2] * 60


async def test_a_job_whose_list_is_read_anew_by_another_does_nothing_more(database: Database) -> None:
    made = await prepare(database, scans(60), dry_run=True)
    async with database.begin() as uow:
        old = await jobs.latest(uow, made.id)
        await handlers.change_import(made.id, {"day_first": True}, uow, by="tester")
    assert old
    async with database.begin() as uow:
        progress = await reading.read_list(old, uow)
    assert (progress.finished, progress.done) == (True, 0)
    assert await count(database, "import_rows") == 0
    async with working(Jobs(database, JOB_STEPS, poll=0.01)):

        async def read() -> bool:
            return (await state_of(database, made.id)).state == "read"

        await eventually(read)
    assert await count(database, "import_rows") == 60


async def test_processes_that_take_turns_at_a_list_read_each_row_once(
    database: Database, installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "PIECE", 20)
    made = await prepare(database, scans(400), dry_run=True)
    steps: list[str] = []

    def counted(name: str) -> dict[str, Callable[[Job, UnitOfWork], Awaitable[Progress]]]:
        async def read(job: Job, uow: UnitOfWork) -> Progress:
            steps.append(name)
            return await reading.read_list(job, uow)

        return {"import-read": read}

    async with opened(installation) as other:
        pair = [Jobs(one, counted(name), turn=0, poll=0.005) for name, one in (("a", database), ("b", other))]
        while (await state_of(database, made.id)).state == "reading":
            for loop in pair:
                await loop.turn()
    assert set(steps) == {"a", "b"}
    assert len(steps) == 400 // 20 + 2, "no step was done in vain"
    async with database.begin() as uow:
        rows = await store.next_rows(uow, made.id, after=0, limit=1000)
    assert [(row.n, row.cells[1]) for row in rows] == [(n + 2, f"ada{n}@example.com") for n in range(400)]


async def test_a_list_waits_while_too_many_events_do(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "PIECE", 10)
    monkeypatch.setattr(running, "MAX_WAITING", 25)
    monkeypatch.setattr(running, "PAUSE", 0.02)
    made = await prepare(database, scans(50))
    async with working(Jobs(database, JOB_STEPS, poll=0.01)):

        async def stopped() -> bool:
            return await count(database, "outbox") == 30

        await eventually(stopped)
        job = await _latest(database, made.id)
        assert (job.done, job.attempts) == (30, 0)
        async with database.begin() as uow:
            await uow.execute("DELETE FROM intake.outbox")
        assert await eventually(ends(database, made.id))
    assert await count(database, "leads") == 50


async def _latest(database: Database, id: UUID) -> Job:
    async with database.begin() as uow:
        job = await jobs.latest(uow, id)
    assert job
    return job


# -- Size, and what is kept ----------------------------------------------------------------------------------------------------------


async def test_twenty_thousand_rows_need_little_memory(database: Database) -> None:
    text = "Name,Email,Notes\n" + "".join(f'Ada {n},ada{n}@example.com,"{"wants a demo " * 20}"\n' for n in range(20_000))
    made = await prepare(database, text, dry_run=False, mapping={"Email": None})
    size = len(text)
    del text
    peaks = []

    async def measured(job: Job, uow: UnitOfWork) -> Progress:
        tracemalloc.reset_peak()
        progress = await reading.read_list(job, uow)
        peaks.append(tracemalloc.get_traced_memory()[1] - before)
        return progress

    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    async with working(Jobs(database, {"import-read": measured})):

        async def read() -> bool:
            return (await state_of(database, made.id)).state == "read"

        await eventually(read, timeout=60)
    tracemalloc.stop()
    assert await count(database, "import_rows") == 20_000
    assert len(peaks) > 15
    # The first step holds the file itself, for it is small enough; the last one no more than the one in the middle.
    assert max(peaks) < size + 6_000_000
    assert peaks[-2] < peaks[len(peaks) // 2] * 1.2


async def test_erased_leads_leave_their_rows_blank(database: Database) -> None:
    made = await prepare(database, SCANS)
    async with working(Jobs(database, JOB_STEPS, poll=0.01)):
        await eventually(ends(database, made.id))
    async with database.begin() as uow:
        rows = await store.next_rows(uow, made.id, after=0, limit=10)
        ada = rows[0].lead_id
        assert ada
        assert await store.erase_leads(uow, [ada]) == 2
        rows = await store.next_rows(uow, made.id, after=0, limit=10)
    assert [(row.n, row.state, row.lead_id) for row in rows if not row.cells] == [(2, "accepted", ada), (4, "touched", ada)]
    assert all(not row.warnings and not row.reason for row in rows if not row.cells)
    async with database.begin() as uow:
        found = await store.get_import(uow, made.id)
        assert found
        assert handlers.shown_row(rows[0], found)["cells"] == {}
        assert b"ada@example.com" not in handlers.result_lines(rows).lower()


async def test_what_is_old_goes_piece_by_piece(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "PIECE", 3)
    old = await prepare(database, SCANS, dry_run=True)
    async with database.begin() as uow:
        dead = await handlers.begin_upload("expo", "dead", {}, uow, dry_run=False, by="tester")
        await handlers.add_piece(dead.id, 0, b"Email\n", uow)
    async with working(Jobs(database, JOB_STEPS, poll=0.01)):

        async def read() -> bool:
            return (await state_of(database, old.id)).state == "read"

        await eventually(read)
    await _age(database, timedelta(days=8))
    async with database.begin() as uow:
        assert await store.purge(uow) == 0
    assert await count(database, "imports") == 1
    assert await count(database, "import_chunks") == 0, "the bytes go after a week, the rows stay"
    with pytest.raises(Refused, match="no longer kept"):
        async with database.begin() as uow:
            await handlers.change_import(old.id, {"day_first": True}, uow, by="tester")
    await _age(database, timedelta(days=90))
    for left in (3, 2):
        async with database.begin() as uow:
            assert await store.purge(uow) == left
    assert await count(database, "imports") == 0


async def _age(database: Database, by: timedelta) -> None:
    async with database.begin() as uow:
        await uow.execute("UPDATE intake.imports SET created_at = created_at - $1::interval", by)
