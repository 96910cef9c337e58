"""What each arm stands for: who decides in it, whether anybody is contacted, and whether it teaches."""

from __future__ import annotations

from engine.domain import ArmName

NEVER_CONTACTED: frozenset[ArmName] = frozenset(("holdout", "global_holdout", "excluded"))
BY_POLICY: frozenset[ArmName] = frozenset(
    ("policy", "evaluation", "no_levers", "eligibility_only", *NEVER_CONTACTED)
)
"""Where the program's policy draws; where nobody is contacted it draws what would have been sent."""
EXPLORING: frozenset[ArmName] = frozenset(("policy", "evaluation"))
"""Whose decisions are told as explored."""
TAUGHT_BY: frozenset[ArmName] = frozenset(("policy", "random", "bau"))
"""Whose outcomes the policy learns from. Every other arm measures, and its customers stay independent."""
