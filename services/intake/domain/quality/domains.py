"""Domains of addresses and websites: whose they are, and whether they say anything about a company."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache

from disposable_email_domains import blocklist
from email_validator import EmailNotValidError, validate_email
from publicsuffixlist import PublicSuffixList

from services.intake.domain.quality.text import words

# Mail providers whose domain says nothing about a company. Not complete, and need not be: a wrong guess costs a few points.
FREE_MAIL = words(
    "163.com 126.com aol.com bluewin.ch bol.com.br btinternet.com comcast.net cox.net duck.com email.com fastmail.com fastmail.fm free.fr "
    "freenet.de gmail.com gmx.at gmx.ch gmx.com gmx.de gmx.net googlemail.com hey.com hotmail.co.uk hotmail.com hotmail.fr hushmail.com "
    "icloud.com inbox.ru interia.pl laposte.net libero.it list.ru live.com mac.com mail.com mail.ru me.com msn.com naver.com o2.pl "
    "online.de onet.pl orange.fr outlook.com outlook.de pm.me posteo.de proton.me protonmail.com qq.com rambler.ru rediffmail.com "
    "rocketmail.com sapo.pt sbcglobal.net seznam.cz sfr.fr sky.com t-online.de terra.com.br tuta.com tutanota.com uol.com.br verizon.net "
    "virgilio.it wanadoo.fr web.de wp.pl ya.ru yahoo.co.jp yahoo.co.uk yahoo.com yahoo.de yahoo.fr yandex.com yandex.ru yeah.net ymail.com "
    "zoho.com"
)
# Providers with a domain in each country: hotmail.it, yahoo.com.br.
FAMILIES = frozenset(["aol", "gmx", "hotmail", "live", "outlook", "yahoo"])
# Slips of the finger, each with what was meant.
TYPOS = {
    "gamil.com": "gmail.com",
    "gmai.com": "gmail.com",
    "gmail.cm": "gmail.com",
    "gmail.co": "gmail.com",
    "gmail.con": "gmail.com",
    "gmail.cpm": "gmail.com",
    "gmail.om": "gmail.com",
    "gmal.com": "gmail.com",
    "gmaill.com": "gmail.com",
    "gmial.com": "gmail.com",
    "gmil.com": "gmail.com",
    "gnail.com": "gmail.com",
    "hotmai.com": "hotmail.com",
    "hotmail.con": "hotmail.com",
    "hotmal.com": "hotmail.com",
    "hotmial.com": "hotmail.com",
    "hotnail.com": "hotmail.com",
    "iclod.com": "icloud.com",
    "icloud.con": "icloud.com",
    "outlok.com": "outlook.com",
    "outlook.con": "outlook.com",
    "outloook.com": "outlook.com",
    "yaho.com": "yahoo.com",
    "yahoo.con": "yahoo.com",
    "yahooo.com": "yahoo.com",
    "yhaoo.com": "yahoo.com",
    "yhoo.com": "yahoo.com",
}
# Where companies have a page that is not their own domain.
SHARED_HOSTS = words(
    "bit.ly facebook.com fb.com google.com instagram.com linkedin.com linktr.ee medium.com pinterest.com t.me tiktok.com twitter.com wa.me "
    "x.com xing.com yelp.com youtube.com"
)
MAX_DOMAIN = 253


@dataclass(frozen=True)
class Domain:
    """A valid domain. `name` is as people write it, `ascii` as the network does; `company` is its registrable part.

    `kind` is company, free or disposable; `company` is None unless it is company. `meant` is set where `name` looks like a slip.
    """

    name: str
    ascii: str
    kind: str
    company: str | None = None
    meant: str | None = None


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


@lru_cache(maxsize=8192)
def read_domain(text: str) -> Domain | None:
    """What is known of a domain; None where it is none. Kept for the next time: many people share few domains."""
    if not 0 < len(text) <= MAX_DOMAIN or "@" in text:
        return None
    try:
        valid = validate_email(f"a@{text}", check_deliverability=False, test_environment=True)
    except (EmailNotValidError, UnicodeError):
        return None
    name, ascii = valid.domain, valid.ascii_domain
    if "." not in ascii:
        return None
    if meant := TYPOS.get(ascii):
        return Domain(name, ascii, "free", meant=meant)
    registrable = _suffixes().privatesuffix(ascii)
    if _is_free(ascii):
        return Domain(name, ascii, "free")
    if _is_disposable(ascii):
        return Domain(name, ascii, "disposable")
    labels = registrable.count(".") + 1 if registrable else 0
    return Domain(name, ascii, "company", ".".join(name.split(".")[-labels:]) if labels else None)


def _is_free(domain: str) -> bool:
    family, _, rest = domain.partition(".")
    return domain in FREE_MAIL or (family in FAMILIES and (rest in ("com", "net") or len(rest.rpartition(".")[2]) == 2))


def _is_disposable(domain: str) -> bool:
    """The list names the domains themselves; providers hand out their subdomains too."""
    labels = domain.split(".")
    return any(".".join(labels[n:]) in blocklist for n in range(len(labels) - 1))


def website_company(host: str) -> str | None:
    """The registrable domain of a website, where it can be a company's own."""
    domain = read_domain(host.casefold().removeprefix("www."))
    return None if domain is None or domain.company in SHARED_HOSTS else domain.company
