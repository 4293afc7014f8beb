"""The policy: one versioned document of pools and ordered rules. Read from JSON or YAML, held against its schema, compiled into values."""

from services.router.domain.policy.diff import Difference, differences
from services.router.domain.policy.document import Draft, InvalidPolicy, agent_id, from_document, read_draft
from services.router.domain.policy.facts import AGENT, COVERS, Profile, of_lead, of_match
from services.router.domain.policy.first_form import in_second_form, is_first
from services.router.domain.policy.groups import groups_of
from services.router.domain.policy.holidays import copy_holidays, with_holidays
from services.router.domain.policy.membership import enrol, joined_and_left, members_document, with_members
from services.router.domain.policy.requirement import NOTHING, Requirement, Requirements
from services.router.domain.policy.schema import SCHEMA
from services.router.domain.policy.text import Unreadable, read_documents, read_json, read_yaml
from services.router.domain.policy.values import (
    CATCH_UP,
    Hold,
    Listed,
    Match,
    Member,
    Policy,
    Pool,
    Reroute,
    Rule,
    Sticky,
    Strategy,
    StrategyKind,
    Timetable,
)
from services.router.domain.policy.writing import to_document

__all__ = [
    "AGENT",
    "CATCH_UP",
    "COVERS",
    "NOTHING",
    "SCHEMA",
    "Difference",
    "Draft",
    "Hold",
    "InvalidPolicy",
    "Listed",
    "Match",
    "Member",
    "Policy",
    "Pool",
    "Profile",
    "Requirement",
    "Requirements",
    "Reroute",
    "Rule",
    "Sticky",
    "Strategy",
    "StrategyKind",
    "Timetable",
    "Unreadable",
    "agent_id",
    "copy_holidays",
    "differences",
    "enrol",
    "from_document",
    "groups_of",
    "in_second_form",
    "is_first",
    "joined_and_left",
    "members_document",
    "of_lead",
    "of_match",
    "read_documents",
    "read_draft",
    "read_json",
    "read_yaml",
    "to_document",
    "with_holidays",
    "with_members",
]
