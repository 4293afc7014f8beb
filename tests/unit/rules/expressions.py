"""Generated rules and leads: well-typed expressions of every form that there is, over facts that may be missing or of another kind."""

from __future__ import annotations

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

from shared.rules import Kind, Vocabulary
from shared.rules.checks import MAX_NESTED

deterministic = settings(derandomize=True, deadline=None, max_examples=200)

VOCABULARY = Vocabulary(
    {
        "budget": Kind.NUMBER,
        "size.of_company": Kind.NUMBER,
        "country": Kind.TEXT,
        "agent.title": Kind.TEXT,
        "has_email": Kind.TRUTH,
        "known_before": Kind.TRUTH,
        "tags": Kind.TEXTS,
        "agent.languages": Kind.TEXTS,
    }
)
NAMES = {kind: [name for name, its in VOCABULARY.names.items() if its is kind] for kind in Kind}
TEXTS = ("", "a", "b", "DE", "de", "ß")
NUMBERS = ("0", "1", "2", "2.5", "-1", "1e3", "0x2", "0.5", "9007199254740993")

values: dict[Kind, st.SearchStrategy[Any]] = {
    Kind.NUMBER: st.sampled_from([0, 1, 2, -1, 2.5, 0.5, 1000, 10**16 + 1, -0.0]),
    Kind.TEXT: st.sampled_from(TEXTS),
    Kind.TRUTH: st.booleans(),
    Kind.TEXTS: st.lists(st.sampled_from(TEXTS), max_size=4),
}
odd: st.SearchStrategy[Any] = st.sampled_from([None, True, 1, "1", float("nan"), float("inf"), 10**400, ["a", 1], {}, [[]], b"a"])
_whole: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries({name: values[kind] for name, kind in VOCABULARY.names.items()})
_partial: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {}, optional={name: st.one_of(values[kind], values[kind], odd) for name, kind in VOCABULARY.names.items()}
)
leads = st.one_of(_whole, _whole, _partial)


@st.composite
def rules(draw: st.DrawFn, depth: int = 3) -> str:
    """The text of a rule."""
    return _Writer(draw).truth(depth)


@st.composite
def plain_rules(draw: st.DrawFn, most: int = 3) -> str:
    """A conjunction as people write them: mostly comparisons of a fact with constants."""
    writer = _Writer(draw)
    parts = draw(st.lists(st.integers(0, 5), min_size=1, max_size=most))
    return " && ".join(writer.comparison() if part else f"({writer.truth(1)})" for part in parts)


class _Writer:
    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw
        self._variables: list[str] = []
        self._made = self._nested = 0

    def _one(self, *choices: Any) -> Any:
        return self._draw(st.sampled_from(choices))

    def truth(self, depth: int) -> str:
        if depth <= 0:
            return str(self._one("true", "false", *NAMES[Kind.TRUTH], f"known({self._one(*VOCABULARY)})", self.comparison()))
        form = self._one("not", "and", "or", "if", "numbers", "texts", "truths", "search", "in", "has", "lists", "loop", "leaf")
        one = lambda: self.truth(depth - 1)  # noqa: E731
        match form:
            case "not":
                return f"!({one()})"
            case "and":
                return f"({one()} && {one()})"
            case "or":
                return f"({one()} || {one()})"
            case "if":
                return f"({one()} ? {one()} : {one()})"
            case "truths":
                return f"(({one()}) {self._one('==', '!=', '<')} ({one()}))"
            case "loop":
                return self._loop(depth, self._one("exists", "all", "exists_one"))
            case "leaf":
                return self.truth(0)
        return self._test(form, depth)

    def _test(self, form: str, depth: int) -> str:
        text, texts = self._text(depth - 1), self._texts(depth - 1)
        match form:
            case "numbers":
                compare = self._one("==", "!=", "<", "<=", ">", ">=")
                return f"({self._number(depth - 1)} {compare} {self._number(depth - 1)})"
            case "texts":
                return f"({text} {self._one('==', '!=', '<', '>=')} {self._text(depth - 1)})"
            case "search":
                return f"{text}.{self._one('contains', 'startsWith', 'endsWith')}({self._text(depth - 1)})"
            case "in":
                return f"({self._number(depth - 1)} in [{self._one(*NUMBERS)}, {self._number(0)}])"
            case "lists":
                return f"({texts} {self._one('==', '!=')} {self._texts(depth - 1)})"
        return f"({text} in {texts})"

    def comparison(self) -> str:
        """A fact beside a constant."""
        name = self._one(*NAMES[Kind.NUMBER], *NAMES[Kind.TEXT], *NAMES[Kind.TRUTH], *NAMES[Kind.TEXTS])
        match VOCABULARY.names[name]:
            case Kind.NUMBER:
                values = [str(self._one(*NUMBERS)) for _ in range(2)]
            case Kind.TRUTH:
                return str(
                    self._one(
                        name, f"!{name}", f"{name} == false", f"{name} != false", f"{name} in [true]", f"{name} in [true, false]"
                    )
                )
            case Kind.TEXTS:
                return f"{self._quoted()} in {name}"
            case _:
                values = [self._quoted() for _ in range(2)]
        compare = self._one("==", "!=", "<", "<=", ">", ">=", "in", "mirrored")
        if compare == "in":
            return f"{name} in [{', '.join(values)}]"
        return f"{values[0]} {self._one('==', '<', '>=')} {name}" if compare == "mirrored" else f"{name} {compare} {values[0]}"

    def _quoted(self) -> str:
        return f"'{self._one(*TEXTS)}'"

    def _number(self, depth: int) -> str:
        if depth <= 0 or not self._draw(st.booleans()):
            return str(self._one(*NUMBERS, *NAMES[Kind.NUMBER]))
        form = self._one("+", "-", "*", "/", "negative", "size", "if")
        match form:
            case "negative":
                return f"-({self._number(depth - 1)})"
            case "size":
                return f"size({self._one(self._text(depth - 1), self._texts(depth - 1))})"
            case "if":
                return f"({self.truth(depth - 1)} ? {self._number(depth - 1)} : {self._number(depth - 1)})"
        return f"({self._number(depth - 1)} {form} {self._number(depth - 1)})"

    def _text(self, depth: int) -> str:
        if depth <= 0 or not self._draw(st.booleans()):
            return str(self._one(self._quoted(), *NAMES[Kind.TEXT], *self._variables))
        form = self._one("+", "lowerAscii", "upperAscii", "if")
        if form == "+":
            return f"({self._text(depth - 1)} + {self._text(depth - 1)})"
        if form == "if":
            return f"({self.truth(depth - 1)} ? {self._text(depth - 1)} : {self._text(depth - 1)})"
        return f"{self._text(depth - 1)}.{form}()"

    def _texts(self, depth: int) -> str:
        if depth <= 0 or not self._draw(st.booleans()):
            return str(self._one(*NAMES[Kind.TEXTS], f"[{self._text(0)}, {self._text(0)}]"))
        if len(self._variables) < 1 and self._draw(st.booleans()):
            return self._loop(depth, "filter")
        return f"({self.truth(depth - 1)} ? {self._texts(depth - 1)} : {self._texts(depth - 1)})"

    def _loop(self, depth: int, macro: str) -> str:
        self._nested += len(self._variables) == 1
        if len(self._variables) >= 2 or self._nested > MAX_NESTED:
            return self.truth(0) if macro != "filter" else self._texts(0)
        over = self._texts(depth - 1)
        self._made += 1
        variable = f"t{self._made}"
        self._variables.append(variable)
        condition = self.truth(depth - 1)
        self._variables.pop()
        return f"{over}.{macro}({variable}, {condition})"
