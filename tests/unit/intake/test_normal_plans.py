"""The short way for plain numbers says what libphonenumber says, or nothing."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phonenumbers import (
    COUNTRY_CODE_TO_REGION_CODE,
    SUPPORTED_REGIONS,
    PhoneNumber,
    PhoneNumberFormat,
    PhoneNumberType,
    country_code_for_region,
    example_number_for_type,
    format_number,
)

from services.intake.domain.quality.phone import Phone, read_phone, read_phone_slowly
from services.intake.domain.quality.plans import plan_of, read_plain

PROPERTY = settings(derandomize=True, deadline=None, max_examples=600)
REGIONS = sorted(SUPPORTED_REGIONS)
TYPES = [kind for kind in PhoneNumberType.values() if kind != PhoneNumberType.UNKNOWN]
FORMATS = (PhoneNumberFormat.E164, PhoneNumberFormat.INTERNATIONAL, PhoneNumberFormat.NATIONAL)
PIECES = st.sampled_from([*"0123456789", " ", "(", ")", "-", ".", "/", "+", "٣", "²", ";", "x"])


def examples(region: str) -> list[str]:
    """The library's own numbers of a country, one of each type, in each way of writing them."""
    numbers = {kind: example_number_for_type(region, kind) for kind in TYPES}
    return [written(number, form) for number in numbers.values() if number for form in FORMATS]


def written(number: PhoneNumber, form: int) -> str:
    return str(format_number(number, form))


EXAMPLES = {region: examples(region) for region in REGIONS}


def same_either_way(text: str, region: str | None) -> None:
    assert read_phone(text, region) == read_phone_slowly(text, region), (text, region)


def test_the_librarys_examples_of_every_country_and_type_are_read_the_same() -> None:
    for region in REGIONS:
        for text in EXAMPLES[region]:
            same_either_way(text, region)
            same_either_way(text, None)


@pytest.mark.parametrize("at_home", ["US", "GB", "DE", "FR", "IT", "AR", "BR", "MX", "JP", "RU", "CA", "GG", "XX"])
def test_the_examples_are_read_the_same_in_another_country(at_home: str) -> None:
    for region in REGIONS[::5]:
        for text in EXAMPLES[region]:
            same_either_way(text, at_home)


@st.composite
def mistyped(draw: st.DrawFn) -> tuple[str, str]:
    """An example in which something is exchanged, missing or too much, and its country."""
    region = draw(st.sampled_from(REGIONS))
    text = draw(st.sampled_from(EXAMPLES[region] or ["+1"]))
    for _ in range(draw(st.integers(1, 3))):
        at, gone = draw(st.integers(0, len(text))), draw(st.integers(0, 1))
        text = text[:at] + draw(PIECES | st.just("")) + text[at + gone :]
    return " ".join(text.split()), region


@PROPERTY
@given(sent=mistyped(), elsewhere=st.none() | st.sampled_from(REGIONS))
def test_a_mistyped_number_is_read_the_same(sent: tuple[str, str], elsewhere: str | None) -> None:
    text, region = sent
    same_either_way(text, region)
    same_either_way(text, elsewhere)


@PROPERTY
@given(
    region=st.sampled_from(REGIONS),
    before=st.sampled_from(["+", "", "0", "00", "1", "8"]),
    with_code=st.booleans(),
    rest=st.data(),
)
def test_any_digits_are_read_the_same(region: str, before: str, with_code: bool, rest: st.DataObject) -> None:
    code = str(country_code_for_region(region)) if with_code else ""
    same_either_way(before + code + rest.draw(st.text("0123456789", min_size=1, max_size=14)), region)


@pytest.mark.parametrize(
    ("sent", "region", "e164", "country", "type"),
    [
        ("+12025550101", None, "+12025550101", "US", "unknown"),
        ("(202) 555-0101", "US", "+12025550101", "US", "unknown"),
        ("202.555.0101", "US", "+12025550101", "US", "unknown"),
        ("1 202 555 0101", "US", "+12025550101", "US", "unknown"),
        ("+1 202 555 0101", "DE", "+12025550101", "US", "unknown"),
        ("030 / 23125-017", "DE", "+493023125017", "DE", "landline"),
        ("+49 (0)30 23125017", None, "+493023125017", "DE", "landline"),
        ("07400 123456", "GB", "+447400123456", "GB", "mobile"),
        ("01 99 00 12 01", "FR", "+33199001201", "FR", "landline"),
        ("06 12345678", "IT", "+390612345678", "IT", "landline"),
    ],
)
def test_the_usual_number_takes_the_short_way(sent: str, region: str | None, e164: str, country: str, type: str) -> None:
    assert read_plain(sent, region) == (e164, country, type)
    assert read_phone_slowly(sent, region) == Phone(e164, "valid", e164, country, type)


@pytest.mark.parametrize(
    ("sent", "region"),
    [
        ("+1 416 555 0100", None),  # Canada's, on the code of the United States
        ("416 555 0100", "CA"),
        ("2025550101", None),
        ("011 49 30 23125017", "US"),
        ("0049 30 23125017", "DE"),
        ("+1 555 123 4567", None),
        ("202 555 0101 x12", "US"),
        ("٠٣٠ ٢٣١٢٥ ٠١٧", "DE"),
        ("+7 912 345 67 89", None),
        ("", "US"),
        ("01919123456", "IL"),  # 019 is dialled for abroad, and may begin a number too
        ("62218350123", "ID"),  # the country's code, or how a number begins
        ("4918500123456", "DE"),
        ("04930123456", "DE"),  # has the shape of a landline, in a block that is not in use
    ],
)
def test_what_is_not_certain_is_left_to_the_library(sent: str, region: str | None) -> None:
    assert read_plain(sent, region) is None
    same_either_way(sent, region)


def test_nearly_every_countrys_numbers_take_the_short_way() -> None:
    """All but those of a few main countries whose numbers are told by their first digits."""
    main = [regions[0] for regions in COUNTRY_CODE_TO_REGION_CODE.values() if regions[0].isalpha()]
    assert {region for region in main if plan_of(region) is None} <= {"RU", "NO", "MA", "SH", "FI", "CW"}
    assert all(plan_of(region) is None for region in REGIONS if region not in main)


@pytest.mark.parametrize("region", ["US", "GB", "DE", "FR", "IT", "ES", "NL", "BR", "MX", "JP", "IN", "AU", "AR"])
def test_a_main_countrys_examples_all_take_the_short_way(region: str) -> None:
    numbers = [number for kind in TYPES if (number := example_number_for_type(region, kind))]
    assert numbers
    assert all(read_plain(written(number, PhoneNumberFormat.E164), None) for number in numbers)
