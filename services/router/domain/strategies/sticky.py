"""Sticky: a lead of somebody we know stays with the owner they have, before any strategy is asked."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

# Mail providers whose domain is nobody's company: a net below intake, which does not make them a fact of the company in the
# first place, for facts that came as they are.
_PROVIDERS = """
    126.com 163.com aol.com fastmail.com freenet.de gmail.com gmx.at gmx.ch gmx.com gmx.de gmx.net googlemail.com hey.com hotmail.co.uk
    hotmail.com hotmail.fr icloud.com laposte.net libero.it live.com mac.com mail.com mail.ru me.com msn.com orange.fr outlook.com
    outlook.de pm.me posteo.de proton.me protonmail.com qq.com t-online.de tuta.com tutanota.com wanadoo.fr web.de yahoo.co.jp
    yahoo.co.uk yahoo.com yahoo.de yahoo.fr yandex.com yandex.ru ymail.com zoho.com
"""
FREE_MAIL = frozenset(_PROVIDERS.split())


class Key(StrEnum):
    """By what a lead is known. A closed list, the surest first: that is the order in which owners are asked."""

    CONTACT = "contact"
    ACCOUNT = "account"
    COMPANY = "company"


class OwnerState(StrEnum):
    """What a former owner is now. A closed list."""

    FREE = "free"  # may receive in this pool
    ABSENT = "absent"  # stopped by a gate that will open again: hours, leave, pause, presence, a cap
    DEPARTED = "departed"  # not active, not in the pool, or does not meet what is asked for this lead


class Verdict(StrEnum):
    """A closed list."""

    OWNER = "owner"
    WAIT = "wait"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Stickiness:
    """`by` are the keys that count, `days` for how long. `absent` and `departed` are "wait" or "reassign".

    A lead waits for its owner `hold_minutes` at most, from when it came; None is no bound.
    """

    by: tuple[str, ...]
    days: int = 180
    absent: str = "reassign"
    departed: str = "reassign"
    hold_minutes: int | None = None


@dataclass(frozen=True, slots=True)
class Owner:
    """Somebody who has, or last had, a lead of this key. `until` is when an absent one is back, where time alone tells."""

    agent_id: UUID
    key: Key
    at: datetime
    state: OwnerState
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Stuck:
    """The owner that gets the lead, the one it waits for and until when, or none; `reason` is for a person."""

    verdict: Verdict
    reason: str
    agent_id: UUID | None = None
    until: datetime | None = None


def keys_of(facts: Mapping[str, Any], *, free_mail: Collection[str] = FREE_MAIL) -> dict[Key, str]:
    """By what owners are to be looked up. The domain of a mail provider is no company's."""
    found = {
        Key.CONTACT: _text(facts.get("contact_id")),
        Key.ACCOUNT: _text(facts.get("account_id")),
        Key.COMPANY: _text(facts.get("company_domain")).casefold().rstrip("."),
    }
    if found[Key.COMPANY] in free_mail:
        del found[Key.COMPANY]
    return {key: value for key, value in found.items() if value}


def stick(policy: Stickiness, owners: Iterable[Owner], *, came_at: datetime, now: datetime) -> Stuck:
    """Whether a lead that came at `came_at` keeps an owner: by the surest key, of owners of one key the latest.

    An owner whose place is to be taken (absent or departed, with "reassign") makes way for the next surest one.
    """
    recent = [one for one in owners if one.key in policy.by and one.at >= now - timedelta(days=policy.days)]
    order = list(Key)
    passed: list[str] = []
    for one in sorted(recent, key=lambda one: (order.index(one.key), _backwards(one.at), one.agent_id)):
        found = _judge(policy, one, came_at=came_at, now=now)
        if found.verdict is not Verdict.NONE:
            return found
        passed.append(found.reason)
    return Stuck(Verdict.NONE, "; ".join(passed) or f"nobody had this {' or '.join(policy.by)} in the last {policy.days} days")


def _judge(policy: Stickiness, one: Owner, *, came_at: datetime, now: datetime) -> Stuck:
    whose = f"the owner of this {one.key}"
    if one.state is OwnerState.FREE:
        return Stuck(Verdict.OWNER, f"{whose} keeps it", one.agent_id)
    if (policy.absent if one.state is OwnerState.ABSENT else policy.departed) != "wait":
        return Stuck(Verdict.NONE, f"{whose} is {one.state}, and the pool reassigns")
    ends = None if policy.hold_minutes is None else came_at + timedelta(minutes=policy.hold_minutes)
    if ends is not None and now >= ends:
        return Stuck(Verdict.NONE, f"{whose} is {one.state}, and the lead has waited {policy.hold_minutes} minutes")
    known = [time for time in (one.until, ends) if time is not None]
    return Stuck(Verdict.WAIT, f"{whose} is {one.state}, and the lead waits", one.agent_id, min(known, default=None))


def _backwards(at: datetime) -> float:
    return -at.timestamp()


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""
