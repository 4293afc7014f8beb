"""Domains of addresses and websites: whose they are, and whether they say anything about a company."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache

from disposable_email_domains import blocklist
from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email
from publicsuffixlist import PublicSuffixList

from services.intake.domain.quality.text import words

# Mail providers whose domain says nothing about a company. Not complete, and need not be: a wrong guess costs a few points.
FREE_MAIL = words(
    "126.com 163.com alice.it aol.com arcor.de att.net bellsouth.net bigmir.net bigpond.com bluewin.ch blueyonder.co.uk "
    "bol.com.br btinternet.com centrum.cz charter.net citromail.hu comcast.net cox.net duck.com earthlink.net email.com "
    "email.cz fastmail.com fastmail.fm fastwebnet.it free.fr freemail.hu freenet.de gazeta.pl gmail.com gmx.at gmx.ch gmx.com "
    "gmx.de gmx.net googlemail.com hey.com hotmail.co.uk hotmail.com hotmail.fr hushmail.com i.ua icloud.com ig.com.br inbox.ru "
    "interia.pl inwind.it juno.com kpnmail.nl laposte.net libero.it list.ru live.com mac.com mail.bg mail.com mail.de mail.ru "
    "me.com meta.ua msn.com naver.com neuf.fr ntlworld.com numericable.fr o2.co.uk o2.pl onet.pl online.de op.pl optonline.net "
    "orange.fr outlook.com outlook.de pm.me poczta.fm post.cz poste.it posteo.de proton.me protonmail.com qq.com rambler.ru "
    "rediffmail.com rocketmail.com rogers.com sapo.pt sbcglobal.net seznam.cz sfr.fr shaw.ca sky.com skynet.be sympatico.ca "
    "t-online.de talktalk.net telefonica.net telenet.be telia.com telus.net terra.com.br tim.it tin.it tiscali.co.uk tiscali.it "
    "tlen.pl tuta.com tutanota.com ukr.net uol.com.br verizon.net virgilio.it virginmedia.com volny.cz wanadoo.fr web.de wp.pl "
    "xs4all.nl xtra.co.nz ya.ru yahoo.co.jp yahoo.co.uk yahoo.com yahoo.de yahoo.fr yandex.com yandex.ru yeah.net ymail.com "
    "ziggo.nl zoho.com"
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
# Letters, digits and single hyphens: what such a name is needs no library, but for names that are nobody's.
_PLAIN = re.compile(r"(?!.{251})(?!.*--)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?:[a-z0-9](?:[a-z0-9-]{0,61}))?[a-z]")
_SPECIAL = frozenset(name.rpartition(".")[2] for name in SPECIAL_USE_DOMAIN_NAMES)


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
    names = _plain_names(text) or names_of(text)
    if names is None or "." not in names[1]:
        return None
    name, ascii = names
    if meant := TYPOS.get(ascii):
        return Domain(name, ascii, "free", meant=meant)
    registrable = _suffixes().privatesuffix(ascii)
    if _is_free(ascii):
        return Domain(name, ascii, "free")
    if _is_disposable(ascii):
        return Domain(name, ascii, "disposable")
    labels = registrable.count(".") + 1 if registrable else 0
    return Domain(name, ascii, "company", ".".join(name.split(".")[-labels:]) if labels else None)


def _plain_names(text: str) -> tuple[str, str] | None:
    """The same as names_of, at a hundredth of its cost; None wherever only that can tell."""
    name = text.lower()
    plain = text.isascii() and _PLAIN.fullmatch(name) and name.rpartition(".")[2] not in _SPECIAL
    return (name, name) if plain else None


def names_of(text: str) -> tuple[str, str] | None:
    """A domain as people write it, and as the network does, by email-validator's rules; None where it is none."""
    try:
        valid = validate_email(f"a@{text}", check_deliverability=False, test_environment=True)
    except (EmailNotValidError, UnicodeError):
        return None
    return valid.domain, valid.ascii_domain


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
