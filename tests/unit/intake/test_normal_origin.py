"""Where a lead came from: pages without persons, campaigns, channels."""

from __future__ import annotations

from typing import Any

import pytest

from services.intake.domain.quality.consent import read_consent
from services.intake.domain.quality.origin import channel_of, is_click_id, is_filled, read_address


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("https://example.com/pricing", "https://example.com/pricing"),
        ("https://example.com/a?utm_source=google&email=ada%40example.com#top", "https://example.com/a?utm_source=google"),
        ("https://example.com/?name=Ada&gclid=EAIaIQobCh", "https://example.com/?gclid=EAIaIQobCh"),
        ("https://ada:secret@example.com/x", "https://example.com/x"),
        ("https://example.com/unsubscribe/ada%40example.com/now", "https://example.com/unsubscribe"),
        ("https://example.com/unsubscribe/ada%2540example.com", "https://example.com/unsubscribe"),
        ("https://example.com/?utm_term=ada@example.com", "https://example.com/"),
        ("https://example.com/?utm_source={source}&utm_medium=cpc", "https://example.com/?utm_medium=cpc"),
        ("https://example.com/?utm_source=a&utm_source=b", "https://example.com/?utm_source=a"),
        ("www.example.com/x?a=b", "www.example.com/x"),
        ("/pricing?a=b", "/pricing"),
        ("android-app://com.example.app", "android-app://com.example.app"),
        ("ada@example.com", None),
        ("javascript:alert(1)", None),
        ("http://[::1", None),
        ("?email=ada@example.com", None),
        ("https://example.com/a b #c", "https://example.com/a b"),
        ("see the mail", None),
        ("", None),
    ],
)
def test_of_a_page_only_what_identifies_nobody_is_kept(sent: str, kept: str | None) -> None:
    assert read_address(sent).text == kept
    if kept:
        assert read_address(kept).text == kept


def test_the_parameters_of_a_campaign_are_read() -> None:
    address = read_address("https://example.com/?utm_source=my+list&UTM_MEDIUM=email&utm_campaign=a%26b&fbclid=&x=1")
    assert address.parameters == {"utm_source": "my list", "medium": "email", "campaign": "a&b"}


@pytest.mark.parametrize(
    "value", ["{gclid}", "{{campaign.name}}", "[ad_id]", "%keyword%", "${x}", "__CAMPAIGN__", "null", "(not set)", "<test lead>"]
)
def test_a_template_that_nobody_filled_is_no_value(value: str) -> None:
    assert not is_filled(value)


@pytest.mark.parametrize("value", ["Summer @ Expo", "{a} and {b}", "spring", "0", "[a] b [c]"])
def test_other_values_are_values(value: str) -> None:
    assert is_filled(value)


@pytest.mark.parametrize(
    ("value", "is_one"), [("EAIaIQobChMI", True), ("test", False), ("a b c d e f g", False), ("x" * 501, False)]
)
def test_a_click_id_is_long_and_in_one_piece(value: str, is_one: bool) -> None:
    assert is_click_id(value) is is_one


@pytest.mark.parametrize(
    ("facts", "channel"),
    [
        ({}, None),
        ({"medium": "paid-social"}, "paid_social"),
        ({"medium": "Paid Search"}, "paid_search"),
        ({"medium": "cpc", "utm_source": "google"}, "paid_search"),
        ({"medium": "cpc", "utm_source": "Facebook"}, "paid_social"),
        ({"medium": "cpc", "utm_source": "somewhere"}, None),
        ({"medium": "email"}, "email"),
        ({"medium": "trade-show"}, "event"),
        ({"medium": "partner"}, "partner"),
        ({"medium": "marketplace"}, None),
        ({"medium": "display", "gclid": "EAIaIQobChMI"}, None),
        ({"gclid": "EAIaIQobChMI"}, "paid_search"),
        ({"ttclid": "E.C.P.abcdefgh"}, "paid_social"),
        ({"fbclid": "IwAR0abcdefgh"}, None),
        ({"referrer": "https://www.google.de/"}, "organic"),
        ({"referrer": "https://search.yahoo.com/"}, "organic"),
        ({"referrer": "https://mail.google.com/"}, None),
        ({"referrer": "https://www.google.de/", "utm_source": "newsletter"}, None),
        ({"referrer": "https://example.org/"}, None),
        ({"medium": 7, "referrer": ["x"]}, None),
    ],
)
def test_a_channel_is_named_where_the_facts_leave_no_doubt(facts: dict[str, Any], channel: str | None) -> None:
    assert channel_of(facts) == channel


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ("on", (True, None)),
        ("Yes", (True, None)),
        (True, (True, None)),
        ("1", (True, None)),
        (1, (True, None)),
        ("granted", (True, None)),
        (False, (False, None)),
        ("no", (False, None)),
        ("Nein", (False, None)),
        (0, (False, None)),
        ("opt-out", (False, None)),
        ("I agree to be called.", (True, "I agree to be called.")),
        ("", None),
        (None, None),
        ("  ", None),
        ("-", None),
    ],
)
def test_consent_is_a_box_a_word_or_the_sentence_beside_it(sent: object, said: tuple[bool, str | None] | None) -> None:
    assert read_consent(sent) == said
