"""Portals, page builders and forms: their deliveries about an invented person. Most of them know a key at the best."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from urllib.parse import urlencode
from xml.sax.saxutils import escape

from tests.support.senders.case import FORM, Case, Person, Sent, nothing, outcome, page
from tests.support.senders.platforms import dumped
from tests.support.senders.proofs import TOPIC, as_form, as_mailgun, through_sns, with_key, with_password

THANKS = "https://www.example.com/thanks?from=form"
ORIGIN = "https://www.example.com"
BY_KEY = with_key("x_api_key")


def form(**fields: str) -> Sent:
    return Sent(urlencode(fields).encode(), {"content-type": FORM})


def says_generic(person: Person, _: datetime) -> Sent:
    contact = {"contact__full_name": person.name, "contact__email": person.email, "contact__phone": person.phone}
    return dumped({**contact, "entry": {"id": f"entry-{person.id}"}, "plan": "pro"})


def says_generic_test(person: Person, at: datetime) -> Sent:
    return dumped({**json.loads(says_generic(person, at).body), "is_test": "yes"})


def says_generic_xml(person: Person, _: datetime) -> Sent:
    body = (
        f'<?xml version="1.0" encoding="UTF-8"?><lead id="{person.id}"><name>{person.name}</name>'
        f"<email>{person.email}</email><phone>{person.phone}</phone></lead>"
    )
    return Sent(body.encode(), {"content-type": "application/xml"})


def says_form(person: Person, _: datetime) -> Sent:
    said = form(name=person.name, email=person.email, phone=person.phone, message="Please\r\ncall me.", website="", consent="on")
    return said.headed(origin=ORIGIN, accept="text/html,application/xhtml+xml", referer=f"{ORIGIN}/contact?utm_source=spring")


def says_unbounce(person: Person, at: datetime) -> Sent:
    data = {
        "name": [person.name],
        "email": [person.email],
        "phone_number": [person.phone],
        "date_submitted": [at.strftime("%Y-%m-%d")],
        "time_submitted": [at.strftime("%I:%M %p UTC")],
    }
    address = f"https://pages.example.com/spring?gclid=invented-{person.id}"
    return form(page_name="Spring", page_uuid="page1", variant="a", page_url=address, **{"data.json": json.dumps(data)})


def says_gravity(person: Person, at: datetime) -> Sent:
    """A raw entry: field 1 is a name with its inputs, 2 the address, 3 the number."""
    return dumped(
        {
            "id": person.id,
            "form_id": "5",
            "date_created": at.strftime("%Y-%m-%d %H:%M:%S"),
            "source_url": "https://www.example.com/contact",
            "1.3": person.first,
            "1.6": person.last,
            "2": person.email,
            "3": person.phone,
            "status": "active",
        }
    )


def says_zillow(person: Person, at: datetime) -> Sent:
    info = {
        "ContactName": person.name,
        "ContactEmail": person.email,
        "ContactPhone": person.phone,
        "ContactMessage": "Is it still for sale?",
        "CommunicationGUID": f"guid-{person.id}",
        "LeadDateTime": at.isoformat(),
    }
    wanted = {"City": "Springfield", "State": "IL", "Zip": "62701", "ListingPrice": "250000", "StreetAddress": "1 Sample St"}
    return dumped({"Source": "Zillow", "ContactMessage": {"ContactInfo": info, "PropertyInfo": wanted, "SearchCriteria": {}}})


def says_rental(person: Person, _: datetime) -> Sent:
    return form(
        listingId="listing1", name=person.name, email=person.email, phone=person.phone, leadType="question",
        message="May I bring a cat?", petDetailsJson='{"hasPets": true}',
    )  # fmt: skip


def says_realtor(person: Person, at: datetime, test: bool = False) -> Sent:
    consumer = {
        "first_name": person.first,
        "last_name": person.last,
        "email": person.email,
        "phone": person.phone,
        "jornaya_tcpa_id": "invented-recording",
    }
    info = {
        "lead_guid": f"guid-{person.id}",
        "lead_date_time": at.isoformat(),
        "test": test,
        "lead_consumer_info": consumer,
        "lead_property_info": {"mls_id": "mls1", "property_price": "300000", "property_zip": "62701"},
    }
    return dumped({"Lead": {"lead_info": info}})


def says_realtor_test(person: Person, at: datetime) -> Sent:
    return says_realtor(person, at, test=True)


def says_zoopla(person: Person, at: datetime) -> Sent:
    contact = {"firstName": person.first, "lastName": person.last, "email": person.email, "phoneNumber": person.phone}
    applicant = {
        "id": f"applicant-{person.id}",
        "createdAt": at.isoformat(),
        "contact": contact,
        "message": "<p>Can I see it on <b>Monday</b>?</p>",
        "listingDetails": {"id": "listing1", "pricing": {"price": 450000, "currencyCode": "GBP"}},
    }
    return dumped({"applicant": applicant})


def adf(*people: Person, at: datetime) -> str:
    """A document as it comes: a declaration in the wrong case and a bare ampersand in it."""
    return '<?XML VERSION "1.0"?>\n<adf>' + "".join(prospect(person, at) for person in people) + "</adf>"


def prospect(person: Person, at: datetime) -> str:
    return f"""<prospect status="new"><id source="invented portal">{person.id}</id><requestdate>{at.isoformat()}</requestdate>
