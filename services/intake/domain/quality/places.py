"""Places: countries in many languages as ISO 3166 alpha-2, regions as the second part of ISO 3166-2, postcodes as they are written."""

from __future__ import annotations

import gettext
import re
from collections.abc import Collection
from functools import cache, lru_cache
from typing import Any

import pycountry

from services.intake.domain.quality.text import fold

MAX_TEXT = 100
# Languages in which a country's name is understood, English first: where two languages mean different countries, the first is right.
LANGUAGES = (
    "de",
    "es",
    "fr",
    "it",
    "pt",
    "pt_BR",
    "nl",
    "pl",
    "ru",
    "ja",
    "zh_CN",
    "zh_TW",
    "ko",
    "tr",
    "ar",
    "sv",
    "da",
    "nb_NO",
    "fi",
    "cs",
    "sk",
    "hu",
    "ro",
    "el",
    "he",
    "uk",
    "bg",
    "hr",
    "sr",
    "sl",
    "et",
    "lv",
    "lt",
    "hi",
    "id",
    "th",
    "vi",
)  # What people write and no register has.
ALIASES = {
    "AE": "uae emirates",
    "BN": "brunei",
    "CD": "drc drcongo congokinshasa",
    "CI": "ivorycoast",
    "CV": "capeverde",
    "CZ": "czech",
    "DE": "brd",
    "ES": "espanya",
    "GB": "uk greatbritain britain england scotland wales northernireland grossbritannien schottland inglaterra angleterre inghilterra",
    "GR": "el",
    "IR": "iran",
    "KP": "northkorea",
    "KR": "korea southkorea",
    "LA": "laos",
    "MK": "macedonia",
    "NL": "holland thenetherlands holanda hollande olanda",
    "PS": "palestine",
    "RU": "russia russland rusia russie россия",
    "SY": "syria",
    "SZ": "swaziland",
    "TR": "turkey",
    "US": "usa america unitedstatesofamerica theunitedstates eeuu eua etatsunis estadosunidos statiuniti vereinigtestaatenvonamerika",
    "VA": "vatican vaticancity",
    "XK": "kosovo",
}
# Where letters and digits are written in two groups: how many stand before the blank, or how many behind it.
_GROUPED = {
    "CA": (re.compile(r"[A-Z]\d[A-Z]\d[A-Z]\d"), 3),
    "GB": (re.compile(r"[A-Z]{1,2}\d[A-Z\d]?\d[A-Z]{2}"), -3),
    "IE": (re.compile(r"[A-Z]\d[\dW][A-Z\d]{4}"), 3),
    "NL": (re.compile(r"\d{4}[A-Z]{2}"), 4),
}
# Five digits, of which the first may be a nought that a spreadsheet drops.
_FIVE_DIGITS = frozenset(["DE", "EE", "ES", "FI", "FR", "IT", "MX", "US"])
_ZIP = re.compile(r"(\d{3,5})(-\d{4})?", re.ASCII)
_ADDED = re.compile(r"[(\[].*$")


@cache
def _codes() -> frozenset[str]:
    return frozenset((*(country.alpha_2 for country in pycountry.countries), "XK"))


@cache
def _countries() -> dict[str, str]:
    """Folded names and alpha-3 codes to alpha-2. Built at first use, from the registers that pycountry carries."""
    found = {name: code for code, names in ALIASES.items() for name in names.split()}
    for country in pycountry.countries:
        found.setdefault(fold(country.alpha_3), country.alpha_2)
        for name in _names(country):
            found.setdefault(fold(name), country.alpha_2)
    for language in LANGUAGES:
        translated = gettext.translation("iso3166-1", pycountry.LOCALES_DIR, languages=[language]).gettext
        for country in pycountry.countries:
            for name in _names(country):
                found.setdefault(fold(translated(name)), country.alpha_2)
    return found


def _names(country: object) -> list[str]:
    names = [getattr(country, part, None) for part in ("name", "common_name", "official_name")]
    return [name for name in names if name]


def read_country(text: str) -> str | None:
    """The alpha-2 code of a country by its code or its name; None where it is not known."""
    code = text.upper()
    if code in _codes():
        return code
    return _named_country(text) if 2 <= len(text) <= MAX_TEXT else None


@lru_cache(maxsize=4096)
def _named_country(text: str) -> str | None:
    names = _countries()
    return names.get(fold(text)) or names.get(fold(_ADDED.sub("", text)))


def _subdivisions(country: str) -> Collection[Any]:
    return pycountry.subdivisions.get(country_code=country) or ()  # type: ignore[no-untyped-call]


@cache
def _regions(country: str) -> dict[str, str]:
    """Folded names to codes. What two regions are called is no name of either."""
    named: dict[str, set[str]] = {}
    for region in _subdivisions(country):
        code = region.code.partition("-")[2]
        for name in (region.name, *re.split(r"[\[\](]", region.name)):
            named.setdefault(fold(name), set()).add(code)
    return {name: min(codes) for name, codes in named.items() if name and len(codes) == 1}


@cache
def _region_codes(country: str) -> frozenset[str]:
    return frozenset(region.code.partition("-")[2] for region in _subdivisions(country))


def read_region(text: str, country: str) -> str | None:
    """The second part of the ISO 3166-2 code of a region of this country (`CA` of `US-CA`), by code or name; None if not known."""
    if len(text) > MAX_TEXT:
        return None
    code = text.upper().removeprefix(f"{country}-")
    return code if code in _region_codes(country) else _regions(country).get(fold(text))


def read_postcode(text: str, country: str | None) -> tuple[str, str | None]:
    """The postcode as its country writes it, and what was odd about it."""
    code = text.upper()
    if country in _GROUPED:
        shape, blank = _GROUPED[country]
        compact = code.replace(" ", "").replace("-", "")
        return (f"{compact[:blank]} {compact[blank:]}", None) if shape.fullmatch(compact) else (code, None)
    if country in _FIVE_DIGITS and (zip := _ZIP.fullmatch(code)):
        digits, rest = zip[1], zip[2] or ""
        if len(digits) == 4 or (len(digits) == 3 and country == "US"):
            return digits.zfill(5) + rest, "a nought that was lost at its beginning is added"
    return code, None


def load_places() -> None:
    """Builds the tables that would be built at first use, which takes a tenth of a second."""
    _countries()
    _regions("US")
