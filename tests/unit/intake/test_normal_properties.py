"""What holds of every lead: one normal form, no surprise, no waiting."""

from __future__ import annotations

import json
from contextlib import suppress
from time import process_time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from services.intake.domain import CONTACT_FIELDS, FACT_FIELDS, NORMAL_FIELDS, Mapping, Unreachable, map_payload, normalise
from services.intake.domain.facts import READERS, REPEATING, put_fact, read_line
from services.intake.domain.fields import CLICK_FIELDS
from services.intake.domain.identity import CODES, Identifier, Kind, digest, kind_of
from services.intake.domain.likeness.memory import remember
from services.intake.domain.normal import _is_kept, _name
from services.intake.domain.quality.names import PLACEHOLDERS, is_placeholder
from services.intake.domain.quality.notes import Notes
from services.intake.domain.quality.text import as_text, line_of, one_line

PROPERTY = settings(derandomize=True, deadline=None, max_examples=75, suppress_health_check=[HealthCheck.too_slow])
ODD = "\0\ud800\udfff\ufeff\u202e\u200d\u200c\u200b\u00a0\u0301\u2028İßǆﬁ٢²½क़"
CHARACTERS = st.characters() | st.sampled_from(ODD + "@.+-/%&=?#:;,'\"<>()[]{}0123456789 aAeE€$")
TEXT = st.text(CHARACTERS, max_size=40)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=8,
)
USUAL = {
    "name": ["ADA EXAMPLE", "ada van der example", "n/a", "李 小龙", "İSMAİL ÖRNEK", "DE 李", "o'neill-mcdonald iii", "ŉ", "ǆ ǆ"],
    "first_name": ["ada", "JEAN-PIERRE", "-"],
    "last_name": ["VAN DER EXAMPLE", "DE LA", "o'", "mc"],
    "email": [
        "Ada@Example.COM",
        "Ada <ada@example.com>",
        "mailto:a%2Bb@gmail.com",
        "a@b.example, c@d.example",
        "nobody",
        "a@MÜLLER.example",
    ],
    "phone": [
        "+1 202 555 0101 x12",
        "0049 30 23125017",
        "442079460012",
        "+1 555 123 4567",
        "555-1234",
        "1-800-FLOWERS",
        12025550101.0,
        "202 555 0101 / 202 555 0102",
        "+54 9 11 2345 6789",
        "+52 1 33 1234 5678",
        "+39 06 12345678",
        "8 800 555 35 35",
        "+0",
        "1.4E+10",
    ],
    "country": ["Deutschland", "us", "USA", "United States (US)", "XX", "Atlantis", "日本", "gb"],
    "region": ["California", "US-CA", "Kent", "de-by", "ca-qc"],
    "postcode": ["2139", "sw1a1aa", 501, "k1a0b1", "1012ab", "2139-1234"],
    "language": ["German", "en_US", "de-DE,en;q=0.5", "deu", "ger-at"],
    "currency": ["€", "$", "usd", "US$"],
    "budget": ["25k", "€ 10,000-50,000", "1.234,56", "ten", 1e300, float("nan"), "1000+", "0.5m"],
    "company_size": ["51-200 employees", "1000+"],
    "website": ["www.example.co.uk/x?y=z", "https://a:b@facebook.com/x", "ada@example.com", "//x", "///x", "http:///x", "a:b"],
    "landing_page": [
        "https://example.com/?utm_source=a+b&gclid=EAIaIQobChMI&e=ada%40example.com",
        "?utm_medium=cpc",
        "x?utm_term=%zz",
    ],
    "referrer": ["https://www.google.com/", "/a//b", "//", "https://[::1]/", "https://[x/"],
    "utm_source": ["{source}", "google", "null"],
    "medium": ["cpc", "Paid Social"],
    "consent": ["on", "no", True, "I agree."],
    "visitor_id": ["v-1", "undefined"],
    "tags": ["a, b", ["x", " y "]],
}
REALISTIC = st.fixed_dictionaries({}, optional={name: st.sampled_from(values) | VALUES for name, values in USUAL.items()})
FIELDS = st.builds(
    lambda usual, odd: {**odd, **usual}, REALISTIC, st.dictionaries(st.sampled_from(sorted(NORMAL_FIELDS)), VALUES, max_size=6)
)
WAYS: list[dict[str, Any]] = [{"email": "ada@example.com"}, {"phone": "+1 202 555 0101"}]
REACHABLE = st.builds(lambda way, fields: {**way, **fields}, st.sampled_from(WAYS), FIELDS)  # all but some
REGIONS = st.sampled_from([None, "US", "DE", "FR", "IT", "AR", "MX", "XX"])


