"""A finding: what one check on one problem has shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pgverify.suggestions import suggests_names


@suggests_names
@dataclass(frozen=True)
class Finding:
    """What one check on one problem has shown.

    Attributes
    ----------
    check : str
        "expectation", on which the verdict rests, or the name of an invariant, which informs.
    problem : str
        Name of the problem.
    batch_size : int
    expected, found : tuple of float
        The target, and the exact expectation; for an invariant, two estimates. Nothing found: the call failed.
    deviation : float
        Relative to the size of the estimates.
    holds : bool
    variance : float or None
        tr Cov of one trajectory's contribution.
    variance_ratio : float or None
        The same relative to reward-to-go without baseline.
    optimal_ratio : float or None
        The same relative to reward-to-go with the variance-minimising baseline; None where that one does not vary.
    trajectories : int
        How many the problem has: its size. 0 where they were not listed.
    """

    check: str
    problem: str
    batch_size: int
    expected: tuple[float, ...]
    found: tuple[float, ...]
    deviation: float
    holds: bool
    variance: float | None = None
    variance_ratio: float | None = None
    trajectories: int = 0
    optimal_ratio: float | None = None


def smallest_failure(findings: Sequence[Finding]) -> Finding | None:
    """Return the failed comparison on the problem with the fewest trajectories, then in the smallest batch."""
    failed = [f for f in findings if f.check == "expectation" and not f.holds]
    return min(failed, key=lambda f: (f.trajectories, len(f.expected), f.batch_size), default=None)
