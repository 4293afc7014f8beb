"""Gravity Forms (WordPress), add-on Webhooks: either the raw entry, whose keys are field numbers, or keys that the author chose.

Of a raw entry nothing says which field is what: that is the source's mapping to say. Until it does, what can be known by its look is kept
under `guessed`, so that the first leads of a new form are not lost.
"""

from __future__ import annotations

import re
from collections import defaultdict
from types import MappingProxyType
from typing import Any

from services.intake.domain.senders.bodies import read_answers
from services.intake.domain.senders.fingerprint import REPEATS, fingerprint
from services.intake.domain.senders.keys import KEY_HEADER, verify_key_if_any
from services.intake.domain.senders.reading import as_id, as_moment, as_text, filled, read_json
from services.intake.domain.senders.shape import Connection, Consent, Delivery, Ignored, Malformed, Notice, Sender, SentLead
from services.intake.domain.senders.tracking import TRACKING, read_address

FORM_IDS = ("form_id", "gf_form_id")
ENTRY_IDS = ("id", "entry_id", "gf_entry_id")

_FIELD = re.compile(r"[0-9]{1,6}", re.ASCII)
_INPUT = re.compile(r"([0-9]{1,6})\.([0-9]{1,3})", re.ASCII)
_EMAIL = re.compile(r"[^\s@,;<>\"]{1,64}@[^\s@,;<>\"]{1,253}\.[A-Za-z]{2,24}")
_PHONE = re.compile(r"\(\d{3}\) \d{3}-\d{4}|\+[0-9][0-9 ().-]{6,20}", re.ASCII)
# A name field has these inputs: prefix, first, middle, last, suffix. An address has 3 and 6 too, but also 1 and 5.
_NAME_INPUTS = frozenset("23468")


def parse(delivery: Delivery, _: Connection) -> list[Notice]:
    """One lead an entry. Raises Malformed."""
    entry = read_answers(delivery)
    answers = filled({name: _unpacked(value) for name, value in entry.items()})
    if not answers:
        raise Malformed("The entry is empty.")
    if answers.get("status") in ("spam", "trash"):
        return [Ignored(f"WordPress holds the entry to be {answers['status']}", spam=True)]
    external_id = _external_id(answers)
    guessed = _guess(answers)
    for name, value in read_address(as_text(answers.get("source_url")) or "").items():
        answers.setdefault(name, value)
    return [
        SentLead(
            {**answers, **({"guessed": guessed} if guessed else {})},
            external_id or fingerprint(answers),
            None if external_id else REPEATS,
            submitted_at=as_moment(answers.get("date_created")),
            consents=tuple(_consents(answers)),
            warnings=tuple(f"{field}: guessed by its look; map the form's fields to be sure" for field in guessed),
        )
    ]


def _unpacked(value: Any) -> Any:
    """Multi-select and list fields arrive as JSON inside a text."""
    if isinstance(value, str) and value.startswith(("[", "{")):
        try:
            return read_json(value)
        except Malformed:
            return value
    return value


def _external_id(answers: dict[str, Any]) -> str | None:
    """Entry numbers count through the whole of a WordPress site; the form's number is there for several sites on one source."""
    entry = next((found for name in ENTRY_IDS if (found := as_id(answers.get(name)))), None)
    form = next((found for name in FORM_IDS if (found := as_id(answers.get(name)))), "")
    return f"{form}:{entry}" if entry else None


def _guess(answers: dict[str, Any]) -> dict[str, str]:
    fields = {name: value.strip() for name, value in answers.items() if _FIELD.fullmatch(name) and isinstance(value, str)}
    found: dict[str, str | None] = {
        "email": next((value for value in fields.values() if len(value) < 320 and _EMAIL.fullmatch(value)), None),
        "phone": next((value for value in fields.values() if _PHONE.fullmatch(value)), None),
        **_guess_name(answers),
    }
    return {name: value for name, value in found.items() if value}


def _guess_name(answers: dict[str, Any]) -> dict[str, str | None]:
    inputs: dict[str, set[str]] = defaultdict(set)
    for name in answers:
        if match := _INPUT.fullmatch(name):
            inputs[match[1]].add(match[2])
    for field, numbers in inputs.items():
        if numbers <= _NAME_INPUTS and numbers & {"3", "6"}:
            return {"first_name": as_text(answers.get(f"{field}.3")), "last_name": as_text(answers.get(f"{field}.6"))}
    return {}


def _consents(answers: dict[str, Any]) -> list[Consent]:
    """A ticked consent field: input 1 is `1`, 2 the words beside the box, 3 the revision of the form in which they stood."""
    found = []
    for name, value in answers.items():
        match = _INPUT.fullmatch(name)
        if match and match[2] == "1" and value == "1":
            words, revision = as_text(answers.get(f"{match[1]}.2")), as_text(answers.get(f"{match[1]}.3"))
            if words and not words.isdigit() and revision and revision.isdigit():
                found.append(Consent("contact", True, words))
    return found


SENDER: Sender = Sender(
    kind="gravity_forms",
    title="Gravity Forms",
    help=(
        "In WordPress: the form's Settings, Webhooks, Add New. Request URL: the hook's address; method POST, format JSON or FORM. Choose "
        "Select Fields and name the keys email, phone, first_name and so on; or All Fields, and map the field numbers (such as 1.3) to "
        "normal fields. Gravity Forms does not sign: add a request header X-API-Key with the source's secret."
    ),
    parse=parse,
    verify=verify_key_if_any,
    mapping=MappingProxyType(
        {
            **TRACKING,
            "source_url": "landing_page",
            **dict.fromkeys(FORM_IDS, "form_id"),
            **{f"guessed.{name}": name for name in ("email", "phone", "first_name", "last_name")},
        }
    ),
    secret="Optional, but do set it: the value of the request header X-API-Key that you add to the webhook.",
    settings=(KEY_HEADER,),
)
