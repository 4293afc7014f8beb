"""`python -m services` as a newcomer starts it: an empty folder, a restart, a second start, Ctrl-C; and nothing personal in its logs."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from shared.auth import Caller, Role, Tokens
from shared.clock import SystemClock
from tests.support.market import lead
from tests.support.processes import INHERITED, ROOT
from tests.support.waiting import eventually

CANARY_MAIL, CANARY_PHONE, CANARY_NOTE = "canary.bird@secret.example", "+15005550006", "the canary sings"


class Run:
    """One `python -m services` on a data folder. Its output, both streams, goes to a file."""

    def __init__(self, data: Path, *, level: str = "warning") -> None:
        self.data = data
        self.output = data.with_suffix(".out")
        environment = {name: os.environ[name] for name in INHERITED if name in os.environ}
        with self.output.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "services", "run", "--data", str(data), "--port", "0"],
                cwd=ROOT,
                env={**environment, "HANDOFF_LOG_LEVEL": level, "PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    async def address(self) -> str:
        """Where it listens, once it says so."""

        async def said() -> str | None:
            assert self._process.poll() is None, f"it ended with {self._process.returncode}:\n{self.said}"
            found = re.findall(r"Handoff listens on (\S+)", self.said)
            return found[-1] if found else None

        return str(await eventually(said, timeout=60))

    @property
    def said(self) -> str:
        return self.output.read_text(errors="replace")

    async def interrupt(self) -> int:
        """Ctrl-C; the exit code."""
        self._process.send_signal(signal.SIGINT)
        return await self.ended()

    async def ended(self) -> int:
        return await asyncio.to_thread(self._process.wait, 30)

    def kill(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()


@contextlib.asynccontextmanager
async def client_of(run: Run) -> AsyncIterator[httpx.AsyncClient]:
    address = await run.address()
    keys = Tokens.from_file(run.data / "keys.json")  # `services token` does no more, and starts an interpreter for it
    token = keys.issue(Caller("tester", Role.ADMIN), now=SystemClock().now(), lifetime=timedelta(hours=1))
    async with httpx.AsyncClient(base_url=address, headers={"Authorization": f"Bearer {token}"}, timeout=15) as client:
        yield client


def servers_of(data: Path) -> list[int]:
    """PostgreSQL processes that work in this data folder."""
    found = []
    for process in psutil.process_iter(["pid"]):
        with contextlib.suppress(psutil.Error):
            if process.cwd().startswith(str(data)):
                found.append(process.pid)
    return found


async def test_a_lead_outlives_a_restart_and_a_folder_has_one_owner(tmp_path: Path) -> None:
    data = tmp_path / "data"
    first = Run(data)
    try:
        async with client_of(first) as client:
            made = (await client.post("/v1/sources", json={"name": "website"})).json()
            assert (await client.post(made["hook"], json={"email": "ada@example.com"})).status_code == 202
            lead_id = (await client.post("/v1/leads", json=lead(0))).json()["lead_id"]
            before = (await client.get(f"/v1/leads/{lead_id}", params={"wait": 15, "until": "queued"})).json()
            assert before["routing"] == "queued"

            second = subprocess.run(
                [sys.executable, "-m", "services", "run", "--data", str(data), "--port", "0"],
                cwd=ROOT,
                capture_output=True,
                text=True,
                check=False,
            )
            assert second.returncode == 2
            assert "is in use by process" in second.stderr
            assert "Traceback" not in second.stderr
            assert (await client.get("/readyz")).status_code == 200
        assert await first.interrupt() == 0
        assert servers_of(data) == []
    finally:
        first.kill()
    again = Run(data)
    try:
        async with client_of(again) as client:
            after = (await client.get(f"/v1/leads/{lead_id}")).json()
            assert after == before
            assert len((await client.get("/v1/leads")).json()["items"]) == 2
        assert await again.interrupt() == 0
        assert servers_of(data) == []
        assert "Traceback" not in again.said
    finally:
        again.kill()


async def test_it_stops_when_it_is_interrupted_while_it_starts(tmp_path: Path) -> None:
    run = Run(tmp_path / "data")
    try:
        await eventually(lambda: _exists(run.data / "postgres.log"), timeout=30)
        assert await run.interrupt() in (0, 130)
        await eventually(lambda: _gone(run.data), timeout=10)
    finally:
        run.kill()


async def test_killed_it_leaves_no_server_and_loses_nothing(tmp_path: Path) -> None:
    run = Run(tmp_path / "data")
    try:
        async with client_of(run) as client:
            await client.post("/v1/sources", json={"name": "website"})
            lead_id = (await client.post("/v1/leads", json=lead(0))).json()["lead_id"]
        run.kill()
        await eventually(lambda: _gone(run.data), timeout=30)
        run = Run(tmp_path / "data")
        async with client_of(run) as client:
            shown = await client.get(f"/v1/leads/{lead_id}", params={"wait": 15, "until": "queued"})
            assert [entry["type"] for entry in shown.json()["timeline"]] == ["LeadReceived", "LeadScored", "LeadQueued"]
        assert await run.interrupt() == 0
    finally:
        run.kill()


async def _exists(path: Path) -> bool:
    return path.exists()


async def _gone(data: Path) -> bool:
    return not servers_of(data)


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("setpriv") is None, reason="only root can become somebody else")
async def test_an_ordinary_user_can_run_it(tmp_path: Path) -> None:
    for folder in (tmp_path, *tmp_path.parents[:-1]):
        if folder.stat().st_uid == 0 and folder.stat().st_mode & 0o001 == 0:
            folder.chmod(folder.stat().st_mode | 0o001)
    home = tmp_path / "home"
    home.mkdir()
    os.chown(home, 65534, 65534)
    as_user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    reads = subprocess.run(
        [*as_user, sys.executable, "-c", "import services, shared"], cwd=ROOT, capture_output=True, check=False
    )
    if reads.returncode:
        pytest.skip("an ordinary user cannot read this interpreter or checkout")
    command = [*as_user, sys.executable, "-m", "services", "run", "--data", str(home / "data"), "--port", "0"]
    output = tmp_path / "out"
    with output.open("wb") as written:
        process = subprocess.Popen(command, cwd=ROOT, env={"PATH": os.defpath, "HOME": str(home)}, stdout=written, stderr=written)
    try:

        async def listens() -> bool:
            assert process.poll() is None, output.read_text()
            return "Handoff listens on" in output.read_text()

        await eventually(listens, timeout=60)
        assert {psutil.Process(pid).uids().effective for pid in servers_of(home / "data")} == {65534}
        process.send_signal(signal.SIGINT)
        assert await asyncio.to_thread(process.wait, 30) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


async def test_nothing_personal_and_no_secret_is_logged(tmp_path: Path) -> None:
    """Canaries through every path that knows them, the failing ones too, with the log at its most talkative."""
    run = Run(tmp_path / "data", level="debug")
    try:
        async with client_of(run) as client:
            hook = (await client.post("/v1/sources", json={"name": "website"})).json()["hook"]
            lead_id = await _sing(client, hook)
            renewed = (await client.post(f"/v1/sources/{await _source_id(client)}/token")).json()["hook"]
            await client.post(hook, json={"email": CANARY_MAIL})
            token = client.headers["Authorization"].removeprefix("Bearer ")
            await client.get(f"/v1/leads/{lead_id}", headers={"Authorization": f"Bearer {token}x"})
        assert await run.interrupt() == 0
    finally:
        run.kill()
    said = run.said
    assert '"event": "ready"' in said, "there is no log to look through"
    secrets = [CANARY_MAIL, CANARY_MAIL.replace("@", "%40"), CANARY_PHONE, CANARY_NOTE, token]
    secrets += [address.removeprefix("/hooks/") for address in (hook, renewed)]
    database_log = (tmp_path / "data" / "postgres.log").read_text(errors="replace")
    for secret in secrets:
        assert secret not in said
        assert secret not in database_log


async def _source_id(client: httpx.AsyncClient) -> str:
    return str((await client.get("/v1/sources")).json()["items"][0]["id"])


async def _sing(client: httpx.AsyncClient, hook: str) -> str:
    """Good and bad requests that hold canaries; returns the id of a lead that was taken."""
    bird: dict[str, Any] = {"source": "website", "email": CANARY_MAIL, "phone": CANARY_PHONE, "message": CANARY_NOTE}
    agent = (await client.post("/v1/agents", json={"name": "ann"})).json()["id"]
    await client.put("/v1/pools/default", json={"members": [{"agent_id": agent}]})
    lead_id = str((await client.post("/v1/leads", json=bird)).json()["lead_id"])
    await client.get(f"/v1/leads/{lead_id}", params={"wait": 15, "until": "assigned"})
    status = f"/v1/leads/{lead_id}/status"
    bodies: list[tuple[str, Any]] = [
        ("/v1/leads", {**bird, "source": CANARY_MAIL}),
        ("/v1/leads", {**bird, CANARY_MAIL: 1}),
        ("/v1/leads", {**bird, "budget": CANARY_PHONE}),
        ("/v1/leads", {**bird, "message": "\0" + CANARY_NOTE}),
        ("/v1/leads", {"leads": [bird, {**bird, "budget": "x"}, 5]}),
        (hook, {"mail": CANARY_MAIL, "text": "\0" + CANARY_NOTE}),
        (hook, [CANARY_MAIL]),
        (f"{hook}x", bird),
        (status, {"status": "contacted", "note": CANARY_NOTE}),
        (status, {"status": CANARY_MAIL}),
        (status, {"status": "lost", "note": CANARY_NOTE, "reason": "\0"}),
        (f"/v1/leads/{CANARY_MAIL}/status", {"status": "won"}),
        ("/v1/agents", {"name": CANARY_MAIL, "zone": CANARY_PHONE}),
        ("/v1/scorecards/preview", {"facts": {"email": CANARY_MAIL}, "document": {"rules": CANARY_NOTE}}),
    ]
    for path, body in bodies:
        answer = await client.post(path, json=body, headers={"Idempotency-Key": CANARY_MAIL})
        assert answer.status_code < 500
    await client.post("/v1/leads", content=CANARY_MAIL.encode(), headers={"Content-Type": "application/json"})
    await client.get("/v1/leads", params={"source": CANARY_MAIL, "cursor": CANARY_MAIL})
    return lead_id
