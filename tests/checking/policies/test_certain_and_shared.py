"""Policies that are all but certain, whose scores hardly change, and draws that the rows of a call share."""

from __future__ import annotations

from typing import Any

import numpy as np
import policies_of_others as written
import pytest
from policies_of_others import Table, softmax

import pgverify as pgv
from pgverify import Outcome

pytestmark = pytest.mark.usefixtures("unchecked_shapes")  # thousands of calls
FEATURES = np.random.default_rng(4).normal(size=(3, 4, 5))
CERTAIN = (
    30.0,
    60.0,
    100.0,
    300.0,
    3000.0,
)  # beyond some 37 a probability is 1 to the last bit, beyond 745 others are 0


def sharpened(scale: float, of: Any = written.score_of) -> Any:
    """Return softmax(scale z) of somebody: ψ is scale times that of scale z."""
    return Table(lambda z: softmax(scale * z), score=lambda z: scale * of(scale * z))


@pytest.mark.parametrize("scale", CERTAIN)
def test_a_policy_that_is_all_but_certain_is_right(scale) -> None:
    for policy in (
        pgv.SoftmaxPolicy(scale * written.LOGITS),
        Table(score=written.score_of, logits=scale * written.LOGITS[:, ::-1]),  # 1 − π of the best is 0, or rounding
        pgv.LinearSoftmaxPolicy(FEATURES, scale * np.array([0.3, -0.2, 0.5, 0.1, -0.4])),
        sharpened(scale),
    ):
        report = pgv.check_policy(policy)
        assert report.outcome.good, report


def test_a_network_whose_logits_run_away_is_right() -> None:
    """Its logits are hundreds apart, and each parameter moves them by as much: π is steep where it is 1e-200."""

    def law(theta: np.ndarray) -> np.ndarray:
        return softmax(1500.0 * np.tanh(np.eye(3) @ theta[:18].reshape(3, 6)) @ theta[18:].reshape(6, 2))

    policy = pgv.CallablePolicy(law, np.random.default_rng(2).normal(size=30))
    assert (policy.probabilities().max(axis=1) == 1.0).all()
    assert pgv.check_policy(policy).outcome.good


@pytest.mark.parametrize("scale", CERTAIN[:-1])
def test_its_faults_are_seen_as_ever(scale) -> None:
    """The score of the sign, of half the size and of the logit alone: off by as much as they are anywhere."""
    for wrong in (lambda z: -written.score_of(z), lambda z: 0.5 * written.score_of(z), own_logit):
        assert pgv.check_policy(sharpened(scale, wrong)).outcome is Outcome.BIASED


def own_logit(z: np.ndarray) -> np.ndarray:
    """∂z(s,a)/∂z, what is left when Σ_b π(b) ∂z(b) is forgotten: 1 at its own entry."""
    return np.eye(z.size).reshape(*z.shape, z.size)


def test_a_score_that_is_not_centred_is_no_temperature() -> None:
    """Centred, it is the score itself, and no multiple of it."""
    for seed in range(5):  # by rounding it is a multiple by 1 ± 1e-16
        logits = np.random.default_rng(seed).normal(size=written.LOGITS.shape)
        report = pgv.check_policy(Table(score=own_logit, logits=logits))
        assert report.outcome is Outcome.BIASED
        assert report.diagnosis is None, report


class Drawing(Table):
    """Somebody's softmax with a `sample` of its own."""

    how: Any = None

    def sample(self, states: Any, rng: np.random.Generator) -> np.ndarray:
        """Return an action for each state."""
        return self.how(self.probabilities(), np.asarray(states), rng)


def by_thresholds(law: np.ndarray, states: np.ndarray, u: Any) -> np.ndarray:
    return (np.reshape(u, (-1, 1)) > law.cumsum(axis=1)[states, :-1]).sum(axis=1)


def drawing(how: Any) -> Drawing:
    made = type("Made", (Drawing,), {"how": staticmethod(how)})
    return made(score=written.score_of)


SHARED = {
    "one number for all rows": lambda law, s, rng: by_thresholds(law, s, rng.random()),
    "the first row's action": lambda law, s, rng: np.repeat(by_thresholds(law, s, rng.random(len(s)))[:1], len(s)),
}


@pytest.mark.parametrize("how", SHARED.values(), ids=SHARED)
def test_a_draw_that_rows_share_has_its_name(how) -> None:
    report = pgv.check_policy(drawing(how), seed=1)  # of whose draws in three states not all are the likeliest
    assert report.outcome is Outcome.BIASED
    assert report.diagnosis == "draw-shared-by-rows", report


def test_a_number_for_each_row_is_right() -> None:
    report = pgv.check_policy(drawing(lambda law, s, rng: by_thresholds(law, s, rng.random(len(s)))))
    assert report.outcome.good, report


def test_the_least_likely_left_out_is_truncation_and_the_likeliest_is_not() -> None:
    def without(index):
        def how(law, s, rng):
            kept = law.copy()
            np.put_along_axis(kept, np.argsort(law, axis=1)[:, [index]], 0.0, axis=1)
            return by_thresholds(kept / kept.sum(axis=1, keepdims=True), s, rng.random(len(s)))

        return how

    assert pgv.check_policy(drawing(without(0))).diagnosis == "truncated-sampling"
    assert pgv.check_policy(drawing(without(-1))).diagnosis is None
