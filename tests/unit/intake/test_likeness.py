"""Fuzzy recognition: what two contacts have in common, what speaks against it, and what it adds up to."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nameparser import HumanName

from services.intake.domain.likeness import THRESHOLD, Decision, Profile, blocks, decide, limit_of, profile_of, remember, weigh
from services.intake.domain.likeness.names import Agreement, compare_first, compare_last, person_name
from services.intake.domain.likeness.spelling import fold

CONTACT = ("name", "first_name", "last_name", "email", "phone", "company", "street")


def profile(name: str | None = None, *, keys: frozenset[bytes] = frozenset(), **fields: Any) -> Profile:
    """A profile; an address at example.com and its like is a company's, one at gmail.com is not."""
    fields = {"name": name} | fields
    contact = {field: fields.pop(field) for field in CONTACT if fields.get(field)}
    domain = str(contact.get("email", "")).rpartition("@")[2]
    if domain and domain not in ("gmail.com", "yahoo.com"):
        fields = {"email_kind": "company", "company_domain": domain} | fields
    return profile_of(contact, fields, keys=keys)


def decision(a: Profile, b: Profile) -> str:
    return decide(weigh(a, b)).value


HOME = {"street": "12 Main Street", "city": "Austin", "postcode": "78701", "phone": "+15125550101"}

# -- One person ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("a", "b"),
    [
        # Bob is Robert, at the same address in another spelling.
        (
            profile("Bob Lindqvist", street="12 Main Street", city="Austin", postcode="78701"),
            profile("Robert Lindqvist", street="12 Main St.", city="Austin", postcode="78701"),
        ),
        (
            profile("Anna Lindqvist", street="Hauptstraße 5", postcode="10115"),
            profile("LINDQVIST, ANNA", street="Hauptstr. 5", postcode="10115"),
        ),
        # First and last name in each other's field, one slip in the address.
        (
            profile(first_name="Lindqvist", last_name="Anna", email="anna.lindqvist@gmail.com"),
            profile("Anna Lindqvist", email="anna.lindqivst@gmail.com"),
        ),
        (profile("Anna Lindqvist", email="sunflower77@gmail.com"), profile("A. Lindqvist", email="sunflower77@gmial.com")),
        (profile("Anna Lindqvist", phone="+12025550101"), profile("Anna Lindqvist", phone="+12025550107")),
        # Private address and work address, the company in two spellings.
        (
            profile("Jürgen Möllenkamp", email="jm77@gmail.com", company="Alpine Tools", city="Köln"),
            profile("Juergen Moellenkamp", email="j.moellenkamp@alpine-tools.example", company="Alpine Tools GmbH", city="Köln"),
        ),
        # Names with and without what German, Polish and Ukrainian letters have.
        (profile("Łukasz Żurawski", phone="+48501234567"), profile("Lukasz Zurawski", phone="+48501234567")),
        (profile("Олена Коваленко", phone="+380501234567"), profile("Olena Kovalenko", phone="+380501234567")),
        # An address at work without the company's name, which its domain says, and the company's name with a private address.
        (
            profile("Anna Lindqvist", email="anna.l@alpine-tools.example"),
            profile("Anna Lindqvist", email="sunflower77@gmail.com", company="Alpine Tools"),
        ),
        # No name, but a mailbox that spells one at the company that somebody of that name is of.
        (
            profile(email="a.lindqvist@alpine-tools.example"),
            profile("Anna Lindqvist", phone="+12025550101", company="Alpine Tools"),
        ),
        # Half a name, and the other half in the mailbox.
        (
            profile("Anna", email="annalindqvist@gmail.com", company="Alpine Tools", postcode="78701"),
            profile("Anna Lindqvist", phone="+12025550101", company="Alpine Tools", postcode="78701"),
        ),
        # Married: the mailbox still spells the old name; a number at home is shared with nobody of one's first name.
        (
            profile("Anna Lindqvist", phone="+12025550101"),
            profile("Anna Brook", email="anna.lindqvist@gmail.com", phone="+12025550101"),
        ),
        (
            profile("Anna Lindqvist", phone="+12025550101", city="Austin"),
            profile("Anna Brook", phone="+12025550101", city="Austin"),
        ),
        # A slip that makes another name, in one's own mailbox.
        (profile("Maria Lindqvist", email="mlindqvist7@gmail.com"), profile("Mara Lindqvist", email="mlindqvist7@gmail.com")),
        # A nickname in another spelling of the alphabet, and the names in each other's field.
        (profile("Nataliya Lindqvist", **HOME), profile("Lindqvist, Natasha", **HOME)),
        (profile(first_name="Lindqvist", last_name="Liz", **HOME), profile("Elizabeth Lindqvist", **HOME)),
        # No name, and a slip in a mailbox that spells the other's.
        (
            profile(email="anna.lindqvvist@alpine-tools.example"),
            profile("Anna Lindqvist", email="anna.lindqvist@alpine-tools.example", phone="+12025550101"),
        ),
        # Slips in the company's name and in the last name.
        (
            profile("Anna Lindqvist", email="sunflower77@gmail.com", company="Alpiine Tools"),
            profile("Anna Lindqivst", email="alindqvist@alpine-tools.example", company="Alpine Tools"),
        ),
        # A nickname, and a slip in a mailbox or in a number.
        (
            profile("Lizzie Stone", email="elizabeth.stone@gmail.com"),
            profile("Elizabeth Stone", email="elizabbeth.stone@gmail.com"),
        ),
        (profile("Andi Lindqvist", phone="+12025550101"), profile("Andreas Lindqvist", phone="+12025553101")),
        # Seen with the same click.
        (
            profile("Anna Lindqvist", email="a@example.com", keys=frozenset({b"x", b"y"})),
            profile("Anna Lindqvist", phone="+12025550101", keys=frozenset({b"x"})),
        ),
    ],
)
def test_one_person_is_merged_and_found_by_a_block(a: Profile, b: Profile) -> None:
    assert decision(a, b) == "merge"
    assert set(blocks(a)) & set(blocks(b))


