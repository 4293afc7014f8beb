"""Weighing fuzzy evidence: how likely two contacts are one person, from how each of their fields compares.

The model is Fellegi and Sunter's (A Theory for Record Linkage, JASA 64, 1969), in bits: each field adds log2(m/u), where m is how often
that comparison comes out so for one person and u for two; a prior stands for how rare a match is. Fields that say the same thing twice (a
postcode and its city, a company and its domain) are one comparison, because the model takes them for independent. Agreement on
a rare surname says more than on a frequent one (Winkler 1989). Where the independence fails badly, a family at one address and
namesakes in one company, the evidence against is a veto. Where the names are the veto, nothing else is compared: most contacts that meet in
a block of a phone or a place are a family or colleagues.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from enum import StrEnum

from rapidfuzz import fuzz
from rapidfuzz.distance import OSA

from services.intake.domain.likeness.evidence import Evidence, Verdict
from services.intake.domain.likeness.frequent import FREQUENT_SURNAMES
from services.intake.domain.likeness.mailboxes import (
    digits,
    domain_slip,
    letter_slip,
    made_of_name,
    numbered,
    one_mailbox,
    only_letters,
    slipped_mailbox,
    spells,
)
from services.intake.domain.likeness.names import AGREE, MAY_AGREE, Agreement, NameAgreement, compare_names, slipped
from services.intake.domain.likeness.profile import Profile

PRIOR = -20.0  # bits: one pair in a million
THRESHOLD = 0.95  # from here on two contacts are merged
SUGGESTED = 0.5  # from here on a person is asked
VETO = -60.0  # more than all that can speak for it

# How names compare, with m and u as rounded logarithms: a first name is shared by about 1 in 60, a frequent surname by 1 in 250, any
# other by 1 in 8,000 or fewer. These and the weights below were set on the tuning seeds of tests/eval/dedup.
FIRST = {Agreement.SAME: 6.5, Agreement.VARIANT: 5.5, Agreement.CLOSE: 4.5, Agreement.INITIAL: 2.0, Agreement.DIFFERS: VETO}
LAST = {Agreement.SAME: 13.0, Agreement.VARIANT: 9.0, Agreement.CLOSE: 8.0, Agreement.INITIAL: 2.0, Agreement.DIFFERS: -7.0}
FREQUENT_LAST = {Agreement.SAME: 8.0, Agreement.CLOSE: 5.5}

# What the mailbox of somebody who gave no last name says, by how much of the other's name is in it.
SPELT = Evidence("name", "one gave none or half, and their mailbox spells the other's", 16.0)
FREQUENT_SPELT = Evidence("name", "one gave none or half, and their mailbox spells the other's, which is frequent", 13.5)
HALF_SPELT = Evidence("name", "one gave none or half, and their mailbox spells the other's in short", 9.5)
PART_SPELT = Evidence("name", "one gave none or half, and their mailbox is half of the other's", 6.0)
NUMBERED = Evidence("company", "same, in which two have that name", 3.0)


class Decision(StrEnum):
    MERGE = "merge"
    SUGGEST = "suggest"
    APART = "apart"


def weigh(a: Profile, b: Profile) -> Verdict:
    """How likely `a` and `b` are one person. Symmetric, and without an opinion on fields that one of them lacks.

    Where the first names, or junior and senior, rule it out, the verdict is of the names alone, and always apart.
    """
    names = compare_names(a.name, b.name)
    if names.first is Agreement.DIFFERS and one_mailbox(a, b) and slipped(a.name, b.name):
        names = replace(names, first=Agreement.CLOSE)
    evidence = list(_weigh_names(a, b, names))
    if Agreement.DIFFERS not in (names.first, names.generation):
        evidence += [one for one in _weigh_fields(a, b, names) if one]
    evidence.sort(key=lambda one: (-abs(one.weight), one.field))
    bits = PRIOR + sum(one.weight for one in evidence)
    return Verdict(1 / (1 + 2.0 ** -max(bits, -200.0)), tuple(evidence))


def _weigh_fields(a: Profile, b: Profile, names: NameAgreement) -> Iterable[Evidence | None]:
    spelt = _weigh_spelt(a, b)
    vouched = (names.first in MAY_AGREE and names.last in MAY_AGREE) or spelt in (SPELT, FREQUENT_SPELT)
    return (
        _weigh_email(a, b, names),
        _weigh_phone(a, b),
        *_once(_weigh_company(a, b), _weigh_place(a, b), vouched=vouched),
        _weigh_keys(a, b),
        spelt,
    )


def decide(verdict: Verdict, threshold: float = THRESHOLD) -> Decision:
    """Merge from the threshold on, ask a person from SUGGESTED on, and leave the rest apart."""
    if verdict.score >= threshold:
        return Decision.MERGE
    return Decision.SUGGEST if verdict.score >= SUGGESTED else Decision.APART


def _once(company: Evidence | None, place: Evidence | None, *, vouched: bool) -> Iterable[Evidence | None]:
    """Colleagues are in one place because their company is: of two that agree, the weaker says next to nothing more.

    Neither does where the names do not vouch for one person: whoever else answers that number is a colleague or lives there too.
    """
    if company and place and company.weight > 0 > place.weight and place.says == "another place":
        place = None  # one address at work and one at home
    company_tells = vouched and (not place or not company or company.weight >= place.weight)
    place_tells = vouched and (not place or not company or company.weight < place.weight)
    return (company if company_tells else _weakened(company)), (place if place_tells else _weakened(place))


def _weakened(evidence: Evidence | None) -> Evidence | None:
    return replace(evidence, weight=1.0) if evidence and evidence.weight > 1 else evidence


def _weigh_names(a: Profile, b: Profile, names: NameAgreement) -> Iterable[Evidence]:
    if names.first is not Agreement.UNKNOWN:
        yield Evidence("first_name", names.first.value, FIRST[names.first])
    if names.last is Agreement.DIFFERS and names.first in AGREE and (renamed := _renamed(a, b)):
        yield renamed
    elif names.last is not Agreement.UNKNOWN:
        frequent = names.last in FREQUENT_LAST and not FREQUENT_SURNAMES.isdisjoint((a.name.last, b.name.last))
        yield Evidence(
            "last_name", f"{names.last.value}{', and frequent' * frequent}", (FREQUENT_LAST if frequent else LAST)[names.last]
        )
    if names.swapped:
        yield Evidence("name", "first and last name swapped", -1.0)
    if names.generation is Agreement.DIFFERS:
        yield Evidence("name", "junior and senior", VETO)
    elif names.generation is Agreement.UNKNOWN:
        yield Evidence("name", "only one says junior or senior", -6.0)


def _renamed(a: Profile, b: Profile) -> Evidence | None:
    """Whoever marries keeps the mailbox made of the old name, and the number, which at home nobody of that first name shares."""
    if spells(a.email_local, b.name) or spells(b.email_local, a.name):
        return Evidence("last_name", "another, which the other's mailbox spells", 4.0)
    at_work = a.company or b.company or a.company_domain or b.company_domain
    if a.phone and a.phone == b.phone and not at_work:
        return Evidence("last_name", "another, at the same number at home", -1.0)
    return None


def _weigh_spelt(a: Profile, b: Profile) -> Evidence | None:
    """The mailbox of somebody who gave no last name may spell the other's."""
    if bool(a.name.last) is bool(b.name.last) or one_mailbox(a, b):
        return None
    whole, part = (a, b) if a.name.last else (b, a)
    # One slip away from the other's, it was meant to spell what that one spells.
    mailbox = whole.email_local if slipped_mailbox(a, b) else part.email_local
    if spells(mailbox, whole.name):
        if whole.name.last not in mailbox:
            return HALF_SPELT
        return FREQUENT_SPELT if whole.name.last in FREQUENT_SURNAMES else SPELT
    letters = only_letters(part.email_local)
    if letters in (whole.name.first, whole.name.last) and len(letters) > 2:
        return PART_SPELT
    return None


