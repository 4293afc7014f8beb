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


def _rule(name: str, points: float, when: str, reason: str, group: str) -> dict[str, Any]:
    return {"name": name, "when": when, "points": points, "group": group, "reason": reason}


def _behaviour(
    name: str, on: list[str], points: float, days: float, reason: str, *, group: str, times: int = 20, when: str | None = None
) -> dict[str, Any]:
    asks = {"when": when} if when else {}
    decay = {"half_life_days": days, "times": times, "group": group}
    return {"name": name, "on": on, **asks, "points": points, **decay, "reason": reason}


def _any_of(texts: list[str]) -> str:
    return "[" + ", ".join(f"'{text}'" for text in texts) + "]"


_PRICING = "page.contains('pricing') || path.contains('pricing') || url.contains('pricing')"

# One way to reach the person is worth 20, which is what marketing_qualified asks: whoever can be answered is worth an answer. A form
# alone does not reach the number 3: what everybody did says nothing of anybody.
DEFAULT: dict[str, Any] = {
    "name": "Default",
    "fit": {
        "groups": {"reach": {"max": 55, "min": -20}, "company": {"max": 40}, "interest": {"max": 50}},
        "rules": [
            _rule("email", 20, "has_email", "can be reached by e-mail", "reach"),
            _rule("email-invalid", -20, "email_kind == 'invalid'", "the e-mail address does not look like one", "reach"),
            _rule("phone", 20, "has_phone", "can be reached by phone", "reach"),
            _rule("company-email", 15, "email_kind == 'company'", "writes from a company's address", "reach"),
            _rule("product", 10, "product != ''", "names a product", "interest"),
            _rule("budget", 15, "budget >= 10000", "has a budget of 10,000 or more", "interest"),
            _rule("budget-large", 10, "budget >= 50000", "has a budget of 50,000 or more", "interest"),
            _rule("company-size", 10, "company_size >= 50", "works at a company of 50 or more", "company"),
            _rule("timeframe", 15, f"timeframe in {_any_of(EARLY)}", "wants it soon", "interest"),
            _rule("decides", 10, f"job_title in {_any_of(DECIDES)}", "can decide", "company"),
            _rule("referred", 10, "medium in ['referral', 'partner']", "was referred to us", "company"),
            _rule("studies", -20, f"job_title in {_any_of(STUDIES)}", "is still studying", "company"),
        ],
    },
    "engagement": {
        "groups": {"forms": {"max": 15}, "reading": {"max": 25}, "mail": {"max": 25}, "talking": {"max": 50, "min": -20}},
        "behaviours": [
            _behaviour("form", ["submission"], 4, 30, "sent a form", group="forms", times=5),
            _behaviour("form-view", ["form_view"], 1, 7, "looked at a form", group="forms", times=5),
            _behaviour("page", ["page_view"], 1, 7, "reads our pages", group="reading"),
            _behaviour("pricing", ["page_view"], 5, 14, "reads the pricing page", group="reading", times=10, when=_PRICING),
            _behaviour("download", ["download"], 6, 30, "downloads what we write", group="reading", times=10),
            _behaviour("watch", ["video", "webinar"], 8, 30, "watches what we show", group="reading", times=10),
            _behaviour("mail-open", ["email_open"], 0.5, 7, "opens our mails", group="mail"),
            _behaviour("mail-click", ["email_click"], 3, 14, "follows links in our mails", group="mail", times=10),
            _behaviour("mail-reply", ["email_reply"], 15, 30, "answers our mails", group="mail", times=5),
            _behaviour("call", ["call", "chat"], 10, 30, "talked with us", group="talking", times=10),
            _behaviour("meeting", ["meeting"], 25, 45, "meets us", group="talking", times=5),
            _behaviour(
                "no-meeting", ["meeting_canceled", "meeting_missed"], -15, 45, "called a meeting off", group="talking", times=5
            ),
        ],
    },
    "letters": [{"letter": "A", "min": 60}, {"letter": "B", "min": 40}, {"letter": "C", "min": 20}, {"letter": "D"}],
    "numbers": [{"number": 1, "min": 40}, {"number": 2, "min": 20}, {"number": 3, "min": 5}, {"number": 4}],
    "thresholds": [{"name": "warm", "min": 50}, {"name": "hot", "min": 80}],
    "hysteresis": 2,
}
