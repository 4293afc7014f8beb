"""The scorecard a new installation begins with. Marketing and sales are expected to write their own."""

from __future__ import annotations

from typing import Any

EARLY = ["now", "asap", "immediately", "today", "this week", "this month", "0-3 months", "1-3 months"]
DECIDES = [
    "CEO",
    "CFO",
    "CIO",
    "CMO",
    "COO",
    "CTO",
    "Director",
    "Founder",
    "Head of Sales",
    "Managing Director",
    "Owner",
    "VP Sales",
]
STUDIES = ["Student", "student", "Intern", "intern"]


def _rule(name: str, points: int, reason: str, *when: tuple[str, str, Any]) -> dict[str, Any]:
    conditions = [{"field": field, "op": op, "value": value} for field, op, value in when]
    return {"name": name, "when": conditions, "points": points, "reason": reason}


# One way to reach the person is worth 20, which is what marketing_qualified asks: whoever can be answered is worth an answer.
DEFAULT: dict[str, Any] = {
    "name": "Default",
    "rules": [
        _rule("email", 20, "can be reached by e-mail", ("has_email", "==", True)),
        _rule("email-invalid", -20, "the e-mail address does not look like one", ("email_kind", "==", "invalid")),
        _rule("phone", 20, "can be reached by phone", ("has_phone", "==", True)),
        _rule("company-email", 15, "writes from a company's address", ("email_kind", "==", "company")),
        _rule("product", 10, "names a product", ("product", "!=", "")),
        _rule("budget", 15, "has a budget of 10,000 or more", ("budget", ">=", 10_000)),
        _rule("budget-large", 10, "has a budget of 50,000 or more", ("budget", ">=", 50_000)),
        _rule("company-size", 10, "works at a company of 50 or more", ("company_size", ">=", 50)),
        _rule("timeframe", 15, "wants it soon", ("timeframe", "in", EARLY)),
        _rule("decides", 10, "can decide", ("job_title", "in", DECIDES)),
        _rule("referred", 10, "was referred to us", ("medium", "in", ["referral", "partner"])),
        _rule("studies", -20, "is still studying", ("job_title", "in", STUDIES)),
    ],
    "grades": [
        {"grade": "A", "min": 80},
        {"grade": "B", "min": 60},
        {"grade": "C", "min": 40},
        {"grade": "D", "min": 0},
    ],
    "qualifications": [
        {"qualification": "sales_qualified", "min": 60, "when": []},
        {"qualification": "marketing_qualified", "min": 20, "when": []},
    ],
}
