"""Bodies that a careless reader crashes on, takes for ever, or eats all memory for; and what hypothesis makes of an honest one."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, urlencode

from hypothesis import strategies as st

from tests.support.senders.case import FORM, JSON, Case, Person, Sent

SIZE = 32 * 1024
MIB = 1024 * 1024
MULTIPART = "multipart/form-data; boundary=x"
XML = "application/xml"
MAIL = "message/rfc822"
TYPES = (JSON, FORM, MULTIPART, XML, "text/plain; charset=UTF-8", MAIL, "application/octet-stream", "")
MARK = "expanded-entity"

LAUGHS = (
    b'<!DOCTYPE adf [<!ENTITY a "' + MARK.encode() + b'">'
    + b"".join(b'<!ENTITY %c "%s">' % (c, b"&%c;" % (c - 1) * 10) for c in range(ord("b"), ord("j")))
    + b"]><adf><prospect><customer><contact><name>&i;</name><email>a@example.com</email></contact></customer></prospect></adf>"
)  # fmt: skip
LEAD = b"<adf><prospect><customer><contact><name>&a;</name><email>a@example.com</email></contact></customer></prospect></adf>"
BOMBS = {
    "a small entity": b'<!DOCTYPE adf [<!ENTITY a "' + MARK.encode() + b'">]>' + LEAD,
    "billion laughs": LAUGHS,
    "quadratic blowup": b'<!DOCTYPE adf [<!ENTITY a "' + MARK.encode() * 1000 + b'">]><adf>' + b"&a;" * 2000 + b"</adf>",
    "a file of ours": b'<?xml version="1.0"?><!DOCTYPE adf [<!ENTITY a SYSTEM "file:///etc/passwd">]><adf><prospect>&a;</prospect></adf>',
    "an address inside": b'<!DOCTYPE adf SYSTEM "http://169.254.169.254/latest"><adf><prospect/></adf>',
    "parameter entities": b'<!DOCTYPE adf [<!ENTITY % a SYSTEM "http://169.254.169.254/"> %a;]><adf><prospect/></adf>',
    "an entity in an attribute": b'<!DOCTYPE adf [<!ENTITY a "b">]><adf a="&a;"><prospect/></adf>',
}
"""XML that is more than it seems. None of it may be expanded, and nothing may be asked for."""

CORPUS = {
    "nothing": b"",
    "blanks": b" " * SIZE,
    "zeros": b"\0" * SIZE,
    "a byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16": '{"email": "a@example.com"}'.encode("utf-16"),
    "no UTF-8": b'{"email": "\xff\xfe@example.com"}',
    "null": b"null",
    "text": b'"text"',
    "infinity": b'{"email": 1e999, "entry": -Infinity, "lead_id": NaN}',
    "an endless number": b'{"lead_id":' + b"9" * SIZE + b"}",
    "one name twice": b'{"google_key":"a","google_key":"b","entry":1,"entry":[]}',
    "many names": b"{" + b",".join(b'"n%d":1' % n for n in range(SIZE // 12)) + b"}",
    "one long text": b'{"data":"' + b"<" * SIZE + b'"}',
    "a text of escapes": b'{"data":"' + rb"\u0000\ud800" * (SIZE // 12) + b'"}',
    "many entries": b'{"object":1,"entry":[' + b",".join([b'{"id":1,"changes":[{}]}'] * (SIZE // 24)) + b"]}",
    "many events": b"[" + b",".join([b'{"objectId":1}'] * (SIZE // 15)) + b"]",
    "many leads": b"[" + b",".join([b'{"email":"a@example.com"}'] * (SIZE // 26)) + b"]",
    "ampersands": b"&" * SIZE,
    "many fields": b"a=b&" * (SIZE // 4),
    "percent signs": b"a=" + b"%" * SIZE,
    "lines": b"a: b\r\n" * (SIZE // 6),
    "a long header": b"Subject: " + b"=?utf-8?q?" * (SIZE // 10) + b"\r\n\r\ntext",
    "boundaries": b"--x\r\n" * (SIZE // 5),
    "a form that is cut off": b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n' + b"b" * 1000,
    "many parts": b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n' * (SIZE // 56) + b"--x--\r\n",
    "a part of semicolons": b"--x\r\nContent-Disposition: form-data; name" + b";a=" * (SIZE // 3) + b"\r\n\r\nb\r\n--x--\r\n",
    "an archive": b"PK\x03\x04" + bytes(range(256)) * 100,
    "a mail of mails": b'Content-Type: multipart/mixed; boundary="y"\r\n\r\n'
    + b'--y\r\nContent-Type: multipart/mixed; boundary="y"\r\n\r\n' * 300,
    "open tags": b"<adf>" * (SIZE // 5),
    "closing tags": b"<adf>" + b"</adf>" * (SIZE // 6),
    "attributes": b"<adf " + b" ".join(b'a%d="b"' % n for n in range(SIZE // 10)) + b"/></adf>",
    **BOMBS,
}


def deep(levels: int) -> bytes:
    """JSON that is nested so deep."""
    return b'{"a":' * levels + b"1" + b"}" * levels


def as_type(kind: str, body: bytes) -> Sent:
    return Sent(body, {"content-type": kind} if kind else {})


# -- Mutations of what a sender really says ------------------------------------------------------------------------------------------

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20),
    st.sampled_from(["", "0", "\0", "\ud800", "\u202e", "a" * 5000, "a@b", "@", "+", "1e400", "2026-13-45T99:99:99Z", "<b>", "{", "[]"]),
    st.sampled_from([0, -1, 2**53, 2**63, 2**64, 10**30, -(10**400), 1e308, float("nan")]),
)  # fmt: skip
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4), max_leaves=8
)
HEADERS = st.dictionaries(
    st.sampled_from(["content-type", "accept", "origin", "referer", "webhook-id", "x-amz-sns-message-type", "idempotency-key"]),
    st.sampled_from([*TYPES[:6], "", "*/*;q=9", "null", "https://example.com/?utm_source=%00", "multipart/form-data", "a" * 300]),
    max_size=1,
)


@st.composite
def mutated(draw: st.DrawFn, case: Case, person: Person, at: Any) -> Sent:
    """What the sender says, with a few things in it changed, left out or put in the wrong place."""
    said = case.says(person, at)
    kind = said.headers["content-type"]
    if kind == JSON:
        value = json.loads(said.body)
        for _ in range(draw(st.integers(1, 3))):
            value = _replaced(draw, value)
        body = json.dumps(value).encode()
    elif kind == FORM:
        pairs = parse_qsl(said.body.decode(), keep_blank_values=True)
        n = draw(st.integers(0, len(pairs) - 1))
        pairs[n] = (draw(st.sampled_from([pairs[n][0], "", "email", "\0"])), draw(st.text(max_size=40) | st.just("\0\r\n" * 50)))
        body = urlencode(pairs * draw(st.sampled_from([1, 1, 2])), errors="surrogatepass").encode()
    else:
        cut = draw(st.integers(0, len(said.body)))
        piece = draw(
            st.binary(max_size=20) | st.sampled_from([b"&", b"<", b"]]>", b"<![CDATA[", b"&#0;", b"&#xD800;", b"\0", b"<!--"])
        )
        body = said.body[:cut] + piece + said.body[cut + draw(st.integers(0, 10)) :]
    return Sent(body, {**said.headers, **draw(HEADERS)})


def _replaced(draw: st.DrawFn, value: Any) -> Any:
    """The value with something in it replaced, at any depth."""
    if isinstance(value, dict) and value and draw(st.integers(0, 5)):
        key = draw(st.sampled_from(sorted(value)))
        changed = dict(value)
        if draw(st.integers(0, 6)):
            changed[key] = _replaced(draw, value[key])
        else:
            del changed[key]
        return changed
    if isinstance(value, list) and value and draw(st.integers(0, 5)):
        n = draw(st.integers(0, len(value) - 1))
        return [*value[:n], _replaced(draw, value[n]), *value[n + 1 :]]
    return draw(VALUES)