# -- Two people ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("a", "b"),
    [
        # A family: everything is the same but the first name, the shared mailbox included.
        (
            profile("Anna Lindqvist", email="the.lindqvists@gmail.com", **HOME),
            profile("Tom Lindqvist", email="the.lindqvists@gmail.com", **HOME),
        ),
        (profile("Paul Lindqvist", **HOME), profile("Paula Lindqvist", **HOME)),
        (profile("Maria Lindqvist", **HOME), profile("Mario Lindqvist", **HOME)),
        # Twins with names alike.
        (profile("Lena Lindqvist", **HOME), profile("Lina Lindqvist", **HOME)),
        (profile("J. Lindqvist", **HOME), profile("M. Lindqvist", **HOME)),
        # Junior and senior.
        (profile("Bob Lindqvist Jr.", **HOME), profile("Bob Lindqvist Sr.", **HOME)),
        # Middle initials that differ.
        (profile("John A. Lindqvist", **HOME), profile("John B. Lindqvist", **HOME)),
        # A shared handset.
        (
            profile("Anna Lindqvist", email="anna@gmail.com", phone="+15125550101"),
            profile("Tom Brook", email="tom@yahoo.com", phone="+15125550101"),
        ),
        # Two of one name in one company, with the switchboard's number and the company's address.
        (
            profile("John Smith", email="john.smith@example.com", company="Example Inc.", **HOME),
            profile("John Smith", email="john.smith2@example.com", company="Example", **HOME),
        ),
        # The same, where one gave a private address: the number in the mailbox says that there are two.
        (
            profile("John Smith", email="jsmith77@gmail.com", company="Example Inc."),
            profile("John Smith", email="john.smith2@example.com", company="Example"),
        ),
        # The same where the plain name was taken at a provider.
        (profile("John Smith", email="john.smith@gmail.com"), profile("John Smith", email="john_smith@gmail.com")),
        # Namesakes in a town of which each gave a surname that is frequent where they live.
        (profile("Olena Kovalenko", city="Lviv"), profile("Olena Kovalenko", city="Lviv")),
        # Sisters.
        (profile("Mia Lindqvist", **HOME), profile("Mila Lindqvist", **HOME)),
        # Colleagues.
        (
            profile("Anna Brook", email="anna.brook@example.com", company="Example", phone="+15125550101"),
            profile("Tom Stone", email="tom.stone@example.com", company="Example", phone="+15125550101"),
        ),
    ],
)
def test_two_people_stay_apart(a: Profile, b: Profile) -> None:
    assert decision(a, b) == "apart"


