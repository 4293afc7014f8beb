"""What advertising adds to the address of a page: the visit's origin and the click's id."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import parse_qsl

TRACKING: Mapping[str, str] = MappingProxyType(
    {
        "utm_source": "utm_source",
        "utm_medium": "medium",
        "utm_campaign": "campaign",
        "utm_term": "utm_term",
        "utm_content": "utm_content",
        "gclid": "gclid",
        "gbraid": "gbraid",
        "wbraid": "wbraid",
        "fbclid": "fbclid",
        "msclkid": "msclkid",
        "ttclid": "ttclid",
        "li_fat_id": "li_fat_id",
        "visitor_id": "visitor_id",
        "landing_page": "landing_page",
        "referrer": "referrer",
        "timezone": "timezone",
    }
)
"""Parameters, as pages and hidden fields name them, and the normal fields that they are."""

_IN_ADDRESS = frozenset(TRACKING) - {"landing_page", "referrer", "timezone"}


def read_address(url: str) -> dict[str, str]:
    """The tracking parameters in a page's address; the first of a name counts."""
    query = url.partition("?")[2].partition("#")[0]
    try:
        pairs = parse_qsl(query, max_num_fields=100)
    except ValueError:
        return {}
    found: dict[str, str] = {}
    for name, value in pairs:
        if name.lower() in _IN_ADDRESS:
            found.setdefault(name.lower(), value[:500])
    return found
