"""`policy-test`: plays scenarios on the router's pure core, without any service: for a shell, for CI, for `make policy-test`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NamedTuple
from xml.etree import ElementTree

import typer

from services.router.domain import Unreadable, read_json, read_yaml
from services.router.domain.policy import InvalidPolicy, read_documents, read_draft
from services.router.domain.scenario import Base, InvalidScenario, Result, Scenario, play, read
from shared.contracts.vocabulary import FACTS
from shared.errors import ConfigurationError
from shared.rules import Problem


class Format(StrEnum):
    """How results are told. A closed list."""

    TEXT = "text"
    JSON = "json"
    JUNIT = "junit"


class Source(NamedTuple):
    """A file: its scenarios, why they cannot be read, and the line of each place in it."""

    path: Path
    scenarios: tuple[Scenario, ...]
    problems: tuple[Problem, ...]
    lines: dict[str, int]

    def place(self, path: str) -> str:
        """Such as tests/policies/caps.yaml:12 /scenarios/0/then: the line of the nearest place that has one."""
        near = path
        while near and near not in self.lines:
            near = near.rpartition("/")[0]
        shown = "/" + path.split("/", 2)[2] if path.count("/") > 1 else "/"
        return f"{self.path}:{self.lines.get(near, 1)} {shown}"


def policy_test(
    files: Annotated[list[Path] | None, typer.Argument(help="Scenarios, YAML or JSON; of a folder all its files.")] = None,
    policy: Annotated[
        Path | None,
        typer.Option(help="The policy that is tested, where scenarios have none of their own; its own tests are played too."),
    ] = None,
    format: Annotated[Format, typer.Option(help="text, json, or junit for a CI server.")] = Format.TEXT,
) -> None:
    """Play routing scenarios. Exit code 0: all passed; 1: one failed; 2: a file cannot be read."""
    if not files and not policy:
        raise ConfigurationError("name a file of scenarios, or a --policy that has tests of its own")
    base = Base(FACTS, _policy(policy) if policy else None)
    facts = {*FACTS, *(base.policy or {}).get("facts", {})}
    sources = [_read(path, facts) for path in _files(files or ())]
    if policy and base.policy and "tests" in base.policy:
        sources.append(_read(policy, facts, at="tests"))
    played = [(source, [play(one, base) for one in source.scenarios]) for source in sources]
    _TELL[format](played)
    if any(source.problems or any(one.problems for one in results) for source, results in played):
        raise typer.Exit(2)
    if not all(one.passed for _, results in played for one in results):
        raise typer.Exit(1)


# -- Reading ---------------------------------------------------------------------------------------------------------------------


def _files(paths: Iterable[Path]) -> list[Path]:
    found: list[Path] = []
    for path in paths:
        inside = sorted(one for one in path.rglob("*") if one.suffix in (".yaml", ".yml", ".json")) if path.is_dir() else [path]
        if not inside:
            raise ConfigurationError(f"{path}: holds no .yaml or .json file")
        found += inside
    return found


def _read(path: Path, facts: set[str], *, at: str | None = None) -> Source:
    """`at` is the field of its document in which a file holds its scenarios; None where it holds nothing else."""
    try:
        body = path.read_bytes()
        documents, lines = ([read_json(body)], {"/0": 1}) if path.suffix == ".json" else read_documents(body)
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}") from error
    except Unreadable as error:
        return Source(path, (), (Problem("/0", error.message, line=error.line),), {"/0": error.line or 1})
    scenarios: list[Scenario] = []
    problems: list[Problem] = []
    for index, document in enumerate(documents):
        try:
            found = document[at] if at else document
            scenarios += read(found, facts, path=f"/{index}/{at}" if at else f"/{index}")
        except InvalidScenario as error:
            problems += error.problems
    return Source(path, tuple(scenarios), tuple(problems), lines)


def _policy(path: Path) -> dict[str, Any]:
    try:
        body = path.read_bytes()
        document = read_json(body) if path.suffix == ".json" else read_yaml(body)
        return dict(read_draft(document, FACTS).document)
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}") from error
    except Unreadable as error:
        raise ConfigurationError(f"{path}:{error.line or 1}: {error.message}") from error
    except InvalidPolicy as error:
        raise ConfigurationError("\n".join(f"{path} {one.path}: {one.message}" for one in error.problems)) from error


# -- Telling ---------------------------------------------------------------------------------------------------------------------

Played = Sequence[tuple[Source, Sequence[Result]]]


def _as_text(played: Played) -> None:
    for source, results in played:
        _tell_problems(source, source.problems)
        for result in results:
            mark = "INVALID" if result.problems else "ok" if result.passed else "FAILED"
            typer.echo(f"{mark:8}{source.path.name}: {result.name}")
            _tell_problems(source, result.problems)
            if result.failures:
                _tell_failures(source, result)
    results = [one for _, results in played for one in results]
    failed = sum(not one.passed for one in results)
    typer.echo(f"{len(results)} scenario{'s' * (len(results) != 1)}, {len(results) - failed} passed, {failed} failed.")


def _tell_problems(source: Source, problems: Iterable[Problem]) -> None:
    for one in problems:
        typer.echo(f"  {source.place(one.path)}: {one.message}", err=True)


def _tell_failures(source: Source, result: Result) -> None:
    for failure in result.failures:
        typer.echo(f"  {source.place(failure.path)}: {failure.about}")
        typer.echo(f"    expected  {failure.expected}")
        typer.echo(f"    found     {failure.found}")
    typer.echo("  what happened:")
    for line in result.account:
        typer.echo(f"    {line}")


def _as_json(played: Played) -> None:
    documents = [
        {
            "file": str(source.path),
            "problems": [{"place": source.place(one.path), "message": one.message} for one in source.problems],
            "scenarios": [_document(source, one) for one in results],
        }
        for source, results in played
    ]
    typer.echo(json.dumps(documents, indent=2, ensure_ascii=False))


def _document(source: Source, result: Result) -> dict[str, Any]:
    return {
        "name": result.name,
        "passed": result.passed,
        "problems": [{"place": source.place(one.path), "message": one.message} for one in result.problems],
        "failures": [
            {"place": source.place(one.path), "about": one.about, "expected": one.expected, "found": one.found}
            for one in result.failures
        ],
        "checks": len(result.checks),
        "account": list(result.account),
    }


def _as_junit(played: Played) -> None:
    root = ElementTree.Element("testsuites")
    for source, results in played:
        counts = {"tests": len(results), "failures": sum(bool(one.failures) for one in results)}
        errors = sum(bool(one.problems) for one in results) + bool(source.problems)
        suite = ElementTree.SubElement(root, "testsuite", name=str(source.path), errors=str(errors))
        suite.attrib |= {name: str(count) for name, count in counts.items()}
        if source.problems:
            case = ElementTree.SubElement(suite, "testcase", name="reading", classname=str(source.path))
            ElementTree.SubElement(case, "error", message="; ".join(f"{one.path}: {one.message}" for one in source.problems))
        for result in results:
            _as_case(suite, source, result)
    typer.echo(ElementTree.tostring(root, encoding="unicode"))


def _as_case(suite: ElementTree.Element, source: Source, result: Result) -> None:
    case = ElementTree.SubElement(suite, "testcase", name=result.name, classname=str(source.path))
    for problem in result.problems:
        ElementTree.SubElement(case, "error", message=f"{source.place(problem.path)}: {problem.message}")
    if result.failures:
        said = [f"{source.place(one.path)}: {one.about}: expected {one.expected}, found {one.found}" for one in result.failures]
        ElementTree.SubElement(case, "failure", message=said[0]).text = "\n".join([*said, *result.account])


_TELL = {Format.TEXT: _as_text, Format.JSON: _as_json, Format.JUNIT: _as_junit}
