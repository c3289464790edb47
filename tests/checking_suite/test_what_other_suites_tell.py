"""For every problem of the suites beside the standard one: the faults that it is there for, and what it cannot tell."""

from __future__ import annotations

import numpy as np
import pytest
from test_every_bug_shows_twice import FAULTY, GENERAL, wrong_on

import pgverify as pgv
from pgverify.bugs import FORMS, Bug
from pgverify.checking.exhaustive.listed_problem import every_trajectory
from pgverify.collected_problem import CollectedProblem

pytestmark = pytest.mark.usefixtures("unchecked_shapes")

FAULTS: dict[str, Bug] = {bug.slug: bug for bug in GENERAL if bug.effect in FAULTY}
SUITES = {name: pgv.suites.get(name) for name in ("truncated", "off-policy", "continuing", "language")}
ENTRIES = {entry.name: entry for suite in SUITES.values() for entry in suite}

CUTS = "truncation-as-termination truncation-wrong-state bootstrap-twice"
LENGTHS = "length-per-trajectory length-per-batch length-of-longest rloo-token-mean"

HERE_FOR = {
    "one-step-window": f"{CUTS} reward-shifted-late",
    "cut-chain": f"{CUTS} discount-dropped past-rewards",
    "cut-or-ended": f"{CUTS} {LENGTHS} padding-counted trace-crosses-cut return-crosses-episodes done-index-shifted",
    "time-limit": f"{CUTS} discount-dropped reward-discounted-by-index",
    "middle-of-an-episode": f"{CUTS} {LENGTHS} padding-counted first-n-finished",
    "rewards-after-the-cut": f"{CUTS} discount-dropped parameter-left-out immediate-reward",
    "lent-bandit": "double-softmax truncated-sampling parameter-left-out sign-reversed",
    "near": "discount-dropped past-rewards reward-discounted-by-index immediate-reward",
    "far": "discount-dropped past-rewards reward-discounted-by-index immediate-reward",
    "ends-sooner": "length-per-trajectory length-per-batch return-crosses-episodes done-index-late",
    "other-features": "parameter-left-out discount-dropped past-rewards",
    "between-clips": "double-softmax truncated-sampling parameter-left-out sign-reversed",
    "many-arms": "double-softmax truncated-sampling parameter-left-out sign-reversed",
    "long-lent": "discount-dropped past-rewards length-per-trajectory length-per-batch immediate-reward",
    "long-window": f"{CUTS} {LENGTHS} discount-dropped past-rewards padding-counted",
    "average-one-step": f"{CUTS} reward-shifted-late",
    "average-chain": f"{CUTS} past-rewards immediate-reward",
    "average-ring": f"{CUTS} parameter-left-out length-per-trajectory",
    "endless": f"{CUTS} discount-dropped reward-discounted-by-index",
    "far-sighted": f"{CUTS} discount-dropped return-undiscounted",
    "one-token": "group-mean-self group-std opo-self ppo-max-for-min sum-over-steps truncated-sampling",
    "right-or-wrong": f"{LENGTHS} group-mean-self reward-discounted-by-index",
    "lengths-that-vary": f"{LENGTHS} microbatch-normalised padding-counted rejected-in-baseline rloo-sequence-mean",
    "graded": "parameter-left-out kl-k1-as-loss kl-k3-as-loss sequence-ratio-token-kl truncated-sampling",
    "shared-by-prompts": "parameter-left-out group-mean-self rejected-in-baseline microbatch-normalised",
}
"""What the reason of each problem promises, as faults of the catalogue."""

CANNOT_TELL = {
    "one-step-window": "discount-dropped past-rewards",
    "middle-of-an-episode": "discount-dropped return-undiscounted",
    "lent-bandit": "discount-dropped",
    "between-clips": "discount-dropped",
    "many-arms": "discount-dropped",
    "average-one-step": "past-rewards length-per-trajectory",
    "average-chain": "padding-counted discount-dropped",
    "one-token": f"{CUTS} past-rewards {LENGTHS}",
    "lengths-that-vary": "discount-dropped return-undiscounted",
}
"""What some cannot tell by their construction: one step, γ = 1, episodes of one length."""


def told(slug: str, problem: str) -> bool:
    """Return whether a problem tells a fault, in any of its forms."""
    forms = [FAULTS[slug], *(form for form in FORMS if form.slug == slug)]
    return any(wrong_on(form, "implementation", ENTRIES[problem]) for form in forms)


def test_all_problems_are_here() -> None:
    assert set(HERE_FOR) == set(ENTRIES)


@pytest.mark.parametrize("problem", HERE_FOR)
def test_a_problem_tells_what_it_is_there_for(problem: str) -> None:
    assert [slug for slug in HERE_FOR[problem].split() if not told(slug, problem)] == []


@pytest.mark.parametrize("problem", CANNOT_TELL)
def test_what_a_problem_cannot_tell(problem: str) -> None:
    assert [slug for slug in CANNOT_TELL[problem].split() if told(slug, problem)] == []


def test_how_much_the_cut_takes_away() -> None:
    """Without the bootstrap every cut problem is off by at least 2 % of its target."""
    for name in ("truncated", "continuing"):
        for entry in SUITES[name]:
            right = pgv.exact.moments(pgv.estimators.GeneralizedAdvantage(1.0), entry.problem).mean
            short = pgv.exact.moments(pgv.estimators.RewardToGo(), entry.problem).mean
            assert np.abs(right - short).max() > 0.02 * np.abs(right).max(), entry.name


def test_one_policy_acts_near_and_one_far() -> None:
    """Ratios of a step within 1 ± 0.2 on `near`; beyond 2 and below a half on the others."""
    for entry in SUITES["off-policy"]:
        ratios = every_trajectory(entry.problem)[0].importance
        if entry.name == "near":
            assert np.abs(ratios - 1.0).max() < 0.2
        else:
            assert ratios.max() > 1.5 and ratios.min() < 0.7  # noqa: PT018


def test_in_language_problems_the_last_token_pays_all() -> None:
    for entry in SUITES["language"]:
        batch, _ = every_trajectory(entry.problem)
        assert not batch.rewards[batch.mask & (np.arange(batch.num_steps) < batch.lengths[:, None] - 1)].any()
        assert np.count_nonzero(entry.problem.mdp.start) == 2
        assert not isinstance(entry.problem, CollectedProblem)
