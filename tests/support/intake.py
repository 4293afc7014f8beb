"""Intake as senders see it: sources and their hooks, and what became of what was posted. Served by one process, read by a superuser."""

from __future__ import annotations

import contextlib
import itertools
import json
import logging
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import httpx

from services.intake.app import build
from shared.auth import Role, Tokens
from shared.db.embedded import Server
from shared.runtime import Service
from shared.telemetry import configure_logging
from tests.support.installation import Installation, installed, serving
from tests.support.senders import Case, Internet, Person, Proof, Sent
from tests.support.waiting import eventually
from tests.support.world import connected

PUBLIC = "https://leads.example.net"


@dataclass
class Posted:
    """A source of this sender, and what its sender needs: the hook, and the secret that is valid."""

    intake: Intake
    case: Case
    id: UUID
    name: str
    hook: str
    secret: str

    def proof(self, at: datetime | None = None, secret: str | None = None) -> Proof:
        return Proof(secret or self.secret, at or self.intake.now(), f"{PUBLIC}{self.hook}")

    def delivery(self, person: Person, **changes: Any) -> Sent:
        return self.case.delivery(person, self.proof(**changes))

    def proven(self, said: Sent) -> Sent:
        return self.case.prove(said, self.proof())

    async def post(self, sent: Sent) -> httpx.Response:
        return await self.intake.sender.post(self.hook, content=sent.body, headers=dict(sent.headers))

    async def deliver(self, person: Person) -> httpx.Response:
        return await self.post(self.delivery(person))

    async def leads(self) -> list[dict[str, Any]]:
        return await self.intake.fetch("SELECT * FROM intake.leads WHERE source_id = $1 ORDER BY id", self.id)

    async def lead(self, count: int = 1) -> dict[str, Any]:
        """The first of the source's leads, once there are so many: some are fetched first."""

        async def there() -> list[dict[str, Any]]:
            found = await self.leads()
            return found if len(found) >= count else []

        found = await eventually(there)
        assert len(found) == count
        return found[0]

    async def deliveries(self) -> list[dict[str, Any]]:
        return await self.intake.fetch("SELECT * FROM intake.deliveries WHERE source_id = $1 ORDER BY id", self.id)

    async def tallies(self) -> dict[tuple[str, str], int]:
        rows = await self.intake.fetch("SELECT outcome, reason, count FROM intake.tallies WHERE source_id = $1", self.id)
        counts: Counter[tuple[str, str]] = Counter()
        for row in rows:
            counts[row["outcome"], row["reason"]] += row["count"]
        return dict(counts)

    async def change(self, **changes: Any) -> Any:
        return await self.intake.ask("PATCH", f"/v1/sources/{self.id}", **changes)

    async def health(self) -> Any:
        return await self.intake.ask("GET", f"/v1/sources/{self.id}/health")


