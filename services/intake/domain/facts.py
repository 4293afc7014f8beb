"""Fact fields: each read in its own way, once what it depends on is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from services.intake.domain.fields import CLICK_FIELDS, FACT_FIELDS
from services.intake.domain.quality.amounts import read_amount
from services.intake.domain.quality.codes import read_currency, read_language
from services.intake.domain.quality.domains import website_company
from services.intake.domain.quality.names import is_placeholder
from services.intake.domain.quality.notes import Notes
from services.intake.domain.quality.origin import is_filled, read_address
from services.intake.domain.quality.places import read_country, read_postcode, read_region
from services.intake.domain.quality.text import as_text, line_of

MAX_TAGS = 50
MAX_REMEMBERED = 100  # characters of a value that is remembered for the next lead
_PLACES = {name: place for place, name in enumerate(FACT_FIELDS)}
Facts = dict[str, Any]
Reader = Callable[[str, Any, Facts, Notes], Any]


def read_facts(fields: Mapping[str, Any], source: str, defaults: Mapping[str, Any], notes: Notes) -> Facts:
    """What was sent comes first, then what the landing page's address says, then the defaults."""
    facts: Facts = {"source": source}
    if not fields.get("country") and "country" in defaults:
        put_fact(facts, "country", defaults["country"], Notes())
    for name in _in_order(fields):
        value = fields[name]
        if value is not None and value != "":
            put_fact(facts, name, value, notes)
    for name, value in defaults.items():
        if name not in facts:
            put_fact(facts, name, value, Notes())
    return facts


def _in_order(fields: Mapping[str, Any]) -> list[str]:
    """The fact fields among these, as FACT_FIELDS has them. Most leads have few of them, so the others are not even asked for."""
    return sorted(_PLACES.keys() & fields.keys(), key=_PLACES.__getitem__)


def put_fact(facts: Facts, name: str, value: Any, notes: Notes) -> None:
    """Adds one fact in its form, and what else its value tells."""
    if name in REPEATING and type(value) is str and len(value) <= MAX_REMEMBERED:
        kept, warnings, changes = _read_again(name, value, known_country(facts) if name in LOCAL else None)
        notes.warnings += warnings
        notes.changes += map(dict, changes)
    else:
        read: Reader = READERS.get(name, read_line)
        kept = read(name, value, facts, notes)
    if kept is not None:
        facts[name] = kept


@lru_cache(maxsize=8192)
def _read_again(name: str, text: str, country: str | None) -> tuple[Any, list[str], list[dict[str, Any]]]:
    """One of REPEATING, read as in every lead of that country that says the same."""
    notes = Notes()
    read: Reader = READERS.get(name, read_line)
    kept = read(name, text, {"country": country} if country else {}, notes)
    return kept, notes.warnings, notes.changes


def read_line(field: str, value: Any, _: Facts, notes: Notes) -> str | None:
    """Any text on one line; None for a blank one."""
    return notes.keep(field, value, line_of(value) or None, "blanks and characters that nobody sees")


def _read_word(field: str, value: Any, facts: Facts, notes: Notes) -> str | None:
    """A line in which `n/a` is no value."""
    text = read_line(field, value, facts, notes)
    return text if text is None or not is_dropped(field, text, notes) else None


def is_dropped(field: str, text: str, notes: Notes) -> bool:
    """Whether this is a placeholder, which is noted."""
    if not is_placeholder(text):
        return False
    notes.warn(field, "a placeholder, not kept")
    notes.keep(field, text, None, "a placeholder")
    return True


def _read_parameter(field: str, value: Any, facts: Facts, notes: Notes) -> str | None:
    text = read_line(field, value, facts, notes)
    if text is None or is_filled(text):
        return text
    notes.warn(field, "a template that was not filled in, or a mail address; not kept")
    notes.keep(field, value, None, "no value of a campaign")
    return None


