"""What is remembered of a contact over all its submissions: one value a field, ready to be compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NAME = ("name", "first_name", "last_name")
ABOUT_EMAIL = ("email_kind", "email_role")
PLACE = ("street", "postcode", "city", "region", "country")
REMEMBERED = frozenset((*NAME, "email", "phone", "company", *PLACE, "company_domain"))


def remember(known: Mapping[str, Any], contact: Mapping[str, Any], facts: Mapping[str, Any]) -> dict[str, Any]:
    """`known` with what one more submission says. The newest word wins; a name gives way, as a whole, to a fuller one only.

    `known` is {} for a new contact, else what this function returned before. `profile_of` reads both its blocks from the result.
    """
    said = {field: value for field, value in facts.items() if value and field in REMEMBERED}
    said |= {field: value for field, value in contact.items() if value and field in REMEMBERED}
    if "email" in said:
        said |= {field: facts.get(field) for field in ABOUT_EMAIL}
    if not known and (_parted(said) or _fullness(said)):
        return said  # as nearly every new contact: named, and with nothing before that could give way
    gone: set[str] = set()
    if _fullness(said) <= _fullness(known):
        said = {field: value for field, value in said.items() if field not in NAME}
    else:
        gone.update(NAME)
    if said.get("postcode", known.get("postcode")) != known.get("postcode") or "street" in said:
        gone.update(PLACE)  # the street of one place in the city of another would be nobody's address
    return {field: value for field, value in known.items() if field not in gone} | said


def _fullness(block: Mapping[str, Any]) -> int:
    """Letters in the words of a name that are more than an initial, with a bonus for knowing which is first and which last."""
    words = str(block.get("name") or f"{block.get('first_name') or ''} {block.get('last_name') or ''}").replace(".", " ").split()
    return 2 * min(sum(len(word) > 1 for word in words), 2) + _parted(block)


def _parted(block: Mapping[str, Any]) -> bool:
    return bool(block.get("first_name") and block.get("last_name"))
