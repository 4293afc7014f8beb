"""ADF: the standard's shape, and the dirt in which it comes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from services.intake.domain.senders.adf import SENDER
from services.intake.domain.senders.shape import SentLead
from services.intake.domain.senders.xml_repair import cut_adf, repair_xml
from tests.unit.intake.senders.posted import BOUNDED, LARGEST, cpu_seconds, form, lead, multipart, normal, post, read, refusal
from tests.unit.intake.senders.signed import samples

WHOLE = """<?xml version="1.0" encoding="UTF-8"?>
<?adf version="1.0"?>
<!DOCTYPE adf SYSTEM "adf.dtd">
<adf>
  <prospect status="new">
    <id sequence="1" source="portal.example.com">4711</id>
    <requestdate>2026-05-31T15:30:20-08:00</requestdate>
    <vehicle interest="buy" status="used">
      <vin>1FAKEVIN0000000001</vin><year>2024</year><make>Volvo</make><model>V60</model><trim>Plus</trim>
      <odometer units="miles">12000</odometer>
      <price type="asking" currency="USD">39500</price>
      <colorcombination><exteriorcolor>Blue</exteriorcolor></colorcombination>
      <option><optionname>Hitch</optionname></option><option><optionname>Roof</optionname></option>
    </vehicle>
    <vehicle interest="trade-in"><year>2015</year><make>Honda</make><model>Fit</model></vehicle>
    <customer>
      <contact><name part="full">Second Person</name><phone type="voice">202-555-0199</phone></contact>
      <contact primarycontact="1">
        <name part="first">Grace</name><name part="middle">B.</name><name part="last">Hopper</name>
        <name part="full" type="business">Navy Ltd</name>
        <email>grace.second@example.com</email>
        <email preferredcontact="1">grace@example.com</email>
        <phone type="fax">202-555-0111</phone>
        <phone type="voice" time="evening">202-555-0122</phone>
        <phone type="cellphone">202-555-0143</phone>
        <address type="home">
          <street line="2">Apt 4</street><street line="1">12 Main St</street>
          <city>Springfield</city><regioncode>IL</regioncode><postalcode>62701</postalcode><country>US</country>
        </address>
      </contact>
      <comments><![CDATA[Is it <b>blue</b> & clean?]]></comments>
      <timeframe><description>within 2 weeks</description><earliestdate>2026-06-02</earliestdate></timeframe>
    </customer>
    <vendor><vendorname>Example Motors</vendorname>
      <contact><name part="full">Sales</name><email>sales@dealer.example</email></contact></vendor>
    <provider><name part="full">Portal</name><service>Used cars</service><email>leads@portal.example.com</email>
      <phone>202-555-0100</phone></provider>
    <leadtype>Sales</leadtype>
  </prospect>
