"""Agents as people write them: every wrong field is named, and lists are read row by row."""

from __future__ import annotations

from typing import Any

import pytest

from services.router.domain import Caps, InvalidSettings, Settings, UnreadableRoster, change_settings, read_csv

WHOLE = {
    "name": "Robin Hazel",
    "kind": "partner",
    "zone": "Europe/Berlin",
    "weight": 3,
    "level": 2,
    "manager_id": "00000000-0000-0000-0000-000000000007",
    "external_ref": "crm-7",
    "skills": ["saas", "enterprise"],
    "languages": ["de", "pt-BR"],
    "tags": ["north"],
    "territories": ["de-by", "US:94000-94199"],
    "hours": {"mon": ["09:00-12:30", "13:30 - 18:00"], "fri": []},
    "holidays": ["DE-BY", "2026-12-24"],
    "caps": {"hour": 1, "day": 2, "week": 3, "month": 4, "open": 5},
    "open_weights": {"A1": 2},
    "needs_presence": True,
}


def test_all_fields_are_read_and_written_back() -> None:
    settings = change_settings(Settings(), WHOLE)
    assert settings.caps == Caps(1, 2, 3, 4, 5)
    assert settings.territories == ("DE-BY", "US:94000-94199")
    assert settings.hours == (("09:00-12:30", "13:30-18:00"), (), (), (), (), (), ())
    assert Settings.from_document(settings.to_document()) == settings
    assert change_settings(settings, {}) == settings


def test_what_is_left_out_stays_and_null_is_the_default_again() -> None:
    settings = change_settings(
        change_settings(Settings(), WHOLE), {"caps": {"day": None, "hour": 9}, "hours": None, "skills": None}
    )
    assert settings.caps == Caps(9, None, 3, 4, 5)
    assert (settings.hours, settings.skills, settings.weight) == (None, (), 3)
    assert change_settings(settings, {"caps": None}).caps == Caps()
    assert change_settings(settings, {"daily_cap": 7, "open_cap": None}).caps == Caps(9, 7, 3, 4, None)


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"name": " "}, "/name"),
        ({"name": None}, "/name"),
        ({"kind": "robot"}, "/kind"),
        ({"active": "yes"}, "/active"),
        ({"zone": "Mars/Olympus"}, "/zone"),
        ({"weight": 0}, "/weight"),
        ({"weight": True}, "/weight"),
        ({"level": 101}, "/level"),
        ({"manager_id": "ann"}, "/manager_id"),
        ({"skills": "saas"}, "/skills"),
        ({"skills": ["ok", ""]}, "/skills/1"),
        ({"languages": ["German!"]}, "/languages/0"),
        ({"territories": ["DE", "Germany"]}, "/territories/1"),
        ({"hours": {"monday": []}}, "/hours/monday"),
        ({"hours": {"mon": ["9-5"]}}, "/hours/mon/0"),
        ({"hours": ["09:00-17:00"]}, "/hours"),
        ({"holidays": ["DE-XX"]}, "/holidays/0"),
        ({"caps": {"year": 1}}, "/caps/year"),
        ({"caps": {"day": -1}}, "/caps/day"),
        ({"caps": 5}, "/caps"),
        ({"open_cap": 1.5}, "/caps/open"),
        ({"open_weights": {"A1": 101}}, "/open_weights/A1"),
        ({"skill": ["saas"]}, "/skill"),
    ],
)
def test_a_wrong_field_is_named(change: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidSettings) as refused:
        change_settings(change_settings(Settings(), WHOLE), change)
    assert [problem.path for problem in refused.value.problems] == [path]


def test_all_wrong_fields_are_named_at_once() -> None:
    with pytest.raises(InvalidSettings) as refused:
        change_settings(Settings(), {"zone": "Nowhere", "weight": 0, "caps": {"day": "x"}})
    assert [problem.path for problem in refused.value.problems] == ["/zone", "/weight", "/caps/day", "/name"]


def test_a_csv_is_read_cell_by_cell() -> None:
    text = (
        "\ufeffName;zone;languages;territories;day_cap;open_cap;active;mon;weight\r\n"
        "Ann;Europe/Berlin;de|en;DE|US:94000-94199;20;;no;09:00-12:30|13:30-18:00;2\r\n"
        '"Ben; the second";;;;many;3;;;\r\n'
    )
    assert read_csv(text) == [
        {
            "name": "Ann",
            "zone": "Europe/Berlin",
            "languages": ["de", "en"],
            "territories": ["DE", "US:94000-94199"],
            "caps": {"day": 20},
            "active": False,
            "hours": {"mon": ["09:00-12:30", "13:30-18:00"]},
            "weight": 2,
        },
        {"name": "Ben; the second", "caps": {"day": "many", "open": 3}},
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "needs a column"),
        ("zone\nUTC\n", "needs a column"),
        ("name,colour\nAnn,red\n", "a column 'colour'"),
        ("name,name\nAnn,Ann\n", "names a column twice"),
        ('name\n"Ann\n', "is no CSV"),
        ("name\n" + "Ann\n" * 10_001, "more than 10000 rows"),
    ],
)
def test_a_list_that_cannot_be_read_says_why(text: str, says: str) -> None:
    with pytest.raises(UnreadableRoster, match=says):
        read_csv(text)


def test_a_row_with_more_cells_than_columns_is_refused_by_itself() -> None:
    [row] = read_csv("name,zone\nAnn,UTC,red\n")
    with pytest.raises(InvalidSettings, match="more cells than columns"):
        change_settings(Settings(), row)
