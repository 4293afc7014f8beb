"""The lead that every benchmark posts: to the hello floor, to the naive pipeline and to ours, always the same size.

`--body NAME` of the generator looks a producer up in `BODIES`. A producer takes the sequence number of the request and
returns its whole body; numbers below ten million give bodies of equal length with no e-mail or phone in common.
"""

from __future__ import annotations

from collections.abc import Callable

_LEAD = (
    b'{"source":"bench","email":"lead-%07d@example.com","phone":"+1415%07d",'
    b'"first_name":"Avery","last_name":"Morgan-%07d","company":"Harbour & Field Estates LLC",'
    b'"country":"US","region":"CA","product":"two-bedroom apartment, long let",'
    b'"message":"We are moving to the Bay Area at the end of the quarter and look for a furnished place with two '
    b"bedrooms, a desk by a window and somewhere to keep two bicycles. A short commute matters more to us than floor "
    b"space. Viewings are easiest on weekday evenings or on Saturday before noon; please call rather than write, and "
    b"tell us early which papers the owner will want to see. Our budget has some room for a garden or a terrace and "
    b'for parking nearby."}'
)

# The exchange code of a North American number starts at 2, so that every number is a valid one.
_FIRST_LINE, _LINES = 2_000_000, 8_000_000


def lead(sequence: int) -> bytes:
    """One lead of 699 bytes of JSON, unique in e-mail, phone and last name."""
    return _LEAD % (sequence, _FIRST_LINE + sequence % _LINES, sequence)


BODIES: dict[str, Callable[[int], bytes]] = {"lead": lead}
