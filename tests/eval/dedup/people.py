"""Invented people and how they belong together: households, companies, namesakes, twins, fathers and sons of one name."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from random import Random

from tests.eval.dedup.draw import Place, first_name, mail_letters, phone, place, private_mail, surname
from tests.eval.dedup.pools import COMPANY_ENDS, COMPANY_STEMS, LOCALES, NICKNAMES, Locale


@dataclass(frozen=True)
class Rates:
    """How often what happens: shares, unless it says otherwise. Assumptions, to be argued with.

    Where there is a public figure it is taken: households and their sizes from census tables, one birth in sixty a twin's, an e-mail
    address left behind in four or five years, a job in four, a flat in ten, a number in seven, one typed field in fifty to a hundred
    with a slip. The rest are guesses. They were revised twice, on a tuning seed and before any other was looked at: the first draft
    let people use an address of work or of home by the toss of a coin, the second let a quarter of a year go by from one
    submission to the next. ROUGH is the second draft, with twice the slips.
    """

    employed: float = 0.6  # and willing to name the company
    on_business: float = 0.7  # of those employed: interested for their company, and so with its address and number
    in_household: float = 0.3  # with others who also send something
    household_mailbox: float = 0.06  # of households: one address read by all of them
    household_browser: float = 0.25  # of households: one computer, with its visitor id
    landline: float = 0.35  # of households and of people alone
    twins: float = 0.02  # of households with children
    same_name_father: float = 0.01  # of households with children; half of them write Jr
    namesake: float = 0.03  # has somebody's whole name, anywhere
    near_namesake: float = 0.008  # and lives in the same city
    colleague_namesake: float = 0.002  # and works in the same company: john.smith2@
    goes_by_nickname: float = 0.15
    second_private_mail: float = 0.25

    # For each submission:
    one_off_nickname: float = 0.04
    swapped: float = 0.012
    name_slip: float = 0.02
    initial_only: float = 0.015
    first_only: float = 0.02
    plain_letters: float = 0.5  # where a name has letters that not every keyboard has
    odd_case: float = 0.12
    email_slip: float = 0.012
    provider_slip: float = 0.006
    plus_tag: float = 0.02
    dots: float = 0.03  # at Gmail, with or without
    phone_slip: float = 0.012
    other_mail: float = 0.05  # of those employed: for once the private address instead of the one at work, or the other way round
    other_private_mail: float = 0.1  # of those who have two
    other_phone: float = 0.1  # another of one's own numbers than usual
    role_mailbox: float = 0.01  # of those employed: info@ of the company
    others_phone: float = 0.01  # a partner's or a colleague's handset
    company_spelling: float = 0.25
    visitor: float = 0.3  # the site's script knows the browser
    same_click: float = 0.03  # the second form of one visit from one ad

    # Between one submission and the next, which come a month apart on average:
    new_private_mail: float = 0.018
    new_job: float = 0.02
    moved: float = 0.01
    new_mobile: float = 0.012
    married: float = 0.002


# The same people, but a quarter of a year goes by between submissions, they use their other address oftener, and slip twice as often.
ROUGH = Rates(
    name_slip=0.04,
    email_slip=0.024,
    provider_slip=0.012,
    phone_slip=0.024,
    other_mail=0.12,
    other_private_mail=0.15,
    other_phone=0.15,
    new_private_mail=0.03,
    new_job=0.03,
    moved=0.03,
    new_mobile=0.02,
    married=0.004,
)


@dataclass
class Company:
    id: int
    locale: Locale
    name: str
    form: str
    domain: str
    switchboard: str
    place: Place
    style: int  # how its addresses are made
    mailboxes: set[str] = field(default_factory=set)


@dataclass
class Person:
    """Somebody as they are now; they change between submissions."""

    id: int
    locale: Locale
    woman: bool
    first: str
    last: str
    nickname: str | None
    suffix: str
    place: Place
    private: str
    mobile: str
    landline: str | None
    household: int | None
    company: Company | None
    work: str | None
    browser: str
    on_business: bool = False
    usual_phone: str = "mobile"  # or direct, switchboard, landline
    second_private: str | None = None
    household_mailbox: str | None = None
    direct: str | None = None
    twin: int | None = None


@dataclass
class Town:
    people: list[Person]
    companies: list[Company]
    mailboxes: set[str] = field(default_factory=set)  # private ones that are taken

    def household_of(self, person: Person) -> list[Person]:
        """The others who live there and send something too."""
        return [
            other
            for other in self.people[max(person.id - 4, 0) : person.id + 5]
            if other.household == person.household is not None
        ]


def settle(random: Random, rates: Rates, *, count: int) -> Town:
    """A town of `count` people, give or take a household."""
    town = Town([], [_company(random, n) for n in range(max(count // 9, 3))])
    while len(town.people) < count:
        if random.random() < rates.in_household * 0.42:  # a household brings 2.4 people on average
            town.people.extend(_household(random, rates, town))
        else:
            town.people.append(_alone(random, rates, town))
    return town


def work_mail(company: Company, first: str, last: str) -> str:
    """By the company's own rule; the second of a name gets a number."""
    first, last = mail_letters(first), mail_letters(last)
    local = (f"{first}.{last}", f"{first[:1]}{last}", f"{first[:1]}.{last}", first, f"{last}")[company.style]
    taken = sum(1 for box in company.mailboxes if box.rstrip("0123456789") == local)
    local = f"{local}{taken + 1 if taken else ''}"
    company.mailboxes.add(local)
    return f"{local}@{company.domain}"


