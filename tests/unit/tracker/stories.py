"""What other services say of a lead, for the tracker's tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from shared.clock import SystemClock
from shared.contracts.envelope import Cause, Message, Outgoing, pack
from shared.contracts.events import (
    AssignmentEnded,
    Contact,
    Event,
    LeadAssigned,
    LeadQueued,
    LeadReceived,
    LeadRejected,
    LeadScored,
    Reason,
)
from shared.contracts.topics import TOPICS, Topic
from shared.telemetry import new_traceparent

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
TOPIC_OF: dict[type[Event], Topic] = {event: topic for topic in TOPICS for event in topic.events}
ids = SystemClock()


@dataclass
class Story:
    """One lead as told by intake, scoring and router; each telling is the next event of its service, a second later."""

    lead_id: UUID = field(default_factory=ids.uuid7)
    start: datetime = START
    source: str = "website"
    messages: list[Message[Event]] = field(default_factory=list)
    trace: str = field(default_factory=new_traceparent)

    def received(self, name: str = "Ada Example") -> Story:
        contact = Contact(name=name, email="ada@example.com", company="Example Ltd", extra={"colour": "blue"})
        facts = {"country": "US", "source": self.source}
        return self._tell(
            LeadReceived(lead_id=self.lead_id, received_at=self.start, source=self.source, contact=contact, facts=facts)
        )

    def scored(self, points: int = 40, grade: str = "B") -> Story:
        return self._tell(
            LeadScored(
                lead_id=self.lead_id,
                received_at=self.start,
                points=points,
                grade=grade,
                qualification="sales-qualified",
                reasons=[Reason("asks for pro", points)],
                scorecard_version=1,
                facts={"country": "US"},
            )
        )

    def queued(self, pool: str = "inbound") -> Story:
        why = "Nobody in inbound has room."
        return self._tell(
            LeadQueued(lead_id=self.lead_id, pool=pool, why=why, policy_version=1, queued_at=self._now(), gates={"cap": 2})
        )

    def assigned(self, agent_id: UUID, name: str = "Grace", *, at: datetime | None = None) -> Story:
        return self._tell(
            LeadAssigned(
                lead_id=self.lead_id,
                assignment_id=ids.uuid7(),
                agent_id=agent_id,
                agent_name=name,
                pool="inbound",
                why="Grace is next in turn.",
                policy_version=1,
                received_at=self.start,
                assigned_at=at or self._now(),
                points=40,
                grade="B",
                qualification="sales-qualified",
                facts={"country": "US"},
            )
        )

    def rejected(self) -> Story:
        why = "The policy does not route spam."
        return self._tell(
            LeadRejected(lead_id=self.lead_id, code="not-routed", why=why, policy_version=1, rejected_at=self._now())
        )

    def ended(self, reason: str = "closed") -> Story:
        """Ends the assignment told last."""
        last = next(m.data for m in reversed(self.messages) if isinstance(m.data, LeadAssigned))
        return self._tell(
            AssignmentEnded(
                lead_id=self.lead_id,
                assignment_id=last.assignment_id,
                agent_id=last.agent_id,
                reason=reason,
                ended_at=self._now(),
            )
        )

    def records(self) -> list[Outgoing]:
        return [as_record(message) for message in self.messages]

    def _now(self) -> datetime:
        return self.start + timedelta(seconds=len(self.messages))

    def _tell(self, event: Event) -> Story:
        topic = TOPIC_OF[type(event)]
        sequence = 1 + sum(message.topic == topic.name for message in self.messages)
        self.messages.append(
            Message(
                id=ids.uuid7(),
                topic=topic.name,
                source=f"/handoff/{topic.owner}",
                time=self._now(),
                sequence=sequence,
                causation=str(self.messages[-1].id) if self.messages else "request",
                traceparent=self.trace,
                data=event,
            )
        )
        return self


def as_record(message: Message[Event]) -> Outgoing:
    return pack(
        message.data,
        topic=message.topic,
        source=message.source,
        id=message.id,
        time=message.time,
        sequence=message.sequence,
        cause=Cause(message.causation, message.traceparent),
    )
