"""The checked syntax tree of a rule, read from the engine's serialized form.

The form is a `cel.expr.CheckedExpr` in protobuf's wire format (cel-spec, proto/cel/expr/checked.proto and syntax.proto). What is read of it
is small and does not change, so it needs no library.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

Fields = Iterator[tuple[int, int | bytes]]


@dataclass(frozen=True, slots=True)
class Constant:
    """A text, a number or a truth value; None stands for a kind of constant that rules do not have."""

    id: int
    raw: bytes
    value: object


@dataclass(frozen=True, slots=True)
class Name:
    """A fact, or a loop's variable."""

    id: int
    raw: bytes
    name: str


@dataclass(frozen=True, slots=True)
class Call:
    """An operator or a function; the target of a member function is its first argument."""

    id: int
    raw: bytes
    function: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Items:
    """A list as it is written in the rule."""

    id: int
    raw: bytes
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Loop:
    """A macro: `tags.exists(t, t == 'vip')`, and so `all`, `exists_one` and `filter`."""

    id: int
    raw: bytes
    macro: str
    variable: str
    over: Node
    condition: Node


@dataclass(frozen=True, slots=True)
class Other:
    """What rules do not have: maps, messages, fields of values."""

    id: int
    raw: bytes


Node = Constant | Name | Call | Items | Loop | Other


class Tree:
    """A syntax tree, where in the engine's text each node stands, and how to serialize a part of it by itself."""

    def __init__(self, serialized: bytes) -> None:
        kind, checked = b"", b""
        for number, value in _fields(serialized):
            if number == 1:
                kind = _bytes(value)
            else:
                checked = _bytes(value)
        self._kind = kind
        self._tables: list[tuple[int, bytes]] = []
        self.lists: set[int] = set()
        self.mixed: set[int] = set()  # the lists whose values are not all texts, all numbers or all truths
        for number, value in _fields(checked):
            if number == _EXPRESSION:
                self.root = _node(_bytes(value))
            else:
                table = _bytes(value)
                self._tables.append((number, table))
                if number == _TYPE and _LIST_TAG in table:
                    self._note_type(table)

    @cached_property
    def offsets(self) -> dict[int, int]:
        """Where each node stands in the engine's text, by its id: only a rule with a fault is asked."""
        return next((_offsets(table) for number, table in self._tables if number == _SOURCE), {})

    def _note_type(self, entry: bytes) -> None:
        fields = dict(_fields(entry))
        for number, kind in _fields(_bytes(fields[2])):
            if number == _LIST:
                self.lists.add(int(fields[1]))
                elements = [form for _, element in _fields(_bytes(kind)) for form, _ in _fields(_bytes(element))]
                if _PRIMITIVE not in elements:
                    self.mixed.add(int(fields[1]))

    def serialize(self, node: Node) -> bytes:
        """The node as an expression of its own, which the engine can load; it must not use a variable of a loop around it."""
        tables = b"".join(_field(number, table) for number, table in self._tables)
        return _field(1, self._kind) + _field(2, tables + _field(_EXPRESSION, node.raw))


def children(node: Node) -> tuple[Node, ...]:
    """The nodes right under this one."""
    match node:
        case Call():
            return node.arguments
        case Items():
            return node.items
        case Loop():
            return (node.over, node.condition)
    return ()


def asked_names(node: Node) -> frozenset[str]:
    """The names that the node asks of a lead: not the variables of its own loops."""
    match node:
        case Name():
            return frozenset((node.name,))
        case Loop():
            return asked_names(node.over) | asked_names(node.condition) - {node.variable}
    return frozenset().union(*(asked_names(child) for child in children(node)))


def has_loop(node: Node) -> bool:
    """Whether the node is a loop or holds one."""
    return isinstance(node, Loop) or any(has_loop(child) for child in children(node))


def flattened(call: Call) -> list[Node]:
    """The parts of `a && b && c`, or of the same with `||`, however they are bracketed."""
    parts: list[Node] = []
    for argument in call.arguments:
        if isinstance(argument, Call) and argument.function == call.function:
            parts += flattened(argument)
        else:
            parts.append(argument)
    return parts


# -- The messages ----------------------------------------------------------------------------------------------------------------

