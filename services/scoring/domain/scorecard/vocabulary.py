"""What a behaviour's `when` may ask of a thing that happened: these names, and those that its card declares in `activity_facts`."""

from __future__ import annotations

from shared.rules import Kind, Vocabulary

ACTIVITY_DESCRIPTIONS = {
    "kind": "what happened, such as page_view, email_click or submission",
    "source": "the name of the source that told it",
    "page": "the page, as the site names it",
    "path": "the page's path, such as /pricing",
    "url": "the page's address",
    "title": "the title of the page or of what was read",
    "campaign": "the campaign it belongs to",
    "asset": "what was downloaded or watched",
    "link": "the link that was followed",
    "form": "the form that was seen or sent",
    "channel": "through what, such as phone or chat",
    "by": "who did it, where that is not the person, such as host",
    "duration": "how long it took, in seconds",
    "percent": "how much of it was read or watched, from 0 to 100",
}
NUMBERS = frozenset({"duration", "percent"})

ACTIVITY = Vocabulary({name: Kind.NUMBER if name in NUMBERS else Kind.TEXT for name in ACTIVITY_DESCRIPTIONS})
