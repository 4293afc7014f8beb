"""What a web form is answered: a page to go on to, a page that says what went wrong, or JSON where a script asked for that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any
from urllib.parse import quote

from services.intake.domain.senders.bodies import is_json, read_answers
from services.intake.domain.senders.reading import as_text
from services.intake.domain.senders.replies import json_reply, problem
from services.intake.domain.senders.shape import Connection, Delivery, Malformed, Reply, Result, Setting, Status

REDIRECT_FIELD = "_redirect"
ORIGINS = Setting(
    "origins",
    "The origins of pages that the form stands on, such as https://www.example.com. With none listed, it is taken from any page.",
    kind="list",
)
REDIRECTS = Setting(
    "redirects",
    "The pages to which the form may lead when it is sent, word for word. The first is where it leads if the form names none of them.",
    kind="list",
)

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><style>body{{font:1.1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:15vh auto;padding:0 1rem}}</style></head>
<body><main><h1>{title}</h1><p>{text}</p></main></body></html>
"""
PAGE_HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}
# In an address all of these mean something, and none can end a header's line.
_ADDRESS_CHARACTERS = "%/:=&?~#+!$,;'@()*[]"


def acknowledge(results: Sequence[Result], delivery: Delivery, connection: Connection) -> Reply:
    """303 to a listed page, else a page of thanks; an error where it was rejected. Spam is answered in the same way as a lead."""
    rejected = next((result for result in results if result.status is Status.REJECTED), None)
    if rejected is not None:
        detail = rejected.detail or "Something in the form is missing or wrong."
        return _answer(delivery, connection, problem(rejected), "This could not be sent", _advice(detail))
    # No id and no outcome: both would tell a robot whether it was noticed.
    thanks = json_reply(202, {"status": Status.ACCEPTED.value})
    if prefers_json(delivery) or not (page := _redirect(delivery, connection)):
        return _answer(
            delivery, connection, thanks, "Thank you", "We have received what you sent, and will be in touch.", status=200
        )
    return Reply(303, content_type="text/plain; charset=utf-8", headers={"location": page, **cors(delivery, connection)})


def refuse(status: int, detail: str, delivery: Delivery, connection: Connection) -> Reply:
    """A request refused as a whole, for whoever sent the form: a page that a person can act on, or a problem document."""
    slug = "not-accepted" if status in (401, 403) else "invalid"
    document = problem(Result(Status.REJECTED, slug=slug, detail=detail, http=status))
    return _answer(delivery, connection, document, "This could not be sent", _advice(detail))


def preflight(delivery: Delivery, connection: Connection) -> Reply:
    """The answer to OPTIONS, by which a browser asks whether a page's script may post here: 204, or 403 for another origin."""
    headers = cors(delivery, connection)
    if "access-control-allow-origin" not in headers:
        return Reply(403, content_type="text/plain; charset=utf-8", headers=headers)
    allowed = {
        "access-control-allow-methods": "POST, OPTIONS",
        "access-control-allow-headers": "Accept, Content-Type, Idempotency-Key",
        "access-control-max-age": "600",
    }
    return Reply(204, content_type="text/plain; charset=utf-8", headers={**headers, **allowed})


def cors(delivery: Delivery, connection: Connection) -> Mapping[str, str]:
    """The headers by which a page's script may read the answer. No cookies are involved, so that any origin is as good as none listed."""
    allowed = origins(connection)
    if not allowed:
        return {"access-control-allow-origin": "*"}
    origin = _origin(delivery.headers.get("origin", ""))
    return {"vary": "Origin", **({"access-control-allow-origin": origin} if origin in allowed else {})}


def origins(connection: Connection) -> frozenset[str]:
    """The origins that the source lists; none: any."""
    return frozenset(origin for text in _list(connection, ORIGINS) if (origin := _origin(text)))


def origin_of(delivery: Delivery) -> str:
    """The origin of the page, from Origin or else from Referer; empty where neither tells."""
    return _origin(delivery.headers.get("origin", "")) or _origin(delivery.headers.get("referer", ""))


def prefers_json(delivery: Delivery) -> bool:
    """Whether JSON is wanted rather than a page. Who does not say is a script if it sent JSON itself."""
    html, json = 0.0, 0.0
    for item in delivery.headers.get("accept", "").lower()[:2000].split(","):
        kind, *parameters = (part.strip() for part in item.split(";"))
        weight = _quality(parameters)
        if kind in ("text/html", "application/xhtml+xml"):
            html = max(html, weight)
        elif is_json(kind):
            json = max(json, weight)
    return json > html or (json == html and is_json(delivery.content_type))


def _answer(
    delivery: Delivery, connection: Connection, document: Reply, title: str, text: str, *, status: int | None = None
) -> Reply:
    headers = {**document.headers, **cors(delivery, connection)}
    if prefers_json(delivery):
        return Reply(document.status, document.body, document.content_type, headers)
    page = PAGE.format(title=escape(title), text=escape(text)).encode("utf-8", "replace")
    return Reply(status or document.status, page, "text/html; charset=utf-8", {**PAGE_HEADERS, **headers})


def _advice(detail: str) -> str:
    return f"{detail} Go back with your browser's back button: what you wrote is still there, and you can send it again."


def _redirect(delivery: Delivery, connection: Connection) -> str | None:
    """The page that the form asks for, if the source lists it. Never an address out of the request: anybody could lead anywhere."""
    listed = [page for page in _list(connection, REDIRECTS) if page.startswith(("https://", "http://"))]
    try:
        asked = as_text(read_answers(delivery).get(REDIRECT_FIELD))
    except Malformed:
        asked = None
    page = asked if asked in listed else next(iter(listed), None)
    return quote(page, safe=_ADDRESS_CHARACTERS) if page else None


def _origin(address: str) -> str:
    """`https://www.example.com` of any address there; empty for `null` and whatever else is no origin."""
    scheme, _, rest = address.strip().lower().partition("://")
    host = rest.partition("/")[0].partition("?")[0].partition("#")[0]
    if scheme not in ("https", "http") or not host.isascii() or not host.isprintable() or " " in host or "@" in host:
        return ""
    default = ":443" if scheme == "https" else ":80"
    return f"{scheme}://{host.removesuffix(default)}" if host else ""


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return min(max(float(parameter[2:10]), 0.0), 1.0)
            except ValueError:
                return 0.0
    return 1.0


def _list(connection: Connection, setting: Setting) -> list[str]:
    value: Any = connection.settings.get(setting.name)
    return [text for item in value if (text := as_text(item))] if isinstance(value, list | tuple) else []
