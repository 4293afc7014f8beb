"""/hooks/{token}: where senders post. Verified over the raw bytes, then read, then answered in the sender's own words.

GET  ─▶ handshake
POST ─▶ whose hook? ─▶ verify ─▶ rate limit ─▶ parse ─▶ leads: group writer | all else: one transaction ─▶ answer
                                                  └─▶ the source is paused: kept for later
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from fastapi import APIRouter, Request, Response

from services.intake.api.leads import MAX_LEAD, key_of, submit
from services.intake.clients import sns
from services.intake.domain.connection import connection_of
from services.intake.domain.senders import html_form, inbound_email
from services.intake.domain.senders.registry import SENDERS
from services.intake.domain.senders.replies import answer_plainly
from services.intake.domain.senders.shape import (
    Confirmation,
    Connection,
    Delivery,
    Forged,
    Malformed,
    Notice,
    Reply,
    Result,
    Sender,
    SentLead,
    Status,
)
from services.intake.domain.senders.sns import CERTIFICATES, NeedsCertificate
from services.intake.handlers.deliveries import item_of, row_of, take_delivery, tally
from services.intake.handlers.limits import RateLimits
from services.intake.handlers.receive import Submission
from services.intake.handlers.sources import hash_token, open_secrets
from services.intake.store import sources
from services.intake.store.deliveries import add_deliveries
from services.intake.store.sources import Source
from shared.db.answers import Answer
from shared.db.uow import Database
from shared.errors import Permanent, Refused
from shared.web.requests import cause_of

router = APIRouter(tags=["hooks"])

FORGED_COUNTED = 60  # a minute and source: a flood of forgeries must not become one of rows
MAX_HOPS = 2  # a chain of certificates is one long; SNS needs one


@dataclass(frozen=True)
class Call:
    """A request to a hook: whose it is, and what it says. `connection` is what its sender may know of the source."""

    source: Source
    sender: Sender
    delivery: Delivery
    connection: Connection

    def answer(self, results: Sequence[Result]) -> Answer:
        reply = (self.sender.acknowledge or answer_plainly)(results, self.delivery, self.connection)
        return Answer(reply.status, reply.body, reply.content_type, reply.headers)


@router.get("/hooks/{token}", summary="Handshake of a source")
async def get_hook(token: str, request: Request) -> Response:
    """Answers the challenge by which a sender makes sure that the address is ours."""
    call = await _call(request, token)
    try:
        reply = call.sender.handshake(call.delivery, call.connection) if call.sender.handshake else None
    except Forged as forged:
        raise _refused(forged) from forged
    if reply is None:
        raise Refused(405, "no-handshake", detail=f"A {call.source.kind} source is posted to.", headers={"Allow": "POST"})
    return _response(reply)


@router.options("/hooks/{token}", summary="Preflight of a form that is posted by a script")
async def options_hook(token: str, request: Request) -> Response:
    call = await _call(request, token)
    if call.source.kind != html_form.SENDER.kind:
        raise Refused(405, "no-preflight", detail="Only forms are posted from other pages.", headers={"Allow": "POST"})
    return _response(html_form.preflight(call.delivery, call.connection))


@router.post("/hooks/{token}", status_code=202, summary="Webhook of a source")
async def post_hook(token: str, request: Request) -> Response:
    """Takes what the source's sender sends. The raw bytes are kept beside what becomes of them."""
    call = await _call(request, token)
    try:
        return await _post(request, call)
    except Refused as refused:
        if call.sender.refuse is None:
            raise
        reply = call.sender.refuse(refused.status, refused.detail, call.delivery, call.connection)
        return _response(replace(reply, headers={**refused.headers, **reply.headers}))


async def _post(request: Request, call: Call) -> Response:
    """Raises Refused: 429 over the source's rate, 401 and 403 for a forgery, 503 where it cannot be stored now."""
    database: Database = request.app.state.database
    limits: RateLimits = database.memory.setdefault(RateLimits, RateLimits())
    now = call.delivery.received_at
    try:
        call = await _verified(call, request)
    except Forged as forged:
        if limits.take(("forged", call.source.id), FORGED_COUNTED, now):
            await _count(request, call, Result(Status.REJECTED, slug="forged"))
        raise _refused(forged) from forged
    # After the proof: whoever only knows the address cannot use up the sender's rate.
    if not limits.take(call.source.id, call.source.per_minute, now):
        detail = f"The source {call.source.name} takes {call.source.per_minute} deliveries a minute."
        raise Refused(429, "rate-limited", detail=detail, headers={"Retry-After": "30"})
    try:
        notices = call.sender.parse(call.delivery, call.connection)
        await _confirm(request, notices)
    except Malformed as malformed:
        return await (_hold(request, call) if call.source.paused else _reject(request, call, malformed))
    if call.source.paused:
        return await _hold(request, call)
    if notices and all(isinstance(notice, SentLead) for notice in notices):
        return await _submit(request, call, notices)
    return await _take(request, call, notices)


