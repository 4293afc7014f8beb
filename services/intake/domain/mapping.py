"""Field mapping: from what a source sends to the normal form's names.

A mapping has three parts. `fields` maps a path in the payload to a normal field (`{"data.mail": "email"}`); where it is silent, known
spellings are recognised. `facts` names the custom answers that rules may ask. `defaults` fills fact fields that the payload
leaves out.
What is mapped to nothing is kept under its path.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping as Dict
from dataclasses import dataclass
from typing import Any

from services.intake.domain.normal import CONTACT_FIELDS, FACT_FIELDS

NORMAL_FIELDS = frozenset((*CONTACT_FIELDS, *FACT_FIELDS))
MAX_ANSWERS = 500
MAX_TEXT = 20_000

# Spellings that forms and platforms use, compared without case, blanks, hyphens and underscores.
SPELLINGS = {
    "name": "name fullname yourname contactname leadname",
    "first_name": "firstname givenname fname forename vorname prenom",
    "last_name": "lastname familyname surname lname nachname nom",
    "email": "email emailaddress mail youremail workemail businessemail useremail",
    "phone": "phone phonenumber tel telephone mobile mobilephone cell yourphone workphone telefon",
    "company": "company companyname organisation organization employer firma",
    "street": "street streetaddress address address1 addressline1",
    "message": "message comment comments notes yourmessage enquiry inquiry description question",
    "country": "country countrycode",
    "region": "region state province county",
    "city": "city town",
    "postcode": "postcode postalcode zip zipcode plz",
    "language": "language lang locale",
    "product": "product productinterest interest model service",
    "campaign": "campaign utmcampaign campaignname",
    "medium": "medium utmmedium",
    "job_title": "jobtitle title position role",
    "company_size": "companysize employees numberofemployees",
    "budget": "budget price maxbudget",
    "currency": "currency",
    "timeframe": "timeframe timeline whenbuying",
    "tags": "tags",
}
KNOWN = {spelling: field for field, spellings in SPELLINGS.items() for spelling in spellings.split()}
_NOISE = str.maketrans("", "", " -_.[]")


class MappingError(ValueError):
    """A mapping that cannot be saved. `field` is a JSON pointer into it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True)
class Mapping:
    fields: Dict[str, str]
    facts: frozenset[str]
    defaults: Dict[str, Any]


def parse_mapping(document: Dict[str, Any]) -> Mapping:
    """A source's stored mapping. Raises MappingError for a part that means nothing."""
    fields = dict(document.get("fields") or {})
    defaults = dict(document.get("defaults") or {})
    facts = frozenset(document.get("facts") or ())
    for path, field in fields.items():
        if field not in NORMAL_FIELDS:
            raise MappingError(f"/fields/{path}", f"{field} is no field; choose one of {', '.join(sorted(NORMAL_FIELDS))}")
    for field in defaults:
        if field not in FACT_FIELDS:
            raise MappingError(f"/defaults/{field}", f"only a fact field has a default: {', '.join(sorted(FACT_FIELDS))}")
    if clash := facts & NORMAL_FIELDS:
        raise MappingError("/facts", f"{', '.join(sorted(clash))}: a normal field has its block already")
    return Mapping(fields, facts, defaults)


def map_payload(payload: Dict[str, Any], mapping: Mapping) -> tuple[dict[str, Any], dict[str, Any], list[str]]:
    """Splits a payload into normal fields and custom answers, with warnings. The first value of a field wins."""
    fields: dict[str, Any] = {}
    custom: dict[str, Any] = {}
    warnings: list[str] = []
    for n, (path, raw) in enumerate(flatten(payload)):
        if n >= MAX_ANSWERS:
            warnings.append(f"only the first {MAX_ANSWERS} answers are kept")
            break
        key = storable_text(path)[:200]
        value = _storable(key, raw, warnings)
        field = mapping.fields.get(path) or (None if path in mapping.facts else _known(path))
        if field is None or field in fields or value is None:
            custom[key] = value
        else:
            fields[field] = _shaped(field, value)
    return fields, custom, warnings


def flatten(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Leaves of a JSON value with their dotted paths. A list of plain values is a leaf."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from flatten(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        for n, item in enumerate(value):
            yield from flatten(item, f"{path}.{n}")
    else:
        yield path, value


def _known(path: str) -> str | None:
    return KNOWN.get(path.rpartition(".")[2].lower().translate(_NOISE))


def _shaped(field: str, value: Any) -> Any:
    if field == "tags":
        items = value if isinstance(value, list) else str(value).split(",")
        return [str(item).strip() for item in items][:50]
    if isinstance(value, list):
        return ", ".join(str(item) for item in value)
    if isinstance(value, bool | dict):
        return str(value).lower()
    return value if field in ("company_size", "budget") else str(value)


def _storable(path: str, value: Any, warnings: list[str]) -> Any:
    """What PostgreSQL can store: text that it cannot is replaced and marked, since the raw bytes are kept beside it."""
    if isinstance(value, list):
        return [_storable(path, item, warnings) for item in value[:MAX_ANSWERS]]
    if not isinstance(value, str):
        return value
    clean = storable_text(value)
    if clean != value:
        warnings.append(f"{path}: characters that cannot be stored were replaced")
    if len(clean) > MAX_TEXT:
        warnings.append(f"{path}: cut to {MAX_TEXT} characters")
    return clean[:MAX_TEXT]


def storable_text(value: str) -> str:
    """The text with U+FFFD for each NUL and each half of a surrogate pair."""
    if "\0" not in value and (value.isascii() or value.isprintable()):
        return value
    return "".join("\ufffd" if c == "\0" or "\ud800" <= c <= "\udfff" else c for c in value)
