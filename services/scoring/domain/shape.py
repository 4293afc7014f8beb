"""Reads a document that anybody may have written: all that is wrong is kept with its place, and the rest is read.

Both documents of scoring are read with it, scorecards and qualification definitions.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from itertools import islice
from typing import Any

from services.scoring.domain.points import HUNDRED, hundredths, shown
from shared.rules import Definitions, DocumentError, Kind, Problem, Rule, RuleError, Vocabulary, compile_rule, declared

MAX_NAME = 100
MAX_TEXT = 200
MAX_POINTS = 1_000 * HUNDRED
WORD = re.compile(r"[a-z][a-z0-9_]{0,62}")
MAX_UNKNOWN = 20  # fields that are named one by one
ALWAYS = "true"


class Shape:
    """What a method answers is fit for use, or nothing, and then `problems` says why. A path is a JSON Pointer (RFC 6901)."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def complain(self, path: str, message: str) -> None:
        self.problems.append(Problem(path, message))

    # -- Shapes --------------------------------------------------------------------------------------------------------------------

    def object(
        self, found: Any, path: str, *, required: tuple[str, ...] = (), optional: tuple[str, ...] = ()
    ) -> Mapping[str, Any]:
        """The fields of an object, empty where there is none; one that is null is as good as missing."""
        if not isinstance(found, Mapping):
            self.complain(path, "must be an object")
            return {}
        known = (*required, *optional)
        for name in islice((name for name in found if name not in known), MAX_UNKNOWN):
            self.complain(f"{path}/{pointer(str(name))}", f"is no field here{nearby(str(name), known)}")
        for name in required:
            if found.get(name) is None:
                self.complain(f"{path}/{name}", "is missing")
        return {name: found[name] for name in known if found.get(name) is not None}

    def entries(self, found: Any, path: str, *, most: int) -> Iterator[tuple[str, Any]]:
        """Names and values of an object that may be left out."""
        if found is None:
            return
        if not isinstance(found, Mapping):
            self.complain(path, "must be an object")
        elif len(found) > most:
            self.complain(path, f"must hold at most {most} entries")
        else:
            yield from ((name, value) for name, value in found.items() if isinstance(name, str))

    def items(self, found: Any, path: str, *, least: int = 0, most: int) -> Iterator[tuple[str, Any]]:
        """The items of a list that may be left out, each with its place."""
        if found is None:
            return
        if not isinstance(found, (list, tuple)):
            self.complain(path, "must be a list")
        elif not least <= len(found) <= most:
            self.complain(path, f"must hold {least} to {most} items")
        else:
            yield from ((f"{path}/{index}", value) for index, value in enumerate(found))

    # -- Values: nothing where the field is missing ----------------------------------------------------------------------------------

    def text(self, parts: Mapping[str, Any], field: str, path: str, *, longest: int = MAX_TEXT) -> str | None:
        """One line of text that is not empty."""
        text = parts.get(field)
        if text is None or self._is_wrong(f"{path}/{field}", _text_fault(text, longest)):
            return None
        return str(text)

    def name(self, parts: Mapping[str, Any], path: str, taken: set[str], *, field: str = "name") -> str | None:
        """A name that nothing had before; from now on it is taken."""
        name = self.text(parts, field, path, longest=MAX_NAME)
        if name is None or self._is_wrong(f"{path}/{field}", _name_fault(name, taken)):
            return None
        taken.add(name)
        return name

    def whole(self, parts: Mapping[str, Any], field: str, path: str, least: int, most: int) -> int | None:
        return self.whole_number(parts[field], f"{path}/{field}", least, most) if field in parts else None

    def whole_number(self, found: Any, path: str, least: int, most: int) -> int | None:
        if isinstance(found, int) and not isinstance(found, bool) and least <= found <= most:
            return found
        self.complain(path, f"must be a whole number from {least} to {most}")
        return None

    def number(self, parts: Mapping[str, Any], field: str, path: str, least: float, most: float) -> float | None:
        """A number that may have decimals."""
        if field not in parts:
            return None
        found = parts[field]
        if _is_number(found) and least <= found <= most:
            return float(found)
        self.complain(f"{path}/{field}", f"must be a number from {least:g} to {most:g}")
        return None

    def points(
        self, parts: Mapping[str, Any], field: str, path: str, *, least: int = -MAX_POINTS, most: int = MAX_POINTS
    ) -> int | None:
        """Points as hundredths, within bounds in hundredths."""
        if field not in parts or self._is_wrong(f"{path}/{field}", _points_fault(parts[field], least, most)):
            return None
        return hundredths(parts[field])

    # -- Rules -------------------------------------------------------------------------------------------------------------------

    def rule(self, parts: Mapping[str, Any], path: str, vocabulary: Vocabulary) -> Rule | None:
        """The rule in `when`; where there is none, one that always matches."""
        text, at = parts.get("when", ALWAYS), f"{path}/when"
        if not isinstance(text, str):
            self.complain(at, "must be text: a condition such as budget >= 10000")
            return None
        try:
            return compile_rule(text, vocabulary)
        except RuleError as error:
            self.problems += [Problem(at, fault.message, line=fault.line, column=fault.column) for fault in error.faults]
            return None

    def declared(self, block: Any, path: str, vocabulary: Vocabulary) -> Vocabulary:
        """The vocabulary and the facts that the block declares, `{"team_size": "number"}`."""
        if block is None:
            return vocabulary
        kinds, problems = declared(block, path, vocabulary)
        self.problems += problems
        return vocabulary.plus(kinds)

    def defined(self, block: Any, vocabulary: Vocabulary, *, most: int) -> Definitions:
        """The named conditions that can be read. The names of the others stay, so that what uses them is not at fault too."""
        texts: dict[str, Any] = {}
        for name, text in self.entries(block, "/define", most=most):
            if not self._is_wrong(f"/define/{pointer(name)}", _word_fault(name)):
                texts[name] = text
        while True:
            try:
                return Definitions(texts, vocabulary)
            except DocumentError as error:
                self.problems += error.problems
                at_fault = {problem.path for problem in error.problems}
                bad = {name for name in texts if f"/define/{pointer(name)}" in at_fault}
                vocabulary = vocabulary.plus({name: Kind.TRUTH for name in bad if name not in vocabulary})
                texts = {name: text for name, text in texts.items() if bad and name not in bad}

    def _is_wrong(self, path: str, fault: str | None) -> bool:
        """Whether there is a fault, which is kept."""
        if fault is not None:
            self.complain(path, fault)
        return fault is not None