def _weigh_email(a: Profile, b: Profile, names: NameAgreement) -> Evidence | None:
    if not a.email_local or not b.email_local:
        return None
    if a.email_domain == b.email_domain:
        return _weigh_mailboxes(a, b, names)
    if a.email_local == b.email_local:
        if domain_slip(a, b):
            return Evidence("email", "domain one slip away", 12.0)
        if made_of_name(a) or made_of_name(b):
            return Evidence("email", "same mailbox name elsewhere, made of the person's name", 1.0)
        return Evidence("email", "same mailbox name elsewhere", 10.0)
    if a.work_email and b.work_email:
        return Evidence("email", "at another company", -1.0)
    if a.work_email or b.work_email:
        return None  # whoever has an address at work has another at home
    return Evidence("email", "another address", -1.0)


def _weigh_mailboxes(a: Profile, b: Profile, names: NameAgreement) -> Evidence:
    """Two mailboxes of one provider or company."""
    if a.email_local == b.email_local:
        return Evidence("email", "same", 26.0)
    agree = names.first in AGREE and names.last in AGREE
    if letter_slip(a, b) and (names.last in AGREE or names.last is Agreement.UNKNOWN):
        return Evidence("email", "one slip away", 12.0)
    if not a.work_email:
        return Evidence("email", "another address", -1.0)
    if agree and made_of_name(a) and made_of_name(b) and not (digits(a.email_local) or digits(b.email_local)):
        return Evidence("email", "another form of the name at the same company", -6.0)
    return Evidence("email", "another mailbox at the same company", VETO)


