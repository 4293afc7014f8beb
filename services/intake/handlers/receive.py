"""Receiving leads: a group of submissions in one transaction, and an answer for each.

Equal Idempotency-Keys are folded first; what then is to be done is done by reception.py, for all of the group at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple
from uuid import UUID

from services.intake.domain.senders.shape import Result, Status
from services.intake.handlers.drafts import Entry, Item
from services.intake.handlers.reception import receive_entries
from services.intake.store.deliveries import DeliveryRow, add_deliveries, insert_repetitions
from shared.contracts.envelope import Cause
from shared.db import answers
from shared.db.answers import Answer, Key
from shared.db.uow import UnitOfWork
from shared.errors import Refused


class Submission(NamedTuple):
    """One request: one lead or a batch, of which some items may be refused already. A tuple: there is one a lead.

    `answer` makes of the results what the sender is told; it raises Refused to refuse the request. `delivery` is the raw request of a
    hook, kept beside what became of it. `limited`: the source's rate limit is yet to be asked.
    """

    items: Sequence[Item | Result]
    cause: Cause
    answer: Callable[[Sequence[Result]], Answer]
    key: Key | None = None
    delivery: DeliveryRow | None = None
    limited: bool = False

    @property
    def size(self) -> int:
        return len(self.items)


async def receive(submissions: Sequence[Submission], uow: UnitOfWork) -> list[Answer | Refused]:
    """Takes a group of submissions in one transaction: an answer or a refusal for each, in order.

    Equal idempotency keys are folded first: the same body gets the same answer, another body is refused. Repeated requests get the
    answer of the first time.
    """
    results: list[Answer | Refused | None] = [None] * len(submissions)
    leaders, followers = _fold(submissions)
    known = await _known_answers(uow, [submissions[n] for n in leaders])
    fresh = []
    for n in leaders:
        submission = submissions[n]
        stored = known.get(submission.key.scope) if submission.key else None
        if stored and submission.key:
            results[n] = stored[1] if stored[0] == submission.key.body_hash else answers.reused()
        else:
            fresh.append(n)
    for n, result in zip(fresh, await _receive_fresh(uow, [submissions[n] for n in fresh]), strict=True):
        results[n] = result
    for n, leader in followers.items():
        same = submissions[n].key == submissions[leader].key
        results[n] = results[leader] if same else answers.reused()
    return [result for result in results if result is not None]


def _fold(submissions: Sequence[Submission]) -> tuple[list[int], dict[int, int]]:
    """Which submissions do their work, and which wait for the answer of another with the same key."""
    first: dict[bytes, int] = {}
    leaders: list[int] = []
    followers: dict[int, int] = {}
    for n, submission in enumerate(submissions):
        leader = first.setdefault(submission.key.scope, n) if submission.key else n
        if leader == n:
            leaders.append(n)
        else:
            followers[n] = leader
    return leaders, followers


async def _known_answers(uow: UnitOfWork, submissions: Sequence[Submission]) -> dict[bytes, tuple[bytes, Answer] | None]:
    keys = [submission.key for submission in submissions if submission.key]
    return await answers.claim(uow, keys) if keys else {}


async def _receive_fresh(uow: UnitOfWork, submissions: Sequence[Submission]) -> list[Answer | Refused]:
    entries = [Entry(item, s.cause, s.delivery.id if s.delivery else None, s.limited) for s in submissions for item in s.items]
    taken = iter(await receive_entries(entries, uow))
    shares = [[next(taken) for _ in submission.items] for submission in submissions]
    kept = [settled(s.delivery, share) for s, share in zip(submissions, shares, strict=True) if s.delivery]
    if kept:
        add_deliveries(uow, kept)
    repeated = [row for s, share in zip(submissions, shares, strict=True) if s.delivery for row in repetitions(s.delivery, share)]
    if repeated:
        insert_repetitions(uow, repeated)
    results = [_answer(submission, share) for submission, share in zip(submissions, shares, strict=True)]
    keyed = [(s.key.scope, result) for s, result in zip(submissions, results, strict=True) if s.key]
    if keyed:
        done = [(scope, result) for scope, result in keyed if isinstance(result, Answer) and result.status < 400]
        answers.store(uow, done)
        answers.release(uow, [scope for scope, _ in keyed if scope not in dict(done)])
    return results


def _answer(submission: Submission, results: Sequence[Result]) -> Answer | Refused:
    try:
        return submission.answer(results)
    except Refused as refused:
        return refused


def settled(delivery: DeliveryRow, results: Sequence[Result]) -> DeliveryRow:
    """The delivery with what became of it: the fate of the first of its leads that fared better than being rejected.

    Its bytes are kept only where they say something. A repetition says what is kept with the first, and would outlive that in an erasure;
    of a person who asked not to be contacted nothing is kept at all.
    """
    best = next((result for result in results if result.status != "rejected"), results[0] if results else None)
    if best is None:
        return delivery
    body = b"" if all(_says_nothing(result) for result in results) else delivery.body
    return delivery._replace(state=best.status.value, reason=best.slug, detail=best.detail, body=body)


def repetitions(delivery: DeliveryRow, results: Sequence[Result]) -> list[tuple[UUID, UUID]]:
    """The known leads that a delivery names again beside something new, whose bytes are kept."""
    if all(_says_nothing(result) for result in results):
        return []
    return [(result.lead_id, delivery.id) for result in results if result.lead_id and _says_nothing(result)]


def _says_nothing(result: Result) -> bool:
    return result.status in (Status.DUPLICATE, Status.DONE) or result.slug == "suppressed"