@dataclass
class Intake:
    """A running intake. `api` is an administrator's client, `sender` one without a token, `rows` reads the database."""

    installation: Installation
    service: Service
    internet: Internet
    api: httpx.AsyncClient
    sender: httpx.AsyncClient
    rows: asyncpg.Connection
    _numbers: Any = field(default_factory=lambda: itertools.count(1))

    def now(self) -> datetime:
        return self.installation.clock.now()

    def person(self) -> Person:
        """Somebody who was not here before."""
        return Person(next(self._numbers))

    async def source(self, case: Case, **more: Any) -> Posted:
        """A new source of this sender. Fuzzy evidence is left out, for these people are much alike."""
        secret = case.secret_of("valid")
        body = {
            "name": f"source-{next(self._numbers)}",
            "kind": case.kind,
            "settings": dict(case.settings),
            "secrets": dict(case.secrets),
            "recognition": {"fuzzy": "off"},
            **({} if case.own else {"secret": secret}),
            **more,
        }
        made = await self.ask("POST", "/v1/sources", **body)
        return Posted(self, case, UUID(made["id"]), made["name"], made["hook"], secret)

    def as_role(self, role: Role) -> dict[str, str]:
        return self.installation.headers(role)

    async def ask(self, method: str, path: str, **body: Any) -> Any:
        """The answer to an administrator, which must be a good one."""
        answer = await self.api.request(method, path, json=body if body or method in ("POST", "PUT", "PATCH") else None)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    async def fetch(self, sql: str, *args: Any) -> list[dict[str, Any]]:
        return [dict(row) for row in await self.rows.fetch(sql, *args)]

    async def events(self, lead_id: UUID | str) -> list[tuple[str, dict[str, Any]]]:
        """The type and data of all that intake said of a lead, once it is on the bus."""

        async def published() -> bool:
            return await self.rows.fetchval("SELECT count(*) FROM intake.outbox") == 0

        await eventually(published)
        rows = await self.rows.fetch(
            'SELECT headers, value FROM bus.log WHERE topic = $1 AND key = $2 ORDER BY "offset"',
            "leads.received",
            str(lead_id).encode(),
        )
        heads = [json.loads(row["headers"]) for row in rows]
        assert [int(head["ce_sequence"]) for head in heads] == list(range(1, len(heads) + 1))
        return [(head["ce_type"].split(".")[1], json.loads(row["value"])) for head, row in zip(heads, rows, strict=True)]

    async def found(self, person: Person, *more: str) -> dict[str, int]:
        """In which tables of intake there is anything of this person, and in how many rows. Bytes are looked through, too.

        The outbox is left out: what was said goes the way of the topics.
        """
        needles = [text.lower() for text in (person.email, person.phone, person.phone[2:], f"{person.last} ", person.id, *more)]
        needles += [person.email.replace("@", "%40"), f'{person.last}"'.lower(), f"{person.last}<".lower()]
        names = await self.rows.fetch(
            "SELECT relname FROM pg_class WHERE relnamespace = 'intake'::regnamespace AND relkind IN ('r', 'p') "
            "AND NOT relispartition AND relname <> 'outbox'"
        )
        counts = {}
        for name in sorted(row["relname"] for row in names):
            texts = [row["text"].lower() for row in await self.rows.fetch(f"SELECT t::text AS text FROM intake.{name} t")]
            hexed = [needle.encode().hex() for needle in needles]
            if rows := sum(any(needle in text for needle in (*needles, *hexed)) for text in texts):
                counts[name] = rows
        return counts

    async def said(self, lead_id: UUID | str) -> list[str]:
        return [type for type, _ in await self.events(lead_id)]


class Lines(logging.Handler):
    """Everything that is logged, as it is written."""

    def __init__(self) -> None:
        super().__init__(level=logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))

    def telling(self, *secrets: str) -> list[str]:
        """The lines that have one of these in them."""
        told = re.compile("|".join(map(re.escape, secrets)), re.IGNORECASE)
        return [line for line in self.lines if told.search(line)]


@contextlib.contextmanager
def all_logs() -> Iterator[Lines]:
    """What is logged in the block, the least important too."""
    configure_logging(level="debug")
    lines = Lines()
    root = logging.getLogger()
    lines.setFormatter(root.handlers[0].formatter)
    root.handlers[:] = [lines]  # not on standard error: it is much
    logging.getLogger("httpcore").setLevel("INFO")  # it tells of the test's own requests
    try:
        yield lines
    finally:
        logging.getLogger("httpcore").setLevel("NOTSET")
        configure_logging(level="warning")


@contextlib.asynccontextmanager
async def running_intake(server: Server, template: str, tokens: Tokens) -> AsyncIterator[Intake]:
    """Intake alone, on a database of its own, with an invented world outside."""
    async with installed(server, template, tokens) as installation:
        platform, internet = installation.platform(), Internet()
        service = build(platform, installation.settings("intake", public_url=PUBLIC), web=internet.web())
        async with (
            serving([service], platform) as address,
            httpx.AsyncClient(base_url=address, headers=installation.headers(), timeout=15) as api,
            httpx.AsyncClient(base_url=address, timeout=15) as sender,
            connected(installation.admin_dsn) as rows,
        ):
            yield Intake(installation, service, internet, api, sender, rows)
