"""Unbounce landing pages: a form whose field `data.json` holds the answers, each as a list. Unsigned; must be answered with 200."""

from __future__ import annotations

import re
from datetime import datetime
from types import MappingProxyType
from typing import Any

from services.intake.domain.senders.bodies import read_answers
from services.intake.domain.senders.fingerprint import REPEATS, fingerprint
from services.intake.domain.senders.keys import KEY_HEADER, verify_key_if_any
from services.intake.domain.senders.moments import read_moment
from services.intake.domain.senders.reading import as_text, filled, read_object
from services.intake.domain.senders.replies import answer_nothing
from services.intake.domain.senders.shape import Connection, Delivery, Malformed, Notice, Sender, SentLead
from services.intake.domain.senders.tracking import TRACKING, read_address

# The field in which the answers are, as text or as an object. Some go-betweens cannot keep the dot.
DATA = ("data.json", "data_json")
# What differs although the visitor only pressed the button twice.
TIMES = ("date_submitted", "time_submitted")
_TIME = re.compile(r"(0?[1-9]|1[0-2]):([0-5][0-9]) ?([AP])M ?(?:UTC|GMT)", re.IGNORECASE | re.ASCII)


def parse(delivery: Delivery, _: Connection) -> list[Notice]:
    """One lead: what is said of the page, and the visitor's answers over it. Raises Malformed."""
    form = read_answers(delivery)
    data = next((form[name] for name in DATA if form.get(name)), None)
    outer = {name: value for name, value in form.items() if name not in (*DATA, "data.xml")}
    answers = filled({name: _single(value) for name, value in {**outer, **_object(data)}.items()})
    if not answers:
        raise Malformed("The form has no answers: data.json is missing or empty.")
    said = {name: value for name, value in answers.items() if name not in TIMES}
    for name, value in read_address(as_text(answers.get("page_url")) or "").items():
        answers.setdefault(name, value)
    return [SentLead(answers, fingerprint(said), REPEATS, submitted_at=_submitted_at(answers))]


def _object(data: Any) -> dict[str, Any]:
    if data is None:
        return {}
    if isinstance(data, dict):
        return data
    if isinstance(data, str):
        return read_object(data)
    raise Malformed("data.json must be a JSON object.")


def _single(value: Any) -> Any:
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _submitted_at(answers: dict[str, Any]) -> datetime | None:
    """`2017-11-15` and `12:12 PM UTC`."""
    match = _TIME.fullmatch((as_text(answers.get("time_submitted")) or "").strip())
    if match is None:
        return None
    hour = int(match[1]) % 12 + (12 if match[3] in "Pp" else 0)
    return read_moment(f"{as_text(answers.get('date_submitted'))}T{hour}:{match[2]}Z")


SENDER: Sender = Sender(
    kind="unbounce",
    title="Unbounce",
    help=(
        "In the page builder: Integrations, Webhooks, Add a webhook; paste the hook's address. Unbounce does not sign. If you let it send "
        "a header of your own, set its value as the source's secret, and deliveries without it are refused."
    ),
    parse=parse,
    verify=verify_key_if_any,
    mapping=MappingProxyType(
        {**TRACKING, "page_url": "landing_page", "page_uuid": "form_id", "page_id": "form_id", "phone_number": "phone"}
    ),
    facts=("page_name", "variant"),
    secret="Optional: the value of a header that you add to the webhook.",
    settings=(KEY_HEADER,),
    acknowledge=answer_nothing,
)