_TYPE, _EXPRESSION, _SOURCE = 3, 4, 5  # of a CheckedExpr
_PRIMITIVE, _LIST = 3, 6  # of a Type
_LIST_TAG = b"\x32"  # a type that does not hold this byte is no list


def _node(raw: bytes) -> Node:
    node_id, form, body = 0, 0, b""
    for number, value in _fields(raw):
        if number == 2:
            node_id = int(value)
        else:
            form, body = number, _bytes(value)
    match form:
        case 3:
            return Constant(node_id, raw, _constant(body))
        case 4:
            return Name(node_id, raw, _text(body, 1).lstrip("."))
        case 6:
            return _call(node_id, raw, body)
        case 7:
            return Items(node_id, raw, tuple(_node(_bytes(value)) for number, value in _fields(body) if number == 1))
        case 9:
            return _loop(node_id, raw, body)
    return Other(node_id, raw)


def _constant(body: bytes) -> object:
    for number, value in _fields(body):
        match number:
            case 2:
                return bool(value)
            case 3:
                return value
            case 5:
                return struct.unpack("<d", _bytes(value))[0]
            case 6:
                return _bytes(value).decode()
    return None


def _call(node_id: int, raw: bytes, body: bytes) -> Call:
    function, arguments = "", []
    for number, value in _fields(body):
        if number == 2:
            function = _bytes(value).decode()
        else:
            arguments.append(_node(_bytes(value)))
    return Call(node_id, raw, function, tuple(arguments))


def _loop(node_id: int, raw: bytes, body: bytes) -> Loop | Other:
    """A macro is written as a fold (a comprehension); which macro it was is told by what the fold starts from and what a step does."""
    parts = {number: _bytes(value) for number, value in _fields(body)}
    if not parts.keys() >= {1, 2, 3, 4, 5, 6, 7} or 8 in parts:
        return Other(node_id, raw)
    variable, over, start, step = parts[1].decode(), _node(parts[2]), _node(parts[4]), _node(parts[6])
    match start, step:
        case Constant(value=False), Call(function="_||_", arguments=(_, condition)):
            return Loop(node_id, raw, "exists", variable, over, condition)
        case Constant(value=True), Call(function="_&&_", arguments=(_, condition)):
            return Loop(node_id, raw, "all", variable, over, condition)
        case Constant(value=0), Call(function="_?_:_", arguments=(condition, *_)):
            return Loop(node_id, raw, "exists_one", variable, over, condition)
        case Items(), Call(function="_?_:_", arguments=(condition, Call(arguments=(_, Items(items=(Name(name=kept),)))), _)):
            return Loop(node_id, raw, "filter", variable, over, condition) if kept == variable else Other(node_id, raw)
    return Other(node_id, raw)


def _offsets(source: bytes) -> dict[int, int]:
    found = {}
    for number, value in _fields(source):
        if number == 4:
            entry = dict(_fields(_bytes(value)))
            found[int(entry.get(1, 0))] = int(entry.get(2, 0))
    return found


def _text(body: bytes, wanted: int) -> str:
    return next((_bytes(value).decode() for number, value in _fields(body) if number == wanted), "")


# -- The wire format -------------------------------------------------------------------------------------------------------------


def _fields(message: bytes) -> Fields:
    """Each field's number and value: a number, or bytes for what has a length or is a double."""
    at, end = 0, len(message)
    while at < end:
        key, at = _varint(message, at) if message[at] > 0x7F else (message[at], at + 1)
        wire = key & 7
        if wire == 2:
            size, at = _varint(message, at) if message[at] > 0x7F else (message[at], at + 1)
            yield key >> 3, message[at : at + size]
            at += size
        elif wire == 0:
            value, at = _varint(message, at)
            yield key >> 3, value
        elif wire == 1:
            yield key >> 3, message[at : at + 8]
            at += 8
        else:
            raise ValueError(f"wire type {wire} is not one that the engine writes")


def _field(number: int, value: bytes) -> bytes:
    return _from_number(number << 3 | 2) + _from_number(len(value)) + value


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _from_number(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _bytes(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise ValueError("a number stands where the engine writes a message")
    return value
