"""For every problem of the standard suite: the faults that it is there for, and what it cannot tell.

A problem that tells a fault no longer, though nothing else has changed, has lost the reason for which it is there.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from test_every_bug_shows_twice import FAULTY, GENERAL, wrong_on

from pgverify.bugs import Bug
from pgverify.checking import standard_suite
from pgverify.exact import values

pytestmark = pytest.mark.usefixtures("unchecked_shapes")

FAULTS: dict[str, Bug] = {bug.slug: bug for bug in GENERAL if bug.effect in FAULTY}
SUITE = {entry.name: entry for entry in standard_suite()}

BOOTSTRAPS = "truncation-as-termination truncation-wrong-state vtrace-next-trajectory bootstrap-twice"
ENDS = "done-index-shifted trace-decay-shifted"

HERE_FOR = {
    "coin": "logit-off-by-one double-softmax group-mean-self group-std opo-self baseline-fit-same-batch",
    "bandit": "truncated-sampling logit-off-by-one group-mean-self rejected-in-baseline",
    "early-stop": f"{BOOTSTRAPS} {ENDS} padding-counted length-per-trajectory length-per-batch microbatch-normalised "
    "first-n-finished return-crosses-episodes",
    "three-starts": "group-mean-self group-std normalise-minibatch",
    "random-end": f"{ENDS} length-per-trajectory length-per-batch padding-counted reward-discounted-by-index",
    "delayed-reward": "discount-dropped reward-shifted-late past-rewards target-not-detached length-per-trajectory",
    "coin-door": f"{BOOTSTRAPS} {ENDS} microbatch-normalised normalise-minibatch padding-counted",
    "near-deterministic": "rejected-in-baseline ratio-noise temperature-mismatch exploration-not-scored double-softmax",
    "constant-reward": "logit-off-by-one argmax-action temperature-mismatch sampled-entropy done-index-shifted",
    "many-states": "truncated-sampling discount-dropped reward-shifted-late parameter-left-out mask-missing-in-update",
    "shared-features": "truncated-sampling parameter-left-out discount-dropped past-rewards",
    "long": f"{BOOTSTRAPS} {ENDS} discount-dropped return-crosses-episodes padding-counted length-per-batch",
    "stochastic-chain": "truncation-as-termination truncation-wrong-state bootstrap-twice discount-dropped "
    "past-rewards",
}
"""What the reason of each problem promises, as faults of the catalogue."""

CANNOT_TELL = {
    "coin": f"{BOOTSTRAPS} {ENDS} discount-dropped past-rewards",
    "bandit": f"{BOOTSTRAPS} {ENDS} discount-dropped past-rewards",
    "three-starts": f"{BOOTSTRAPS} {ENDS} discount-dropped past-rewards",
    "delayed-reward": f"{BOOTSTRAPS} {ENDS} return-crosses-episodes reward-discounted-by-index",
    "near-deterministic": "discount-dropped padding-counted",
    "coin-door": "discount-dropped",
}
"""What some problem cannot tell by its very construction: one step, γ = 1, transitions that ignore the action."""


@cache
def told(slug: str) -> frozenset[str]:
    """Return the problems that tell a fault: an exact expectation differs from its target there."""
    return frozenset(name for name, entry in SUITE.items() if wrong_on(FAULTS[slug], "implementation", entry))


@pytest.mark.parametrize("problem", SUITE)
def test_a_problem_tells_what_it_is_there_for(problem: str) -> None:
    missed = [slug for slug in HERE_FOR[problem].split() if problem not in told(slug)]
    assert missed == []


@pytest.mark.parametrize("problem", CANNOT_TELL)
def test_what_a_problem_cannot_tell_others_do(problem: str) -> None:
    for slug in CANNOT_TELL[problem].split():
        assert problem not in told(slug)
        assert len(told(slug)) >= 2


@pytest.mark.parametrize("slug", FAULTS)
def test_two_problems_tell_every_fault(slug: str) -> None:
    assert len(told(slug)) >= 2


def test_where_the_action_decides_nothing_but_its_reward_no_bootstrap_tells() -> None:
    """The ground of the longest list: on `delayed-reward` γ^k V(s_k) is the same number after every action.

    E[ψ_t c] = 0 for whatever c is put in its place; on `stochastic-chain` V(s_1) depends on the action.
    """
    for name, alike in (("delayed-reward", True), ("stochastic-chain", False)):
        problem = SUITE[name].problem
        following = np.asarray(problem.mdp.transition) @ np.asarray(values(problem).state)[1]
        assert (float(np.ptp(following, axis=1).max()) < 1e-12) is alike