def _weigh_phone(a: Profile, b: Profile) -> Evidence | None:
    """A number speaks loudest of who gave nothing else: without a name or an address of their own they are whoever answers it."""
    if not a.phone or not b.phone:
        return None
    if a.phone == b.phone:
        bare = not (a.name.is_known and b.name.is_known) and not (a.email_local and b.email_local)
        return Evidence("phone", "same, and one side gave no name", 25.0) if bare else Evidence("phone", "same", 20.0)
    if min(len(a.phone), len(b.phone)) > 7 and OSA.distance(a.phone, b.phone, score_cutoff=1) == 1:
        return Evidence("phone", "one digit away", 11.0)
    return Evidence("phone", "another number", -1.0)


def _weigh_company(a: Profile, b: Profile) -> Evidence | None:
    if a.company_domain and a.company_domain == b.company_domain:
        return Evidence("company", "same domain", 13.0) if not (numbered(a) or numbered(b)) else NUMBERED
    if not a.company or not b.company:
        return Evidence("company", "named as the other's domain", 12.0) if _domain_of(a, b) or _domain_of(b, a) else None
    one, other = min(a.company, b.company), max(a.company, b.company)
    if one == other:
        return NUMBERED if numbered(a) or numbered(b) else Evidence("company", "same", 12.5)
    if fuzz.ratio(one.replace(" ", ""), other.replace(" ", "")) >= 88 or fuzz.token_sort_ratio(one, other) >= 92:
        return Evidence("company", "close", 12.0)
    if fuzz.token_set_ratio(one, other) >= 92:
        return Evidence("company", "one name within the other", 4.0)
    return Evidence("company", "another", -3.0)


def _weigh_place(a: Profile, b: Profile) -> Evidence | None:
    """The finest of street, postcode, city and country that both have; a finer one that differs takes from what a coarser one gives."""
    if a.country and b.country and a.country != b.country:
        return Evidence("place", "another country", -5.0)
    postcode = _compare_postcodes(a.postcode, b.postcode)
    city = Agreement.UNKNOWN if not (a.city and b.city) else Agreement.SAME if _same_city(a.city, b.city) else Agreement.DIFFERS
    area = postcode if postcode is not Agreement.UNKNOWN else city
    if area in AGREE and a.street and b.street:
        if _same_street(a, b):
            return Evidence("place", "same address", 14.0)
        return Evidence("place", "another address nearby", 1.0)
    if postcode is Agreement.SAME:
        return Evidence("place", "same postcode", 11.5)
    if city is Agreement.SAME:
        return Evidence("place", "same city", 1.0 if postcode is Agreement.DIFFERS else 4.0)
    return None if area is Agreement.UNKNOWN else Evidence("place", "another place", -1.0)


def _domain_of(a: Profile, b: Profile) -> bool:
    """Alpine Tools is at alpine-tools.example, or at alpinetools7.example."""
    name = a.company.replace(" ", "")
    return len(name) > 4 and name == only_letters(b.company_domain.partition(".")[0])


def _compare_postcodes(a: str, b: str) -> Agreement:
    if not a or not b:
        return Agreement.UNKNOWN
    if a == b:
        return Agreement.SAME
    return Agreement.CLOSE if min(len(a), len(b)) > 3 and OSA.distance(a, b, score_cutoff=1) == 1 else Agreement.DIFFERS


def _same_city(a: str, b: str) -> bool:
    return a == b or (min(len(a), len(b)) > 3 and fuzz.ratio(min(a, b), max(a, b)) >= 85)


def _same_street(a: Profile, b: Profile) -> bool:
    """One side may leave the flat out, so one's numbers may be among the other's; the street itself may be misspelled."""
    ours, theirs = set(a.house.split()), set(b.house.split())
    numbers = ours == theirs or bool(ours and theirs and (ours <= theirs or theirs <= ours))
    return numbers and fuzz.ratio(min(a.street, b.street), max(a.street, b.street)) >= 85


def _weigh_keys(a: Profile, b: Profile) -> Evidence | None:
    """An identifier that both were once seen with, other than those compared above."""
    if a.keys.isdisjoint(b.keys) or one_mailbox(a, b) or (a.phone and a.phone == b.phone):
        return None
    return Evidence("identifier", "both were seen with the same one", 16.0)
