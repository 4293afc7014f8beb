"""Which handler takes which events, and how a batch is handed to them: in rounds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from shared.contracts.envelope import Message, Received, Unreadable, family
from shared.contracts.events import Event, type_name
from shared.contracts.topics import Topic
from shared.db.uow import UnitOfWork
from shared.telemetry import current_trace

Handler = Callable[[Sequence[Message[Any]], UnitOfWork], Awaitable[None]]


@dataclass(frozen=True)
class On:
    """One line of a SUBSCRIPTIONS table: events of this type on this topic go to this handler."""

    topic: Topic
    event: type[Event]
    handler: Handler


class Subscriptions:
    """A service's SUBSCRIPTIONS, looked up by (topic, type)."""

    def __init__(self, table: Iterable[On]) -> None:
        self.table = tuple(table)
        self._handlers = {(on.topic.name, on.event): on.handler for on in self.table}
        self._families = {(on.topic.name, family(type_name(on.event))) for on in self.table}

    @property
    def topics(self) -> list[str]:
        return sorted({on.topic.name for on in self.table})

    def wants(self, record: Received) -> bool:
        """False only for a readable type that nobody here subscribes to; it is skipped unclaimed."""
        type_ = record.headers.get("ce_type")
        return type_ is None or (record.topic, family(type_)) in self._families

    def handler(self, message: Message[Event]) -> Handler:
        try:
            return self._handlers[message.topic, type(message.data)]
        except KeyError:
            raise Unreadable(f"{type(message.data).__name__} is not expected on {message.topic}") from None


async def dispatch(subscriptions: Subscriptions, messages: Sequence[Message[Event]], uow: UnitOfWork) -> None:
    """Calls the handlers, in rounds: round k holds the k-th message of each lead, so that no list holds a lead twice."""
    for round_ in rounds(messages):
        shares: dict[Handler, list[Message[Event]]] = {}
        for message in round_:
            shares.setdefault(subscriptions.handler(message), []).append(message)
        for handler, share in shares.items():
            current_trace.set(share[0].traceparent)
            await handler(share, uow)
    current_trace.set("")


def rounds(messages: Sequence[Message[Event]]) -> list[list[Message[Event]]]:
    """Cuts a batch into rounds in which no lead appears twice, keeping each lead's order."""
    cut: list[list[Message[Event]]] = []
    seen: dict[UUID, int] = {}
    for message in messages:
        nth = seen.get(message.lead_id, 0)
        seen[message.lead_id] = nth + 1
        if nth == len(cut):
            cut.append([])
        cut[nth].append(message)
    return cut
