"""What a world fitted to a log has from it and what is assumed, in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from simulator.like import Likeness


def fitted(found: Likeness) -> Iterator[str]:
    """What the log says."""
    known = ", ".join(found.people.columns) or "nothing known of them"
    yield f"People: {len(found.chance):,} of the log's {found.rows:,} rows, as they stand together: {known}."
    yield (
        "What follows: the chance of a reward by a cross-fitted model, each action's mean set to what doubly "
        "robust evaluation says of always taking it."
    )
    if found.shape is not None:
        yield "The size of a reward: a mean for each action, and the log's spread around it."
    if found.organic is None:
        yield "What happens without contact: from the decisions that sent nothing."
    sent = zip(found.actions, found.share[1:].tolist(), strict=True)
    shares = ", ".join(f"{name} {share:.0%}" for name, share in sorted(sent, key=lambda one: -one[1])[:5])
    yield f"Today's rules (bau) send what the log sent most: {shares}."
    yield found.days


def assumed(found: Likeness) -> Iterator[str]:
    """What the log does not say."""
    if found.organic is not None:
        yield f"Without contact a decision earns something with a chance of {found.organic:g}, as given."
    for name, why in found.left:
        yield f"'{name}' is left out: it {why}"
    yield "One decision is like another: contacts neither tire nor wear out, nobody unsubscribes."
    yield "Nothing drifts, and no action runs out: all is as in the whole span of the log."
    yield "Rewards come within hours; contacts cost what the log's rewards have taken off, and no more."
    yield "No caps, no quiet hours, no consent to ask for: the log does not show them."
    yield "Customers who look alike are alike. Who earns how much does not change the size of it."
