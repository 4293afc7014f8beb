"""What people send: a channel's fields, filled in as people fill in forms. Each submission knows who sent it and what is odd about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from tests.eval.dedup.draw import ascii_letters, phone, place, private_mail, surname, umlauts_written_out
from tests.eval.dedup.people import Company, Person, Rates, Town, employ
from tests.eval.dedup.pools import NICKNAMES

NEIGHBOURS = {
    c: row[max(n - 1, 0)] + row[min(n + 1, len(row) - 1)]
    for row in ("qwertyuiop", "asdfghjkl", "zxcvbnm")
    for n, c in enumerate(row)
}
REPEATS = ((1, 55), (2, 24), (3, 10), (4, 5), (5, 3), (7, 2), (10, 1))  # submissions a person: how many, and how usual


@dataclass(frozen=True)
class Channel:
    """How many come by it of those who ask for their company and for themselves, which fields it has, and how often they are filled in.

    `parted`: first and last name have a field each.
    """

    name: str
    business: int
    private: int
    parted: float
    named: float
    email: float
    phone: float
    company: float = 0.0
    city: float = 0.0
    address: float = 0.0


CHANNELS = (
    Channel("form", 40, 35, parted=0.7, named=0.97, email=0.98, phone=0.6, company=0.6, city=0.35, address=0.1),
    Channel("ads", 10, 25, parted=0.2, named=1.0, email=0.95, phone=0.85, company=0.15, city=0.3),
    Channel("portal", 0, 25, parted=0.3, named=0.98, email=0.9, phone=0.75, city=0.6, address=0.3),
    Channel("fair", 22, 0, parted=0.9, named=1.0, email=0.85, phone=0.65, company=0.97, city=0.7),
    Channel("list", 15, 3, parted=0.6, named=1.0, email=0.75, phone=0.7, company=0.7, city=0.8, address=0.5),
    Channel("newsletter", 8, 6, parted=0.5, named=0.3, email=1.0, phone=0.0),
    Channel("callback", 5, 6, parted=0.1, named=0.8, email=0.0, phone=1.0),
)


@dataclass(frozen=True)
class Submission:
    """`person` is the truth that recognition must find; `noise` says what kinds of trouble are in the fields.

    `ties` are what in it, but for noise, belongs to this person and could be in another submission of theirs: the mailbox and the number
    that were meant, the browser, and with a name the company or the address.
    """

    person: int
    channel: str
    fields: dict[str, str]
    noise: frozenset[str]
    ties: frozenset[str]


@dataclass
class _Draft:
    random: Random
    rates: Rates
    fields: dict[str, str] = field(default_factory=dict)
    noise: set[str] = field(default_factory=set)
    ties: set[str] = field(default_factory=set)
    named: bool = False

    def chance(self, share: float, noise: str = "") -> bool:
        happens = self.random.random() < share
        if happens and noise:
            self.noise.add(noise)
        return happens


def submissions(random: Random, rates: Rates, town: Town) -> list[Submission]:
    """Everybody's submissions, in the order in which they come in: people's are spread over the whole time."""
    counts = random.choices([n for n, _ in REPEATS], [weight for _, weight in REPEATS], k=len(town.people))
    turns = [(random.random(), person) for person, count in zip(town.people, counts, strict=True) for _ in range(count)]
    turns.sort(key=lambda turn: turn[0])
    changes: dict[int, set[str]] = {}
    clicks: dict[int, str] = {}
    made = []
    for n, (_, person) in enumerate(turns):
        if person.id in changes:
            changes[person.id] |= _live_on(random, rates, person, town)
        else:
            changes[person.id] = set()
        draft = _Draft(random, rates)
        shares = [channel.business if person.on_business else channel.private for channel in CHANNELS]
        channel = random.choices(CHANNELS, shares)[0]
        _fill(draft, channel, person, town.household_of(person))
        _trace(draft, person, clicks, n)
        made.append(
            Submission(person.id, channel.name, draft.fields, frozenset(draft.noise | changes[person.id]), frozenset(draft.ties))
        )
    return made


def _live_on(random: Random, rates: Rates, person: Person, town: Town) -> set[str]:
    """What changed in a life since the last submission."""
    changed = set()
    if random.random() < rates.new_private_mail:
        person.private = private_mail(random, person.locale, person.first, person.last, taken=town.mailboxes)
        changed.add("new e-mail")
    if random.random() < rates.moved:
        person.place, person.landline = place(random, person.locale), None
        changed.add("moved house")
    if random.random() < rates.new_mobile:
        person.mobile = phone(random, person.locale, person.locale.mobile)
        changed.add("new mobile")
    if person.company and random.random() < rates.new_job:
        employ(random, person, town.companies)
        changed.add("new job")
    if person.woman and random.random() < rates.married * 2:
        person.last = surname(random, person.locale)
        changed.add("married")
    return changed


def _fill(draft: _Draft, channel: Channel, person: Person, household: list[Person]) -> None:
    at_work = person.on_business
    if person.company is not None and draft.chance(draft.rates.other_mail, "work or private"):
        at_work = not at_work
    if draft.chance(channel.named):
        _fill_name(draft, channel, person)
    else:
        draft.noise.add("no name")
    if draft.chance(channel.email):
        draft.fields["email"] = _email(draft, person, at_work)
    if draft.chance(channel.phone):
        draft.fields["phone"] = _phone(draft, person, household)
    if person.company and draft.chance(channel.company):
        draft.fields["company"] = _company(draft, person.company)
        if draft.named:
            draft.ties.add(f"company {person.company.id}")
    if "email" not in draft.fields and "phone" not in draft.fields:
        draft.fields["email"] = person.private
        draft.ties.add(person.private)
    _fill_place(draft, channel, person, at_work)


def _fill_name(draft: _Draft, channel: Channel, person: Person) -> None:
    rates, first, last = draft.rates, person.first, person.last
    nick = person.nickname if person.nickname and draft.chance(0.7) else None
    if nick is None and first in NICKNAMES and draft.chance(rates.one_off_nickname):
        nick = draft.random.choice(NICKNAMES[first])
    if nick:
        draft.noise.add("nickname")
        first = nick
    if not (first + last).isascii() and draft.chance(rates.plain_letters, "plain letters"):
        written = umlauts_written_out if draft.chance(0.5) else str
        first, last = ascii_letters(written(first)), ascii_letters(written(last))
    if draft.chance(rates.name_slip, "name slip"):
        first, last = (first, slip(draft.random, last)) if draft.chance(0.6) else (slip(draft.random, first), last)
    if draft.chance(rates.initial_only, "initial"):
        first = f"{first[0]}."
    if draft.chance(rates.swapped, "swapped"):
        first, last = last, first
    if person.suffix and draft.chance(0.7):
        last = f"{last} {person.suffix}"
    if draft.chance(rates.first_only, "first name only"):
        last = ""
    draft.named = bool(last)
    if draft.chance(rates.odd_case, "case"):
        change: Callable[[str], str] = draft.random.choice((str.upper, str.lower))
        first, last = change(first), change(last)
    if draft.chance(channel.parted):
        draft.fields.update({"first_name": first} | ({"last_name": last} if last else {}))
    else:
        draft.fields["name"] = f"{last}, {first}" if last and draft.chance(0.04) else f"{first} {last}".strip()


def _email(draft: _Draft, person: Person, at_work: bool) -> str:
    rates, random = draft.rates, draft.random
    email = person.private
    if at_work and person.company and person.work:
        email = person.work
        if draft.chance(rates.role_mailbox, "role mailbox"):
            return f"{random.choice(('info', 'sales', 'office'))}@{person.company.domain}"
    elif person.household_mailbox and draft.chance(0.5, "family mailbox"):
        email = person.household_mailbox
    elif person.second_private and draft.chance(rates.other_private_mail, "second private mail"):
        email = person.second_private
    draft.ties.add(email)
    local, _, domain = email.partition("@")
    if draft.chance(rates.email_slip, "e-mail slip"):
        local = slip(random, local)
    elif not at_work and draft.chance(rates.provider_slip, "provider slip"):
        name, dot, tld = domain.partition(".")
        domain = slip(random, name) + dot + tld
    if not at_work and draft.chance(rates.plus_tag, "plus tag"):
        local = f"{local}+{random.choice(('news', 'forms', 'shop'))}"
    if domain == "gmail.com" and "+" not in local and draft.chance(rates.dots, "dots"):
        local = local.replace(".", "") if "." in local else f"{local[:2]}.{local[2:]}"
    email = f"{local}@{domain}"
    return email.upper() if draft.chance(0.02) else email.capitalize() if draft.chance(0.05) else email


def _phone(draft: _Draft, person: Person, household: list[Person]) -> str:
    rates, random = draft.rates, draft.random
    others = [member for member in household if member.id != person.id]
    usual = person.usual_phone
    if draft.chance(rates.other_phone, "another own number"):
        usual = random.choice(("mobile", "landline", "direct" if person.direct else "switchboard"))
    numbers = {"mobile": person.mobile, "landline": person.landline, "direct": person.direct}
    if others and draft.chance(rates.others_phone * 3, "another's handset"):
        number = random.choice(others).mobile
    elif usual == "switchboard" and person.company:
        draft.noise.add("switchboard")
        number = person.company.switchboard
    else:
        number = numbers.get(usual) or person.mobile
    if draft.named or number in (person.mobile, person.direct):
        draft.ties.add(number)
    if draft.chance(rates.phone_slip, "phone slip"):
        n = random.randrange(len(person.locale.code) + 4, len(number))
        number = number[:n] + str((int(number[n]) + random.randint(1, 9)) % 10) + number[n + 1 :]
    return _written(random, number, person.locale.code, person.locale.country)


def _written(random: Random, number: str, code: str, country: str) -> str:
    """One of the ways in which people write their number. Those without a country code are read by the source's region."""
    rest = number[1 + len(code) :]
    trunk = "" if country in ("US", "ES", "IT", "PL") else "0"
    grouped = " ".join(rest[n : n + 3] for n in range(0, len(rest), 3))
    return random.choice(
        [
            number,
            f"+{code} {grouped}",
            f"00{code}{rest}" if country != "US" else f"1-{rest}",
            f"{trunk}{rest}",
            f"{trunk}{grouped}",
        ]
    )


