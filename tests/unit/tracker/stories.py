"""What other services say of a lead, for the tracker's tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from shared.contracts.envelope import Cause, Message, Outgoing, pack
from shared.contracts.events import (
    ActivityRecorded,
    AssignmentAccepted,
    AssignmentEnded,
    Contact,
    Event,
    LeadAssigned,
    LeadErased,
    LeadMerged,
    LeadOffered,
    LeadQueued,
    LeadReceived,
    LeadRejected,
    LeadScored,
    LeadTouched,
    LeadUnmerged,
    Reason,
    SlaBreached,
    SlaWarned,
)
from shared.contracts.topics import LEADS_ROUTED, LEADS_SCORED, Topic
from shared.telemetry import new_traceparent
from tests.support.events import TOPIC_OF, ids

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
CHAIN = (LEADS_SCORED, LEADS_ROUTED)  # on which intake's word of merges and erasures is passed on


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

    def offered(self, *agents: UUID, pool: str = "inbound") -> Story:
        now, why = self._now(), "First to claim: both have room."
        until = now + timedelta(minutes=5)
        return self._tell(
            LeadOffered(
                lead_id=self.lead_id, agents=list(agents), pool=pool, why=why, policy_version=1, offered_at=now, until=until
            )
        )

    def assigned(self, agent_id: UUID, name: str = "Grace", *, at: datetime | None = None, how: str = "decided") -> Story:
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
                how=how,
            )
        )

    def accepted(self, by: str = "grace", *, seconds: float | None = None) -> Story:
        """Accepts the assignment told last."""
        last = self._last
        return self._tell(
            AssignmentAccepted(
                lead_id=self.lead_id,
                assignment_id=last.assignment_id,
                agent_id=last.agent_id,
                accepted_at=self._now(),
                by=by,
                seconds=seconds,
            )
        )

    def warned(self, step: str = "warn", *, sla: str = "call soon") -> Story:
        """Of the first response to the assignment told last."""
        now, last = self._now(), self._last
        return self._tell(
            SlaWarned(
                lead_id=self.lead_id,
                sla=sla,
                clock="first_response",
                step=step,
                percent=50,
                due_at=now + timedelta(minutes=5),
                warned_at=now,
                assignment_id=last.assignment_id,
                agent_id=last.agent_id,
                pool=last.pool,
            )
        )

    def breached(self, step: str = "breach", *, sla: str = "call soon", clock: str = "first_response", **said: Any) -> Story:
        """In the hands of who was given the lead last, if anybody."""
        now = self._now()
        given = self._given
        held = (
            {"assignment_id": given.assignment_id, "agent_id": given.agent_id, "pool": given.pool}
            if given
            else {"pool": "inbound"}
        )
        return self._tell(
            SlaBreached(
                lead_id=self.lead_id,
                sla=sla,
                clock=clock,
                step=step,
                percent=100,
                breached_at=now,
                told_at=now,
                **{**held, **said},
            )
        )

    def rejected(self) -> Story:
        why = "The policy does not route spam."
        return self._tell(
            LeadRejected(lead_id=self.lead_id, code="not-routed", why=why, policy_version=1, rejected_at=self._now())
        )

    def ended(self, reason: str = "closed", **said: Any) -> Story:
        """Ends the assignment told last."""
        last = self._last
        return self._tell(
            AssignmentEnded(
                lead_id=self.lead_id,
                assignment_id=last.assignment_id,
                agent_id=last.agent_id,
                reason=reason,
                ended_at=self._now(),
                **said,
            )
        )

    def touched(self, kind: str = "submission", *, contact: Contact | None = None, **facts: Any) -> Story:
        at = self._now()
        return self._tell(
            LeadTouched(lead_id=self.lead_id, touched_at=at, kind=kind, source="fair", contact=contact or Contact(), facts=facts)
        )

    def active(self, kind: str = "page_view", *, at: datetime | None = None) -> Story:
        now = self._now()
        return self._tell(
            ActivityRecorded(
                lead_id=self.lead_id,
                activity_id=ids.uuid7(),
                kind=kind,
                occurred_at=at or now,
                recorded_at=now,
                source="website",
                data={"page": "/pricing"},
            )
        )

    def merged(self, into: UUID, *, contact_id: UUID | None = None) -> Story:
        """Intake's word and both copies."""
        event = LeadMerged(
            lead_id=self.lead_id, into=into, contact_id=contact_id or ids.uuid7(), merged_at=self._now(), by="grace"
        )
        return self._tell_all(event)

    def unmerged(self, into: UUID, *, contact_id: UUID | None = None) -> Story:
        event = LeadUnmerged(
            lead_id=self.lead_id, into=into, contact_id=contact_id or ids.uuid7(), unmerged_at=self._now(), by="grace"
        )
        return self._tell_all(event)

    def erased(self, contact_id: UUID | None = None, *, reason: str = "request") -> Story:
        """Intake's word and both copies, each with what its service removed."""
        event = LeadErased(
            lead_id=self.lead_id, contact_id=contact_id or ids.uuid7(), erased_at=self._now(), by="grace", reason=reason
        )
        self._tell(replace(event, removed={"leads": 1, "deliveries": 2}))
        self._tell(replace(event, removed={"leads": 1}), CHAIN[0])
        return self._tell(replace(event, removed={"leads": 1, "decisions": 3}), CHAIN[1])

    def records(self) -> list[Outgoing]:
        return [as_record(message) for message in self.messages]

    @property
    def _given(self) -> LeadAssigned | None:
        return next((m.data for m in reversed(self.messages) if isinstance(m.data, LeadAssigned)), None)

    @property
    def _last(self) -> LeadAssigned:
        assert self._given, "nobody was given the lead"
        return self._given

    def _now(self) -> datetime:
        return self.start + timedelta(seconds=len(self.messages))

    def _tell_all(self, event: Event) -> Story:
        for topic in (TOPIC_OF[type(event)], *CHAIN):
            self._tell(event, topic)
        return self

    def _tell(self, event: Event, topic: Topic | None = None) -> Story:
        topic = topic or TOPIC_OF[type(event)]
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
