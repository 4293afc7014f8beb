"""Fuzzy recognition: blocks find the contacts that may be a person, weigh says how likely they are, decide what to do about it. Pure."""

from services.intake.domain.likeness.blocks import MAX_BLOCK, MAX_SHARING, blocks, limit_of
from services.intake.domain.likeness.evidence import Evidence, Verdict
from services.intake.domain.likeness.memory import remember
from services.intake.domain.likeness.profile import Profile, profile_of
from services.intake.domain.likeness.weigh import SUGGESTED, THRESHOLD, Decision, decide, weigh

__all__ = [
    "MAX_BLOCK",
    "MAX_SHARING",
    "SUGGESTED",
    "THRESHOLD",
    "Decision",
    "Evidence",
    "Profile",
    "Verdict",
    "blocks",
    "decide",
    "limit_of",
    "profile_of",
    "remember",
    "weigh",
]
