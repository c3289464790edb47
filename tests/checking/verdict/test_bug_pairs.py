"""Two faults at once: made of the catalogue's own, told apart from each, and named."""

from __future__ import annotations

import numpy as np
import pytest
from checking_problems import FEW, named

import pgverify as pgv
from pgverify.bugs import ENTRIES, PAIRS, get, names
from pgverify.bugs.pairs import TwoFaults
from pgverify.bugs.steps import returns, rows, to_go

pytestmark = pytest.mark.usefixtures("unchecked_shapes")
STAGES = {
    "discount-dropped": TwoFaults("", "", "", True),
    "reward-discounted-by-index": TwoFaults("reward-discounted-by-index", "", "", False),
    "reward-shifted-late": TwoFaults("reward-shifted-late", "", "", False),
    "past-rewards": TwoFaults("past-rewards", "", "", False),
    "group-mean-self": TwoFaults("", "group-mean-self", "", False),
    "group-std": TwoFaults("", "group-std", "", False),
    "normalise-minibatch": TwoFaults("", "normalise-minibatch", "", False),
    "length-per-trajectory": TwoFaults("", "", "length-per-trajectory", False),
    "length-per-batch": TwoFaults("", "", "length-per-batch", False),
}


def batches() -> list[pgv.Trajectories]:
    return [pgv.sample(problem, 7, seed=3) for problem in named("early-stop", "coin-door", "long", "shared-features")]


def test_no_fault_is_the_right_estimate() -> None:
    for batch in batches():
        right = pgv.estimators.RewardToGo()(batch)
        assert np.allclose(TwoFaults("", "", "", False)(batch), right, rtol=0, atol=1e-12 * np.abs(right).max())


@pytest.mark.parametrize("slug", STAGES)
def test_one_wrong_stage_is_the_entry_of_the_catalogue(slug: str) -> None:
    for batch in batches():
        expected = get(slug).implementation(batch)
        assert np.allclose(STAGES[slug](batch), expected, rtol=0, atol=1e-12 * np.abs(expected).max())


def test_two_wrong_stages_by_hand() -> None:
    """Σ_t ψ_t G_t / L, and Σ_t ψ_t (R − R̄)/L: what each pair says it is."""
    for batch in batches():
        by_length = 1.0 / batch.lengths[:, None]
        found = get("discount-dropped + length-per-trajectory").implementation(batch)
        assert np.allclose(found, rows(batch, to_go(batch) * by_length), rtol=0, atol=1e-12)
        centred = (returns(batch) - returns(batch).mean())[:, None] * np.ones_like(batch.rewards)
        found = get("group-mean-self + length-per-trajectory").implementation(batch)
        assert np.allclose(found, rows(batch, centred * by_length), rtol=0, atol=1e-12)


def test_pairs_are_no_entries() -> None:
    assert len({pair.slug for pair in PAIRS}) == len(PAIRS) == 19
    assert not {pair.slug for pair in PAIRS} & set(names())
    for pair in PAIRS:
        first, second = (get(slug) for slug in pair.slug.split(" + "))
        assert pair.cause == f"{first.cause} {second.cause}"
        assert pair.source == (*first.source, *second.source)
        assert get(pair.slug) is pair
    assert all(pair.number == 0 for pair in PAIRS)
    assert all(bug.number > 0 for bug in ENTRIES)


COUPLED = {"group-std + length-per-trajectory", "discount-dropped + normalise-minibatch"}
"""Those that couple trajectories take a second each: these two by default, the others by `make test-all`."""


@pytest.mark.parametrize(
    "slug",
    [
        pair.slug if pair.batch_size == 1 or pair.slug in COUPLED else pytest.param(pair.slug, marks=pytest.mark.slow)
        for pair in PAIRS
    ],
)
def test_every_pair_is_named(slug: str) -> None:
    report = pgv.check(get(slug).implementation, problems=named(*FEW, "delayed-reward"))
    assert report.outcome is pgv.Outcome.BIASED
    assert report.diagnosis == slug, str(report)
    assert report.cause == get(slug).cause


def test_a_pair_times_a_factor_is_named() -> None:
    pair = get("discount-dropped + length-per-trajectory").implementation
    report = pgv.check(lambda batch: -2.0 * pair(batch), problems=named(*FEW, "delayed-reward"))
    assert report.diagnosis == "discount-dropped + length-per-trajectory + sign-reversed"
    assert report.matches[0].factor == pytest.approx(2.0)


def test_three_faults_have_no_name() -> None:
    """Negative control: nothing is guessed."""
    three = TwoFaults("reward-shifted-late", "", "length-per-trajectory", True)
    report = pgv.check(three, problems=named(*FEW, "delayed-reward"))
    assert report.outcome is pgv.Outcome.BIASED
    assert report.diagnosis is None
    assert report.matches == ()
