"""How a pool chooses among its members: strategies, requirement classes, and the owner that a lead keeps."""

from services.router.domain.strategies.classes import EVERYONE
from services.router.domain.strategies.registry import STRATEGIES, make
from services.router.domain.strategies.requirement_class import RequirementClass
from services.router.domain.strategies.standings import Seat
from services.router.domain.strategies.sticky import Key, Owner, OwnerState, Stickiness, Stuck, Verdict, keys_of, stick
from services.router.domain.strategies.strategy import Offer, Plan, Strategy, Way
from services.router.domain.strategies.turns import Turns

__all__ = [
    "EVERYONE",
    "STRATEGIES",
    "Key",
    "Offer",
    "Owner",
    "OwnerState",
    "Plan",
    "RequirementClass",
    "Seat",
    "Stickiness",
    "Strategy",
    "Stuck",
    "Turns",
    "Verdict",
    "Way",
    "keys_of",
    "make",
    "stick",
]
