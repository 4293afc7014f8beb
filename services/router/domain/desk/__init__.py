"""The desk: where leads are decided, offered, waited for, given back and moved on. Pure, and the same for production and policy tests."""

from services.router.domain.desk.active import ActivePolicy, unchanged, with_groups
from services.router.domain.desk.answers import accept, claim, decide_anew, decline_offer, give_back, hand_to
from services.router.domain.desk.desk import Desk
from services.router.domain.desk.happenings import (
    Accepted,
    Assigned,
    Breached,
    Ended,
    Happening,
    How,
    OfferMade,
    Refused,
    Waited,
    Warned,
)
from services.router.domain.desk.moving import SAME, STAYED, decide_owned, decide_waiting, take_to_pool
from services.router.domain.desk.passing import move_on, pass_time
from services.router.domain.desk.promises import close, count_so_far, due
from services.router.domain.desk.record import Made, Record
from services.router.domain.desk.reports import CLOSING, note_response, note_stage, rank_again, reroute, route, take_scored
from services.router.domain.desk.weights import reweigh

__all__ = [
    "CLOSING",
    "SAME",
    "STAYED",
    "Accepted",
    "ActivePolicy",
    "Assigned",
    "Breached",
    "Desk",
    "Ended",
    "Happening",
    "How",
    "Made",
    "OfferMade",
    "Record",
    "Refused",
    "Waited",
    "Warned",
    "accept",
    "claim",
    "close",
    "count_so_far",
    "decide_anew",
    "decide_owned",
    "decide_waiting",
    "decline_offer",
    "due",
    "give_back",
    "hand_to",
    "move_on",
    "note_response",
    "note_stage",
    "pass_time",
    "rank_again",
    "reroute",
    "reweigh",
    "route",
    "take_scored",
    "take_to_pool",
    "unchanged",
    "with_groups",
]
