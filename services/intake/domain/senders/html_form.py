"""A form on anybody's web page, posted straight to us: urlencoded, multipart, or JSON by fetch.

What a form cannot prove it must make likely: a field that people do not see and robots fill in, the time that writing took, the page it was
on, and how many links it says. What is held to be spam is answered as if it had worked.

    <input name="website" tabindex="-1" autocomplete="off" style="position:absolute;left:-9999px">
    <input type="hidden" name="_ts" value="1780304400">                  seconds; signed where the source has a secret: see `stamp`
    <input type="hidden" name="_redirect" value="https://example.com/thanks">                      one of the source's `redirects`
"""

from __future__ import annotations

import hmac
import re
from hashlib import sha256
from typing import Any

from services.intake.domain.senders.bodies import read_answers
from services.intake.domain.senders.fingerprint import REPEATS, fingerprint
from services.intake.domain.senders.html_replies import (
    ORIGINS,
    REDIRECT_FIELD,
    REDIRECTS,
    acknowledge,
    origin_of,
    origins,
    preflight,
    refuse,
)
from services.intake.domain.senders.reading import as_flag, as_text, filled
from services.intake.domain.senders.shape import (
    Connection,
    Consent,
    Delivery,
    Forged,
    Ignored,
    Malformed,
    Notice,
    Sender,
    SentLead,
    Setting,
)
from services.intake.domain.senders.signing import same_text
from services.intake.domain.senders.tracking import TRACKING, read_address

__all__ = ["SENDER", "preflight", "refuse", "stamp"]

TIME_FIELD = "_ts"
MIN_SECONDS = 2
MAX_SECONDS = 24 * 3600
CLOCK_SECONDS = 300  # by which the clock that made a stamp may be ahead of ours

HONEYPOT = Setting(
    "honeypot", "The name of the field that people do not see. What comes with it filled in is spam.", default="website"
)
MAX_LINKS = Setting("max_links", "More links than this in what was written make it spam.", kind="integer", default=5)
CONSENT_FIELD = Setting("consent_field", "The name of the checkbox by which the person agrees.", default="consent")
CONSENT_PURPOSE = Setting(
    "consent_purpose", "What that box agrees to, in one word such as contact or newsletter.", default="contact"
)
CONSENT_TEXT = Setting("consent_text", "The words beside that box, kept as evidence with each lead.")

_LINK = re.compile(r"https?://|\bwww\.|\[url\b|<a\s", re.IGNORECASE)
_SECONDS = re.compile(r"([0-9]{9,13})(?:\.([0-9a-fA-F]{64}))?", re.ASCII)


def stamp(seconds: int, secret: str) -> str:
    """The value of `_ts` for a page made at this Unix time: the seconds, a full stop, and their HMAC-SHA256 in hex."""
    return f"{seconds}.{hmac.new(secret.encode('utf-8', 'surrogatepass'), str(seconds).encode(), sha256).hexdigest()}"


def verify(delivery: Delivery, connection: Connection) -> None:
    """The page's origin, where the source lists them, and the stamp, where it has a secret. Raises Forged."""
    if allowed := origins(connection):
        if not (origin := origin_of(delivery)):
            raise Forged("The request does not say from which page it comes.")
        if origin not in allowed:
            raise Forged("Forms on this page are not taken: its origin is not on the source's list.", 403)
    if connection.secrets:
        _verify_stamp(delivery, connection)


def parse(delivery: Delivery, connection: Connection) -> list[Notice]:
    """One lead, or spam. Raises Malformed."""
    fields = filled(read_answers(delivery))
    if reason := _spam(fields, delivery, connection):
        return [Ignored(reason, spam=True)]
    consents = _consents(fields, connection)
    ours = [
        TIME_FIELD,
        REDIRECT_FIELD,
        _setting(connection, HONEYPOT),
        *([_setting(connection, CONSENT_FIELD)] if consents else []),
    ]
    answers = {name: value for name, value in fields.items() if name not in ours}
    if not answers:
        raise Malformed("The form is empty.")
    said = fingerprint(answers)
    for name, value in _visit(delivery).items():
        answers.setdefault(name, value)
    return [SentLead(answers, said, REPEATS, consents=consents)]


