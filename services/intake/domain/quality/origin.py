"""Where a lead came from: campaign parameters, ad clicks, and the pages it saw, without what identifies a person."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, unquote, unquote_plus, urlsplit

from services.intake.domain.fields import CLICK_FIELDS
from services.intake.domain.quality.text import fold

# Parameters of a page's address that are kept, and the fields that they are.
PARAMETERS: dict[str, str] = {
    "utm_source": "utm_source",
    "utm_medium": "medium",
    "utm_campaign": "campaign",
    "utm_term": "utm_term",
    "utm_content": "utm_content",
    **{click: click for click in CLICK_FIELDS},
}
SCHEMES = frozenset(["", "http", "https", "android-app", "ios-app"])
MAX_ADDRESS = 4_000
MAX_CLICK = 500
# A template that the platform did not fill in: {gclid}, {{campaign.name}}, [ad_id], %keyword%, ${utm}.
_MACRO = re.compile(r"\$?\{+[^{}]*\}+|\[[^\[\]]*\]|%\w*%|<[^<>]*>|__\w*__")
_MAIL = re.compile(r"[^\s@]@[^\s@]+\.[^\s@]")
_CLICK = re.compile(r"[\w.~:+/=-]{8,}", re.ASCII)
_NOTHING = frozenset(["", "null", "undefined", "none", "nan", "(none)", "(not set)", "(not provided)", "n/a", "unknown"])

MEDIA = {
    "affiliate": "partner",
    "direct": "direct",
    "email": "email",
    "event": "event",
    "mail": "email",
    "newsletter": "email",
    "organic": "organic",
    "organicsearch": "organic",
    "paidsearch": "paid_search",
    "paidsocial": "paid_social",
    "partner": "partner",
    "referral": "referral",
    "sem": "paid_search",
    "seo": "organic",
    "socialpaid": "paid_social",
    "tradeshow": "event",
    "webinar": "event",
}
PAID = frozenset(["cpc", "cpm", "paid", "ppc"])
SEARCH = frozenset(["baidu", "bing", "duckduckgo", "ecosia", "google", "yahoo", "yandex"])
SOCIAL = frozenset(["facebook", "fb", "ig", "instagram", "linkedin", "meta", "pinterest", "reddit", "tiktok", "twitter", "x"])
SEARCH_CLICKS = ("gclid", "gbraid", "wbraid", "msclkid")
SOCIAL_CLICKS = ("ttclid", "li_fat_id")  # not fbclid, which is on unpaid links too
_TELLING = frozenset(["medium", "referrer", *SEARCH_CLICKS, *SOCIAL_CLICKS])


@dataclass(frozen=True)
class Address:
    """What is kept of a page's address: `text` is None where it is no page's address. `parameters` are named as fields."""

    text: str | None
    host: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)


def read_address(text: str) -> Address:
    """A page's address without its user, its fragment, and all parameters but those of campaigns.

    Other parameters, and steps of the path with an `@`, may say who the person is.
    """
    try:
        parts = urlsplit(text[:MAX_ADDRESS])
        host = parts.hostname or ""
    except ValueError:
        return Address(None)
    place, path = parts.netloc.rpartition("@")[2], _path(parts.path)
    if parts.scheme not in SCHEMES or not (place or path) or " " in (place or path):
        return Address(None)
    sent, fields = _parameters(parts.query)
    return Address(SplitResult(parts.scheme, place, path, sent, "").geturl(), host or path.partition("/")[0], fields)


def _path(path: str) -> str:
    steps = path.split("/")
    kept = next((n for n, step in enumerate(steps) if "@" in unquote(unquote(step))), len(steps))
    return "/".join(steps[:kept]).strip()


def _parameters(query: str) -> tuple[str, dict[str, str]]:
    """Those of campaigns, as they were sent and by field; the first of a name counts."""
    sent: dict[str, str] = {}
    fields: dict[str, str] = {}
    for piece in query.split("&"):
        name, _, raw = piece.strip().partition("=")
        known = PARAMETERS.get(name.lower())
        if known and known not in fields and is_filled(value := unquote_plus(raw)):
            sent[known], fields[known] = piece.strip(), value
    return "&".join(sent.values()), fields


def is_filled(value: str) -> bool:
    """Is this a value that somebody put there, and not a template that nobody filled, nor a mail address?"""
    return value.casefold() not in _NOTHING and not _MACRO.fullmatch(value) and not _MAIL.search(value)


def is_click_id(value: str) -> bool:
    """Long enough to be of one click only; a short one is a test or a mistake that would make strangers one person."""
    return len(value) <= MAX_CLICK and _CLICK.fullmatch(value) is not None


def channel_of(facts: Mapping[str, Any]) -> str | None:
    """paid_search, paid_social, organic, email, referral, direct, partner or event, where the facts leave no doubt."""
    if _TELLING.isdisjoint(facts):  # as with most forms: nothing below could say anything
        return None
    medium, source = _word(facts.get("medium")), _word(facts.get("utm_source"))
    if medium in MEDIA:
        return MEDIA[medium]
    if medium in PAID:
        return "paid_social" if source in SOCIAL else "paid_search" if source in SEARCH else None
    if medium:
        return None
    if any(click in facts for click in SEARCH_CLICKS):
        return "paid_search"
    if any(click in facts for click in SOCIAL_CLICKS):
        return "paid_social"
    return "organic" if not source and _is_search_engine(facts.get("referrer")) else None


def _word(value: Any) -> str:
    return fold(value[:50]) if isinstance(value, str) else ""


def _is_search_engine(referrer: Any) -> bool:
    """google.com and www.google.de are; mail.google.com is not."""
    if not isinstance(referrer, str):
        return False
    labels = [label for label in read_address(referrer).host.split(".") if label not in ("www", "m", "r", "search")]
    return bool(labels) and labels[0] in SEARCH
