"""Countries, regions and postcodes as codes."""

from __future__ import annotations

import pytest

from services.intake.domain.quality.places import load_places, read_country, read_postcode, read_region


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ("US", "US"),
        ("us", "US"),
        ("USA", "US"),
        ("U.S.A.", "US"),
        ("United States", "US"),
        ("United States of America", "US"),
        ("United States (US)", "US"),
        ("UK", "GB"),
        ("England", "GB"),
        ("Great Britain", "GB"),
        ("GBR", "GB"),
        ("Deutschland", "DE"),
        ("GERMANY", "DE"),
        ("Allemagne", "DE"),
        ("Alemania", "DE"),
        ("España", "ES"),
        ("Espana", "ES"),
        ("Österreich", "AT"),
        ("Schweiz", "CH"),
        ("Suisse", "CH"),
        ("Svizzera", "CH"),
        ("Nederland", "NL"),
        ("Holland", "NL"),
        ("日本", "JP"),
        ("中国", "CN"),
        ("Россия", "RU"),
        ("Ελλάδα", "GR"),
        ("EL", "GR"),
        ("Türkiye", "TR"),
        ("Turkey", "TR"),
        ("South Korea", "KR"),
        ("Brasil", "BR"),
        ("Czech Republic", "CZ"),
        ("Czechia", "CZ"),
        ("Ivory Coast", "CI"),
        ("México", "MX"),
        ("Kosovo", "XK"),
        ("Vietnam", "VN"),
    ],
)
def test_a_country_is_known_by_its_codes_and_names(sent: str, code: str) -> None:
    assert read_country(sent) == code


@pytest.mark.parametrize("sent", ["", "X", "XX", "Atlantis", "Europe", "Germany or France", "a" * 20_000, "()", "?"])
def test_what_is_no_country_is_none(sent: str) -> None:
    assert read_country(sent) is None


@pytest.mark.parametrize(
    ("sent", "country", "code"),
    [
        ("California", "US", "CA"),
        ("ca", "US", "CA"),
        ("US-CA", "US", "CA"),
        ("new york", "US", "NY"),
        ("District of Columbia", "US", "DC"),
        ("Ontario", "CA", "ON"),
        ("Quebec", "CA", "QC"),
        ("New South Wales", "AU", "NSW"),
        ("Nuevo León", "MX", "NLE"),
        ("Bayern", "DE", "BY"),
        ("Lérida", "ES", "L"),
        ("Zurich", "CH", "ZH"),
        ("Île-de-France", "FR", "IDF"),
    ],
)
def test_a_region_is_the_second_part_of_its_code(sent: str, country: str, code: str) -> None:
    assert read_region(sent, country) == code


@pytest.mark.parametrize(
    ("sent", "country"), [("California", "DE"), ("Nowhere", "US"), ("", "US"), ("a" * 20_000, "US"), ("Ontario", "XK")]
)
def test_a_region_of_nowhere_is_none(sent: str, country: str) -> None:
    assert read_region(sent, country) is None


@pytest.mark.parametrize(
    ("sent", "country", "kept"),
    [
        ("02139", "US", "02139"),
        ("02139-1234", "US", "02139-1234"),
        ("sw1a1aa", "GB", "SW1A 1AA"),
        ("SW1A 1AA", "GB", "SW1A 1AA"),
        ("m11ae", "GB", "M1 1AE"),
        ("k1a0b1", "CA", "K1A 0B1"),
        ("K1A-0B1", "CA", "K1A 0B1"),
        ("1012ab", "NL", "1012 AB"),
        ("d02x285", "IE", "D02 X285"),
        ("10115", "DE", "10115"),
        ("1010", "AT", "1010"),
        ("2139", None, "2139"),
        ("nonsense", "GB", "NONSENSE"),
    ],
)
def test_a_postcode_is_written_as_in_its_country(sent: str, country: str | None, kept: str) -> None:
    assert read_postcode(sent, country) == (kept, None)


@pytest.mark.parametrize(
    ("sent", "country", "kept"),
    [
        ("2139", "US", "02139"),
        ("501", "US", "00501"),
        ("2139-1234", "US", "02139-1234"),
        ("1067", "DE", "01067"),
        ("8001", "ES", "08001"),
    ],
)
def test_a_lost_nought_is_given_back_with_a_warning(sent: str, country: str, kept: str) -> None:
    code, warning = read_postcode(sent, country)
    assert code == kept
    assert warning is not None
    assert read_postcode(code, country) == (kept, None)


def test_the_tables_can_be_built_before_they_are_needed() -> None:
    load_places()
    assert read_country("Deutschland") == "DE"
