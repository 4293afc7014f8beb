"""Phone numbers in normal form, valid, possible, or marked."""

from __future__ import annotations

from time import process_time

import pytest

from services.intake.domain.quality.phone import read_phone


@pytest.mark.parametrize(
    ("sent", "region", "e164"),
    [
        ("+1 202 555 0101", None, "+12025550101"),
        ("(202) 555-0101", "US", "+12025550101"),
        ("tel:+1-202-555-0101", None, "+12025550101"),
        ("whatsapp:+12025550101", None, "+12025550101"),
        ("+49 (0)30 / 23125-017", "US", "+493023125017"),
        ("0044 20 7946 0012", None, "+442079460012"),
        ("0044 20 7946 0012", "US", "+442079460012"),
        ("00 33 1 99 00 12 01", "DE", "+33199001201"),
        ("01 99 00 12 01", "FR", "+33199001201"),
        ("+1 (800) FLOWERS", None, "+18003569377"),
        ("202-555-0101 ext. 12", "US", "+12025550101;ext=12"),
        ("+12025550101;ext=12", None, "+12025550101;ext=12"),
        ("٠٣٠ ٢٣١٢٥ ٠١٧", "DE", "+493023125017"),
    ],
)
def test_a_valid_number_is_written_as_e164(sent: str, region: str | None, e164: str) -> None:
    phone = read_phone(sent, region)
    assert (phone.kind, phone.text, phone.e164, phone.warning) == ("valid", e164, e164, None)


@pytest.mark.parametrize(
    ("sent", "country", "type"),
    [
        ("+1 202 555 0101", "US", "unknown"),
        ("+1 416 555 0100", "CA", "unknown"),
        ("+33 6 12 34 56 78", "FR", "mobile"),
        ("+49 30 23125 017", "DE", "landline"),
        ("+44 7400 123456", "GB", "mobile"),
        ("+44 56 0000 0000", "GB", "voip"),
    ],
)
def test_a_valid_number_tells_its_country_and_perhaps_its_type(sent: str, country: str, type: str) -> None:
    phone = read_phone(sent, None)
    assert (phone.kind, phone.country, phone.type) == ("valid", country, type)


@pytest.mark.parametrize(("sent", "region"), [("442079460012", "US"), ("14155552671", None)])
def test_a_number_that_lost_its_plus_is_read_with_a_warning(sent: str, region: str | None) -> None:
    phone = read_phone(sent, region)
    assert phone.e164 == f"+{sent}"
    assert phone.warning is not None
    assert "no +" in phone.warning


@pytest.mark.parametrize(
    "sent",
    ["202-555-0101 / 202-555-0102", "202 555 0101 or 202 555 0199", "(202) 555-0101; (202) 555-0102", "2025550101, 2025550102"],
)
def test_of_two_numbers_the_first_is_used(sent: str) -> None:
    phone = read_phone(sent, "US")
    assert phone.e164 == "+12025550101"
    assert phone.warning == "more than one number; the first is used"


def test_a_number_of_the_right_length_is_possible() -> None:
    phone = read_phone("+1 555 123 4567", None)
    assert (phone.kind, phone.e164, phone.country) == ("possible", "+15551234567", None)


@pytest.mark.parametrize(("sent", "region"), [("(415) 555-2671", None), ("555-1234", "US")])
def test_a_number_of_an_unknown_place_is_possible_and_kept_as_sent(sent: str, region: str | None) -> None:
    phone = read_phone(sent, region)
    assert (phone.kind, phone.text, phone.e164) == ("possible", sent, None)


@pytest.mark.parametrize("sent", ["1.41556E+10", "1,41556E+10", "4.92312E10"])
def test_what_a_spreadsheet_ruined_is_invalid(sent: str) -> None:
    phone = read_phone(sent, "US")
    assert (phone.kind, phone.text, phone.e164) == ("invalid", sent, None)
    assert "spreadsheet" in str(phone.warning)


@pytest.mark.parametrize("sent", ["call me", "12", "+99 123", "-", "+1 202 555", "1" * 40, "ada@example.com", "+" * 50])
def test_what_is_no_number_is_invalid_and_kept_as_sent(sent: str) -> None:
    phone = read_phone(sent, "US")
    assert (phone.kind, phone.text, phone.e164) == ("invalid", sent, None)


@pytest.mark.parametrize("sent", ["0000000000", "1111111111", "1234567890", "+1 999 999 9999", "0123456789", "9876543210"])
@pytest.mark.parametrize("region", ["US", None])
def test_a_number_typed_to_fill_the_field_is_possible_and_nobodys_key(sent: str, region: str | None) -> None:
    phone = read_phone(sent, region)
    assert (phone.kind, phone.text, phone.e164) == ("possible", sent, None)
    assert "fill the field" in str(phone.warning)


@pytest.mark.parametrize("junk", ["1", "+", "(", "1 ", "1/", "ext", "1 or ", "٠", "-.", "x1", "a"])
def test_long_junk_is_read_in_no_time(junk: str) -> None:
    text = (junk * 20_000)[:20_000]
    begun = process_time()
    for region in ("US", None):
        assert read_phone(text, region).kind == "invalid"
        read_phone(text[:100], region)
    assert process_time() - begun < 2.0
