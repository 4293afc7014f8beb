"""Rules: conditions on a lead's facts, written in CEL (https://cel.dev), checked when they are saved and never failing when they run.

What a rule may say: `&& || ! ?:`, `== != < <= > >= in`, `+ - * /`, `size`, `contains startsWith endsWith matches lowerAscii upperAscii`,
lists written out, `exists all exists_one filter` over a list, and `known(budget)`.

What it means:

- A name is a fact of the vocabulary; a dot is part of the name. A fact is text, a number, a truth or a list of texts.
- There is one kind of number: `10` and `10.0` are the same, and `7 / 2` is 3.5.
- A fact that a lead does not have, or has in another kind than declared (a budget that could not be read as a number), is *unknown*, and so
  is what is computed from it, `!=` included. As in CEL, `a || b` is true where one of them is true and the other unknown, and `a && b` is
  false where one is false and the other unknown. `known(budget)` tells whether the fact is there.
- A rule matches where it is true. Where it is false or unknown it does not.
- It is bounded. A rule has at most 2,000 characters, is 32 levels deep, and has at most two loops within one another, of which the engine
  counts the steps: after 10,000 they are unknown. A text of over 10,000 characters or a list of over 1,000 is as if it were not there.
  Patterns are RE2's, whose time is linear.
"""

from __future__ import annotations

from shared.rules.comparisons import Comparison
from shared.rules.definitions import Definitions, declared, problems_of
from shared.rules.faults import DocumentError, Fault, Problem, RuleError, Severity
from shared.rules.index import RuleSet
from shared.rules.logic import always, contradiction, implies
from shared.rules.rule import MAX_RULE, Rule, compile_rule
from shared.rules.vocabulary import MAX_CHARACTERS, MAX_TEXTS, Facts, Kind, Vocabulary

__all__ = [
    "MAX_CHARACTERS",
    "MAX_RULE",
    "MAX_TEXTS",
    "Comparison",
    "Definitions",
    "DocumentError",
    "Facts",
    "Fault",
    "Kind",
    "Problem",
    "Rule",
    "RuleError",
    "RuleSet",
    "Severity",
    "Vocabulary",
    "always",
    "compile_rule",
    "contradiction",
    "declared",
    "implies",
    "problems_of",
]