def test_a_frequent_name_alone_says_little_and_a_rare_one_is_no_proof_either() -> None:
    smith, lindqvist = profile("John Smith", city="Austin"), profile("Sixten Lindqvist", city="Austin")
    assert weigh(smith, smith).score < weigh(lindqvist, lindqvist).score < THRESHOLD
    assert decision(smith, smith) == "apart"


@pytest.mark.parametrize("name", ["Anna Stone", None])
def test_a_switchboard_and_its_company_are_one_fact_where_no_name_vouches(name: str | None) -> None:
    one = profile("Anna Brook", email="sunflower77@gmail.com", company="Example", phone="+15125550101")
    other = profile(name, email="cstone@example.com", company="Example", phone="+15125550101")
    assert decision(one, other) != "merge"


def test_what_is_likely_but_not_sure_is_suggested() -> None:
    a = profile("Sixten Lindqvist", email="sunflower77@gmail.com", city="Austin")
    b = profile("Sixten Lindqvist", email="sixten@alpine.example", city="Austin")
    assert decision(a, b) == "suggest"
    assert decide(weigh(a, b), threshold=0.5) is Decision.MERGE


def test_nobody_without_a_name_is_merged_by_a_slip() -> None:
    assert decision(profile(email="anna.brook@gmail.com"), profile(email="anna.brok@gmail.com")) == "apart"


def test_another_number_in_a_mailbox_is_another_mailbox() -> None:
    score = weigh(profile("Ada Smith", email="smith1@gmail.com"), profile("Ada Smith", email="smith2@gmail.com"))
    assert all("slip" not in one.says for one in score.evidence)


def test_providers_that_both_exist_are_no_slip_of_each_other() -> None:
    verdict = weigh(
        profile_of({"email": "ada@gmail.com"}, {"email_kind": "free"}),
        profile_of({"email": "ada@ymail.com"}, {"email_kind": "free"}),
    )
    assert all("slip" not in one.says for one in verdict.evidence)


# -- Blocks --------------------------------------------------------------------------------------------------------------------

JOHN = {"email": "john.smith@gmail.com", "phone": "+12025550101", "company": "Alpine Tools"}


def test_namesakes_meet_only_where_more_than_the_name_may_be_one() -> None:
    other = {"email": "john.smith77@gmail.com", "phone": "+15125550145", "company": "Brook Bakery"}
    assert not set(blocks(profile("John Smith", **JOHN))) & set(blocks(profile("John Smith", **other)))
    assert set(blocks(profile("John Smith", email="jsmith@gmail.com"))) & set(blocks(profile("John Smith", phone="+15125550145")))


@pytest.mark.parametrize(
    "same",
    [{"email": "john.smiht@gmail.com"}, {"email": "john.smith@gmial.com"}, {"phone": "+12025550107"}, {"phone": "+22025550101"}],
)
def test_namesakes_meet_where_one_slip_is_between_them(same: dict[str, str]) -> None:
    other = {"email": "sunflower77@yahoo.com", "phone": "+15125550145"} | same
    assert set(blocks(profile("John Smith", **JOHN))) & set(blocks(profile("Smith, John", **other)))


@pytest.mark.parametrize(
    ("company", "other"),
    [("Alpine Tools", "Alpine-Tools International"), ("Alpine Tools GmbH", None), ("Alpine", "ALPINE TOOLS")],
)
def test_namesakes_meet_at_a_company_however_it_is_written(company: str, other: str | None) -> None:
    one = profile("John Smith", email="sunflower77@gmail.com", phone="+12025550101", company=company)
    there = profile("John Smith", email="jsmith@alpine-tools.example", phone="+15125550145", company=other)
    assert set(blocks(one)) & set(blocks(there))


# -- Properties ----------------------------------------------------------------------------------------------------------------

WORDS = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        ["Anna", "Bob Stone", "Robert Stone Jr", "Stone, Bob", "José García-López", "O'Neill", "王小明", "12 Main St", "GmbH"]
    ),
)
MAILS = st.one_of(
    WORDS, st.sampled_from(["a.stone@example.com", "a.stnoe@example.com", "bob@gmail.com", "bob@gmial.com", "@", "a@"])
)
FIELDS = st.fixed_dictionaries(
    {},
    optional={field: WORDS for field in ("name", "first_name", "last_name", "company", "street", "city", "postcode", "country")}
    | {
        "email": MAILS,
        "phone": st.sampled_from(["+12025550101", "+12025550102", "+49301234567", "x"]),
        "email_role": st.booleans(),
    },
)