def _company(draft: _Draft, company: Company) -> str:
    forms = company.form.split("|")
    name, form = company.name, forms[0]
    if draft.chance(draft.rates.company_spelling, "company spelling"):
        form = draft.random.choice((*forms, ""))
        if draft.chance(0.15):
            name = slip(draft.random, name)
        if draft.chance(0.2):
            name = name.upper()
        if "&" in name and draft.chance(0.5):
            name = name.replace("&", "and")
    return f"{name} {form}".strip()


def _fill_place(draft: _Draft, channel: Channel, person: Person, at_work: bool) -> None:
    here = person.company.place if at_work and person.company else person.place
    draft.fields["country"] = person.locale.country
    if draft.chance(channel.city):
        draft.fields["city"] = here.city.upper() if draft.chance(0.05) else here.city
        if draft.chance(0.6):
            draft.fields["postcode"] = here.postcode
            if draft.named:
                draft.ties.add(here.postcode)
    if draft.chance(channel.address):
        template = person.locale.street
        begin, _, rest = template.partition("{" + _choice(template) + "}")
        street = f"{begin}{draft.random.choice(_choice(template).split('|'))}{rest}"
        draft.fields["street"] = street.format(n=here.number, name=here.street.replace("-", " ")).strip()
        draft.fields |= {"city": here.city, "postcode": here.postcode}
        if draft.named:
            draft.ties.add(here.postcode)


def _choice(template: str) -> str:
    return next(part for part in (piece.partition("}")[0] for piece in template.split("{")[1:]) if part not in ("n", "name"))


def _trace(draft: _Draft, person: Person, clicks: dict[int, str], n: int) -> None:
    if draft.chance(draft.rates.visitor):
        draft.fields["visitor_id"] = person.browser
        draft.ties.add(person.browser)
    if draft.chance(0.2):
        last = clicks.get(person.id)
        clicks[person.id] = last if last and draft.chance(draft.rates.same_click * 5) else f"click-{n}"
        draft.fields["gclid"] = clicks[person.id]
        draft.ties.add(clicks[person.id])


def slip(random: Random, text: str) -> str:
    """One slip of the finger after the first letter: a neighbouring key, two letters changed about, one left out or doubled."""
    if len(text) < 4:
        return text
    n = random.randrange(1, len(text) - 1)
    neighbours = NEIGHBOURS.get(text[n], text[n])
    return random.choice(
        [
            text[:n] + random.choice(neighbours) + text[n + 1 :],
            text[:n] + text[n + 1] + text[n] + text[n + 2 :],
            text[:n] + text[n + 1 :],
            text[:n] + text[n] + text[n:],
        ]
    )