def _verify_stamp(delivery: Delivery, connection: Connection) -> None:
    try:
        given = as_text(read_answers(delivery).get(TIME_FIELD)) or ""
    except Malformed as error:
        raise Forged(f"The form cannot be read, and so not its time stamp: {error}") from None
    match = _SECONDS.fullmatch(given)
    if match is None or match[2] is None:
        raise Forged("The form has no signed time stamp. Open the page again, and send the form anew.")
    seconds = int(match[1])
    expected = [stamp(seconds, secret) for secret in connection.secrets if secret]
    if not any([same_text(given.lower(), one) for one in expected]):
        raise Forged("The form's time stamp is wrong. Open the page again, and send the form anew.", 403)
    age = delivery.received_at.timestamp() - seconds
    if not -CLOCK_SECONDS <= age <= MAX_SECONDS:
        raise Forged("The page was open for too long. Open it again, and send the form anew.")


def _spam(fields: dict[str, Any], delivery: Delivery, connection: Connection) -> str | None:
    """Why this is spam; None if it is not."""
    trap = fields.get(_setting(connection, HONEYPOT))
    if as_text(trap) or isinstance(trap, list):
        return "the field that people do not see was filled in"
    if _too_fast(fields.get(TIME_FIELD), delivery.received_at.timestamp(), signed=bool(connection.secrets)):
        return f"written in less than {MIN_SECONDS} seconds"
    limit = _setting(connection, MAX_LINKS)
    if isinstance(limit, int) and sum(len(_LINK.findall(text)) for text in _texts(fields)) > limit:
        return f"more than {limit} links"
    return None


def _too_fast(given: Any, now: float, *, signed: bool) -> bool:
    match = _SECONDS.fullmatch(as_text(given) or "")
    if match is None:
        return False
    seconds = int(match[1]) / (1000 if len(match[1]) == 13 else 1)
    # What the page's own script wrote is the visitor's clock, which may be ahead; an old one is a page out of a cache.
    return now - seconds < MIN_SECONDS and (signed or now >= seconds)


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for item in inner for text in _texts(item)]


def _visit(delivery: Delivery) -> dict[str, str]:
    """What the address of the form's page says. It is often only the site's, as browsers tell no more to another site."""
    page = delivery.headers.get("referer", "")[:2000]
    return {**read_address(page), **({"landing_page": page} if page.startswith(("https://", "http://")) else {})}


def _consents(fields: dict[str, Any], connection: Connection) -> tuple[Consent, ...]:
    value = fields.get(_setting(connection, CONSENT_FIELD))
    granted = as_flag(value[-1] if isinstance(value, list) else value)
    if granted is None and as_text(value):
        granted = True  # a box whose value is its own words
    if granted is None:
        return ()
    purpose = as_text(_setting(connection, CONSENT_PURPOSE)) or CONSENT_PURPOSE.default
    return (Consent(purpose, granted, as_text(_setting(connection, CONSENT_TEXT))),)


def _setting(connection: Connection, setting: Setting) -> Any:
    value = connection.settings.get(setting.name)
    kind = int if setting.kind == "integer" else str
    return value if isinstance(value, kind) and value != "" else setting.default


SENDER: Sender = Sender(
    kind="html_form",
    title="Web form",
    help=(
        "Set the hook's address as the form's action, method POST. Add the hidden fields that are named below, and list the pages to "
        "which the form may lead (redirects) and on which it stands (origins). With a secret, the page's server must sign `_ts`."
    ),
    parse=parse,
    verify=verify,
    mapping=TRACKING,
    secret="Optional: the secret with which your server signs the time at which it made the page (`_ts`).",
    settings=(ORIGINS, REDIRECTS, HONEYPOT, MAX_LINKS, CONSENT_FIELD, CONSENT_PURPOSE, CONSENT_TEXT),
    acknowledge=acknowledge,
    refuse=refuse,
)
