"""Signatures: each sender's rule, and what is refused: wrong, missing, stale, from the future, replayed, or with no secret of ours."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.intake.domain.senders.shape import Connection, Delivery, Forged
from services.intake.domain.senders.signing import (
    ACCEPT_UNSIGNED,
    PROFILES,
    decode_some,
    verify_signature,
    verify_signed_unless_accepted,
)
from tests.unit.intake.senders.posted import BOUNDED
from tests.unit.intake.senders.signed import NOW, SAMPLES, SECRET, STAMP, URL, base64_of, delivery, hex_of

BODY = json.dumps({"name": "Zoë Example", "nested": [1, 2, {"a": "b"}]}, ensure_ascii=False).encode()
KEY = b"thirty-two bytes of a key, 32 of"
WHSEC = "whsec_" + base64.b64encode(KEY).decode()


def stamped(prefix: str) -> Callable[[bytes, str, int], dict[str, str]]:
    def sign(body: bytes, secret: str, stamp: int) -> dict[str, str]:
        key = base64.b64decode(secret.removeprefix("whsec_"))
        signature = base64_of(b"msg_1." + str(stamp).encode() + b"." + body, key)
        return {f"{prefix}-id": "msg_1", f"{prefix}-timestamp": str(stamp), f"{prefix}-signature": f"v1,{signature}"}

    return sign


def hubspot(body: bytes, secret: str, stamp: int) -> dict[str, str]:
    message = b"POST" + URL.encode() + body + str(stamp * 1000).encode()
    return {"x-hubspot-signature-v3": base64_of(message, secret), "x-hubspot-request-timestamp": str(stamp * 1000)}


def webflow(body: bytes, secret: str, stamp: int) -> dict[str, str]:
    message = str(stamp * 1000).encode() + b":" + body
    return {"x-webflow-signature": hex_of(message, secret), "x-webflow-timestamp": str(stamp * 1000)}


# How each sender signs, by its own published rule: the headers of a delivery at a Unix time.
SIGNERS: dict[str, Callable[[bytes, str, int], dict[str, str]]] = {
    "meta": lambda body, secret, _: {"x-hub-signature-256": "sha256=" + hex_of(body, secret)},
    "linkedin": lambda body, secret, _: {"x-li-signature": hex_of(b"hmacsha256=" + body, secret)},
    "linkedin_body": lambda body, secret, _: {"x-li-signature": "hmacsha256=" + hex_of(body, secret)},
    "tiktok": lambda body, secret, t: {"tiktok-signature": f"t={t},s={hex_of(f'{t}.'.encode() + body, secret)}"},
    "typeform": lambda body, secret, _: {"typeform-signature": "sha256=" + base64_of(body, secret)},
    "hubspot": hubspot,
    "calendly": lambda body, secret, t: {"calendly-webhook-signature": f"t={t},v1={hex_of(f'{t}.'.encode() + body, secret)}"},
    "webflow": webflow,
    "standard_webhooks": stamped("webhook"),
    "svix": stamped("svix"),
}
KINDS = sorted(SIGNERS)
WITH_TIME = sorted(kind for kind, profile in PROFILES.items() if profile.timestamp)


def secret_of(kind: str) -> str:
    return WHSEC if kind in ("standard_webhooks", "svix") else SECRET


def signed(kind: str, *, secret: str | None = None, stamp: int = STAMP, body: bytes = BODY) -> Delivery:
    return delivery(body, SIGNERS[kind](body, secret or secret_of(kind), stamp))


def refusal(kind: str, sent: Delivery, *secrets: str) -> int:
    with pytest.raises(Forged) as caught:
        verify_signature(PROFILES[kind], sent, Connection(secrets or (secret_of(kind),)))
    return caught.value.status


def without_headers(sent: Delivery, *names: str | None) -> Delivery:
    return replace(sent, headers={name: value for name, value in sent.headers.items() if name not in names})


def test_every_profile_is_tested_here() -> None:
    assert set(SIGNERS) == set(PROFILES)


@pytest.mark.parametrize("kind", KINDS)
def test_a_valid_signature_is_accepted(kind: str) -> None:
    verify_signature(PROFILES[kind], signed(kind), Connection((secret_of(kind),)))


@pytest.mark.parametrize("kind", KINDS)
def test_both_secrets_are_valid_during_a_rotation_and_no_third(kind: str) -> None:
    old = secret_of(kind)
    new = "whsec_" + base64.b64encode(b"another key").decode()
    for secret in (old, new):
        verify_signature(PROFILES[kind], signed(kind, secret=secret), Connection((new, old)))
    third = "whsec_" + base64.b64encode(b"neither key").decode()
    assert refusal(kind, signed(kind, secret=third), new, old) == 403


@pytest.mark.parametrize("kind", KINDS)
def test_a_changed_body_is_refused(kind: str) -> None:
    assert refusal(kind, replace(signed(kind), body=BODY + b" ")) == 403


@pytest.mark.parametrize("kind", KINDS)
def test_a_missing_or_empty_signature_is_refused(kind: str) -> None:
    sent = signed(kind)
    header = PROFILES[kind].header
    assert refusal(kind, without_headers(sent, header)) == 401
    assert refusal(kind, replace(sent, headers={**sent.headers, header: "  "})) == 401


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_secret_nothing_is_accepted(kind: str) -> None:
    for secrets in ((), ("",)):
        with pytest.raises(Forged) as caught:
            verify_signature(PROFILES[kind], signed(kind), Connection(secrets))
        assert caught.value.status == 401


def test_an_empty_secret_opens_nothing_to_whoever_signs_with_an_empty_key() -> None:
    assert refusal("meta", delivery(BODY, {"x-hub-signature-256": "sha256=" + hex_of(BODY, "")}), "", SECRET) == 403


@pytest.mark.parametrize("kind", WITH_TIME)
@pytest.mark.parametrize("way", [-1, 1])
def test_a_stale_signature_and_one_from_the_future_are_refused(kind: str, way: int) -> None:
    rule = PROFILES[kind].timestamp
    assert rule is not None
    tolerance = int(rule.tolerance.total_seconds())
    verify_signature(PROFILES[kind], signed(kind, stamp=STAMP + way * tolerance), Connection((secret_of(kind),)))
    assert refusal(kind, signed(kind, stamp=STAMP + way * (tolerance + 1))) == 401


@pytest.mark.parametrize("kind", WITH_TIME)
def test_a_replay_under_a_new_timestamp_is_refused(kind: str) -> None:
    old, fresh = signed(kind, stamp=STAMP - 86_400), signed(kind)
    rule = PROFILES[kind].timestamp
    assert rule is not None
    if rule.header is not None:
        headers = {**old.headers, rule.header: fresh.headers[rule.header]}
    else:
        header = PROFILES[kind].header
        signature = old.headers[header].partition(",")[2]
        headers = {**old.headers, header: fresh.headers[header].partition(",")[0] + "," + signature}
    assert refusal(kind, replace(old, headers=headers)) == 403


@pytest.mark.parametrize("kind", WITH_TIME)
@pytest.mark.parametrize(
    "stamp", ["", "soon", "-1", "1.5", "1e9", "0x10", "９９９", "99999999999999", "1" * 5000, "NaN", "\0", "1795339800 000"]
)
def test_a_timestamp_that_is_none_is_refused_and_never_crashes(kind: str, stamp: str) -> None:
    sent, profile = signed(kind), PROFILES[kind]
    assert profile.timestamp is not None
    if profile.timestamp.header is not None:
        headers = {**sent.headers, profile.timestamp.header: stamp}
    else:
        headers = {**sent.headers, profile.header: f"t={stamp},{sent.headers[profile.header].partition(',')[2]}"}
    assert refusal(kind, replace(sent, headers=headers)) == 401
    assert refusal(kind, without_headers(sent, profile.timestamp.header or profile.header)) == 401


@pytest.mark.parametrize("kind", ["meta", "typeform"])
def test_a_signature_of_another_scheme_is_refused(kind: str) -> None:
    sent = signed(kind)
    header = PROFILES[kind].header
    assert refusal(kind, replace(sent, headers={**sent.headers, header: sent.headers[header].replace("sha256=", "sha1=")})) == 403
    assert refusal(kind, replace(sent, headers={**sent.headers, header: sent.headers[header].removeprefix("sha256=")})) == 403


def test_linkedins_header_may_have_the_prefix_or_not() -> None:
    bare = hex_of(b"hmacsha256=" + BODY, SECRET)
    for value in (bare, f"hmacsha256={bare}", bare.upper()):
        verify_signature(PROFILES["linkedin"], delivery(BODY, {"x-li-signature": value}), Connection((SECRET,)))


def test_the_items_of_a_header_may_come_in_any_order_with_blanks_and_with_several_signatures() -> None:
    good = hex_of(f"{STAMP}.".encode() + BODY, SECRET)
    for value in (f"v1={good},t={STAMP}", f"t={STAMP}, v1={good}", f"t={STAMP},v1={'0' * 64},v1={good},v0=x"):
        verify_signature(PROFILES["calendly"], delivery(BODY, {"calendly-webhook-signature": value}), Connection((SECRET,)))
    assert refusal("calendly", delivery(BODY, {"calendly-webhook-signature": f"t={STAMP},v0={good}"})) == 403
    assert refusal("calendly", delivery(BODY, {"calendly-webhook-signature": f"t={STAMP}"})) == 403


def test_standard_webhooks_takes_any_of_several_signatures_and_looks_at_v1_only() -> None:
    sent = signed("standard_webhooks")
    good = sent.headers["webhook-signature"]
    several = {**sent.headers, "webhook-signature": f"v1a,abcd v1,{'A' * 43}= {good}"}
    verify_signature(PROFILES["standard_webhooks"], replace(sent, headers=several), Connection((WHSEC,)))
    other = {**sent.headers, "webhook-signature": good.replace("v1,", "v1a,")}
    assert refusal("standard_webhooks", replace(sent, headers=other)) == 403


def test_many_signatures_over_a_large_body_are_looked_at_in_a_moment() -> None:
    sent = signed("standard_webhooks", body=b"x" * 2**20)
    many = {**sent.headers, "webhook-signature": "v1,x " * 15_000}
    started = time.process_time()
    assert refusal("standard_webhooks", replace(sent, headers=many)) == 403
    assert time.process_time() - started < BOUNDED


def test_standard_webhooks_signs_the_id_too() -> None:
    sent = signed("standard_webhooks")
    assert refusal("standard_webhooks", replace(sent, headers={**sent.headers, "webhook-id": "msg_2"})) == 403
    assert refusal("standard_webhooks", without_headers(sent, "webhook-id")) == 401


@pytest.mark.parametrize("secret", [WHSEC.removeprefix("whsec_"), f"v1,{WHSEC}", WHSEC.rstrip("=")])
def test_a_whsec_secret_is_read_as_it_is_shown_by_senders(secret: str) -> None:
    verify_signature(PROFILES["standard_webhooks"], signed("standard_webhooks"), Connection((secret,)))


def test_a_secret_that_is_no_base64_is_no_secret() -> None:
    assert refusal("standard_webhooks", signed("standard_webhooks"), "whsec_not base64!") == 401
    verify_signature(PROFILES["standard_webhooks"], signed("standard_webhooks"), Connection(("whsec_not base64!", WHSEC)))


def test_hubspots_address_is_signed_with_twelve_characters_decoded_and_no_others() -> None:
    sent = "https://h.example/%3A%2F%3F%40%21%24%27%28%29%2A%2C%3b?q=%20%26%3D%25%C3%A9"
    assert decode_some(sent) == "https://h.example/:/?@!$'()*,;?q=%20%26%3D%25%C3%A9"
    stamp = str(STAMP * 1000)
    message = b"POST" + b"https://h.example/x?at=a@b" + BODY + stamp.encode()
    headers = {"x-hubspot-signature-v3": base64_of(message, SECRET), "x-hubspot-request-timestamp": stamp}
    on_the_wire = delivery(BODY, headers, url="https://h.example/x?at=a%40b")
    verify_signature(PROFILES["hubspot"], on_the_wire, Connection((SECRET,)))
    assert refusal("hubspot", replace(on_the_wire, url="http://h.example/x?at=a%40b")) == 403
    assert refusal("hubspot", replace(on_the_wire, method="PUT")) == 403


@pytest.mark.parametrize("kind", ["tiktok", "webflow"])
def test_an_unsigned_delivery_is_accepted_only_where_the_source_says_so(kind: str) -> None:
    sent = signed(kind)
    unsigned = without_headers(sent, PROFILES[kind].header)
    accepting = Connection((SECRET,), {ACCEPT_UNSIGNED.name: True})
    verify_signed_unless_accepted(PROFILES[kind], unsigned, accepting)
    for value in (False, None, "true", 1):
        with pytest.raises(Forged):
            verify_signed_unless_accepted(PROFILES[kind], unsigned, Connection((SECRET,), {ACCEPT_UNSIGNED.name: value}))
    wrong = replace(sent, body=b"{}")
    with pytest.raises(Forged) as caught:  # a signature that is there must be right, whatever the source accepts
        verify_signed_unless_accepted(PROFILES[kind], wrong, accepting)
    assert caught.value.status == 403


@given(
    kind=st.sampled_from(KINDS),
    values=st.lists(st.text(st.characters(max_codepoint=255), max_size=80), min_size=3, max_size=3),
    body=st.binary(max_size=50),
    url=st.text(max_size=50),
    method=st.text(max_size=6),
)
@settings(max_examples=150, deadline=None)
def test_whatever_the_headers_say_the_answer_is_a_refusal(
    kind: str, values: list[str], body: bytes, url: str, method: str
) -> None:
    profile = PROFILES[kind]
    names = (profile.header, profile.timestamp.header if profile.timestamp else None, profile.id_header)
    headers = {name: value for name, value in zip(names, values, strict=True) if name}
    sent = Delivery(method, url, headers, {}, body, NOW)
    with pytest.raises(Forged):
        verify_signature(profile, sent, Connection((secret_of(kind),)))


def test_the_collected_vectors_hold() -> None:
    path = SAMPLES / "signature_vectors.json"
    for vector in json.loads(path.read_text()) if path.exists() else []:
        kind = vector["provider"].replace("-", "_")
        if "body" not in vector or vector.get("version", "v3") != "v3":
            continue
        headers = {name.lower(): value for name, value in vector.get("headers", {}).items()}
        if kind == "hubspot":
            headers = {"x-hubspot-signature-v3": vector["signature"], "x-hubspot-request-timestamp": vector["timestamp"]}
        profile = PROFILES[kind]
        at = NOW
        if profile.timestamp is not None:
            stamp = headers.get(profile.timestamp.header or "", headers[profile.header].partition(",")[0].removeprefix("t="))
            at = type(NOW).fromtimestamp(0, NOW.tzinfo) + int(stamp) * profile.timestamp.unit
        sent = delivery(vector["body"].encode(), headers, url=vector.get("url", URL), received_at=at)
        verify_signature(profile, sent, Connection((vector["secret"],)))
        with pytest.raises(Forged):
            verify_signature(profile, replace(sent, body=sent.body + b"\n"), Connection((vector["secret"],)))
        if profile.timestamp is not None:
            with pytest.raises(Forged):
                verify_signature(profile, replace(sent, received_at=at + timedelta(hours=1)), Connection((vector["secret"],)))