@PROPERTY
@given(fields=REACHABLE, custom=st.dictionaries(TEXT, VALUES, max_size=3), region=REGIONS)
def test_the_normal_form_of_a_normal_lead_is_itself(fields: dict[str, Any], custom: dict[str, Any], region: str | None) -> None:
    rules: dict[str, Any] = {"source": "website", "region": region, "defaults": {"language": "de"}, "fact_keys": ["rating"]}
    try:
        once = normalise(fields, custom, **rules)
    except Unreachable:
        reject()
    again_fields = {name: {**once.contact, **once.facts}.get(name) for name in (*CONTACT_FIELDS, *FACT_FIELDS)}
    again_custom = {**once.contact.get("extra", {}), **{key: value for key, value in custom.items() if key == "rating"}}
    again = normalise({**again_fields, "visitor_id": fields.get("visitor_id")}, again_custom, **rules)
    assert json.dumps([again.contact, again.facts], sort_keys=True) == json.dumps([once.contact, once.facts], sort_keys=True)
    assert again.identifiers == once.identifiers
    assert again.changes == []


@PROPERTY
@given(fields=FIELDS)
def test_a_lead_is_of_the_types_that_the_event_has(fields: dict[str, Any]) -> None:
    try:
        lead = normalise(fields, {}, source="website", defaults={}, fact_keys=())
    except Unreachable:
        return
    assert all(isinstance(value, str) and value for value in lead.contact.values())
    texts = (name for name in FACT_FIELDS if name not in ("budget", "company_size", "tags"))
    assert all(isinstance(lead.facts[name], str) and lead.facts[name] for name in texts if name in lead.facts)
    assert all(isinstance(identifier.key, bytes) for identifier in lead.identifiers)
    assert all(set(change) == {"field", "sent", "kept", "why"} for change in lead.changes)


@PROPERTY
@given(payload=st.dictionaries(st.sampled_from(["email", "Phone", "name", "data", "list"]) | TEXT, VALUES, max_size=6))
def test_any_payload_is_mapped_and_is_a_lead_or_unreachable(payload: dict[str, Any]) -> None:
    mapped = map_payload(payload, Mapping({"*.a": "email"}, frozenset(["b"]), {}))
    kept = json.dumps([mapped.fields, mapped.custom, mapped.used, mapped.unmapped], ensure_ascii=False)
    kept.encode()  # no half of a surrogate pair is left
    assert "\\u0000" not in kept
    try:
        normalise(mapped.fields, mapped.custom, source="website", defaults={}, fact_keys=())
    except Unreachable:
        return


@PROPERTY
@given(fields=REACHABLE)
def test_the_order_in_which_fields_were_sent_does_not_matter(fields: dict[str, Any]) -> None:
    rules: dict[str, Any] = {"source": "website", "defaults": {"language": "de"}, "fact_keys": ()}
    try:
        lead = normalise(fields, {}, **rules)
    except Unreachable:
        reject()
    assert repr(normalise(dict(reversed(fields.items())), {}, **rules)) == repr(lead)


@PROPERTY
@given(fields=REACHABLE)
def test_a_new_contact_is_remembered_like_a_known_one_of_whom_nothing_was_said(fields: dict[str, Any]) -> None:
    try:
        lead = normalise(fields, {}, source="website", defaults={}, fact_keys=())
    except Unreachable:
        reject()
    for contact in (lead.contact, {**lead.contact, "name": "A."}, {"first_name": "A", "last_name": "B", "email": "a@b.example"}):
        later = remember({"nothing": None}, contact, lead.facts)
        assert remember({}, contact, lead.facts) == {field: value for field, value in later.items() if field != "nothing"}


