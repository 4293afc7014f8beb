"""What differs between two policy documents, for a person who is about to activate one of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.rules.definitions import escape


@dataclass(frozen=True, slots=True)
class Difference:
    """One place: `path` is a JSON Pointer in which a rule stands by its name. None before or after is nothing there.

    `change` is added, removed, changed or, of a rule that stands elsewhere among the others, moved.
    """

    path: str
    change: str
    before: Any = None
    after: Any = None


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """Of two documents of the second form. Rules are compared by name, members by agent, so that one more does not change all behind it."""
    return list(_of_objects(before, after, ""))


def _of_objects(before: Mapping[str, Any], after: Mapping[str, Any], path: str) -> Iterator[Difference]:
    for name in dict.fromkeys([*before, *after]):
        yield from _of(before.get(name), after.get(name), f"{path}/{escape(str(name))}")


def _of(before: Any, after: Any, path: str) -> Iterator[Difference]:
    if before == after and type(before) is type(after):
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        yield from _of_objects(before, after, path)
    elif (old := _named(before)) is not None and (new := _named(after)) is not None:
        yield from _of_objects(old, new, path)
        yield from _moved(list(old), list(new), path)
    elif before is None:
        yield Difference(path, "added", after=after)
    elif after is None:
        yield Difference(path, "removed", before=before)
    else:
        yield Difference(path, "changed", before, after)


def _named(items: Any) -> dict[str, Any] | None:
    """A list's items by what each is called; None where they have no names, or two have the same."""
    if not isinstance(items, list):
        return None
    names = [_name(item) for item in items]
    if None in names or len(set(names)) < len(names):
        return None
    return {str(name): item for name, item in zip(names, items, strict=True)}


def _name(item: Any) -> str | None:
    found = (item.get(field) for field in ("name", "agent", "agent_id")) if isinstance(item, Mapping) else ()
    return next((name for name in found if isinstance(name, str)), None)


def _moved(before: Sequence[str], after: Sequence[str], path: str) -> Iterator[Difference]:
    """Rules that are in both and stand in another order: each that does not follow the same one as before. Members have no order."""
    if path != "/rules":
        return
    old, new = [name for name in before if name in after], [name for name in after if name in before]
    follows = dict(zip(old, ["", *old], strict=False))
    for name, behind in zip(new, ["", *new], strict=False):
        if follows[name] != behind:
            yield Difference(f"{path}/{escape(name)}", "moved", before.index(name), after.index(name))
