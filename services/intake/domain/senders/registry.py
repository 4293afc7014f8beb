"""Every kind of source there is. A new one is a module and a line here."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from services.intake.domain.senders import (
    adf,
    calendly,
    generic,
    google_ads,
    gravity_forms,
    html_form,
    hubspot,
    inbound_email,
    linkedin,
    meta,
    realtor,
    standard_webhooks,
    tiktok,
    typeform,
    unbounce,
    webflow,
    zillow,
    zoopla,
)
from services.intake.domain.senders.shape import Sender

_ALL = (
    generic.SENDER,
    html_form.SENDER,
    meta.SENDER,
    google_ads.SENDER,
    linkedin.SENDER,
    tiktok.SENDER,
    typeform.SENDER,
    hubspot.SENDER,
    calendly.SENDER,
    webflow.SENDER,
    unbounce.SENDER,
    gravity_forms.SENDER,
    zillow.PREMIER_AGENT,
    zillow.RENTALS,
    realtor.SENDER,
    zoopla.SENDER,
    adf.SENDER,
    inbound_email.SENDER,
    standard_webhooks.SENDER,
)

SENDERS: Mapping[str, Sender] = MappingProxyType({sender.kind: sender for sender in _ALL})
"""By kind, in the order in which they are listed to a person."""
