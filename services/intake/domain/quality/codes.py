"""Codes of languages (BCP 47) and currencies (ISO 4217)."""

from __future__ import annotations

import re
from functools import cache

import pycountry

from services.intake.domain.quality.text import fold

SYMBOLS = {
    "€": "EUR",
    "£": "GBP",
    "₹": "INR",
    "₽": "RUB",
    "₩": "KRW",
    "₺": "TRY",
    "₪": "ILS",
    "₴": "UAH",
    "₫": "VND",
    "zł": "PLN",
    "us$": "USD",
    "a$": "AUD",
    "au$": "AUD",
    "c$": "CAD",
    "ca$": "CAD",
    "nz$": "NZD",
    "hk$": "HKD",
    "s$": "SGD",
    "r$": "BRL",
}
# Whose `$` it is, the country says.
DOLLARS = {
    "AR": "ARS",
    "AU": "AUD",
    "CA": "CAD",
    "CL": "CLP",
    "CO": "COP",
    "HK": "HKD",
    "MX": "MXN",
    "NZ": "NZD",
    "SG": "SGD",
    "US": "USD",
}
WORDS = {"euro": "EUR", "euros": "EUR", "usdollar": "USD", "usdollars": "USD", "poundsterling": "GBP"}
# How speakers call their language; the English names are in the register.
OWN_NAMES = {
    "ar": "العربية",
    "cs": "čeština česky",
    "da": "dansk",
    "de": "deutsch alemán allemand tedesco alemão duits",
    "el": "ελληνικά greek",
    "en": "inglés anglais englisch inglese inglês engels",
    "es": "español castellano espagnol spanisch spagnolo espanhol spaans",
    "fi": "suomi",
    "fr": "français francés französisch francese francês frans",
    "he": "עברית",
    "hu": "magyar",
    "it": "italiano italien italienisch italiaans",
    "ja": "日本語",
    "ko": "한국어",
    "nb": "norsk",
    "nl": "nederlands holländisch niederländisch",
    "pl": "polski",
    "pt": "português portugués portugais portugiesisch portoghese",
    "ro": "română",
    "ru": "русский russisch",
    "sv": "svenska",
    "tr": "türkçe",
    "uk": "українська",
    "zh": "中文 mandarin",
}
_TAG = re.compile(r"[a-z]{2,3}(?:-[a-z0-9]{2,8})*")


@cache
def _currencies() -> frozenset[str]:
    return frozenset(currency.alpha_3 for currency in pycountry.currencies)


def is_currency(code: str) -> bool:
    return code in _currencies()


def read_currency(text: str, country: str | None) -> str | None:
    """The ISO 4217 code of a currency by code, symbol or name; None if not known."""
    if (code := text.upper()) in _currencies():
        return code
    if len(text) > 40:
        return None
    if text == "$":
        return DOLLARS.get(country or "")
    return SYMBOLS.get(text.casefold()) or WORDS.get(fold(text))


@cache
def _languages() -> dict[str, str]:
    """Folded names and three-letter codes of languages that have a two-letter code."""
    found = {fold(name): code for code, names in OWN_NAMES.items() for name in names.split()}
    for language in pycountry.languages:
        if code := getattr(language, "alpha_2", None):
            other = getattr(language, "bibliographic", language.alpha_3)
            for name in (language.name, language.name.partition(" (")[0], language.alpha_3, other):
                found.setdefault(fold(name), code)
    return found


def read_language(text: str) -> str | None:
    """A language's tag in small letters (`de`, `pt-br`) from a tag, a locale, an Accept-Language header or a name; None if not known."""
    if len(text) > 200:
        return None
    first = re.split(r"[,;.@]", text, maxsplit=1)[0].strip()
    tag = first.lower().replace("_", "-")
    if len(tag) == 2 and tag.isalpha() and tag.isascii():
        return tag
    primary, dash, rest = tag.partition("-")
    if dash and _TAG.fullmatch(tag):
        return (primary if len(primary) == 2 else _languages().get(primary, primary)) + dash + rest
    return _languages().get(fold(first))