@settings(max_examples=200, deadline=None)
@given(FIELDS, FIELDS)
def test_weighing_is_symmetric_and_takes_any_text(a: dict[str, Any], b: dict[str, Any]) -> None:
    one, other = profile_of(a, a), profile_of(b, b)
    assert weigh(one, other) == weigh(other, one)
    assert 0 <= weigh(one, other).score <= 1
    assert len(blocks(one)) <= 7
    assert all(limit_of(block) > 1 for block in blocks(one))
    assert len(set(blocks(one))) == len(blocks(one))


LETTERS = st.text(st.characters(max_codepoint=0x52F, categories=["L"]), min_size=1, max_size=8)
PLAIN = st.one_of(
    LETTERS, st.sampled_from(["Anna", "BROOK", "Олена", "Łukasz", "van", "Jr", "Dr", "King", "Vi", "III", "Abdul", "Ma", "y"])
)


@settings(max_examples=200, deadline=None)
@given(PLAIN, PLAIN)
def test_a_name_of_two_words_is_what_the_parser_makes_of_it(first: str, last: str) -> None:
    parsed = HumanName(f"{first} {last}")
    name = profile(f"{first} {last}").name
    assert (name.first, name.last) == (fold(f"{parsed.first} {parsed.middle}"), fold(parsed.last))


RULED_OUT = [("Anna Lindqvist", "Tom Lindqvist"), ("Bob Lindqvist Jr.", "Bob Lindqvist Sr."), ("J. Lindqvist", "M. Lindqvist")]


@pytest.mark.parametrize(("one", "other"), RULED_OUT)
def test_nothing_speaks_for_two_whom_their_names_rule_out(one: str, other: str) -> None:
    home = HOME | {"email": "the.lindqvists@example.com", "company": "Lindqvist"}
    a, b = (profile(name, keys=frozenset({b"x"}), **home) for name in (one, other))
    verdict = weigh(a, b)
    assert {evidence.field for evidence in verdict.evidence} <= {"name", "first_name", "last_name"}
    assert verdict.score < 1e-6


AGREEING = {
    "phone": "+12025550101",
    "email": "anna.lindqvist@example.com",
    "company": "Alpine Tools",
    "city": "Austin",
    "postcode": "78701",
    "street": "12 Main Street",
}


@settings(max_examples=100, deadline=None)
@given(
    st.sets(st.sampled_from(sorted(AGREEING))),
    st.sampled_from(sorted(AGREEING)),
    st.sampled_from(["Anna Lindqvist", "A. Brook", None]),
)
def test_one_more_field_that_agrees_never_lowers_the_score(have: set[str], more: str, name: str | None) -> None:
    def score(fields: set[str]) -> float:
        same = {field: AGREEING[field] for field in fields}
        return weigh(profile(name, **same), profile("Anna Lindqvist", **same)).score

    assert score(have | {more}) >= score(have)


@settings(max_examples=100, deadline=None)
@given(st.one_of(st.none(), st.booleans(), st.integers(), st.lists(st.text(max_size=3), max_size=2)))
def test_what_is_no_text_counts_as_missing(value: Any) -> None:
    fields = dict.fromkeys((*CONTACT, "city", "postcode", "country", "company_domain"), value)
    assert profile_of(fields, fields) == profile_of({}, {})


def test_long_text_is_cut_before_it_is_compared() -> None:
    long = "A" * 20_000
    huge = profile_of(dict.fromkeys(CONTACT, long), dict.fromkeys(("city", "postcode"), long))
    assert len(huge.name.first) <= 120
    assert len(huge.city) <= 120
    weigh(huge, huge)


def test_evidence_never_holds_a_value() -> None:
    person = profile(
        "Zebedee Quux", email="zebedee.quux@example.com", phone="+12025550101", company="Frobnitz", **{"city": "Xanadu"}
    )
    said = " ".join(f"{one.field} {one.says}" for one in weigh(person, person).evidence).lower()
    assert said
    assert not any(value in said for value in ("zebedee", "quux", "example", "555", "frobnitz", "xanadu"))


