"""E-mail addresses: what is kept of them, what kind they are, and the key by which the same mailbox is known again."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import unquote

from email_validator import EmailNotValidError, validate_email
from email_validator.rfc_constants import CASE_INSENSITIVE_MAILBOX_NAMES, LOCAL_PART_MAX_LENGTH

from services.intake.domain.quality.domains import Domain, read_domain
from services.intake.domain.quality.text import words

MAX_ADDRESS = 254  # RFC 5321, as amended
MAX_TEXT = 1_000  # longer is no address, nor a few of them
MAX_PIECES = 10
ROLES = words(
    "abuse accounting accounts admin administrator billing booking buero comercial contact contacto contato contatti customerservice "
    "einkauf enquiries enquiry facturacion hello help helpdesk hola hr info information inquiries inquiry jobs karriere kontakt mail "
    "marketing no-reply noreply office orders post postmaster presse press reception reservations sales sekretariat service support team "
    "ventas vendas verkauf vertrieb webmaster"
)
# Providers that deliver name+anything to name, and where one mailbox has several domains, the one it is known by.
PLUS_TAGS = words("fastmail.com gmail.com hotmail.com icloud.com live.com msn.com outlook.com protonmail.com yandex.ru")
ALIASES = {
    "googlemail.com": "gmail.com",
    "mac.com": "icloud.com",
    "me.com": "icloud.com",
    "pm.me": "protonmail.com",
    "proton.me": "protonmail.com",
    "ya.ru": "yandex.ru",
    "yandex.com": "yandex.ru",
}
_PLAIN = re.compile(r"[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*")
_BETWEEN = re.compile(r"[\s,;|]+")


class Mail(NamedTuple):
    """An address. `text` is its normal form, or what was sent where it is invalid; `key` is None for an invalid one.

    `kind` is company, free, disposable or invalid. `role`: it is a desk's, such as info@, and not a person's.
    """

    text: str
    kind: str
    key: str | None = None
    company: str | None = None
    role: bool = False
    warning: str | None = None


def read_mail(text: str) -> Mail:
    """Reads an address, also as `Ada <ada@example.com>`, as `mailto:`, or as the first of several. `text` is one line."""
    if len(text) > MAX_TEXT:
        return _invalid(text)
    mail = read_address(text) or read_address(_unwrapped(text))
    if mail:
        return mail
    pieces = _BETWEEN.split(_unwrapped(text))
    if sum("@" in piece for piece in pieces) > 1:
        for piece in pieces[:MAX_PIECES]:
            if first := read_address(piece.strip("<>")):
                return Mail(
                    first.text, first.kind, first.key, first.company, first.role, "more than one address; the first is used"
                )
    return _invalid(text)


def _invalid(text: str) -> Mail:
    return Mail(text, "invalid", warning="does not look like an address")


def _unwrapped(text: str) -> str:
    if text[:7].casefold() == "mailto:":
        text = unquote(text[7:].partition("?")[0])
    if text.endswith(">") and "<" in text:
        text = text[text.rindex("<") + 1 : -1]
    return text.strip(" '\"").rstrip(".,;:")


def read_address(text: str) -> Mail | None:
    """A bare address by email-validator's rules, or None.

    The usual address takes a short way: its domain's verdict is remembered, and its local part needs one expression only. A test holds
    both ways to the same answers.
    """
    local, _, host = text.rpartition("@")
    if len(local) <= LOCAL_PART_MAX_LENGTH and _PLAIN.fullmatch(local) and host.isascii():
        domain = read_domain(host)
        if domain and domain.name == domain.ascii and len(text) <= MAX_ADDRESS:
            small = local.lower()
            return _mail(small if small in CASE_INSENSITIVE_MAILBOX_NAMES else local, domain)
    return read_address_slowly(text)


def read_address_slowly(text: str) -> Mail | None:
    """The same in the library's own words, for addresses with anything unusual in them."""
    if len(text) > MAX_ADDRESS:
        return None
    try:
        valid = validate_email(text, check_deliverability=False, test_environment=True, strict=True)
    except (EmailNotValidError, UnicodeError):
        return None
    domain = read_domain(valid.ascii_domain)
    return _mail(valid.local_part, domain) if domain else None


def _mail(local: str, domain: Domain) -> Mail:
    warning = f"the domain may be misspelt; {domain.meant} is a provider" if domain.meant else None
    key = match_key(local, domain.ascii)
    role = key.partition("@")[0].partition("+")[0] in ROLES
    return Mail(f"{local}@{domain.name}", domain.kind, key, domain.company, role, warning)


def match_key(local: str, domain: str) -> str:
    """The same text for all spellings of one mailbox: case everywhere, and dots and tags where the provider is known to ignore them."""
    folded = local.casefold()
    domain = ALIASES.get(domain, domain)
    if domain in PLUS_TAGS:
        folded = folded.partition("+")[0] or folded
    if domain == "gmail.com":
        folded = folded.replace(".", "") or folded
    return f"{folded}@{domain}"