def _read_number(field: str, value: Any, facts: Facts, notes: Notes) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and abs(value) < float("inf"):
        return value
    text = line_of(value)
    amount = read_amount(text)
    if amount is None:
        notes.warn(field, "not a number, kept as text")
        return text or None
    if amount.warning:
        notes.warn(field, amount.warning)
    if amount.currency and field == "budget":
        facts.setdefault("currency", amount.currency)
    return notes.keep(field, value, amount.value, "a number")


def known_country(facts: Facts) -> str | None:
    """The alpha-2 code of the lead's country; None where it was not understood."""
    country = facts.get("country")
    return country if isinstance(country, str) and len(country) == 2 and read_country(country) else None


def _read_country(field: str, value: Any, _: Facts, notes: Notes) -> str | None:
    text = line_of(value)
    code = read_country(text)
    if code is None and text:
        notes.warn(field, "no country that is known here, kept as text")
    return notes.keep(field, value, code or text or None, "its ISO 3166 code")


def _read_region(field: str, value: Any, facts: Facts, notes: Notes) -> str | None:
    text = line_of(value)
    country = known_country(facts)
    code = read_region(text, country) if country else None
    return notes.keep(field, value, code or text or None, "its ISO 3166 code")


def _read_postcode(field: str, value: Any, facts: Facts, notes: Notes) -> str | None:
    code, odd = read_postcode(line_of(value), known_country(facts))
    if odd:
        notes.warn(field, odd)
    return notes.keep(field, value, code or None, odd or "as its country writes it")


def _read_language(field: str, value: Any, _: Facts, notes: Notes) -> str | None:
    text = line_of(value)
    return notes.keep(field, value, read_language(text) or text.lower() or None, "its tag")


def _read_currency(field: str, value: Any, facts: Facts, notes: Notes) -> str | None:
    text = line_of(value)
    code = read_currency(text, known_country(facts))
    if code is None and text:
        notes.warn(field, "no currency that is known here, kept as text")
    return notes.keep(field, value, code or text.upper() or None, "its ISO 4217 code")


def _read_tags(field: str, value: Any, _: Facts, notes: Notes) -> list[str] | None:
    items = value if isinstance(value, list) else as_text(value).split(",")
    tags = [tag for item in items if (tag := line_of(item))]
    if len(tags) > MAX_TAGS:
        notes.warn(field, f"only the first {MAX_TAGS} are kept")
    return tags[:MAX_TAGS] or None


def _read_address(field: str, value: Any, facts: Facts, notes: Notes) -> str | None:
    text = line_of(value)
    address = read_address(text)
    if address.text is None and text:
        notes.warn(field, "no page's address, not kept")
    if field == "website" and (company := website_company(address.host)):
        facts["company_domain"] = company
    if field == "landing_page":
        for name, found in address.parameters.items():
            facts.setdefault(name, found)
    return notes.keep(field, value, address.text, "without what may identify a person")


READERS: dict[str, Reader] = {
    "country": _read_country,
    "region": _read_region,
    "city": _read_word,
    "postcode": _read_postcode,
    "language": _read_language,
    "job_title": _read_word,
    "company_size": _read_number,
    "website": _read_address,
    "budget": _read_number,
    "currency": _read_currency,
    "tags": _read_tags,
    "landing_page": _read_address,
    "referrer": _read_address,
    **dict.fromkeys(("campaign", "medium", "utm_source", "utm_term", "utm_content", *CLICK_FIELDS), _read_parameter),
    **dict.fromkeys(("form_id", "ad_id", "adset_id", "campaign_id"), _read_parameter),
}
# What many leads say in the same words, and what tells nothing else of the lead.
LOCAL = frozenset(["region", "postcode", "currency"])  # read by the customs of the lead's country
REPEATING = LOCAL | frozenset(
    [
        *("country", "city", "language", "timezone", "product", "job_title", "timeframe", "campaign", "medium"),
        *("utm_source", "utm_term", "utm_content", "form_id", "ad_id", "adset_id", "campaign_id"),
    ]
)