def settle_in(random: Random, rates: Rates, person: Person, town: Town) -> None:
    """What somebody does for a living, and which of their numbers and addresses they usually give."""
    if person.company is None and random.random() < rates.employed:
        employ(random, person, town.companies)
    person.on_business = person.company is not None and random.random() < rates.on_business
    if person.on_business:
        person.usual_phone = random.choices(["mobile", "direct" if person.direct else "mobile", "switchboard"], [50, 30, 20])[0]
    elif person.landline:
        person.usual_phone = random.choices(["mobile", "landline"], [75, 25])[0]


def employ(random: Random, person: Person, companies: list[Company]) -> None:
    """Large companies have more people: every draw is the smaller of two."""
    near = [company for company in companies if company.locale.country == person.locale.country] or companies
    company = near[min(random.randrange(len(near)), random.randrange(len(near)))]
    person.company, person.work = company, work_mail(company, person.first, person.last)
    person.direct = phone(random, person.locale, person.locale.landline) if random.random() < 0.5 else None


def _company(random: Random, id: int) -> Company:
    locale = random.choice(LOCALES)
    name = f"{random.choice(COMPANY_STEMS)} {random.choice(COMPANY_ENDS)}"
    if random.random() < 0.25:
        name = f"{surname(random, locale)} {random.choice(('& Sons', 'Group', random.choice(COMPANY_ENDS)))}"
    tld = {"US": "com", "GB": "co.uk", "DE": "de", "FR": "fr", "ES": "es", "IT": "it", "PL": "pl", "UA": "com.ua"}[locale.country]
    words = [mail_letters(word) for word in name.split() if word not in ("&", "Sons", "Group")]
    domain = f"{random.choice(('', '-')).join(words)}{id if random.random() < 0.5 else ''}.{tld}"
    switchboard = phone(random, locale, locale.landline)
    style = random.choices(range(5), [45, 25, 15, 10, 5])[0]
    return Company(id, locale, name, random.choice(locale.forms), domain, switchboard, place(random, locale), style)


