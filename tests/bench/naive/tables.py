"""All tables of the naive pipeline, in one schema of one database."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, ForeignKey, Index
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Table(DeclarativeBase):
    type_annotation_map = {datetime: DateTime(timezone=True), dict[str, Any]: JSONB}  # noqa: RUF012


class Lead(Table):
    __tablename__ = "leads"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    received_at: Mapped[datetime] = mapped_column(index=True)
    source: Mapped[str]
    email: Mapped[str] = mapped_column(index=True)
    phone: Mapped[str]
    first_name: Mapped[str]
    last_name: Mapped[str]
    company: Mapped[str]
    country: Mapped[str]
    region: Mapped[str]
    product: Mapped[str]
    message: Mapped[str]


class Score(Table):
    __tablename__ = "scores"

    lead_id: Mapped[UUID] = mapped_column(ForeignKey("leads.id"), primary_key=True)
    points: Mapped[int]
    grade: Mapped[str]
    scored_at: Mapped[datetime]


class Agent(Table):
    __tablename__ = "agents"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    assigned: Mapped[int] = mapped_column(default=0)


class Assignment(Table):
    __tablename__ = "assignments"

    lead_id: Mapped[UUID] = mapped_column(ForeignKey("leads.id"), primary_key=True)
    agent_id: Mapped[int] = mapped_column(ForeignKey("agents.id"))
    assigned_at: Mapped[datetime]


class TimelineEntry(Table):
    __tablename__ = "timeline"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    lead_id: Mapped[UUID] = mapped_column(ForeignKey("leads.id"), index=True)
    kind: Mapped[str]
    data: Mapped[dict[str, Any]]
    at: Mapped[datetime]


class Message(Table):
    """A row of the table queue; Kafka needs none."""

    __tablename__ = "messages"
    __table_args__ = (Index("messages_by_topic", "topic", "id"),)

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    topic: Mapped[str]
    payload: Mapped[dict[str, Any]]


AGENTS = [f"agent-{n}" for n in range(1, 11)]


def session_factory(dsn: str) -> async_sessionmaker[AsyncSession]:
    """Sessions on a pool of the default size."""
    engine = create_async_engine(dsn.replace("postgresql://", "postgresql+asyncpg://", 1))
    return async_sessionmaker(engine, expire_on_commit=False)


async def create_tables(dsn: str) -> None:
    engine = create_async_engine(dsn.replace("postgresql://", "postgresql+asyncpg://", 1))
    async with engine.begin() as connection:
        await connection.run_sync(Table.metadata.create_all)
    async with AsyncSession(engine) as session:
        session.add_all(Agent(name=name) for name in AGENTS)
        await session.commit()
    await engine.dispose()
