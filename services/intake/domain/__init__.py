"""Intake's rules: the normal form of a lead, and how a source's payload is mapped to it. Pure."""

from services.intake.domain.mapping import Mapping, MappingError, flatten, map_payload, parse_mapping
from services.intake.domain.normal import CONTACT_FIELDS, FACT_FIELDS, NormalLead, Unreachable, normalise

__all__ = [
    "CONTACT_FIELDS",
    "FACT_FIELDS",
    "Mapping",
    "MappingError",
    "NormalLead",
    "Unreachable",
    "flatten",
    "map_payload",
    "normalise",
    "parse_mapping",
]
