"""What mailboxes say: which is one and the same, which one is a slip of the other, and what they tell of names."""

from __future__ import annotations

from rapidfuzz.distance import OSA

from services.intake.domain.likeness.names import PersonName
from services.intake.domain.likeness.profile import Profile


def one_mailbox(a: Profile, b: Profile) -> bool:
    return bool(a.email_local) and (a.email_local, a.email_domain) == (b.email_local, b.email_domain)


def spells(mailbox: str, name: PersonName) -> bool:
    """annastone2002 and astone spell Anna Stone; so does annas."""
    first, last = name.first.partition(" ")[0], name.last.replace(" ", "")
    if len(last) < 3 or len(first) < 3:
        return False
    letters = only_letters(mailbox)
    if last in letters:
        return letters.replace(last, "", 1) in (first, first[0])
    return letters == first + last[0]


def letter_slip(a: Profile, b: Profile) -> bool:
    """One letter mistyped, doubled, left out or changed about, but the first, which is seldom missed.

    Another number is another mailbox (smith2), and at a provider so are other marks between the parts of a name: the plain one was taken.
    """
    one, other = a.email_local, b.email_local
    if min(len(one), len(other)) < 4 or one[0] != other[0] or (_unmarked(one) == _unmarked(other) and not a.work_email):
        return False
    return digits(one) == digits(other) and OSA.distance(one, other, score_cutoff=1) == 1


def slipped_mailbox(a: Profile, b: Profile) -> bool:
    return bool(a.email_local) and a.email_domain == b.email_domain and letter_slip(a, b)


def _unmarked(text: str) -> str:
    return "".join([c for c in text if c.isalnum()])


def only_letters(text: str) -> str:
    return "".join([c for c in text if c.isalpha()])


def digits(text: str) -> str:
    return "".join(c for c in text if c.isdigit())


def domain_slip(a: Profile, b: Profile) -> bool:
    """gmial.com for gmail.com. Two providers that both exist (mail.com, gmail.com) are never a slip for each other."""
    if not (a.work_email or b.work_email) or min(len(a.email_domain), len(b.email_domain)) < 7:
        return False
    return OSA.distance(a.email_domain, b.email_domain, score_cutoff=1) == 1


def made_of_name(profile: Profile) -> bool:
    """ada.example and aexample say no more than the name does; sunflower77 does."""
    parts = [part for part in (*profile.name.first.split(), *profile.name.last.split()) if len(part) > 2]
    return any(part in profile.email_local for part in parts) and len(digits(profile.email_local)) < 2


def numbered(profile: Profile) -> bool:
    """john.smith2 has a colleague john.smith."""
    return profile.work_email and profile.email_local[-1:] in "23456789" and made_of_name(profile)
