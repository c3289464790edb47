"""Who mistypes an attribute, a name or an argument is told the nearest one, and nothing where none is near."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import pgverify as pgv
from pgverify.errors import InvalidInput

PROBLEM = pgv.Problem(
    pgv.TabularMDP([1.0], [[[1.0], [1.0]]], [[0.0, 1.0]]), pgv.SoftmaxPolicy([[0.0, 0.0]]), pgv.FiniteHorizon(2)
)
BATCH = pgv.sample(PROBLEM, 2, seed=0)
ANY: Any = pgv

NEAR: dict[str, tuple[Callable[[], Any], str]] = {
    "batch.reward": (lambda: ANY.sample(PROBLEM, 2).reward, "did you mean rewards?"),
    "batch.length": (lambda: ANY.sample(PROBLEM, 2).length, "did you mean lengths"),
    "batch.policy.scores": (lambda: ANY.sample(PROBLEM, 2).policy.scores, "did you mean score"),
    "pgv.FiniteHorizion": (lambda: ANY.FiniteHorizion, "did you mean FiniteHorizon?"),
    "pgv.chek": (lambda: ANY.chek, "did you mean check or check_lm?"),
    "pgv.exact.gradeint": (lambda: ANY.exact.gradeint, "did you mean gradient?"),
    "pgv.mdps.gett": (lambda: ANY.mdps.gett, "did you mean get"),
    "pgv.stats.BiasTst": (lambda: ANY.stats.BiasTst, "did you mean BiasTest"),
    "GeneralizedAdvantage(lam=)": (lambda: ANY.estimators.GeneralizedAdvantage(lam=0.9), "did you mean trace_decay?"),
    "RewardToGo(base=)": (lambda: ANY.estimators.RewardToGo(base=None), "did you mean baseline?"),
    "FiniteHorizon(horizn=)": (lambda: ANY.FiniteHorizon(horizn=3), "did you mean horizon?"),
    "Problem(polcy=)": (lambda: ANY.Problem(mdp=PROBLEM.mdp, polcy=None), "did you mean policy?"),
}

DISTANT: dict[str, Callable[[], Any]] = {
    "pgv.zzz": lambda: ANY.zzz,
    "batch.foo_bar_baz": lambda: ANY.sample(PROBLEM, 2).foo_bar_baz,
    "pgv.exact.quux": lambda: ANY.exact.quux,
}


@pytest.mark.parametrize("typed", NEAR)
def test_the_nearest_is_named(typed: str) -> None:
    act, said = NEAR[typed]
    with pytest.raises(InvalidInput, match=said.replace("?", r"\?")):
        act()


@pytest.mark.parametrize("typed", DISTANT)
def test_what_is_far_from_all_has_no_suggestion(typed: str) -> None:
    with pytest.raises(AttributeError) as refused:
        DISTANT[typed]()
    assert "did you mean" not in str(refused.value)


def test_they_are_attribute_errors_still() -> None:
    """So that `hasattr`, `copy` and notebooks go on working."""
    assert not hasattr(BATCH, "reward")
    assert not hasattr(pgv, "FiniteHorizion")
