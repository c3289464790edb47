"""Whether sampled batches of a design gave one multiple of the target at each size, which what was listed has, too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from pgverify.checking.design import Design
from pgverify.checking.exhaustive.open_pairs import settled_elsewhere
from pgverify.checking.exhaustive.sampled_evidence import SampledSizes
from pgverify.checking.exhaustive.size_pair import SizePair
from pgverify.checking.exhaustive.what_was_listed import Listed
from pgverify.checking.verdict.comparison import compared
from pgverify.checking.verdict.next_steps import next_step
from pgverify.checking.verdict.outcome import Outcome
from pgverify.checking.verdict.precision import common_factor
from pgverify.checking.verdict.recognised_precision import recognised_precision
from pgverify.checking.verdict.report import Report
from pgverify.suites import SuiteProblem

AGREE = 1e-3
"""Relative difference of factors that batches of one size give: larger, and they are no common multiple."""


def sampled_multiple(
    report: Report,
    known: Sequence[tuple[SuiteProblem, Listed]],
    found: SampledSizes,
    design: Design,
    alpha: float,
    seed: int,
) -> Report:
    """Return SCALED where every pair of a size gave one multiple of the target, else the report as it is.

    Parameters
    ----------
    report : Report
        On what was listed.
    known : problems that were listed, with what was
        Alone they tell no multiple; but where they are none, or another, samples do not speak for them.
    found : SampledSizes
    design : Design
    alpha : float
        Total false-alarm probability.
    seed : int
    """
    by_size: dict[int, list[float]] = {}
    for pair, verdict in found.verdicts:
        if verdict.factor is not None:
            by_size.setdefault(pair.size, []).append(verdict.factor)
    settled = settled_elsewhere(found, design)
    factors = [factor for several in by_size.values() for factor in several]
    agree = all(np.ptp(several) <= AGREE * abs(several[0]) for several in by_size.values())
    if settled is None or len(factors) < 2 or not agree or min(factors) <= 0.0:
        return report
    if max(abs(factor - 1.0) for factor in factors) <= AGREE:
        return report
    means = {size: float(np.mean(several)) for size, several in sorted(by_size.items())}
    if not _listed_alike(known, report.target, means):
        return report
    shown = {size: f"{factor:.6g}" for size, factor in means.items()}
    one = next(iter(shown.values())) + " times the target"
    if len(set(shown.values())) > 1:
        one = "; ".join(f"{factor} times the target in batches of {size}" for size, factor in shown.items()) + ","
    why = f"in sampled batches the expectation is {one} on every problem"
    rate = f"false alarm at most {alpha:g} in all; seed {seed}"
    step = next_step(Outcome.SCALED, "sampled")
    bare = replace(report, outcome=Outcome.SCALED, explanation=why, evidence="sampled", error_rate=rate, next_step=step)
    warned = (*report.warnings, *left_open(settled[1]))
    return replace(bare, diagnosis=None, matches=(), cause="", cure="", source=(), warnings=warned)


def left_open(left: Sequence[SizePair]) -> tuple[str, ...]:
    """Return what is said of the pairs that samples did not settle; nothing where there are none."""
    where = ", ".join(f"{pair.entry.name} in batches of {pair.size}" for pair in left)
    return (f"samples did not settle {where}",) if left else ()


def _listed_alike(known: Sequence[tuple[SuiteProblem, Listed]], target: str, means: Mapping[int, float]) -> bool:
    """Return whether what was listed is a positive multiple throughout, of each size that one which samples gave."""
    evidence = compared(known, target)
    if not evidence:
        return True
    factors = common_factor(
        [item.found for item in evidence], [item.target for item in evidence], recognised_precision(known)
    )
    if factors is None:
        return False
    sizes = [item.found.batch_size for item in evidence]
    return all(
        factor is None or abs(factor - means.get(size, factor)) <= AGREE * factor
        for size, factor in zip(sizes, factors, strict=True)
    )
