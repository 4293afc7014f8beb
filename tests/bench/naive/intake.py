"""The naive intake: `POST /v1/leads` with a pydantic body and a session a request, answered after the commit."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import Depends, FastAPI, Request
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from tests.bench.naive.tables import Lead, session_factory
from tests.bench.naive.transport import transport_from


class NewLead(BaseModel):
    source: str
    email: str
    phone: str
    first_name: str
    last_name: str
    company: str
    country: str
    region: str
    product: str
    message: str


class Accepted(BaseModel):
    id: UUID


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    app.state.sessions = session_factory(os.environ["NAIVE_DSN"])
    app.state.transport = transport_from(os.environ["NAIVE_KAFKA"])
    app.state.topic = os.environ["NAIVE_TOPICS"] + "received"
    await app.state.transport.start(app.state.sessions)
    yield


app = FastAPI(lifespan=lifespan)


async def session(request: Request) -> AsyncIterator[AsyncSession]:
    async with request.app.state.sessions() as opened:
        yield opened


@app.post("/v1/leads", status_code=202)
async def receive_lead(request: Request, body: NewLead, session: Annotated[AsyncSession, Depends(session)]) -> Accepted:
    lead = Lead(id=uuid4(), received_at=datetime.now(UTC), **body.model_dump())
    session.add(lead)
    message = {"lead_id": str(lead.id), **body.model_dump()}
    await request.app.state.transport.commit_and_publish(session, request.app.state.topic, message)
    return Accepted(id=lead.id)