def pointer(name: str) -> str:
    """A name as one step of a JSON Pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")


def nearby(name: str, names: Iterable[str]) -> str:
    """What may have been meant by a name that is not there, as the end of a sentence."""
    close = get_close_matches(name[:MAX_NAME], list(names), n=1)
    return f"; did you mean `{close[0]}`?" if close else ""


def _text_fault(text: object, longest: int) -> str | None:
    if not isinstance(text, str) or not text.strip() or not text.isprintable():
        return "must be text of one line, and not empty"
    return f"must be at most {longest} characters" if len(text) > longest else None


def _name_fault(name: str, taken: set[str]) -> str | None:
    if ":" in name:
        return "must not hold a colon"
    return "is the name of an earlier one" if name in taken else None


def _is_number(found: object) -> bool:
    return isinstance(found, (int, float)) and not isinstance(found, bool) and (isinstance(found, int) or math.isfinite(found))


def _points_fault(given: Any, least: int, most: int) -> str | None:
    if not _is_number(given):
        return "must be a number"
    if not least <= given * HUNDRED <= most:
        return f"must be from {shown(least)} to {shown(most)}"
    return "must have at most two decimals" if hundredths(given) is None else None


def _word_fault(name: str) -> str | None:
    try:
        Vocabulary({name: Kind.TEXT})
    except ValueError as error:
        return str(error)
    return None
