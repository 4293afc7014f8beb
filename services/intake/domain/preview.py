"""The dry run of a mapping: what would become of these answers, and why."""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Mapping as Dict
from typing import Any

from services.intake.domain.mapping import NOTHING, Mapping, map_payload
from services.intake.domain.normal import NormalLead, Unreachable, normalise


def preview(
    answers: Dict[str, Any],
    mapping: Mapping,
    *,
    base: Mapping = NOTHING,
    source: str,
    region: str | None = None,
    warnings: Collection[str] = (),
) -> dict[str, Any]:
    """The normal form of these answers, what was mapped to nothing, and every warning, as JSON. `warnings` are the sender's own.

    `rejected` is `{"field", "detail"}` for a lead that would be refused; its blocks are then empty.
    """
    mapped = map_payload(answers, mapping, base)
    lead, rejected = NormalLead({}, {}, [], [], (), ()), None
    try:
        lead = normalise(
            mapped.fields,
            mapped.custom,
            source=source,
            region=region,
            defaults={**base.defaults, **mapping.defaults},
            fact_keys=mapping.facts | base.facts,
        )
    except Unreachable as error:
        rejected = {"field": error.field, "detail": str(error)}
    return {
        "contact": lead.contact,
        "facts": lead.facts,
        "mapped": mapped.used,
        "unmapped": mapped.unmapped,
        "warnings": [*warnings, *mapped.warnings, *lead.warnings],
        "changes": lead.changes,
        "identifiers": [identifier.kind.value for identifier in lead.identifiers],
        "consents": [{"purpose": c.purpose, "granted": c.granted, "text": c.text} for c in lead.consents],
        "rejected": rejected,
    }
