"""ADF, the Auto-lead Data Format 1.0: XML in which car portals send prospects to dealers; also used for real estate and caravans.

It comes as a request's body or in an e-mail, seldom clean, and often with several prospects in one document.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import tzinfo
from types import MappingProxyType
from typing import Any
from xml.etree.ElementTree import Element

from services.intake.domain.senders.bodies import FORMS, read_form, read_xml
from services.intake.domain.senders.fingerprint import REPEATS, fingerprint
from services.intake.domain.senders.keys import KEY_HEADER, verify_key_if_any
from services.intake.domain.senders.mime import read_message
from services.intake.domain.senders.moments import read_moment, read_zone
from services.intake.domain.senders.shape import Connection, Delivery, Malformed, Notice, Sender, SentLead, Setting
from services.intake.domain.senders.xml_repair import cut_adf, decode_xml, repair_xml

MAX_PROSPECTS = 100
MAX_VEHICLES = 10
ZONE = Setting(
    "timezone",
    "The zone, such as America/Chicago, of request dates that do not say theirs. Without it, such a date is only kept as an answer.",
)

_HEADERS = re.compile(rb"\s{0,20}[A-Za-z][A-Za-z0-9-]{0,60}:[^\r\n]*\r?\n")
# A phone that a person can be called on, best first. A fax and a pager are none.
_PHONES = ("cellphone", "mobile", "cell", "voice", "", "home", "phone", "day", "evening", "work", "business")
_NO_PHONES = frozenset(("fax", "pager"))
_NAMES = {"first": "first_name", "last": "last_name", "full": "name", "middle": "middle_name", "suffix": "suffix"}
_TRADE_IN = frozenset(("trade-in", "tradein", "trade"))


def parse(delivery: Delivery, connection: Connection) -> list[Notice]:
    """One lead a prospect. Raises Malformed."""
    for text in _texts(delivery):
        if document := cut_adf(text):
            return [*read_prospects(document, read_zone(connection.settings.get(ZONE.name)))]
    raise Malformed("The body holds no ADF: nothing from `<adf` to `</adf>`.", 400)


def read_prospects(document: str, zone: tzinfo | None = None) -> list[SentLead]:
    """The leads of a document that `cut_adf` found. Raises Malformed."""
    # A second document may follow the first, so there is a root above both.
    root = read_xml(f"<documents>{repair_xml(document)}</documents>")
    prospects = list(_elements(root, "prospect"))
    if not prospects or len(prospects) > MAX_PROSPECTS:
        raise Malformed(f"An ADF document has from 1 to {MAX_PROSPECTS} prospects; this one has {len(prospects)}.")
    return [_lead(prospect, zone) for prospect in prospects]


def _texts(delivery: Delivery) -> Iterator[str]:
    """Where the XML may be: the body itself, a field of a form, or a part of a whole e-mail."""
    if delivery.content_type in FORMS:
        fields = read_form(delivery.body, delivery.headers.get("content-type", "")).fields
        yield from (value for value in fields.values() if isinstance(value, str))
    elif delivery.content_type == "message/rfc822" or _HEADERS.match(delivery.body):
        mail = read_message(delivery.body)
        yield from (mail.text, mail.html, *(decode_xml(attached.data) for attached in mail.attachments))
    yield decode_xml(delivery.body)


def _lead(prospect: Element, zone: tzinfo | None) -> SentLead:
    requested = _text(_child(prospect, "requestdate"))
    moment = read_moment(requested, zone)
    answers = {**_person(prospect), **_wishes(prospect), **_origin(prospect)}
    if requested and moment is None:
        answers["request_date"] = requested
    external_id = _external_id(prospect)
    # With the date of the request in it a digest needs no window: the same again, marked `resend` or not, is the same lead at any time.
    said = {**answers, "requested": requested}
    if status := _word(prospect, "status"):
        answers["prospect_status"] = status
    return SentLead(
        answers,
        external_id or fingerprint(said),
        None if external_id or requested else REPEATS,
        submitted_at=moment,
        warnings=("request date: it cannot be read, or has no time zone",) if requested and moment is None else (),
    )


def _external_id(prospect: Element) -> str | None:
    """The first id that says something; `source` tells whose it is. Some leave the element empty and put theirs into `sequence`."""
    for element in _children(prospect, "id"):
        sequence = _attribute(element, "sequence")
        # As the standard means it, a sequence is 1, 2 or 3: that is no id.
        if number := _text(element) or (sequence if len(sequence) > 3 else ""):
            return f"{_attribute(element, 'source')}:{number}"[:500]
    return None


# -- Who ---------------------------------------------------------------------------------------------------------------------------


def _person(prospect: Element) -> dict[str, Any]:
    customer = _child(prospect, "customer")
    contacts = sorted(_children(customer, "contact"), key=lambda contact: _word(contact, "primarycontact") != "1")
    answers = _contact(contacts[0]) if contacts else {}
    others = [", ".join(str(value) for value in _contact(contact).values()) for contact in contacts[1:]]
    if others:
        answers["other_contacts"] = others
    comments = [_text(element) for parent in (customer, prospect) for element in _children(parent, "comments")]
    if message := "\n\n".join(filter(None, comments)):
        answers["message"] = message
    timeframe = _child(customer, "timeframe")
    if words := ", ".join(filter(None, (_text(element) for element in _self_and_children(timeframe)))):
        answers["timeframe"] = words
    return answers


def _contact(contact: Element) -> dict[str, Any]:
    """One contact in normal fields. Of several of a kind the preferred or most useful is taken, and the others are kept beside it."""
    answers: dict[str, Any] = _names(contact)
    emails = _preferred(contact, "email")
    if emails:
        answers["email"] = _text(emails[0])
    phones = sorted(_preferred(contact, "phone"), key=_phone_rank)
    callable_ = [phone for phone in phones if _word(phone, "type") not in _NO_PHONES]
    if callable_:
        answers["phone"] = _text(callable_[0])
        if time := _attribute(callable_[0], "time"):
            answers["best_time"] = time
    others = [email for email in emails[1:]] + [phone for phone in phones if phone not in callable_[:1]]
    if others:
        answers["other_ways"] = [f"{_attribute(way, 'type') or _tag(way)}: {_text(way)}" for way in others]
    return {**answers, **_address(_child(contact, "address"))}


def _names(contact: Element) -> dict[str, Any]:
    answers: dict[str, Any] = {}
    for element in _children(contact, "name"):
        if not (text := _text(element)):
            continue
        if _word(element, "type") == "business":
            answers.setdefault("company", text)
        else:
            answers.setdefault(_NAMES.get(_word(element, "part"), "name"), text)
    return answers


def _preferred(contact: Element, tag: str) -> list[Element]:
    found = [element for element in _children(contact, tag) if _text(element)]
    return sorted(found, key=lambda element: _word(element, "preferredcontact") != "1")


def _phone_rank(phone: Element) -> int:
    """A preferred phone keeps its place before the others, since sorting is stable only among equals."""
    kind = _word(phone, "type")
    if _word(phone, "preferredcontact") == "1" and kind not in _NO_PHONES:
        return -1
    return _PHONES.index(kind) if kind in _PHONES else len(_PHONES)


def _address(address: Element | None) -> dict[str, Any]:
    lines = sorted(_children(address, "street"), key=lambda line: _attribute(line, "line"))
    lines += _children(address, "apartment")
    answers = {
        "street": ", ".join(filter(None, (_text(line) for line in lines))),
        "city": _text(_child(address, "city")),
        "region": _text(_child(address, "regioncode")),
        "postcode": _text(_child(address, "postalcode")),
        "country": _text(_child(address, "country")),
    }
    return {name: value for name, value in answers.items() if value}


# -- What, and from whom -----------------------------------------------------------------------------------------------------------


def _wishes(prospect: Element) -> dict[str, Any]:
    """The vehicles: `product` names the first that is wanted; what is traded in has a prefix of its own."""
    answers: dict[str, Any] = {}
    wanted = traded = 0
    for vehicle in list(_children(prospect, "vehicle"))[:MAX_VEHICLES]:
        if _word(vehicle, "interest") in _TRADE_IN:
            traded += 1
            prefix = "trade_in" if traded == 1 else f"trade_in_{traded}"
        else:
            wanted += 1
            prefix = "vehicle" if wanted == 1 else f"vehicle_{wanted}"
            names = (_text(_child(vehicle, tag)) for tag in ("year", "make", "model", "trim"))
            if product := " ".join(filter(None, names)):
                answers.setdefault("product", product)
        answers.update(_leaves(vehicle, prefix))
    return answers


def _origin(prospect: Element) -> dict[str, Any]:
    """Who sent it and for whom. The names have underscores, so that a provider's e-mail is never taken for the person's."""
    answers: dict[str, Any] = {}
    for role in ("provider", "vendor"):
        if (element := _child(prospect, role)) is not None:
            answers.update(_leaves(element, role))
    if lead_type := _text(_child(prospect, "leadtype")):
        answers["lead_type"] = lead_type
    return answers


def _leaves(element: Element, path: str) -> dict[str, Any]:
    """Everything with a text or an attribute under an element, by its path with underscores; a path that comes again has a list."""
    found: dict[str, Any] = {}
    for name, value in _walk(element, path):
        if name not in found:
            found[name] = value
        elif isinstance(found[name], list):
            found[name].append(value)
        else:
            found[name] = [found[name], value]
    return found


def _walk(element: Element, path: str) -> Iterator[tuple[str, str]]:
    if text := _text(element):
        yield path, text
    for name in element.attrib:
        if (value := _attribute(element, _local(name))) and _local(name) != "part":
            yield f"{path}_{_local(name)}", value
    for child in element:
        yield from _walk(child, f"{path}_{_tag(child)}")


# -- Elements by name, whatever case or namespace they are in ----------------------------------------------------------------------


def _elements(root: Element, name: str) -> Iterator[Element]:
    return (element for element in root.iter() if _tag(element) == name)


def _children(element: Element | None, name: str) -> list[Element]:
    return [] if element is None else [child for child in element if _tag(child) == name]


def _child(element: Element | None, name: str) -> Element | None:
    return next(iter(_children(element, name)), None)


def _self_and_children(element: Element | None) -> list[Element]:
    return [] if element is None else [element, *element]


def _text(element: Element | None) -> str:
    return "" if element is None else (element.text or "").strip()


def _attribute(element: Element, name: str) -> str:
    return next((value.strip() for key, value in element.attrib.items() if _local(key) == name), "")


def _word(element: Element, name: str) -> str:
    """An attribute that is one of a few words, in lower case."""
    return _attribute(element, name).lower()


def _tag(element: Element) -> str:
    return _local(element.tag)


def _local(name: str) -> str:
    return name.rpartition("}")[2].lower()


SENDER: Sender = Sender(
    kind="adf",
    title="ADF XML",
    help=(
        "Give your portal or lead provider the hook's address for ADF/XML by HTTP POST. If they can send an API key or Basic credentials, "
        "set it as the source's secret. For ADF by e-mail, use a source of the kind inbound_email."
    ),
    parse=parse,
    verify=verify_key_if_any,
    mapping=MappingProxyType(
        {
            **{name: name for name in ("name", "first_name", "last_name", "email", "phone", "company", "street", "message")},
            **{name: name for name in ("city", "region", "postcode", "country", "product", "timeframe")},
            "vehicle_price": "budget",
            "vehicle_price_currency": "currency",
        }
    ),
    facts=(
        "lead_type",
        "vehicle_interest",
        "vehicle_status",
        "vehicle_year",
        "vehicle_make",
        "vehicle_model",
        "trade_in_year",
        "trade_in_make",
        "trade_in_model",
        "provider_service",
        "vendor_vendorname",
    ),
    secret="Optional: the key or the password that your provider sends.",
    settings=(KEY_HEADER, ZONE),
)
