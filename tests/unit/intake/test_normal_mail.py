"""E-mail addresses in normal form, their kinds, and the key of the mailbox."""

from __future__ import annotations

from time import process_time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.intake.domain.quality.domains import website_company
from services.intake.domain.quality.mail import Mail, read_address, read_address_slowly, read_mail


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("ada@example.com", "ada@example.com"),
        ("Ada@EXAMPLE.com", "Ada@example.com"),
        ("Ada Example <ada@example.com>", "ada@example.com"),
        ("<ada@example.com>", "ada@example.com"),
        ('"Example, Ada" <ada@example.com>', "ada@example.com"),
        ("mailto:ada@example.com?subject=hello", "ada@example.com"),
        ("MAILTO:ada%2Bnews@example.com", "ada+news@example.com"),
        ("ada@example.com.", "ada@example.com"),
        ("ada@example.com;", "ada@example.com"),
        ("ada@xn--mller-kva.example", "ada@müller.example"),
        ("PostMaster@example.com", "postmaster@example.com"),
        ("ada@example.test", "ada@example.test"),
        ("o'neill@example.com", "o'neill@example.com"),
        ("jörg@example.com", "jörg@example.com"),
    ],
)
def test_an_address_is_freed_of_what_surrounds_it(sent: str, kept: str) -> None:
    mail = read_mail(sent)
    assert (mail.text, mail.kind, mail.warning) == (kept, "company", None)


@pytest.mark.parametrize(
    "sent",
    [
        "no address",
        "ada@",
        "@example.com",
        "ada@example",
        "ada example@example.com",
        "ada@example..com",
        ".ada@example.com",
        "ada@.com",
        "ada@localhost",
        "ada@[192.0.2.1]",
        "ada@example.invalid",
        "a@b@example.com",
        "ada@exa mple.com",
        "ada@-example.com",
        "pete.nowhere",
        "a" * 65 + "@example.com",
        "a@" + "b" * 300 + ".com",
        "a" * 2000,
        "ada@example.123",
    ],
)
def test_what_is_no_address_is_invalid_and_kept_as_sent(sent: str) -> None:
    assert read_mail(sent) == Mail(sent, "invalid", warning="does not look like an address")


@pytest.mark.parametrize(
    "sent", ["a@example.com, b@example.com", "a@example.com; b@example.org", "a@example.com b@example.com", "a@example.com|b@c"]
)
def test_of_several_addresses_the_first_is_used(sent: str) -> None:
    mail = read_mail(sent)
    assert (mail.text, mail.warning) == ("a@example.com", "more than one address; the first is used")


@pytest.mark.parametrize(
    ("sent", "key"),
    [
        ("Ada@Example.com", "ada@example.com"),
        ("Ada.B.Example+news@gmail.com", "adabexample@gmail.com"),
        ("adabexample@googlemail.com", "adabexample@gmail.com"),
        ("ada+shop@outlook.com", "ada@outlook.com"),
        ("ada@me.com", "ada@icloud.com"),
        ("ada@pm.me", "ada@protonmail.com"),
        ("ada.b@outlook.com", "ada.b@outlook.com"),
        ("ada+news@example.com", "ada+news@example.com"),
        ("ada@müller.example", "ada@xn--mller-kva.example"),
        ("+x@gmail.com", "+x@gmail.com"),
    ],
)
def test_spellings_of_one_mailbox_have_one_key(sent: str, key: str) -> None:
    assert read_mail(sent).key == key


@pytest.mark.parametrize(
    ("sent", "kind", "company"),
    [
        ("ada@example.com", "company", "example.com"),
        ("ada@mail.freight.example.com", "company", "example.com"),
        ("ada@freight.example.co.uk", "company", "example.co.uk"),
        ("ada@shop.github.io", "company", "shop.github.io"),
        ("ada@github.io", "company", None),
        ("ada@müller.example", "company", "müller.example"),
        ("ada@gmail.com", "free", None),
        ("ada@hotmail.it", "free", None),
        ("ada@yahoo.com.br", "free", None),
        ("ada@mailinator.com", "disposable", None),
        ("ada@anything.mailinator.com", "disposable", None),
    ],
)
def test_only_a_companys_own_domain_counts_as_its_domain(sent: str, kind: str, company: str | None) -> None:
    mail = read_mail(sent)
    assert (mail.kind, mail.company) == (kind, company)


@pytest.mark.parametrize("sent", ["ada@gmial.com", "ada@gmail.con", "ada@hotmial.com"])
def test_a_misspelt_provider_is_warned_of_and_left_alone(sent: str) -> None:
    mail = read_mail(sent)
    assert (mail.text, mail.kind) == (sent, "free")
    assert "misspelt" in str(mail.warning)


@pytest.mark.parametrize(
    ("sent", "role"), [("info@example.com", True), ("Sales+eu@example.com", True), ("salesman@example.com", False)]
)
def test_a_desk_is_no_person(sent: str, role: bool) -> None:
    assert read_mail(sent).role is role


@pytest.mark.parametrize(
    ("host", "company"),
    [
        ("www.example.com", "example.com"),
        ("Shop.Example.co.uk", "example.co.uk"),
        ("facebook.com", None),
        ("www.linkedin.com", None),
        ("gmail.com", None),
        ("", None),
        ("localhost", None),
        ("not a host", None),
        ("192.0.2.1", None),
    ],
)
def test_a_website_tells_the_company_too(host: str, company: str | None) -> None:
    assert website_company(host) == company


LOCALS = st.text(st.sampled_from("aZ9._+-'é\"( @\\\0"), max_size=70) | st.sampled_from(
    ["postmaster", "Abuse", "a" * 64, "a" * 65, "\ud800"]
)
HOSTS = st.text(st.sampled_from("aZ9.-_ü[ ]:xn"), max_size=70) | st.sampled_from(
    [
        "example.com",
        "EXAMPLE.com",
        "gmail.com",
        "a.b.c.d.e.co.uk",
        "xn--mller-kva.example",
        "xn--.com",
        "test",
        "x.test",
        "x.local",
        "ab--cd.com",
        "a" * 63 + ".com",
        "a" * 64 + ".com",
        ".".join(["a" * 60] * 4) + ".com",
        "müller.example",
        "example.com.",
        "1.2.3.4",
    ]
)


@settings(derandomize=True, deadline=None, max_examples=500)
@given(local=LOCALS, host=HOSTS)
@example(local="a" * 60, host=".".join(["b" * 60] * 3) + "." + "c" * 8 + ".com")
@example(local="a" * 60, host=".".join(["b" * 60] * 3) + "." + "c" * 7 + ".com")
def test_the_short_way_finds_what_the_library_finds(local: str, host: str) -> None:
    assert read_address(f"{local}@{host}") == read_address_slowly(f"{local}@{host}")


@pytest.mark.parametrize(
    "junk", ["a", "@", "a@", "a.", "<", '"', " ", "a@b.co,", "é", "\u0301", "xn--", "a@xn--", "\\", "%40", "mailto:", ".@"]
)
def test_long_junk_is_read_in_no_time(junk: str) -> None:
    begun = process_time()
    for size in (20_000, 1_000, 250):
        read_mail((junk * size)[:size])
        read_mail("a@" + (junk * size)[:size])
    assert process_time() - begun < 2.0
