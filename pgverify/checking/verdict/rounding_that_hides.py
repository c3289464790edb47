"""Where rounding could hide a bias, equality counts for nothing: which problems count, and how much they leave."""

from __future__ import annotations

from collections.abc import Sequence

from pgverify.checking.verdict.comparison import TargetComparison
from pgverify.checking.verdict.precision import Precision, lost_to_rounding, size_of


def counting(cases: Sequence[TargetComparison], level: Precision) -> tuple[list[TargetComparison], tuple[str, ...]]:
    """Return the comparisons that count, and a sentence for each problem that is left out.

    Parameters
    ----------
    cases : comparisons with a target that is not zero
    level : Precision
        At which they are equal.
    """
    left_out = [item for item in cases if hidden_bias(item, level) > level.hidden]
    kept = [item for item in cases if hidden_bias(item, level) <= level.hidden]
    worst: dict[str, float] = {}
    for item in left_out:
        worst[item.entry.name] = max(worst.get(item.entry.name, 0.0), hidden_bias(item, level))
    sentences = (
        f"{name} is left out: {level.name} could hide a bias of {hidden:.2g} times the target there"
        for name, hidden in worst.items()
    )
    return kept, tuple(sentences)


def stated(cases: Sequence[TargetComparison], level: Precision) -> str:
    """Return how large a bias could hide on the problems that count."""
    hidden, name = max((hidden_bias(item, level), item.entry.name) for item in cases)
    return f"could hide a bias of {hidden:.2g} times the target on problem {name}, and less on the others that count"


def hidden_bias(item: TargetComparison, level: Precision) -> float:
    """Return the bias that the limit of rounding hides, relative to the target."""
    return min(lost_to_rounding(item.found, level) / size_of(item.target), level.most)
