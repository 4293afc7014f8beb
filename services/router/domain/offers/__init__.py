"""Offers: a lead is shown to several agents, and the first who claims it gets it, through the same gates as anybody.

An offer reserves nothing and costs nobody a place: it is written down with the lead, and asked again when somebody claims or declines, or
when its timer is due.
"""

from services.router.domain.offers.offer import Answer, Offer, Ruling, Terms, claim, decline, expire, offer, refusal, without

__all__ = ["Answer", "Offer", "Ruling", "Terms", "claim", "decline", "expire", "offer", "refusal", "without"]
