"""Names in the usual case, and placeholders, which are no names."""

from __future__ import annotations

import pytest

from services.intake.domain.quality.names import is_placeholder, proper_case
from services.intake.domain.quality.text import as_text, fold, one_line


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("ADA EXAMPLE", "Ada Example"),
        ("ada example", "Ada Example"),
        ("JOHN MCDONALD", "John McDonald"),
        ("mary o'neill", "Mary O'Neill"),
        ("MARY O’NEILL", "Mary O’Neill"),
        ("ANNE-MARIE DE LA CRUZ", "Anne-Marie de la Cruz"),
        ("ludwig van beethoven", "Ludwig van Beethoven"),
        ("J.R. EXAMPLE III", "J.R. Example III"),
        ("ÉLODIE D'ANGE", "Élodie D'Ange"),
        ("İSMAİL", "İsmail"),
        ("ada's", "Ada's"),
        ("van", "Van"),
        ("GROSS", "Gross"),
    ],
)
def test_shouted_and_whispered_names_are_put_in_the_usual_case(sent: str, kept: str) -> None:
    assert proper_case(sent) == kept


@pytest.mark.parametrize(
    "name", ["Ada Example", "MacDonald", "van der Berg", "iPhone Ada", "李 小龙", "Мария", "DeShawn", "McKinsey & Co", "", "9"]
)
def test_a_name_in_mixed_case_is_its_owners_business(name: str) -> None:
    assert proper_case(name) == name


def test_a_surname_alone_may_begin_with_a_small_particle() -> None:
    assert proper_case("VAN DER BERG", surname=True) == "van der Berg"
    assert proper_case("VAN DER BERG") == "Van der Berg"


@pytest.mark.parametrize(
    "text", ["n/a", "N/A", "-", "--", ".", "none", "None", "test", "TEST", "null", "undefined", "???", "xxx"]
)
def test_placeholders_are_no_names(text: str) -> None:
    assert is_placeholder(text)


@pytest.mark.parametrize("text", ["Null", "Na", "Testa", "O", "李", "A1"])
def test_odd_names_are_names(text: str) -> None:
    assert not is_placeholder(text)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("  Ada \t Example\r\n", "Ada Example"),
        ("Ada\u00a0Example", "Ada Example"),
        ("\ufeffAda\u200b\u200e", "Ada"),
        ("A\u0308rzte", "Ärzte"),
        ("A\x00d\x07a", "Ada"),
        ("Ada\u200dExample", "AdaExample"),
        ("علی\u200cرضا", "علی\u200cرضا"),
        ("", ""),
    ],
)
def test_a_line_has_no_blanks_and_characters_that_nobody_sees(sent: str, kept: str) -> None:
    assert one_line(sent) == kept


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (True, "true"),
        (14155552671.0, "14155552671"),
        (2139, "2139"),
        (1.5, "1.5"),
        (["a", 1], "a, 1"),
        ({"a": [1]}, "a: 1"),
        (10**30, "1" + "0" * 30),
        (float("nan"), "nan"),
    ],
)
def test_any_value_has_a_text(value: object, text: str) -> None:
    assert as_text(value) == text


def test_a_number_too_long_for_decimals_has_a_text_too() -> None:
    assert as_text(10**5000).startswith("0x")


def test_folding_forgets_case_accents_and_punctuation() -> None:
    assert fold("Straße-Nr.  1 (É)") == "strassenr1e"
