"""Logs, metrics and trace context.

Logs are one JSON object a line on standard error and carry lead, event and trace ids, never contact data. Metrics are the
closed list below. The trace context is the W3C `traceparent` of the request that began it all; it travels as text beside
every event and is never parsed on the way.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import traceback
from contextvars import ContextVar
from typing import cast

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from structlog.types import EventDict, Processor, WrappedLogger

TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")

current_trace: ContextVar[str] = ContextVar("current_trace", default="")

METRICS = CollectorRegistry()

http_requests = Counter("handoff_http_requests", "Requests answered.", ["service", "route", "method", "status"], registry=METRICS)
http_seconds = Histogram(
    "handoff_http_seconds", "Seconds from the request's head to the answer's head.", ["service"], registry=METRICS
)
events_handled = Counter(
    "handoff_events_handled",
    "Records read, by what became of them: handled, repeated, parked, dead.",
    ["service", "outcome"],
    registry=METRICS,
)
events_emitted = Counter("handoff_events_emitted", "Events published by the relay.", ["service"], registry=METRICS)
batch_seconds = Histogram("handoff_batch_seconds", "Seconds for one batch, claim to commit.", ["service"], registry=METRICS)
consumer_lag = Gauge("handoff_consumer_lag", "Records published but not yet read.", ["service"], registry=METRICS)
outbox_rows = Gauge("handoff_outbox_rows", "Events committed but not yet published.", ["service"], registry=METRICS)
loop_faults = Counter(
    "handoff_loop_faults",
    "Faults of a loop that were waited out, by loop and kind: world, parked.",
    ["service", "loop", "kind"],
    registry=METRICS,
)
timer_lateness = Histogram(
    "handoff_timer_lateness_seconds",
    "Seconds from a timer's moment to the transaction that handled it.",
    ["service", "kind"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200),
    registry=METRICS,
)
timers_overdue = Gauge("handoff_timers_overdue", "Timers that are due and not yet handled.", ["service"], registry=METRICS)
timers_failed = Gauge("handoff_timers_failed", "Timers that their handler refused for good.", ["service"], registry=METRICS)
negative_durations = Counter(
    "handoff_negative_durations",
    "Durations shown as 0 because two clocks disagree, by what was measured: assignment, response.",
    ["kind"],
    registry=METRICS,
)


def render_metrics() -> bytes:
    """All metrics in Prometheus' text format."""
    return generate_latest(METRICS)


def new_traceparent() -> str:
    """A new W3C trace context: sampled, random ids."""
    entropy = os.urandom(24).hex()
    return f"00-{entropy[:32]}-{entropy[32:]}-01"


def accept_traceparent(header: str | None) -> str:
    """The caller's trace context where it is a valid one, else a new one."""
    return header if header and TRACEPARENT.fullmatch(header) else new_traceparent()


def trace_id(traceparent: str) -> str:
    return traceparent[3:35]


def _with_trace(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    if traceparent := current_trace.get():
        event.setdefault("trace_id", trace_id(traceparent))
    return event


def _frames_only(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Exceptions as types and places. Their messages and locals may quote what a person wrote, so they stay out of logs."""
    found = event.pop("exc_info", None)
    error = found if isinstance(found, BaseException) else sys.exc_info()[1] if found else None
    if error is not None:
        event["exception"] = _described(error)
    return event


def _described(error: BaseException) -> list[str]:
    frames = [f"{f.filename}:{f.lineno} {f.name}" for f in traceback.extract_tb(error.__traceback__)[-12:]]
    lines = [type(error).__name__, *frames]
    if isinstance(error, BaseExceptionGroup):
        lines += [line for inner in error.exceptions[:3] for line in _described(inner)]
    elif error.__cause__ is not None:
        lines += _described(error.__cause__)
    return lines


def configure_logging(*, level: str = "info", form: str = "json") -> None:
    """Sends every log line, the libraries' too, to standard error in one form."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        _with_trace,
        structlog.stdlib.add_logger_name,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _frames_only,
    ]
    if form == "json":
        renderer: list[Processor] = [structlog.processors.JSONRenderer()]
    else:
        renderer = [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for noisy in ("uvicorn.access", "httpx", "asyncio", "alembic"):
        logging.getLogger(noisy).setLevel("WARNING")
    logging.getLogger("python_multipart").setLevel("ERROR")  # it warns of each malformed form that anybody sends
    logging.getLogger("aiokafka").setLevel("ERROR")  # it warns several times in every tenth of a second while a broker is away


def logger(name: str) -> structlog.stdlib.BoundLogger:
    return cast(structlog.stdlib.BoundLogger, structlog.get_logger(name))
