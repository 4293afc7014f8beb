"""`python -m services policy-test`: what it prints, and its exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner, Result

from services.__main__ import app
from shared.errors import ConfigurationError

GOOD = """
given: {agents: [Ann], pools: {all: {members: [{agent: Ann}]}}}
scenarios:
  - {name: ann has it, when: [{lead: {name: A}}], then: {owners: {A: Ann}}}
"""
BAD = """
name: nobody has it
given: {agents: [Ann], pools: {all: {members: [{agent: Ann}]}}}
when: [{lead: {name: A}}]
then:
  owners:
    A: null
---
name: ann has it
given: {agents: [Ann], pools: {all: {members: [{agent: Ann}]}}}
when: [{lead: {name: A}}]
then: {owners: {A: Ann}}
"""
WRONG = """
name: a typo
when:
  - acept: A
"""
POLICY = """
pools: {all: {members: [{agent: Ann}]}}
default: all
tests:
  - {name: its own, when: [{lead: {name: A}}], then: {owners: {A: Ann}}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in {"good": GOOD, "bad": BAD, "wrong": WRONG, "policy": POLICY}.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    return tmp_path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["policy-test", *map(str, arguments)])


def test_all_passed_is_0_and_a_line_each(folder: Path) -> None:
    done = run(folder / "good.yaml")
    assert done.exit_code == 0
    assert done.stdout == "ok      good.yaml: ann has it\n1 scenario, 1 passed, 0 failed.\n"


def test_one_that_failed_is_1_with_the_line_what_was_expected_and_what_happened(folder: Path) -> None:
    done = run(folder / "good.yaml", folder / "bad.yaml")
    assert done.exit_code == 1
    assert f"{folder}/bad.yaml:7 /then/owners/A: owner of A\n    expected  nobody\n    found     Ann (in all)" in done.stdout
    assert "A assigned to Ann in all" in done.stdout
    assert done.stdout.endswith("3 scenarios, 2 passed, 1 failed.\n")


def test_one_that_cannot_be_read_is_2_with_its_place_and_the_others_are_played(folder: Path) -> None:
    done = run(folder)
    assert done.exit_code == 2
    assert f"{folder}/wrong.yaml:4 /when/0/acept: is no field here; did you mean `accept`?" in done.stderr
    assert "ok      good.yaml: ann has it" in done.stdout
    (folder / "wrong.yaml").write_text("a: [")
    assert f"{folder}/wrong.yaml:2 /: " in run(folder / "wrong.yaml").stderr


def test_a_policy_is_tested_by_others_and_by_its_own(folder: Path) -> None:
    (folder / "good.yaml").write_text("{name: for it, when: [{lead: {name: A}}], then: {owners: {A: Ann}}}")
    done = run(folder / "good.yaml", "--policy", folder / "policy.yaml")
    assert done.exit_code == 0
    assert done.stdout.splitlines()[:2] == ["ok      good.yaml: for it", "ok      policy.yaml: its own"]
    assert run("--policy", folder / "policy.yaml").exit_code == 0
    assert run(folder / "good.yaml").exit_code == 2


def test_json_is_read_and_told(folder: Path) -> None:
    (folder / "bad.json").write_text(json.dumps({"name": "x", "given": {"pools": {"p": {}}}, "then": {"waits": []}}))
    done = run(folder / "bad.yaml", folder / "bad.json", "--format", "json")
    told = json.loads(done.stdout)
    assert [[one["passed"] for one in file["scenarios"]] for file in told] == [[False, True], [True]]
    [failure] = told[0]["scenarios"][0]["failures"]
    assert (failure["expected"], failure["found"]) == ("nobody", "Ann (in all)")


def test_junit_counts_failures_and_errors(folder: Path) -> None:
    done = run(folder / "bad.yaml", folder / "wrong.yaml", "--format", "junit")
    suites = ElementTree.fromstring(done.stdout)
    assert [(one.get("tests"), one.get("failures"), one.get("errors")) for one in suites] == [("2", "1", "0"), ("0", "0", "1")]
    assert suites.find("testsuite/testcase/failure") is not None


def test_what_is_not_there_is_said(folder: Path) -> None:
    for arguments in ([folder / "none.yaml"], [], [folder / "good.yaml", "--policy", folder / "none.yaml"]):
        assert isinstance(run(*arguments).exception, ConfigurationError)
