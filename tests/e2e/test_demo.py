"""`make demo` as a newcomer runs it: a process of its own, twice in one folder, and in a folder in use; then the README's example."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.commands.demo.sample import FOLDER, read_sample
from services.intake.domain import parse_mapping
from services.router.domain import lint as lint_policy
from services.router.domain.policy import read_draft
from services.scoring.domain import qualification, scorecard
from shared.contracts.vocabulary import FACTS
from shared.db.embedded import EmbeddedPostgres

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
SECONDS = 60  # far more than the demo takes
SPEED = re.compile(r"Receipt to assignment: p50 (\d+) ms, p99 (\d+) ms \(n = (\d+), .*; 1 waited for a free agent first\)")
SENDERS = ("website", "social-ads", "marketplace", "partner-api", "trade-show")
ROW = re.compile(rf"^ (.+?) +({'|'.join(SENDERS)}) +(-?\d+) ([A-D]\d) +(.+?)  +(.+?)(?:  +([\d,]+))? *$")


def run_demo(data: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "services", "demo", "--data", str(data)]
    # No terminal, and no width handed down by one.
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "FORCE_COLOR")}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False)


@contextlib.contextmanager
def running(data: Path) -> Iterator[str]:
    """The address of `run` in that folder, which is stopped as Ctrl-C stops it."""
    command = [sys.executable, "-m", "services", "run", "--data", str(data), "--port", "0"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout
        listens = process.stdout.readline()
        assert listens.startswith("Handoff listens on http"), listens
        yield listens.split()[3]
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=SECONDS)


def rows_of(output: str) -> list[tuple[str, ...]]:
    """The table's rows: lead, source, points, grade, agent, why, milliseconds (empty for who has no agent)."""
    return [tuple(cell or "" for cell in found.groups()) for line in output.splitlines() if (found := ROW.match(line))]


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    # Not pytest's own: every test session that starts closes those to the account that the server runs as under root.
    with tempfile.TemporaryDirectory(prefix="handoff-demo-") as made:
        yield Path(made)


@pytest.fixture(scope="module")
def first(folder: Path) -> subprocess.CompletedProcess[str]:
    return run_demo(folder)


def test_every_lead_is_shown_with_its_agent_or_why_it_has_none(first: subprocess.CompletedProcess[str]) -> None:
    assert first.returncode == 0, first.stdout + first.stderr
    rows = rows_of(first.stdout)
    agents = {agent["name"] for agent in read_sample().agents if agent.get("active", True)}
    assert len(rows) == read_sample().leads
    assert {row[1] for row in rows} == set(SENDERS)
    assert {row[4] for row in rows} == agents | {"waits", "not routed"}
    assert all(bool(row[6]) == (row[4] in agents) for row in rows)
    assert max(len(line) for line in first.stdout.splitlines() if ROW.match(line)) <= 120


def test_one_lead_waited_and_was_then_given_out(first: subprocess.CompletedProcess[str]) -> None:
    [waited] = [row for row in rows_of(first.stdout) if row[5].endswith(", after a wait")]
    life = first.stdout.partition("The life of one lead")[2]
    assert life.startswith(f", {waited[0]} (")
    told = re.findall(r"^  [\d:.]+  (\w+) +(\w+)", life, re.MULTILINE)
    expected = [("intake", "Received"), ("scoring", "Scored"), ("router", "Waits"), ("router", "Assigned"), ("tracker", "From")]
    assert told[:5] == expected


def test_the_speed_is_told_of_those_that_did_not_wait(first: subprocess.CompletedProcess[str]) -> None:
    found = SPEED.search(first.stdout)
    assert found, first.stdout
    p50, p99, n = map(int, found.groups())
    assert 0 < p50 <= p99
    assert n == sum(1 for row in rows_of(first.stdout) if row[6] and not row[5].endswith("after a wait"))


def test_it_says_how_to_go_on(first: subprocess.CompletedProcess[str], folder: Path) -> None:
    assert f"services run --data {folder}" in first.stdout
    assert "http://127.0.0.1:8080/v1/leads" in first.stdout
    assert first.stderr == ""


def test_a_second_run_in_the_folder_uses_what_is_there(first: subprocess.CompletedProcess[str], folder: Path) -> None:
    assert first.returncode == 0
    again = run_demo(folder)
    assert again.returncode == 0, again.stdout + again.stderr
    rows = rows_of(again.stdout)
    assert len(rows) == read_sample().leads
    # The agents are those of the first run, so they still hold their leads and more must wait than then.
    waiting = [sum(row[4] == "waits" for row in rows_of(output)) for output in (first.stdout, again.stdout)]
    assert waiting[1] > waiting[0] > 0


def test_the_readmes_example_works_on_the_demos_data(first: subprocess.CompletedProcess[str], folder: Path) -> None:
    assert first.returncode == 0
    section = README.partition("## Send a lead of your own")[2].partition("**On Kafka**")[0]
    example = "".join(re.findall(r"```sh\n(.*?)```", section, re.DOTALL))
    with running(folder) as address:
        script = example.replace("http://127.0.0.1:8080", address).replace(".venv/bin/python", sys.executable)
        script = script.replace("services token", f"services token --data {folder}")
        command = ["bash", "-eu", "-o", "pipefail", "-c", script]
        said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert said.returncode == 0, said.stdout + said.stderr
    assert said.stdout.count("urn:handoff:problem") == 1  # the scorecard that is refused, to show how
    assert said.stdout.count('"status":"accepted"') == 2
    assert "Assigned to Robin Hazel in default" in said.stdout
    assert '"stage":"won","previous":"contacted","changed":true' in said.stdout


def test_a_folder_in_use_is_refused() -> None:
    with tempfile.TemporaryDirectory(prefix="handoff-demo-") as used, EmbeddedPostgres(Path(used), durable=False):
        refused = run_demo(Path(used))
    assert refused.returncode == 2
    assert "this step failed: Start PostgreSQL" in refused.stderr
    assert f"is in use by process {os.getpid()}" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_the_sample_is_sound() -> None:
    sample = read_sample()
    mappings = {source["name"]: parse_mapping(source["mapping"]) for source in sample.sources}
    assert {delivery.source for delivery in sample.deliveries if delivery.source} <= mappings.keys()
    assert scorecard.lint(sample.scorecard, FACTS) == []
    assert qualification.lint(sample.qualification, FACTS) == []
    ids = {agent["name"]: f"00000000-0000-7000-8000-{number:012d}" for number, agent in enumerate(sample.agents)}
    policy = json.loads((FOLDER / "policy.json").read_text())
    for pool, members in policy["pools"].items():
        policy["pools"][pool] = {"members": [{"agent_id": ids[name], "weight": weight} for name, weight in members.items()]}
    assert [problem for problem in lint_policy(read_draft(policy, FACTS)) if problem.severity == "error"] == []
