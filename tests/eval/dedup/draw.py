"""Drawing one thing about a person: a name, a number, a place, an address."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from random import Random

from tests.eval.dedup.pools import HANDLES, LATIN, UMLAUTS, Locale


@dataclass(frozen=True)
class Place:
    street: str
    number: int
    postcode: str
    city: str


def surname(random: Random, locale: Locale) -> str:
    """Two in five have one of the frequent names, by rank; the others one of some hundreds."""
    if random.random() < 0.4:
        ranks = [1 / (n + 2) for n in range(len(locale.frequent))]
        return random.choices(locale.frequent, ranks)[0].replace("-", " ")
    name = random.choice(locale.stems) + random.choice(locale.ends)
    if locale.country == "ES" and random.random() < 0.6:
        return f"{name} {random.choice(locale.frequent)}"
    if random.random() < 0.02:
        return f"{name}-{random.choice(locale.frequent)}"
    return name


def first_name(random: Random, locale: Locale, woman: bool) -> str:
    pool = locale.women if woman else locale.men
    return random.choices(pool, [1 / (n + 6) for n in range(len(pool))])[0]


def phone(random: Random, locale: Locale, prefixes: tuple[str, ...]) -> str:
    """E.164, drawn from the country's whole range: the blocks kept free for fiction are so small that strangers would be neighbours."""
    prefix = random.choice(prefixes)
    length = {"US": 10, "GB": 10, "IT": 10, "DE": 11 if prefix.startswith("1") else 10}.get(locale.country, 9)
    if locale.country == "US":
        prefix += str(random.randint(2, 9))
    return f"+{locale.code}{prefix}" + "".join(str(random.randint(0, 9)) for _ in range(length - len(prefix)))


def place(random: Random, locale: Locale) -> Place:
    city, begin = random.choice(locale.cities)
    code = begin + "".join(
        str(random.randint(0, 9)) if c == "d" else random.choice("ABDEFGHJLNPQ") if c == "l" else c for c in locale.postcode
    )
    return Place(random.choice(locale.streets), random.randint(1, 180), code, city)


def private_mail(random: Random, locale: Locale, first: str, last: str, *, taken: set[str]) -> str:
    """Most are made of the name, often with a number, always where the plain one is taken; one in six is made of something else."""
    first, last = mail_letters(first), mail_letters(last)
    name = random.choice(
        (f"{first}.{last}", f"{first}{last}", f"{first[:1]}{last}", f"{first}{last[:1]}", f"{last}.{first}", f"{first}_{last}")
    )
    number = str(random.choice((random.randint(1, 99), random.randint(1955, 2008)))) if random.random() < 0.5 else ""
    if random.random() < 0.17:
        name, number = random.choice(HANDLES) + random.choice(HANDLES), str(random.randint(1, 999))
    provider = random.choice(locale.providers)
    while f"{name.replace('.', '')}{number}@{provider}" in taken:
        number = str(random.randint(1, 9999))
    taken.add(f"{name.replace('.', '')}{number}@{provider}")
    return f"{name}{number}@{provider}"


def mail_letters(text: str) -> str:
    return "".join(c for c in ascii_letters(text).lower() if c.isalnum() and c.isascii())


def ascii_letters(text: str) -> str:
    """As somebody writes it who has only the plain letters."""
    text = "".join(_transliterated(c) for c in text)
    text = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return text.replace("ł", "l").replace("Ł", "L").replace("ß", "ss")


def umlauts_written_out(text: str) -> str:
    return "".join(UMLAUTS.get(c, UMLAUTS.get(c.lower(), c).capitalize() if c.lower() in UMLAUTS else c) for c in text)


def _transliterated(c: str) -> str:
    latin = LATIN.get(c.lower())
    return c if latin is None else latin.capitalize() if c.isupper() else latin
