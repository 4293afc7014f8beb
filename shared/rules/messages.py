"""The engine's messages, for a person."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches

from shared.rules.faults import Fault
from shared.rules.source import SIZE, Source
from shared.rules.vocabulary import KNOWN, Vocabulary

_FAULT = re.compile(r"^(?:INVALID_ARGUMENT: )?ERROR: <input>:(-?\d+):(-?\d+): (.*)$", re.MULTILINE)
_WORD = re.compile(r"[A-Za-z_]\w*(?:\s*\.\s*[A-Za-z_]\w*)*", re.ASCII)
_UNDECLARED = re.compile(r"undeclared reference to '(.*?)'")
_OVERLOAD = re.compile(r"found no matching overload for '(.*?)' applied to '(.*)'")
_UNEXPECTED = re.compile(
    r"(?:mismatched|extraneous) input '(.*?)' expecting|token recognition error at: '(.*)'|no viable alternative at input '(.*)'"
)
_FUNCTIONS = (
    *("contains", "startsWith", "endsWith", "matches", "lowerAscii", "upperAscii"),
    *("size", "known", "exists", "all", "exists_one", "filter"),
)
_INSTEAD = {"and": "&&", "or": "||", "not": "!", "=": "==", "&": "&&", "|": "||", "AND": "&&", "OR": "||", "<>": "!="}
_KINDS = {
    "string": "text",
    "double": "a number",
    "int": "a number",
    "uint": "an unsigned number",
    "bool": "a truth",
    "list(string)": "a list of texts",
    "list<string>": "a list of texts",
    "list(double)": "a list of numbers",
    "list<double>": "a list of numbers",
    "list(dyn)": "a list",
    "list<dyn>": "a list",
    "null_type": "null",
    "dyn": "any value",
}
NO_ITEMS = "an item of a list has no place in a rule: ask with `in`"
_DEEP = ("recursion", "nested")


def kind_named(cel_type: str) -> str:
    """A type of CEL, as a person says it."""
    return _KINDS.get(cel_type, cel_type)


def read_faults(message: str, source: Source, vocabulary: Vocabulary) -> list[Fault]:
    """What the engine's message says is wrong with the text, each at its place; at least one fault."""
    if any(word in message for word in _DEEP):
        return [Fault("is nested too deeply", 1, 1)]
    found = [
        Fault(fault.message.replace(SIZE, "size"), fault.line, fault.column) for fault in _faults(message, source, vocabulary)
    ]
    return found or [Fault(f"cannot be read: {message.partition(chr(10))[0][:200]}", 1, 1)]


def _faults(message: str, source: Source, vocabulary: Vocabulary) -> Iterator[Fault]:
    for found in _FAULT.finditer(message):
        line, column, said = int(found[1]), int(found[2]), found[3].removesuffix(" [INVALID_ARGUMENT]")
        offset = source.offset(line, column)
        if missing := _UNDECLARED.match(said):
            yield Fault(_undeclared(missing[1], vocabulary), *source.place(_word_start(source.cel, offset)))
        elif overload := _OVERLOAD.match(said):
            yield Fault(_mismatch(overload[1], overload[2]), *source.place(offset))
        elif said.startswith("Syntax error"):
            # What follows the first is mostly its consequence.
            yield _before(source, offset) or Fault(_syntax(said), *source.place(offset))
            return
        else:
            yield Fault(said, *source.place(offset))


def _before(source: Source, offset: int) -> Fault | None:
    """Of `not has_email` the engine names has_email, which is right where it stands."""
    word = re.search(r"(\w+)\s+$", source.cel[:offset])
    return Fault(no_function(word[1]), *source.place(word.start())) if word and word[1] in _INSTEAD else None


def _word_start(text: str, offset: int) -> int:
    """Where the name begins in which the offset lies: the engine names its last dot."""
    return next((word.start() for word in _WORD.finditer(text) if word.start() <= offset < word.end()), offset)


def no_function(name: str) -> str:
    """What to say of a function that rules do not have."""
    return (
        f"write `{_INSTEAD[name]}` for `{name}`"
        if name in _INSTEAD
        else f"there is no function `{name}`" + _near(name, _FUNCTIONS)
    )


def _undeclared(name: str, vocabulary: Vocabulary) -> str:
    name = name.removeprefix(KNOWN)
    return (
        f"write `{_INSTEAD[name]}` for `{name}`"
        if name in _INSTEAD
        else f"there is no fact `{name}`" + _near(name, tuple(vocabulary))
    )


def _near(name: str, known: Sequence[str]) -> str:
    near = get_close_matches(name, known, n=1, cutoff=0.7)
    return f"; did you mean `{near[0]}`?" if near else ""


def _mismatch(function: str, types: str) -> str:
    kinds = [kind_named(each) for each in _split(types.strip("()") if types.count("(") == 1 else types[1:-1])]
    name = {"@in": "in", "_?_:_": "? :", SIZE: "size"}.get(function, function.strip("_"))
    if function in ("_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_"):
        return f"`{name}` cannot compare {kinds[0]} with {kinds[-1]}"
    if function in ("_&&_", "_||_", "!_"):
        return f"`{name}` is between truths, not " + " and ".join(dict.fromkeys(kind for kind in kinds if kind != "a truth"))
    if function == "_[_]":
        return NO_ITEMS
    if function == "@in":
        return f"`in` cannot look for {kinds[0]} in {kinds[-1]}"
    return f"`{name}` does not work on {' and '.join(kinds)}"


def _split(types: str) -> list[str]:
    """The types between commas that are not within brackets."""
    parts, depth = [""], 0
    for char in types:
        depth += (char in "(<") - (char in ")>")
        if char == "," and not depth:
            parts.append("")
        else:
            parts[-1] += char
    return [part.strip() for part in parts]


def _syntax(said: str) -> str:
    unexpected = _UNEXPECTED.search(said)
    if unexpected is None:
        return said.removeprefix("Syntax error: ")
    token = next(group for group in unexpected.groups() if group is not None).strip()
    if token == "<EOF>":
        return "the rule ends too early"
    if token in _INSTEAD:
        return f"write `{_INSTEAD[token]}` for `{token}`"
    if token[:1] in ("'", '"') and "recognition" in said:
        return "a text that does not end, or with a backslash that means nothing"
    return f"`{token}` is not expected here"