<vehicle interest="buy" status="used"><year>2019</year><make>Invented</make><model>Roadster</model></vehicle>
<customer><contact primarycontact="1"><name part="full">{escape(person.name)}</name><email>{person.email}</email>
<phone type="cellphone">{person.phone}</phone></contact><comments>Has it towbar & roof rack?</comments></customer>
<vendor><vendorname>Invented Motors</vendorname></vendor></prospect>"""


def says_adf(person: Person, at: datetime) -> Sent:
    return Sent(adf(person, at=at).encode(), {"content-type": "application/xml"})


def says_mail(person: Person, _: datetime) -> Sent:
    """A portal's words for people, as Mailgun posts them."""
    return form(
        **{
            "from": "Invented Portal <leads@portal.example>",
            "recipient": "leads@inbound.example.org",
            "subject": f"New enquiry from {person.name}",
            "Message-Id": f"<{person.id}@portal.example>",
            "body-plain": f"You have a lead.\n\nName: {person.name}\nEmail: {person.email}\nPhone: {person.phone}\n"
            "Message: When may I see it?\n",
        }
    )


def says_mail_with_adf(person: Person, at: datetime) -> Sent:
    """The same in a dealer's format, as Postmark posts it."""
    body = "A prospect for you:\n" + adf(person, at=at)
    headers = [{"Name": "Message-ID", "Value": f"<{person.id}@portal.example>"}]
    return dumped({"From": "leads@portal.example", "Subject": "Lead", "TextBody": body, "HtmlBody": "", "Headers": headers})


DAY = timedelta(days=1)
MAILGUN = timedelta(hours=9)  # it tries for eight
SNS = timedelta(hours=1)
CASES = (
    Case(
        "generic", "generic", says_generic, BY_KEY, outcome,
        {"id_field": "entry.id", "test_field": "is_test"}, says_test=says_generic_test,
    ),
    Case("generic, XML", "generic", says_generic_xml, with_key("authorization", "Bearer {}"), outcome, {"id_field": "id"}),
    Case(
        "html_form", "html_form", says_form, as_form, page(THANKS),
        {"redirects": [THANKS], "origins": [ORIGIN]}, tolerance=DAY, ahead=timedelta(minutes=6),
    ),
    Case("unbounce", "unbounce", says_unbounce, with_key("x_unbounce_key"), nothing, {"key_header": "X-Unbounce-Key"}),
    Case("gravity_forms", "gravity_forms", says_gravity, BY_KEY, outcome),
    Case("zillow_premier_agent", "zillow_premier_agent", says_zillow, BY_KEY, nothing),
    Case(
        "zillow_premier_agent, SNS", "zillow_premier_agent", says_zillow, through_sns, nothing,
        {"topic_arn": TOPIC}, tolerance=SNS, ahead=SNS, covers=True, own=True,
    ),
    Case("zillow_rentals", "zillow_rentals", says_rental, BY_KEY, nothing),
    Case("realtor", "realtor", says_realtor, with_password, outcome, says_test=says_realtor_test),
    Case("zoopla", "zoopla", says_zoopla, with_key("authorization"), nothing),
    Case("adf", "adf", says_adf, with_password, outcome),
    Case("inbound_email, Mailgun", "inbound_email", says_mail, as_mailgun, nothing, tolerance=MAILGUN, ahead=MAILGUN),
    Case("inbound_email, ADF", "inbound_email", says_mail_with_adf, with_password, nothing),
)  # fmt: skip
