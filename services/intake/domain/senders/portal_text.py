"""A portal's e-mail for people, read by a machine: lines of `Key: value` under the labels that portals use.

Portals change their layouts without a word, so nothing depends on one. Labels are recognised wherever they stand, in a list, a table or
with the value on the next line; what has a label that is not known is kept under it.
"""

from __future__ import annotations

import re
from typing import Any

from services.intake.domain.senders.mime import addresses
from services.intake.domain.senders.plain_text import tidy

MAX_LINES = 2000
MAX_ANSWERS = 200

_LABELS = {
    "name": "name, full name, buyer, customer, client, enquirer, applicant",
    "first_name": "first name, forename, given name",
    "last_name": "last name, surname, family name",
    "email": "email, e mail, email address, e mail address, mail",
    "phone": "phone, phone number, telephone, telephone number, tel, tel no, mobile, mobile number, mobile phone, cell, cell phone, "
    "daytime phone, daytime telephone, home phone, work phone, best number",
    "message": "message, comments, comment, notes, enquiry, inquiry, question, questions, additional comments, remarks, "
    "enquiry details, enquiry message, additional information, message from buyer",
    "product": "property, property reference, property ref, reference, ref, ref id, listing, listing id, listing number, listing ref, "
    "mls, mls number, mls id, mls no, vehicle, stock number, headline",
    "street": "home address, postal address, current address, address line 1",
    "city": "city, town",
    "region": "state, county, region, province",
    "postcode": "postcode, post code, zip, zip code, postal code",
    "country": "country",
    "budget": "price, asking price, list price, listing price, budget, price range, maximum price, max price, investment amount",
    "timeframe": "timeframe, time frame, timeline, purchase timeline, purchase timeframe, move in date, moving date, desired move in",
    "company": "company, company name",
    "job_title": "job title",
}
KNOWN = {label: field for field, labels in _LABELS.items() for label in labels.split(", ")}
# Whose it is: `Lead Name`, `Buyer's Email`. An agent's or an office's are not here, and so are never taken for the person's.
_WHOSE = re.compile(
    r"(?:your|lead|buyer|customer|client|contact|prospect|enquirer|consumer|applicant|sender|visitor|guest|renter)s? (?:s )?"
)
_HEADER_LABELS = frozenset(("bcc", "cc", "date", "from", "reply to", "sent", "subject", "to"))

_LINE = re.compile(r"([A-Za-z][A-Za-z0-9 /&'’().#-]{0,39}?)[ *_]{0,4}(?::|：)(?!//) *(.*)", re.DOTALL)
_RULE = re.compile(r"[-_=*~#]{3,}")
_FOOTER = re.compile(
    r"(?:to )?unsubscribe|this (?:e-?mail|message) (?:was|is|has)|sent (?:from|by|via) |please do not reply|do not reply|©|copyright "
    r"|privacy policy|terms of |manage your |view (?:this|the) (?:lead|enquiry|inquiry|message)",
    re.IGNORECASE,
)
_PERSON = r"([^\W\d_][\w'’.-]{0,30}(?: [^\W\d_][\w'’.-]{0,30}){1,3})"
_SUBJECTS = (
    re.compile(rf"\b(?:lead|enquiry|inquiry|message|request|referral) (?:from|by) {_PERSON}", re.IGNORECASE),
    re.compile(rf"\b(?:lead|enquiry|inquiry|buyer|contact|customer) ?[-–—:] ?{_PERSON}", re.IGNORECASE),
    re.compile(rf"^{_PERSON} (?:is|has|would|wants|sent|requested|asked|inquired|enquired)\b", re.IGNORECASE),
)
# A person's name in a subject ends where one of these stands.
_NOT_NAMES = re.compile(r"an?|about|and|at|for|from|in|is|new|on|re|regarding|the|to|via|with|your?", re.IGNORECASE)


def read_portal_text(text: str) -> dict[str, Any]:
    """What the lines say: normal fields for known labels, the first of a field; other labels in lower case with underscores."""
    reader = _Reader()
    for line in tidy(text).split("\n")[:MAX_LINES]:
        reader.take(line)
    reader.close()
    return reader.answers


def name_in_subject(subject: str) -> str | None:
    """The person's name, as in `New realtor.com lead - Ada Lovelace` and `Ada Lovelace is interested in 12 Main St`."""
    for pattern in _SUBJECTS:
        if (match := pattern.search(" ".join(subject[:300].split()))) and (name := _only_names(match[1])):
            return name
    return None


class _Reader:
    """Takes line after line. A value is on its label's line, or below it up to an empty line; a message goes on to the next known label."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self._key: str | None = None
        self._lines: list[str] = []

    def take(self, line: str) -> None:
        found = _labelled(line.strip(" *•·–>|-"), in_message=self._key == "message")
        if found is not None:
            self.close()
            self._key, self._lines = found[0], [found[1]]
        elif self._key is None:
            return
        elif self._ends_at(line):
            self.close()
        else:
            self._lines.append(line)

    def _ends_at(self, line: str) -> bool:
        if self._key == "message":
            return bool(_RULE.fullmatch(line) or _FOOTER.match(line))
        return bool(self._lines[0]) or (not line and any(self._lines))

    def close(self) -> None:
        key, value = self._key, "\n".join(self._lines).strip().replace("\t", " ")
        self._key, self._lines = None, []
        if not key or key.replace("_", " ") in _HEADER_LABELS or len(self.answers) >= MAX_ANSWERS:
            return
        if key == "email":
            value = next(iter(addresses(value)), "")
        if value:
            self.answers.setdefault(key, value)


def _labelled(line: str, *, in_message: bool) -> tuple[str, str] | None:
    """The field and the value on a line. Within a message only known labels end it: people write colons too."""
    if match := _LINE.fullmatch(line[:5000]):
        label, value = match[1], match[2].strip("* \t")
    elif "\t" in line:
        label, _, value = line.partition("\t")
        if _field(label) is None:
            return None
    else:
        return None
    field = _field(label)
    if field is None and in_message:
        return None
    return field or "_".join(_words(label).split())[:60], value


def _field(label: str) -> str | None:
    words = _words(label)
    return KNOWN.get(words) or KNOWN.get(_WHOSE.sub("", words, count=1))


def _words(label: str) -> str:
    return " ".join(re.findall(r"[a-z0-9]+", label.lower()))


def _only_names(words: str) -> str | None:
    """The leading words that begin with a capital and are no words of the sentence; a name has two at least."""
    name: list[str] = []
    for word in words.split():
        if _NOT_NAMES.fullmatch(word.strip(".")) or not word[0].isupper():
            break
        name.append(word)
    return " ".join(name).rstrip(".-") if len(name) > 1 else None
