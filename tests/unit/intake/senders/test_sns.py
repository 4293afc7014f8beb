"""SNS envelopes: both signature versions, certificates, ages, topics, and addresses that are not SNS's."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.intake.domain.senders.shape import Confirmation, Connection, Forged, Ignored, Malformed
from services.intake.domain.senders.sns import NeedsCertificate, open_envelope, read_control, verify_envelope
from tests.unit.intake.senders.envelopes import (
    CERTIFICATE,
    CONFIRM,
    SUBSCRIPTION,
    TOPIC,
    certificate,
    deliver,
    message,
    signed,
    trusting,
)
from tests.unit.intake.senders.posted import AT, post


def verified(fields: dict[str, Any], connection: Connection | None = None) -> int:
    """The status with which the message is refused; 0 where it is not."""
    delivery = deliver(fields)
    envelope = open_envelope(delivery)
    assert envelope is not None
    try:
        verify_envelope(envelope, delivery, connection or trusting())
    except Forged as error:
        return error.status
    return 0


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize(
    "changes",
    [{}, {"Subject": "A lead"}, {"Message": "é\n😀"}, SUBSCRIPTION, {**SUBSCRIPTION, "Type": "UnsubscribeConfirmation"}],
)
def test_what_sns_signed_is_accepted(version: str, changes: dict[str, Any]) -> None:
    assert verified(signed(SignatureVersion=version, **changes)) == 0


@pytest.mark.parametrize("name", ["Message", "MessageId", "Timestamp", "TopicArn", "Subject"])
def test_every_signed_field_is_guarded(name: str) -> None:
    fields = signed(Subject="A lead")
    changed = "2026-06-01T09:00:01.000Z" if name == "Timestamp" else f"{fields[name]}x"
    assert verified({**fields, name: changed}) == 403


def test_a_subject_that_was_added_or_taken_away_is_noticed() -> None:
    assert verified({**signed(), "Subject": "x"}) == 403
    assert verified({name: value for name, value in signed(Subject="x").items() if name != "Subject"}) == 403


@pytest.mark.parametrize("name", ["Message", "MessageId", "Timestamp", "Signature", "SignatureVersion", "SigningCertURL"])
@pytest.mark.parametrize("value", [None, 7, ["x"]])
def test_what_is_missing_or_no_text_is_401(name: str, value: Any) -> None:
    assert verified({**signed(), name: value}) == 401


@pytest.mark.parametrize("signature", ["", "x", "AAAA", "!!!!", "é"])
def test_a_wrong_signature_is_403(signature: str) -> None:
    assert verified(signed() | {"Signature": signature}) == 403


def test_the_other_hash_does_not_do() -> None:
    assert verified(signed() | {"SignatureVersion": "2"}) == 403
    assert verified(signed() | {"SignatureVersion": "3"}) == 401


@pytest.mark.parametrize(
    ("timestamp", "status"),
    [
        ("2026-06-01T08:05:01.000Z", 0),
        ("2026-06-01T08:04:59.000Z", 401),
        ("2026-06-01T10:04:59.000Z", 0),
        ("2026-06-01T10:05:01.000Z", 401),
        ("yesterday", 401),
        ("", 401),
    ],
)
def test_a_message_is_good_for_an_hour_and_the_future_counts_too(timestamp: str, status: int) -> None:
    assert verified(signed(Timestamp=timestamp)) == status


@pytest.mark.parametrize(
    ("pem", "status"),
    [
        (certificate(start=AT - timedelta(days=400)), 403),
        (certificate(start=AT + timedelta(days=1)), 403),
        (certificate("sns.cn-north-1.amazonaws.com.cn"), 0),
        (certificate("sns.amazonaws.com.evil.example"), 403),
        (certificate("evil.example"), 403),
        ("no certificate", 403),
    ],
)
def test_the_certificate_is_looked_at(pem: str, status: int) -> None:
    assert verified(signed(), trusting(pem)) == status


@pytest.mark.parametrize(
    "url",
    [
        "http://sns.us-east-1.amazonaws.com/a.pem",
        "https://sns.us-east-1.amazonaws.com.evil.example/a.pem",
        "https://evil.example/sns.us-east-1.amazonaws.com/a.pem",
        "https://sns.us-east-1.amazonaws.com@evil.example/a.pem",
        "https://sns.us-east-1.amazonaws.com:8443/a.pem",
        "https://sns.us-east-1.amazonaws.com/a.pem?x=.pem",
        "https://sns.us-east-1.amazonaws.com/a.pem#.pem",
        "https://sns.us-east-1.amazonaws.com/../a.pem",
        "https://sns.us-east-1.amazonaws.com\t/a.pem",
        "https://sns.us-east-1.amazonaws.com/a.pem\n",
        "https://sns.us-east-1.amazonaws.com/a.txt",
        "https://sns.us-east-1.s3.amazonaws.com/a.pem",
        "https://xsns.us-east-1.amazonaws.com/a.pem",
        "https://169.254.169.254/a.pem",
        "file:///etc/a.pem",
    ],
)
def test_a_certificate_from_elsewhere_is_never_asked_for(url: str) -> None:
    assert verified(signed(SigningCertURL=url), trusting(url=url)) == 403


@pytest.mark.parametrize("host", ["sns.eu-central-1.amazonaws.com", "sns.cn-north-1.amazonaws.com.cn"])
def test_a_certificate_that_is_not_there_is_asked_for(host: str) -> None:
    url = f"https://{host}/SimpleNotificationService-0a.pem"
    for known in ({}, {"certificates": {CERTIFICATE: certificate()}}, {"certificates": None}):
        with pytest.raises(NeedsCertificate) as caught:
            verified(signed(SigningCertURL=url), Connection((), known))
        assert caught.value.url == url


def test_only_the_sources_own_topic_is_accepted_where_it_names_one() -> None:
    assert verified(signed(), trusting(topic_arn=TOPIC)) == 0
    assert verified(signed(TopicArn=f"{TOPIC}2"), trusting(topic_arn=TOPIC)) == 403


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"Type": "Notification"},
        message(Type="Other"),
        message(Type=7),
        message(Type=["Notification"]),
        {"SigningCertURL": "x"},
    ],
)
def test_what_is_no_envelope_is_left_alone(fields: dict[str, Any]) -> None:
    assert open_envelope(deliver(fields)) is None


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"SigningCertURL"', b'"SigningCertURL"'])
def test_a_body_that_cannot_be_read_is_no_envelope(body: bytes) -> None:
    assert open_envelope(post(body, x_amz_sns_message_type="Notification")) is None


def control(**changes: Any) -> Any:
    envelope = open_envelope(deliver(signed(**changes)))
    assert envelope is not None
    return read_control(envelope)


def test_a_subscription_is_to_be_confirmed_and_its_end_is_nothing_for_us() -> None:
    assert control() is None
    assert control(**SUBSCRIPTION) == [Confirmation(CONFIRM)]
    assert isinstance(control(**{**SUBSCRIPTION, "Type": "UnsubscribeConfirmation"})[0], Ignored)


@pytest.mark.parametrize(
    "url",
    [
        CONFIRM.replace("https", "http"),
        CONFIRM.replace("sns.us-east-1.amazonaws.com", "evil.example"),
        CONFIRM.replace("amazonaws.com/", "amazonaws.com@evil.example/"),
        CONFIRM.replace("ConfirmSubscription", "Publish"),
        f"{CONFIRM}&Action=Publish",
        f"{CONFIRM}#x",
        f"{CONFIRM}\r\nHost: evil.example",
        "",
    ],
)
def test_only_snss_own_address_confirms(url: str) -> None:
    with pytest.raises(Malformed):
        control(**{**SUBSCRIPTION, "SubscribeURL": url})


@settings(derandomize=True, deadline=None, max_examples=100)
@given(
    st.dictionaries(
        st.sampled_from([*signed(**SUBSCRIPTION), "Subject"]), st.none() | st.integers() | st.text(max_size=30), max_size=12
    )
)
def test_hostile_fields_are_refused_and_nothing_else(changes: dict[str, Any]) -> None:
    fields = {**signed(), **changes}
    delivery = deliver(fields)
    envelope = open_envelope(delivery)
    if envelope is None or all(fields[name] == value for name, value in signed().items()):
        return
    with pytest.raises((Forged, NeedsCertificate)):
        verify_envelope(envelope, delivery, trusting())
