"""Numbers, currencies and languages."""

from __future__ import annotations

from time import process_time

import pytest

from services.intake.domain.quality.amounts import Amount, read_amount
from services.intake.domain.quality.codes import read_currency, read_language

RANGE = "a range; its lower end is used"
OPEN = "open upwards; its lower end is used"


@pytest.mark.parametrize(
    ("sent", "value"),
    [
        ("25000", 25000),
        ("25,000", 25000),
        ("25.000", 25000),
        ("25 000", 25000),
        ("25\xa0000", 25000),
        ("1'000'000", 1000000),
        ("1,234,567", 1234567),
        ("12,34,567", 1234567),
        ("1200.50", 1200.5),
        ("1.234,56", 1234.56),
        ("1,234.56", 1234.56),
        ("12,5", 12.5),
        ("0.125", 0.12),
        ("25k", 25000),
        ("25K", 25000),
        ("1.5m", 1500000),
        ("1.500m", 1500000),
        ("2 Mio", 2000000),
        ("0", 0),
        ("3 million", 3000000),
        ("200 employees", 200),
        ("12345.678", 12345.68),
    ],
)
def test_a_number_is_read_as_people_write_it(sent: str, value: float) -> None:
    assert read_amount(sent) == Amount(value)


@pytest.mark.parametrize(
    ("sent", "value", "currency"),
    [
        ("$1,200", 1200, None),
        ("€ 25 000", 25000, "EUR"),
        ("25.000 €", 25000, "EUR"),
        ("£10k", 10000, "GBP"),
        ("USD 20k", 20000, "USD"),
        ("20k usd", 20000, "USD"),
        ("R$ 10", 10, "BRL"),
        ("2 Mio. €", 2000000, "EUR"),
        ("EUR 5 €", 5, "EUR"),
        ("¥ 100", 100, None),
    ],
)
def test_a_currency_beside_it_is_read_too(sent: str, value: float, currency: str | None) -> None:
    assert read_amount(sent) == Amount(value, currency)


@pytest.mark.parametrize(
    ("sent", "value", "warning"),
    [
        ("10,000-50,000", 10000, RANGE),
        ("10-50k", 10000, RANGE),
        ("£10k–£20k", 10000, RANGE),
        ("51-200 employees", 51, RANGE),
        ("201 to 500", 201, RANGE),
        ("1000+", 1000, OPEN),
        ("> 5000", 5000, OPEN),
        ("more than 50", 50, OPEN),
    ],
)
def test_a_range_is_its_lower_end_with_a_warning(sent: str, value: float, warning: str) -> None:
    amount = read_amount(sent)
    assert amount is not None
    assert (amount.value, amount.warning) == (value, warning)


@pytest.mark.parametrize(
    "sent",
    [
        "",
        "ten",
        "under 5000",
        "up to 10k",
        "2024-05",
        "-5",
        "1e5",
        "1,2,3",
        "12 34",
        "xyz 10",
        "5 € or 6 $",
        "€ 5 USD",
        "$",
        "9" * 16,
        "٢٥",
        "nan",
        "inf",
        "1.2.3",
        "0x10",
        "10 %",
    ],
)
def test_what_would_be_a_guess_is_no_number(sent: str) -> None:
    assert read_amount(sent) is None


@pytest.mark.parametrize("junk", ["1 ", "1,", "1.", "1-", "9", "more than ", "1 a ", "1.1'", "k", "$", "usd ", "1 to "])
@pytest.mark.parametrize("size", [60, 20_000])
def test_long_junk_is_read_in_no_time(junk: str, size: int) -> None:
    begun = process_time()
    read_amount((junk * size)[:size])
    assert process_time() - begun < 0.5


@pytest.mark.parametrize(
    ("sent", "country", "code"),
    [
        ("usd", None, "USD"),
        ("€", None, "EUR"),
        ("Euro", None, "EUR"),
        ("zł", None, "PLN"),
        ("US$", None, "USD"),
        ("$", "US", "USD"),
        ("$", "CA", "CAD"),
        ("$", "DE", None),
        ("$", None, None),
        ("xyz", None, None),
        ("u" * 20000, None, None),
    ],
)
def test_a_currency_is_known_by_code_symbol_or_name(sent: str, country: str | None, code: str | None) -> None:
    assert read_currency(sent, country) == code


@pytest.mark.parametrize(
    ("sent", "tag"),
    [
        ("de", "de"),
        ("DE", "de"),
        ("de-AT", "de-at"),
        ("en_US.UTF-8", "en-us"),
        ("de-DE,de;q=0.9,en;q=0.8", "de-de"),
        ("German", "de"),
        ("Deutsch", "de"),
        ("allemand", "de"),
        ("deu", "de"),
        ("ger", "de"),
        ("日本語", "ja"),
        ("zh-Hans-CN", "zh-hans-cn"),
        ("Spanish", "es"),
        ("klingonish", None),
        ("", None),
        ("x" * 20000, None),
        ("?", None),
    ],
)
def test_a_language_is_known_by_tag_locale_or_name(sent: str, tag: str | None) -> None:
    assert read_language(sent) == tag
