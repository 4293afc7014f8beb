"""The sample that the project ships in deploy/demo: sources, agents, a policy, what leads are scored by, and leads as they are sent."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec

FOLDER = Path(__file__).parents[3] / "deploy" / "demo"


class Delivery(msgspec.Struct, frozen=True):
    """One request: a lead or a batch for POST /v1/leads, or a form or JSON for the hook of `source`."""

    send: Literal["lead", "batch", "form", "json"]
    body: dict[str, Any]
    source: str = ""

    @property
    def leads(self) -> int:
        return len(self.body["leads"]) if self.send == "batch" else 1


class Routes(msgspec.Struct, frozen=True):
    """A policy whose pools name their members: pool → agent's name → weight."""

    pools: dict[str, dict[str, int]]
    rules: list[dict[str, Any]]
    default: str
    routed: list[str]


@dataclass(frozen=True)
class Sample:
    sources: list[dict[str, Any]]
    agents: list[dict[str, Any]]
    policy: Routes
    scorecard: dict[str, Any]
    qualification: dict[str, Any]
    deliveries: list[Delivery]

    @property
    def leads(self) -> int:
        return sum(delivery.leads for delivery in self.deliveries)


def read_sample(folder: Path = FOLDER) -> Sample:
    """Raises OSError or msgspec.MsgspecError for files that are missing or of another shape."""

    def read(name: str, kind: Any) -> Any:
        return msgspec.json.decode((folder / f"{name}.json").read_bytes(), type=kind)

    return Sample(
        sources=read("sources", list[dict[str, Any]]),
        agents=read("agents", list[dict[str, Any]]),
        policy=read("policy", Routes),
        scorecard=read("scorecard", dict[str, Any]),
        qualification=read("qualification", dict[str, Any]),
        deliveries=read("leads", list[Delivery]),
    )