async def _call(request: Request, token: str) -> Call:
    """Raises Refused: 401 for an unknown hook, 403 for a source that is switched off."""
    database: Database = request.app.state.database
    # Not the request's unit of work: it would stay open while the lead waits for its group.
    async with database.begin() as uow:
        source = await sources.source_by_token(uow, hash_token(token))
        now = uow.now
    if source is None:
        raise Refused(401, "unknown-hook", detail="No source has this hook address. It may have been renewed.")
    if not source.active:
        raise Refused(403, "source-inactive", detail=f"The source {source.name} is not active.")
    query = request.url.query
    delivery = Delivery(
        method=request.method,
        url=f"{request.app.state.public_url}{request.url.path}{'?' if query else ''}{query}",
        headers={name.lower(): value for name, value in request.headers.items()},
        query=dict(request.query_params),
        body=request.scope["handoff.body"],
        received_at=now,
    )
    secrets = open_secrets(source, request.app.state.sealer)
    return Call(source, SENDERS[source.kind], delivery, connection_of(source.settings, secrets))


async def _verified(call: Call, request: Request) -> Call:
    """The call, its proof looked at; with the certificate that it was signed with, where that had to be fetched. Raises Forged."""
    for _ in range(MAX_HOPS):
        try:
            call.sender.verify(call.delivery, call.connection)
            return call
        except NeedsCertificate as needed:
            pem = await _certificate(request, needed.url)
            known = {**call.connection.settings.get(CERTIFICATES, {}), needed.url: pem}
            connection = replace(call.connection, settings={**call.connection.settings, CERTIFICATES: known})
            call = replace(call, connection=connection)
    raise Forged("the certificate is not the one that was named")


async def _certificate(request: Request, url: str) -> str:
    """Raises Forged where SNS has no such certificate: whoever named it is not SNS."""
    try:
        return await sns.certificate(request.app.state.web, url)
    except Permanent as error:
        raise Forged(f"The certificate of the SNS message cannot be read: {error}.", 403) from error


async def _confirm(request: Request, notices: Sequence[Notice]) -> None:
    """Confirms subscriptions, also of a paused source: SNS asks only once. Raises Malformed where that is refused."""
    for notice in notices:
        if isinstance(notice, Confirmation):
            try:
                await sns.confirm(request.app.state.web, notice.url)
            except Permanent as error:
                raise Malformed(f"The subscription could not be confirmed: {error}.") from error


async def _submit(request: Request, call: Call, notices: Sequence[Notice]) -> Response:
    """Leads go into the same groups as those of POST /v1/leads."""
    if len(notices) == 1 and len(call.delivery.body) > MAX_LEAD and call.source.kind != inbound_email.SENDER.kind:
        raise Refused(413, "too-large", detail=f"One lead has {MAX_LEAD} bytes at the most.")
    database: Database = request.app.state.database
    row = row_of(call.delivery, call.source, id=database.clock.uuid7(), state=Status.ACCEPTED)
    submission = Submission(
        items=[item_of(notice, call.source, call.sender) for notice in notices if isinstance(notice, SentLead)],
        cause=cause_of(request),
        answer=call.answer,
        key=key_of(request, call.delivery.body, f"source:{call.source.id}"),
        delivery=row,
    )
    return await submit(request, submission)


async def _take(request: Request, call: Call, notices: Sequence[Notice]) -> Response:
    database: Database = request.app.state.database
    async with database.begin() as uow:
        row = row_of(call.delivery, call.source, id=uow.clock.uuid7(), state=Status.IGNORED)
        results = await take_delivery(row, notices, call.source, call.sender, uow, cause=cause_of(request))
    return _told(call.answer(results))


async def _hold(request: Request, call: Call) -> Response:
    """Keeps the delivery of a paused source; it is read when the source goes on."""
    return await _keep(request, call, Result(Status.HELD))


async def _reject(request: Request, call: Call, malformed: Malformed) -> Response:
    """Keeps what cannot be read, so that it can be read again by a better program."""
    pointer = "Content-Type" if malformed.status == 415 else "/"
    result = Result(Status.REJECTED, slug="malformed", detail=str(malformed), pointer=pointer, http=malformed.status)
    return await _keep(request, call, result)


async def _keep(request: Request, call: Call, result: Result) -> Response:
    database: Database = request.app.state.database
    async with database.begin() as uow:
        row = row_of(call.delivery, call.source, id=uow.clock.uuid7(), state=result.status)
        add_deliveries(uow, [row._replace(reason=result.slug, detail=result.detail)])
        tally(uow, call.source, [result])
    return _told(call.answer([result]))


async def _count(request: Request, call: Call, result: Result) -> None:
    database: Database = request.app.state.database
    async with database.begin() as uow:
        tally(uow, call.source, [result])


def _refused(forged: Forged) -> Refused:
    return Refused(forged.status, "forged", detail=str(forged))


def _told(answer: Answer) -> Response:
    return Response(answer.content, answer.status, headers=dict(answer.headers), media_type=answer.content_type)


def _response(reply: Reply) -> Response:
    return Response(reply.body, reply.status, headers=dict(reply.headers), media_type=reply.content_type)