def _alone(random: Random, rates: Rates, town: Town) -> Person:
    model = random.choice(town.people) if town.people and random.random() < rates.namesake else None
    if model is None:
        locale, woman = random.choice(LOCALES), random.random() < 0.5
        person = _person(
            random, rates, town, len(town.people), locale, woman, first_name(random, locale, woman), surname(random, locale)
        )
    else:
        person = _person(random, rates, town, len(town.people), model.locale, model.woman, model.first, model.last)
        if random.random() < rates.near_namesake / rates.namesake:
            person.place = replace(person.place, city=model.place.city, postcode=model.place.postcode)
    if model and model.company and random.random() < rates.colleague_namesake / rates.namesake / rates.employed:
        person.company, person.work = model.company, work_mail(model.company, person.first, person.last)
    settle_in(random, rates, person, town)
    return person


def _person(random: Random, rates: Rates, town: Town, id: int, locale: Locale, woman: bool, first: str, last: str) -> Person:
    short = NICKNAMES.get(first)
    return Person(
        id=id,
        locale=locale,
        woman=woman,
        first=first,
        last=last,
        nickname=random.choice(short) if short and random.random() < rates.goes_by_nickname else None,
        suffix="",
        place=place(random, locale),
        private=private_mail(random, locale, first, last, taken=town.mailboxes),
        mobile=phone(random, locale, locale.mobile),
        landline=phone(random, locale, locale.landline) if random.random() < rates.landline else None,
        household=None,
        company=None,
        work=None,
        browser=f"browser-{id}",
        second_private=private_mail(random, locale, first, last, taken=town.mailboxes)
        if random.random() < rates.second_private_mail
        else None,
    )


def _household(random: Random, rates: Rates, town: Town) -> list[Person]:
    """A couple, or a couple or one parent with children who are old enough to send something."""
    locale, id = random.choice(LOCALES), len(town.people)
    last = surname(random, locale)
    couple = random.random() < 0.8
    children = random.choices([0, 1, 2], [60, 28, 12] if couple else [0, 70, 30])[0]
    members: list[Person] = []
    for n in range((2 if couple else 1) + children):
        woman = (n == 0) if n < 2 and couple else random.random() < 0.5
        name = last if n != 1 or not couple or random.random() < 0.8 else surname(random, locale)
        first = first_name(random, locale, woman)
        while any(member.first == first for member in members):
            first = first_name(random, locale, woman)
        members.append(_person(random, rates, town, id + n, locale, woman, first, name))
    if children:
        _children_like_their_parents(random, rates, members, couple=couple, taken=town.mailboxes)
    _live_together(random, rates, members, id)
    for member in members:
        settle_in(random, rates, member, town)
    return members


def _children_like_their_parents(random: Random, rates: Rates, members: list[Person], *, couple: bool, taken: set[str]) -> None:
    father, child = members[1 if couple else 0], members[-1]
    if random.random() < rates.same_name_father and not father.woman:
        child.first, child.last, child.nickname, child.woman = father.first, father.last, None, False
        if random.random() < 0.5:
            child.suffix = "Jr"
    elif len(members) > 3 and random.random() < rates.twins * 3:  # twins are looked for where there are two children
        child.twin, members[-2].twin = members[-2].id, child.id
        pool = child.locale.women if child.woman else child.locale.men
        alike = [name for name in pool if name[0] == members[-2].first[0] and name != members[-2].first]
        child.first = random.choice(alike) if alike else child.first
    child.private = private_mail(random, child.locale, child.first, child.last, taken=taken)


def _live_together(random: Random, rates: Rates, members: list[Person], id: int) -> None:
    head = members[0]
    landline = phone(random, head.locale, head.locale.landline) if random.random() < rates.landline else None
    mailbox = None
    if random.random() < rates.household_mailbox:
        name = f"{random.choice(('the', 'family.', ''))}{mail_letters(head.last)}{random.randint(1, 99)}"
        mailbox = f"{name}@{random.choice(head.locale.providers)}"
    together = random.random() < rates.household_browser
    for member in members:
        member.place, member.landline, member.household, member.household_mailbox = head.place, landline, id, mailbox
        if together:
            member.browser = f"browser-of-{id}"
