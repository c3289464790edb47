"""Naming what makes an estimate a multiple of its target: faults of scale, by the factors that they state."""

from __future__ import annotations

from collections.abc import Sequence

from pgverify.bugs import Effect
from pgverify.checking.verdict.bug_match import Match
from pgverify.checking.verdict.comparison import TargetComparison
from pgverify.checking.verdict.matching_bugs import REVERSED, ranked, suspects
from pgverify.checking.verdict.precision import Precision, common_factor, size_of
from pgverify.checking.verdict.scale_laws import BY_STEPS, fitted_law

FEWEST = 3
"""Problems with more than one direction, and something to estimate, below which nothing is named here."""

SEEN = 1e-2
"""How far from 1 a factor must be somewhere, to be what makes a multiple."""


def scaled_matches(
    evidence: Sequence[TargetComparison], precision: Precision, target: str, sign: float = 1.0
) -> tuple[Match, ...]:
    """Return the faults of scale whose factor is that found; else those that leave a law of the steps.

    Their expectation is known without listing: `Bug.factor` times the target. What is left when the factor is divided
    out must not depend on the batch size, which is the fault's own.

    Parameters
    ----------
    evidence : what was compared with the target, each a multiple of it
    precision : Precision
    target : str
        What the implementation claims to estimate.
    sign : 1 or −1
        That of the multiples: the faults are reversed besides.
    """
    found = common_factor([i.found for i in evidence], [i.target for i in evidence], precision) or []
    seen = [(item, factor) for item, factor in zip(evidence, found, strict=False) if factor is not None]
    cases = [item for item, _ in seen]
    if not _enough(cases):
        return ()
    several = len({item.found.batch_size for item in cases}) > 1
    plain, lawful = [], []
    for bug in suspects(target):
        if bug.effect is not Effect.SCALED or bug.factor is None or bug.setting is not None:
            continue
        expected = [bug.factor(item.found.batch_size) for item in cases]
        expected = [sign * factor for factor in expected]
        law = None
        # A fault that leaves the sizes that were listed as they are does not show in them.
        shows = max(abs(factor - sign) for factor in expected) > SEEN
        if shows and min(map(abs, expected)) > 0.0:
            law = fitted_law(cases, [f / e for (_, f), e in zip(seen, expected, strict=True)], precision)
        if law is None:
            continue
        if not law.law and abs(law.constant - 1.0) <= 1e3 * precision.relative:
            plain.append(Match(bug.slug, len(seen), 0.0, sign))
        elif law.law in BY_STEPS and bug.batch_size > 1 and several:
            lawful.append(Match(bug.slug, len(seen), 0.0, sign * law.constant, law.law))
    return ranked(plain or lawful)


def reversed_target(evidence: Sequence[TargetComparison]) -> tuple[Match, ...]:
    """Return the wrong sign as a match: of the target itself, no other fault is seen.

    One problem is enough if estimates have two directions there: of a single one anything is a negative multiple.
    """
    cases = [item for item in evidence if size_of(item.target) > 0.0]
    return (Match(REVERSED, len(cases), 0.0),) if any(item.directions > 1 for item in cases) else ()


def _enough(cases: Sequence[TargetComparison]) -> bool:
    return len({id(item.entry) for item in cases if item.directions > 1}) >= FEWEST
