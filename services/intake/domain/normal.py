"""The normal form: what every lead looks like, whatever its source called things.

Fields fall into two blocks. Contact fields say who the person is; fact fields are what a rule may ask and hold no contact data. What
has no field of its own is kept under `custom`: as contact data, unless the source's mapping marks it as a fact.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

CONTACT_FIELDS = ("name", "first_name", "last_name", "email", "phone", "company", "street", "message")
FACT_FIELDS = (
    "country",
    "region",
    "city",
    "postcode",
    "language",
    "product",
    "campaign",
    "medium",
    "job_title",
    "company_size",
    "budget",
    "currency",
    "timeframe",
    "tags",
)
NUMBERS = frozenset({"company_size", "budget"})
UPPER = frozenset({"country", "currency"})

# Mail providers whose domain says nothing about a company. Not complete, and need not be: a wrong guess costs a few points.
FREE_MAIL = frozenset(
    [
        "163.com",
        "aol.com",
        "fastmail.com",
        "free.fr",
        "gmail.com",
        "gmx.com",
        "gmx.de",
        "gmx.net",
        "googlemail.com",
        "hotmail.co.uk",
        "hotmail.com",
        "hotmail.fr",
        "icloud.com",
        "laposte.net",
        "libero.it",
        "live.com",
        "mac.com",
        "mail.com",
        "mail.ru",
        "me.com",
        "msn.com",
        "naver.com",
        "orange.fr",
        "outlook.com",
        "outlook.de",
        "pm.me",
        "proton.me",
        "protonmail.com",
        "qq.com",
        "t-online.de",
        "web.de",
        "yahoo.co.jp",
        "yahoo.co.uk",
        "yahoo.com",
        "yahoo.de",
        "yahoo.fr",
        "yandex.ru",
        "ymail.com",
    ]
)


class Unreachable(ValueError):
    """Nobody could answer this lead: it has neither an e-mail address nor a phone number."""


@dataclass(frozen=True)
class NormalLead:
    """A lead in normal form: its two blocks, and what was odd about it."""

    contact: dict[str, Any]
    facts: dict[str, Any]
    warnings: list[str]


def normalise(
    fields: Mapping[str, Any],
    custom: Mapping[str, Any],
    *,
    source: str,
    defaults: Mapping[str, Any],
    fact_keys: Collection[str],
) -> NormalLead:
    """Sorts normal fields and custom answers into the two blocks and derives facts. Raises Unreachable."""
    warnings: list[str] = []
    contact = {name: value for name in CONTACT_FIELDS if (value := _clean(fields.get(name))) is not None}
    facts: dict[str, Any] = {"source": source}
    for name in FACT_FIELDS:
        value = _clean(fields.get(name))
        if value is None:
            value = defaults.get(name)
        if value is not None:
            _put(facts, name, value, warnings)
    extra = {}
    for key, value in custom.items():
        if key in fact_keys:
            facts.setdefault(key, value)
        else:
            extra[key] = value
    if extra:
        contact["extra"] = extra
    if "email" not in contact and "phone" not in contact:
        raise Unreachable("needs an email or a phone, so that somebody can answer")
    _derive(contact, facts, warnings)
    return NormalLead(contact, facts, warnings)


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return value.strip() or None
    return None if value == [] else value


def _put(facts: dict[str, Any], name: str, value: Any, warnings: list[str]) -> None:
    if name in UPPER and isinstance(value, str):
        value = value.upper()
    elif name == "language" and isinstance(value, str):
        value = value.lower()
    elif name in NUMBERS and isinstance(value, str):
        number = _number(value)
        if number is None:
            warnings.append(f"{name}: not a number, kept as text")
        else:
            value = number
    facts[name] = value


def _number(text: str) -> int | float | None:
    """`25,000`, `$1200.50` and `50 000` as numbers; None for what is not one."""
    digits = text.strip("$€£ ").replace(",", "").replace(" ", "").replace("\u00a0", "")
    if not digits.isascii() or len(digits) > 15:
        return None
    try:
        return int(digits) if digits.isdigit() else round(float(digits), 2) if digits[:1].isdigit() else None
    except ValueError:
        return None


def _derive(contact: Mapping[str, Any], facts: dict[str, Any], warnings: list[str]) -> None:
    facts["has_phone"] = "phone" in contact
    facts["has_email"] = "email" in contact
    facts["email_kind"] = "none"
    if email := contact.get("email"):
        local, _, domain = str(email).rpartition("@")
        domain = domain.lower()
        if not local or "." not in domain or " " in email:
            facts["email_kind"] = "invalid"
            warnings.append("email: does not look like an address")
        elif domain in FREE_MAIL:
            facts["email_kind"] = "free"
        else:
            facts["email_kind"] = "company"
            facts["company_domain"] = domain