</adf>
"""
PERSON = "<customer><contact><name part='full'>Grace Hopper</name><email>grace@example.com</email></contact></customer>"


def adf(inside: str = PERSON, *, before: str = "", after: str = "", **settings: Any) -> SentLead:
    return lead(SENDER, post(f"{before}<adf><prospect>{inside}</prospect></adf>{after}", "text/xml"), **settings)


def test_a_whole_prospect() -> None:
    found = lead(SENDER, post(WHOLE, "application/x-adf+xml"))
    assert found.external_id == "portal.example.com:4711"
    assert found.window is None
    assert found.submitted_at == datetime(2026, 5, 31, 23, 30, 20, tzinfo=UTC)
    assert normal(SENDER, found) == {
        "first_name": "Grace",
        "last_name": "Hopper",
        "company": "Navy Ltd",
        "email": "grace@example.com",
        "phone": "202-555-0143",
        "street": "12 Main St, Apt 4",
        "city": "Springfield",
        "region": "IL",
        "postcode": "62701",
        "country": "US",
        "message": "Is it <b>blue</b> & clean?",
        "timeframe": "within 2 weeks, 2026-06-02",
        "product": "2024 Volvo V60 Plus",
        "budget": "39500",
        "currency": "USD",
    }


def test_what_has_no_normal_field_is_kept() -> None:
    answers = lead(SENDER, post(WHOLE, "text/xml")).answers
    assert answers["middle_name"] == "B."
    assert answers["other_ways"] == ["email: grace.second@example.com", "voice: 202-555-0122", "fax: 202-555-0111"]
    assert answers["other_contacts"] == ["Second Person, 202-555-0199"]
    assert answers["trade_in_model"] == "Fit"
    assert answers["vehicle_odometer_units"] == "miles"
    assert answers["vehicle_colorcombination_exteriorcolor"] == "Blue"
    assert answers["vehicle_option_optionname"] == ["Hitch", "Roof"]
    assert answers["vendor_contact_email"] == "sales@dealer.example"
    assert answers["provider_service"] == "Used cars"
    assert answers["lead_type"] == "Sales"


def test_the_provider_and_the_dealer_are_never_taken_for_the_person() -> None:
    begin, end = WHOLE.index("<customer>"), WHOLE.index("</customer>")
    fields = normal(SENDER, lead(SENDER, post(WHOLE[:begin] + WHOLE[end + 11 :], "text/xml")))
    assert fields.keys() & {"email", "phone", "name", "first_name", "last_name"} == set()


@pytest.mark.parametrize(
    ("phones", "phone"),
    [
        ('<phone type="fax">1</phone>', None),
        ('<phone type="fax">1</phone><phone>2</phone>', "2"),
        ('<phone type="work">1</phone><phone type="home">2</phone><phone type="mobile">3</phone>', "3"),
        ('<phone type="cellphone">1</phone><phone type="home" preferredcontact="1">2</phone>', "2"),
        ('<phone type="fax" preferredcontact="1">1</phone><phone type="voice">2</phone>', "2"),
        ('<phone type="telepathy">1</phone>', "1"),
        ("<phone> </phone>", None),
    ],
)
def test_the_phone_is_one_that_a_person_can_be_called_on(phones: str, phone: str | None) -> None:
    assert adf(f"<customer><contact>{phones}</contact></customer>").answers.get("phone") == phone


@pytest.mark.parametrize(
    ("before", "inside", "after"),
    [
        ("<?adf version='1.0'?><?xml version='1.0'?>", PERSON, ""),
        ('<?XML VERSION "1.0"?>\n', PERSON, ""),
        ("From: leads@portal.example.com\nSubject: New lead\n\n", PERSON, "\n-- \nSent by & for <you>"),
        ("", PERSON + "<comments>Tom & Jerry &nbsp; &copy; &bogus; &#0; &#x1F; 2 < 3</comments>", ""),
        ("", PERSON + "<comments>\x00\x0b\ud800</comments>", ""),
        ("", PERSON + "<comments><![CDATA[a && b]]></comments><url>http://x.example/?a=1&b=2</url>", ""),
        ("<!DOCTYPE adf [<!ELEMENT adf ANY>]>", PERSON + "<leadtype>x</leadtype>", ""),
        ("", PERSON.replace("customer", "CUSTOMER").replace("<contact", "<Contact").replace("</contact", "</Contact"), ""),
        ("", PERSON + "<?php echo 1 ?>", ""),
        ("\ufeff", PERSON, "\x00"),
    ],
)
def test_dirt_does_not_hide_the_person(before: str, inside: str, after: str) -> None:
    assert normal(SENDER, adf(inside, before=before, after=after))["email"] == "grace@example.com"


def test_tags_in_capitals_and_in_a_namespace() -> None:
    for text in (WHOLE.upper(), WHOLE.replace("<adf>", '<adf xmlns="http://example.com/adf">')):
        assert lead(SENDER, post(text, "text/xml")).answers["email"].lower() == "grace@example.com"


def test_what_is_repaired_reads_as_it_was_meant() -> None:
    found = adf(PERSON + "<comments>Tom &amp; Jerry &copy; 2 < 3 &bogus; &#233; &AMP;</comments>")
    assert found.answers["message"] == "Tom & Jerry © 2 < 3 &bogus; é &"


@pytest.mark.parametrize("charset", ["utf-8", "iso-8859-1", "windows-1252", "utf-16"])
def test_documents_in_other_charsets(charset: str) -> None:
    text = f'<?xml version="1.0" encoding="{charset}"?><adf><prospect>{PERSON.replace("Grace", "Zoé")}</prospect></adf>'
    assert lead(SENDER, post(text.encode(charset), "text/xml")).answers["name"] == "Zoé Hopper"


@pytest.mark.parametrize(
    ("date", "moment"),
    [
        ("2000-03-30T15:30:20-08:0", "2000-03-30T23:30:20+00:00"),
        ("2008-06-25T8:47:50", "2008-06-25T13:47:50+00:00"),
        ("2025-09-22T18:07", "2025-09-22T23:07:00+00:00"),
        ("6/1/2026 9:05 AM", None),
        ("soon", None),
    ],
)
def test_request_dates(date: str, moment: str | None) -> None:
    found = adf(f"<requestdate>{date}</requestdate>{PERSON}", timezone="America/Chicago")
    assert (found.submitted_at and found.submitted_at.isoformat()) == moment
    assert bool(found.warnings) is (moment is None)


def test_a_date_without_a_zone_is_kept_where_the_source_names_none() -> None:
    found = adf(f"<requestdate>2025-09-22T18:07</requestdate>{PERSON}")
    assert found.submitted_at is None
    assert found.answers["request_date"] == "2025-09-22T18:07"


@pytest.mark.parametrize(
    ("ids", "external_id"),
    [
        ('<id source="P">1</id><id source="Q">2</id>', "P:1"),
        ("<id>1</id>", ":1"),
        ('<id sequence="lead-0815" source="P"></id>', "P:lead-0815"),
        ('<id sequence="1" source="P"></id><id source="Q">2</id>', "Q:2"),
    ],
)
def test_the_id_of_the_prospect(ids: str, external_id: str) -> None:
    assert adf(ids + PERSON).external_id == external_id


def test_without_an_id_the_same_request_is_the_same_lead_also_when_it_is_resent() -> None:
    date = "<requestdate>2026-05-31T15:30:20Z</requestdate>"
    new, again = (f'<adf><prospect status="{status}">{date}{PERSON}</prospect></adf>' for status in ("new", "resend"))
    found = [lead(SENDER, post(text, "text/xml")) for text in (new, again)]
    assert found[0].external_id == found[1].external_id
    assert found[0].window is None
    assert adf().window is not None
    assert adf().external_id != found[0].external_id


def test_several_prospects_and_several_documents() -> None:
    two = f"<adf><prospect>{PERSON}</prospect><prospect>{PERSON.replace('grace', 'ada')}</prospect></adf>"
    assert len(read(SENDER, post(two, "text/xml"))) == 2
    assert len(read(SENDER, post(f'{two}<?xml version="1.0"?>{two}', "text/xml"))) == 4


def test_it_may_be_a_field_of_a_form_or_a_whole_mail() -> None:
    quoted = WHOLE.replace("=", "=3D").replace("</prospect>", "</pro=\nspect>")
    mail = f"From: a@b.example\nContent-Type: text/xml\nContent-Transfer-Encoding: quoted-printable\n\n{quoted}"
    for delivery in (form(xml=WHOLE), multipart(("data", WHOLE, None)), post(mail, "text/plain"), post(mail, "message/rfc822")):
        assert lead(SENDER, delivery).external_id == "portal.example.com:4711"


@pytest.mark.parametrize(
    "body",
    [
        "",
        "<adf></adf>",
        "<adf>",
        "</adf><adf>",
        "<adfx></adfx>",
        "<html></html>",
        "<adf><prospect></adf>",
        "<adf><prospect><x:y/></prospect></adf>",
        "<adf>" + "<prospect/>" * 101 + "</adf>",
        '<adf><!DOCTYPE x [<!ENTITY e "boom">]><prospect>&e;</prospect></adf>',
        "<adf><prospect>" + "<a>" * 40 + "</a>" * 40 + "</prospect></adf>",
        "<adf><prospect " + " ".join(f'a{n}=""' for n in range(50)) + "/></adf>",
    ],
)
def test_what_is_no_adf_is_refused(body: str) -> None:
    assert refusal(SENDER, post(body, "text/xml")) in (400, 422)


def test_entities_are_not_expanded() -> None:
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    text = f'<?xml version="1.0"?><!DOCTYPE adf [<!ENTITY l0 "ha">{laughs}]>'
    found = adf(PERSON + "<comments>&l9;</comments>", before=text)
    assert found.answers["message"] == "&l9;"
    external = '<!DOCTYPE adf [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    assert adf(PERSON + "<comments>&x;</comments>", before=external).answers["message"] == "&x;"


@pytest.mark.parametrize(
    "seed",
    [
        "<",
        "&",
        "<?",
        "<adf",
        "</adf",
        "</adf ",
        "<![CDATA[",
        "]]>",
        "<!--",
        "&#1",
        "&amp",
        "<a>",
        "<a b='",
        "<!DOCTYPE",
        "<adf></adf>",
        "\r",
    ],
)
def test_hostile_documents_take_bounded_time(seed: str) -> None:
    for text in (seed * (LARGEST // len(seed)), f"<adf>{seed * ((LARGEST - 11) // len(seed))}</adf>"):
        assert cpu_seconds(SENDER, post(text, "text/xml")) < BOUNDED


def test_repairing_does_not_touch_what_is_right() -> None:
    text = "<a b='1'>x &lt; y &#65; <![CDATA[1 & 2 < 3]]></a>"
    assert repair_xml(text) == text
    assert cut_adf(f"x<ADF a='1'>{text}</ADF >y") == f"<ADF a='1'>{text}</ADF >"


def test_with_a_secret_the_key_must_be_sent() -> None:
    deliveries = [post(WHOLE, "text/xml", **headers) for headers in ({"authorization": "k"}, {"authorization": "no"}, {})]
    assert [refusal(SENDER, one, "k") for one in deliveries] == [0, 403, 401]


def test_captures_are_read() -> None:
    for name, body in samples("adf", ".xml"):
        assert len(read(SENDER, post(body, "text/xml"))) == 1, name
