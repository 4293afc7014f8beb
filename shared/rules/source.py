"""A rule as it is written, and as CEL's engine is given it.

Three things are written more simply than in CEL and are rewritten before the engine sees them: every number is a double (`10` is read as
`10.0`, so that a number compares with any other), `known(budget)`, or
`has(budget)`, asks whether a lead has a fact at all, and `size(tags)` is such a number.
Places that the engine names are led back to the text that the person wrote.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator

SIZE = "len_"  # as long as the word it stands for
_NAME = r"[A-Za-z_]\w*(?:\s*\.\s*[A-Za-z_]\w*)*"
_TOKEN = re.compile(
    rf"""
      (?P<comment> //[^\n]*)
    | (?P<raw> (?:[rR][bB]?|[bB][rR]) (?: \"\"\".*?\"\"\" | '''.*?''' | "[^"\n]*" | '[^'\n]*'))
    | (?P<text> [bB]? (?: \"\"\"(?:\\.|.)*?\"\"\" | '''(?:\\.|.)*?''' | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*'))
    | (?P<known> (?<![.\w]) (?:known|has) \s* \( \s* {_NAME} \s* \))
    | (?P<size> size (?=\s*\())
    | (?P<word> [A-Za-z_]\w*)
    | (?P<hexadecimal> 0x[0-9a-fA-F]+ (?!\w))
    | (?P<decimal> (?:\d+\.\d+|\.\d+) (?:[eE][+-]?\d+)? | \d+[eE][+-]?\d+)
    | (?P<whole> \d+ (?!\w))
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)


class Source:
    """A rule's text and `cel`, what the engine is given for it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._ends: list[int] = []  # where in `cel` a token that was rewritten ends, and how far the text is off after it
        self._shifts: list[int] = []
        self.cel = "".join(self._pieces())

    def calls(self) -> Iterator[tuple[str, int]]:
        """Each name that stands before a bracket, and its offset in `cel`."""
        for token in _TOKEN.finditer(self.cel):
            if token.lastgroup == "word" and token.group() != "in" and self.cel[token.end() :].lstrip().startswith("("):
                yield token.group().replace(SIZE, "size"), token.start()

    def place(self, offset: int) -> tuple[int, int]:
        """The line and column in the text of what is at this offset of `cel`."""
        index = bisect_right(self._ends, offset)
        at = offset - (self._shifts[index - 1] if index else 0)
        at = max(0, min(at, len(self.text)))
        return self.text.count("\n", 0, at) + 1, at - (self.text.rfind("\n", 0, at) + 1) + 1

    def offset(self, line: int, column: int) -> int:
        """The offset in `cel` of a place that the engine names."""
        start = 0
        for _ in range(line - 1):
            start = self.cel.find("\n", start) + 1
        return start + max(column, 1) - 1

    def _pieces(self) -> Iterator[str]:
        done = written = 0
        for token in _TOKEN.finditer(self.text):
            piece = _rewritten(token)
            if piece is None:
                continue
            yield self.text[done : token.start()]
            yield piece
            written += token.start() - done + len(piece)
            done = token.end()
            self._ends.append(written)
            self._shifts.append(written - done)
        yield self.text[done:]


def _rewritten(token: re.Match[str]) -> str | None:
    found = token.group()
    match token.lastgroup:
        case "known":
            return "known" + found[found.index("(") :].replace("(", ".", 1)[:-1] + " "
        case "size":
            return SIZE
        case "hexadecimal":
            return f"{int(found, 16)}.0"
        case "whole":
            return f"{found}.0"
    return None
