"""The facts of a lead that a rule may ask, whatever its source: each with its kind, and what it says.

Intake's normal form writes them (services/intake/domain/normal.py), and a contract test holds the two together. A fact of another kind than
here, such as a budget that could not be read as a number and was kept as text, is not there for a rule. What else a source marks as facts
is asked by documents that declare it: `"facts": {"team_size": "number"}`.
"""

from __future__ import annotations

from collections.abc import Mapping

from shared.rules import Kind, Problem, Vocabulary
from shared.rules import declared as declared_beside

_KINDS: Mapping[Kind, Mapping[str, str]] = {
    Kind.TEXT: {
        "contact_id": "the id of the person, the same for all their leads",
        "source": "the name of the source that the lead came from",
        "channel": "paid_search, paid_social, organic, email, referral, direct, partner or event, where there is no doubt",
        "country": "the country, as ISO 3166 writes it in two letters (DE), or as it was sent where it is not known",
        "region": "the state or province, as ISO 3166 writes it (US-CA), or as it was sent where it is not known",
        "city": "the town",
        "postcode": "the postal code, as its country writes it",
        "language": "the language, as a tag (en, pt-BR)",
        "timezone": "the time zone, as it was sent (Europe/Berlin)",
        "product": "the product that the lead is interested in",
        "job_title": "the person's role in the company",
        "website": "the company's website",
        "company_domain": "the company's domain, from its website or from an e-mail address that is not at a free provider",
        "currency": "the budget's currency, as ISO 4217 writes it (EUR)",
        "timeframe": "when the lead wants to buy, in the words of the form",
        "campaign": "the campaign that brought the lead (utm_campaign)",
        "medium": "the campaign's medium (utm_medium)",
        "utm_source": "the campaign's source (utm_source), such as google or newsletter",
        "utm_term": "the word that was searched for (utm_term)",
        "utm_content": "which of several advertisements (utm_content)",
        "gclid": "the click on a Google advertisement",
        "gbraid": "the click on a Google advertisement, from an app",
        "wbraid": "the click on a Google advertisement, from the web to an app",
        "fbclid": "the click on a link at Facebook or Instagram",
        "msclkid": "the click on a Microsoft advertisement",
        "ttclid": "the click on a TikTok advertisement",
        "li_fat_id": "the click on a LinkedIn advertisement",
        "landing_page": "the page that the person came to first, without what may identify them",
        "referrer": "the page that they came from, without what may identify them",
        "form_id": "the form, as its platform numbers it",
        "ad_id": "the advertisement, as its platform numbers it",
        "adset_id": "the set of advertisements, as its platform numbers it",
        "campaign_id": "the campaign, as its platform numbers it",
        "email_kind": "company, free, disposable, invalid or none",
        "phone_kind": "valid, possible, invalid or none",
        "phone_type": "mobile, landline, voip or unknown, of a valid number",
        "phone_country": "the country of the phone number, in two letters",
    },
    Kind.NUMBER: {
        "company_size": "how many people work for the company",
        "budget": "what the lead can spend, in `currency`",
    },
    Kind.TRUTH: {
        "has_email": "whether there is an e-mail address, which may be one that does not work: see email_kind",
        "has_phone": "whether there is a phone number that can be called",
        "email_role": "true where the address is a desk's, such as info@; otherwise not known",
    },
    Kind.TEXTS: {
        "tags": "the labels that the source put on the lead, at most 50",
    },
}

FACTS = Vocabulary({name: kind for kind, names in _KINDS.items() for name in names})
DESCRIPTIONS: Mapping[str, str] = {name: said for names in _KINDS.values() for name, said in names.items()}


def declared(mapping: object, path: str) -> tuple[dict[str, Kind], list[Problem]]:
    """The facts that a document declares for itself at `path`, and what is wrong with them: none may hide a fact of every lead."""
    return declared_beside(mapping, path, FACTS)
