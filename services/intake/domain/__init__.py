"""Intake's rules: the normal form of a lead, and how a source's payload is mapped to it. Pure."""

from services.intake.domain.fields import CONTACT_FIELDS, FACT_FIELDS, NORMAL_FIELDS
from services.intake.domain.mapping import Mapped, Mapping, MappingError, flatten, map_payload, parse_mapping
from services.intake.domain.normal import NormalLead, Unreachable, identify, normalise
from services.intake.domain.preview import preview

__all__ = [
    "CONTACT_FIELDS",
    "FACT_FIELDS",
    "NORMAL_FIELDS",
    "Mapped",
    "Mapping",
    "MappingError",
    "NormalLead",
    "Unreachable",
    "flatten",
    "identify",
    "map_payload",
    "normalise",
    "parse_mapping",
    "preview",
]