@PROPERTY
@given(value=VALUES | TEXT)
def test_the_short_ways_of_text_find_what_the_long_ones_find(value: Any) -> None:
    text = one_line(as_text(value))
    assert line_of(value) == text
    assert is_placeholder(text) == (text == "null" or text.casefold() in PLACEHOLDERS or not any(char.isalnum() for char in text))


REPEATED = st.sampled_from(sorted(REPEATING)).flatmap(
    lambda name: st.tuples(st.just(name), st.sampled_from(USUAL.get(name, ["n/a", " Pro  plan "])) | VALUES | TEXT)
)


@PROPERTY
@given(sent=REPEATED, country=st.sampled_from([None, "US", "DE", "GB", "Atlantis"]))
def test_a_fact_is_remembered_as_it_is_read(sent: tuple[str, Any], country: str | None) -> None:
    name, value = sent
    place = {"country": country} if country else {}
    read = Notes()
    kept = READERS.get(name, read_line)(name, value, dict(place), read)
    for _ in range(2):
        facts, notes = dict(place), Notes()
        put_fact(facts, name, value, notes)
        assert facts == (place if kept is None else {**place, name: kept})
        assert (notes.warnings, notes.changes) == (read.warnings, read.changes)


@PROPERTY
@given(field=st.sampled_from(["first_name", "last_name", "company"]), value=st.sampled_from(USUAL["name"]) | VALUES | TEXT)
def test_a_name_is_remembered_to_stay_only_where_it_does(field: str, value: Any) -> None:
    notes = Notes()
    kept = _name(field, value, notes)
    if _is_kept(field, value):
        assert (kept, notes.warnings, notes.changes) == (value, [], [])


@pytest.mark.parametrize("kind", Kind)
@given(value=st.text(st.characters()))
@settings(derandomize=True, deadline=None, max_examples=20)
def test_a_key_says_its_kind_and_digests_its_value(kind: Kind, value: str) -> None:
    key = Identifier(kind, value).key
    assert (kind_of(key), key) == (kind, bytes((CODES[kind],)) + digest(value, size=15))


JUNK = [
    "a",
    "@",
    "a@",
    "a.",
    "<",
    ">",
    '"',
    " ",
    "1",
    "1 ",
    "+",
    "(",
    "1/",
    "%",
    "%40",
    "%2540",
    "{",
    "{}",
    "[",
    "-",
    ".",
    "'",
    "/",
    "?",
    "&",
    "=",
]
JUNK += [
    "?utm_source=",
    "&gclid=a",
    "é",
    "\u0301",
    "e\u0301",
    "\u200d",
    "क\u200d",
    "\ufdfa",
    "İ",
    "\0",
    "\ud800",
    "a@b.co,",
    "mc",
    "A-",
    "ß",
    "ǆ",
    "k",
]


@pytest.mark.parametrize("junk", JUNK)
def test_the_longest_junk_is_read_in_no_time(junk: str) -> None:
    """20,000 characters in every field at once: what is quadratic anywhere takes far longer than this."""
    text = (junk * 20_000)[:20_000]
    pages = {"landing_page": f"https://example.com/?utm_term={text}", "referrer": f"http://{text}", "website": text}
    fields = {**dict.fromkeys(NORMAL_FIELDS, text), **pages, "email": f"ada@example.com {text}", "country": "US"}
    begun = process_time()
    with suppress(Unreachable):
        normalise(fields, {}, source="website", defaults={}, fact_keys=())
    map_payload({text[:5000] or "x": text, "email": text}, Mapping())
    assert process_time() - begun < 3.0


def test_click_ids_are_facts_too() -> None:
    assert set(CLICK_FIELDS) < set(FACT_FIELDS)
