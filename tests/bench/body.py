"""The leads that every benchmark posts: to the hello floor, to the naive pipeline and to ours, always the same size.

The n-th lead of a mix is always the same. Numbers below four million give leads with no e-mail or phone in common, but for those that
are meant to come from a person the database has known for long.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.bench.people import FIRST, Person, person

SIZE = 699  # bytes of JSON, and all of them ASCII
_MESSAGE = (
    "We are moving to the Bay Area at the end of the quarter and look for a furnished place with two "
    "bedrooms, a desk by a window and somewhere to keep two bicycles. A short commute matters more to us than floor "
    "space. Viewings are easiest on weekday evenings or on Saturday before noon; please call rather than write, and "
    "tell us early which papers the owner will want to see. Our budget has some room for a garden or a terrace and "
    "for parking nearby. We have no pets."
)

ROUND = 20
TOUCHES = (3, 13)  # of twenty leads: from a person whose last lead is recent, which they touch
ON_KNOWN_PHONE = (8,)  # from somebody new, on the phone of a person with an old lead
_RECENT_PART = 30  # one in so many of the contacts has a recent lead
_STRIDE = 7919  # a prime, so that all the known ones get their turn


@dataclass(frozen=True)
class Mix:
    """Leads for a database that holds the first `known` people as contacts; for an empty one, all come from new people.

    Where somebody is known, 10 % of the leads are touches, 5 % share a phone number, and the rest come from new people.
    """

    known: int = 0

    def lead(self, sequence: int) -> bytes:
        """The body of one request."""
        return body(self.sender(sequence))

    def sender(self, sequence: int) -> Person:
        turn, place = divmod(sequence, ROUND)
        if self.known and place in TOUCHES:
            return person(self.known - 1 - (turn * len(TOUCHES) + TOUCHES.index(place)) * _STRIDE % self.recent)
        new = self.known + sequence
        if self.known and place in ON_KNOWN_PHONE:
            return person(new)._replace(phone=person(self._other(new, turn)).phone)
        return person(new)

    def touches(self, leads: int) -> int:
        """How many of the first so many leads touch a known one."""
        turns, rest = divmod(leads, ROUND)
        return turns * len(TOUCHES) + sum(place < rest for place in TOUCHES) if self.known else 0

    @property
    def recent(self) -> int:
        """How many of the known people have a recent lead: the last ones."""
        return self.known // _RECENT_PART

    def _other(self, new: int, turn: int) -> int:
        """Somebody with an old lead and another first name than the new person's, so that nobody takes the two for one."""
        other = turn * _STRIDE % (self.known // 2)
        return other if (other - new) % len(FIRST) else other + 1


def body(sender: Person) -> bytes:
    """What a person sends: `SIZE` bytes, whatever their name."""
    head = (
        f'{{"source":"bench","email":"{sender.email}","phone":"{sender.phone}","first_name":"{sender.first}",'
        f'"last_name":"{sender.last}","company":"{sender.company}","country":"US","region":"CA",'
        '"product":"two-bedroom apartment, long let","message":"'
    )
    return f'{head}{_MESSAGE[: SIZE - 2 - len(head)]}"}}'.encode()


lead = Mix().lead
