"""The names of the normal form: what every field of a lead is called here, whatever its source called it."""

from __future__ import annotations

CONTACT_FIELDS = ("name", "first_name", "last_name", "email", "phone", "company", "street", "message")
# The country comes first: what follows is read by the customs of that country.
FACT_FIELDS = (
    "country",
    "region",
    "city",
    "postcode",
    "language",
    "timezone",
    "product",
    "job_title",
    "company_size",
    "website",
    "budget",
    "currency",
    "timeframe",
    "tags",
    "campaign",
    "medium",
    "utm_source",
    "utm_term",
    "utm_content",
    "gclid",
    "gbraid",
    "wbraid",
    "fbclid",
    "msclkid",
    "ttclid",
    "li_fat_id",
    "landing_page",
    "referrer",
    "form_id",
    "ad_id",
    "adset_id",
    "campaign_id",
)
# Read, and kept in neither block: who the browser is, and what the person agreed to.
SIGNAL_FIELDS = ("visitor_id", "consent")
NORMAL_FIELDS = frozenset((*CONTACT_FIELDS, *FACT_FIELDS, *SIGNAL_FIELDS))

CLICK_FIELDS = ("gclid", "gbraid", "wbraid", "fbclid", "msclkid", "ttclid", "li_fat_id")
NUMBER_FIELDS = frozenset({"company_size", "budget"})