# -- Names ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("a", "b", "agreement"),
    [
        ("anna", "anna", Agreement.SAME),
        ("jean pierre", "jeanpierre", Agreement.SAME),
        ("bob", "robert", Agreement.VARIANT),
        ("kathi", "katharina", Agreement.VARIANT),
        ("stephen", "steven", Agreement.VARIANT),
        ("valentina", "vale", Agreement.VARIANT),
        ("anna maria", "anna", Agreement.VARIANT),
        ("gunther", "guenther", Agreement.SAME),
        ("michael", "micheal", Agreement.CLOSE),
        ("nataliya", "natasha", Agreement.VARIANT),
        ("giula", "giulia", Agreement.CLOSE),
        ("yu", "yurii", Agreement.INITIAL),
        ("valentina", "valentiba", Agreement.CLOSE),
        ("a", "anna", Agreement.INITIAL),
        ("b", "anna", Agreement.DIFFERS),
        ("b", "william", Agreement.UNKNOWN),
        ("jsoh", "joshua", Agreement.CLOSE),
        ("mila", "mia", Agreement.DIFFERS),
        ("liz", "beth", Agreement.UNKNOWN),
        ("", "anna", Agreement.UNKNOWN),
        ("eric", "erica", Agreement.DIFFERS),
        ("jan", "jana", Agreement.DIFFERS),
        ("anna maria", "anna luise", Agreement.DIFFERS),
    ],
)
def test_first_names(a: str, b: str, agreement: Agreement) -> None:
    assert compare_first(a, b) is agreement
    assert compare_first(b, a) is agreement


@pytest.mark.parametrize(
    ("a", "b", "agreement"),
    [
        ("van der berg", "vanderberg", Agreement.SAME),
        ("de la vega", "vega", Agreement.SAME),
        ("smith jones", "smith", Agreement.VARIANT),
        ("muller", "mueller", Agreement.SAME),
        ("lindqvist", "lindqivst", Agreement.CLOSE),
        ("lee", "lew", Agreement.DIFFERS),
        ("stone", "brook", Agreement.DIFFERS),
    ],
)
def test_last_names(a: str, b: str, agreement: Agreement) -> None:
    assert compare_last(a, b) is agreement
    assert compare_last(b, a) is agreement


@pytest.mark.parametrize(
    ("name", "first", "last", "suffix"),
    [
        ("Dr. Ada Example", "ada", "example", ""),
        ("Example, Ada", "ada", "example", ""),
        ("Ludwig van der Berg", "ludwig", "van der berg", ""),
        ("Bob Stone Jr.", "bob", "stone", "jr"),
        ("Stone, Bob III", "bob", "stone", "iii"),
        ("Ada", "ada", "", ""),
        ("", "", "", ""),
    ],
)
def test_a_full_name_is_split_by_position(name: str, first: str, last: str, suffix: str) -> None:
    split = person_name(None, None, name)
    assert (split.first, split.last, split.suffix) == (first, last, suffix)


def test_folding_takes_accents_scripts_and_punctuation_off() -> None:
    assert fold("  Łukasz  O’Neill-Ørsted ") == "lukasz oneill orsted"
    assert fold("Щербак Ψυχή") == "shcherbak psyche" or fold("Щербак") == "shcherbak"


# -- What is remembered --------------------------------------------------------------------------------------------------------


def test_the_newest_word_wins_but_not_a_poorer_name() -> None:
    first = remember(
        {}, {"name": "Ada Example", "first_name": "Ada", "last_name": "Example", "phone": "+12025550101"}, {"city": "Austin"}
    )
    then = remember(first, {"name": "A.", "email": "ada@example.com", "phone": "+12025550102"}, {"email_kind": "company"})
    assert then["name"] == "Ada Example"
    assert then["last_name"] == "Example"
    assert (then["phone"], then["email"], then["city"]) == ("+12025550102", "ada@example.com", "Austin")


def test_a_fuller_name_replaces_all_of_the_poorer_one() -> None:
    assert remember({"first_name": "Bob"}, {"name": "Robert Stone"}, {}) == {"name": "Robert Stone"}


def test_a_new_place_replaces_the_old_one_as_a_whole() -> None:
    old = {"street": "12 Main Street", "postcode": "78701", "city": "Austin"}
    assert remember(old, {}, {"postcode": "80202", "city": "Denver"}) == {"postcode": "80202", "city": "Denver"}


def test_a_roles_mailbox_is_nobodys_address() -> None:
    remembered = remember(
        {}, {"email": "info@example.com"}, {"email_role": True, "email_kind": "company", "company_domain": "example.com"}
    )
    person = profile_of(remembered, remembered)
    assert (person.email_local, person.company_domain) == ("", "example.com")
