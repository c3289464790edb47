"""Every entry does what the catalogue says, exactly, on several small problems; and its counterpart is right.

Nothing is sampled: expectations are sums over all trajectories, or over all batches where trajectories are coupled.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import bug_targets
import numpy as np
import pytest
from bug_effects import Evidence, holds
from bug_problems import COUPLED, LARGER, SMALL, evidence, listed, problems_of, stop_or_go

from pgverify import FiniteHorizon, Problem, exact
from pgverify.bugs import ENTRIES, TARGETS, Bug, Effect, get

COINCIDENT = {
    ("truncated-sampling", "group-mean-self"),
    ("truncated-sampling", "accumulation-factor"),
}
"""Pairs of the same direction on problems with two actions, where top-2 sampling leaves nothing out."""


def spare_long_loops(bug: Bug, request: pytest.FixtureRequest) -> None:
    """Turn the run-time checks of shapes off where all batches are listed; other tests check these entries."""
    if bug.batch_size > 1:
        request.getfixturevalue("unchecked_shapes")


def test_the_problems_vary_what_matters() -> None:
    """Two states and more, 2 and 3 actions, 1 to 4 steps, γ < 1, several starts, lengths that vary, both signs."""
    problems = list(LARGER.values())
    assert {p.objective.horizon for p in problems} == {1, 3, 4}
    assert {p.mdp.num_actions for p in problems} == {2, 3}
    assert sum(p.objective.discount < 1 for p in problems) >= 7
    assert sum((p.mdp.start > 0).sum() > 1 for p in problems) >= 2
    assert sum(bool(p.mdp.terminal.any()) for p in problems) >= 4
    assert sum(bool((p.mdp.reward > 0).any() and (p.mdp.reward < 0).any()) for p in problems) >= 4
    assert any(p.policy.probabilities().max() > 0.99 for p in problems)


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize("bug", ENTRIES, ids=lambda bug: bug.slug)
def test_the_effect_is_the_one_stated(bug: Bug, request: pytest.FixtureRequest) -> None:
    spare_long_loops(bug, request)
    other = getattr(bug_targets, bug.other_target) if bug.other_target else None
    found = [evidence(bug, p, other(p) if other else None) for p in problems_of(bug).values()]
    assert holds(bug.effect, found, bug.factor, needed=1 if bug.setting else 2)


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize("bug", ENTRIES, ids=lambda bug: bug.slug)
def test_the_counterpart_estimates_the_target(bug: Bug, request: pytest.FixtureRequest) -> None:
    """To 1e-9 of the size of the terms, against a derivation that shares no code with the entry."""
    spare_long_loops(bug, request)
    for problem in problems_of(bug).values():
        found = evidence(bug, problem)
        expected = getattr(bug_targets, bug.target)(problem)
        assert np.abs(found.right - expected).max() <= 1e-9 * found.scale


def test_every_target_is_derived() -> None:
    assert [name for name in TARGETS if not hasattr(bug_targets, name)] == []
    used = {bug.target for bug in ENTRIES} | {bug.other_target for bug in ENTRIES if bug.other_target}
    assert used == set(TARGETS)


@pytest.mark.parametrize(
    "bug", [b for b in ENTRIES if b.batch_size == 1 and b.slug not in COUPLED], ids=lambda b: b.slug
)
def test_batch_size_one_means_trajectories_one_by_one(bug: Bug, request: pytest.FixtureRequest) -> None:
    problem = bug.setting() if bug.setting else SMALL["two-rooms"]
    batch, _ = exact.enumerate_trajectories(problem)
    whole = [(function, function(batch)) for function in (bug.implementation, bug.correct)]
    request.getfixturevalue("unchecked_shapes")  # of all at once they were checked
    for function, together in whole:
        alone = np.concatenate([function(batch.select([i])) for i in range(len(batch))])
        np.testing.assert_allclose(together, alone, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("bug", [b for b in ENTRIES if b.batch_size > 1], ids=lambda b: b.slug)
def test_larger_batches_are_needed_where_they_are_said_to_be(bug: Bug) -> None:
    """Coupled: the estimate of some batch is not the mean of the estimates of its trajectories."""
    problem = bug.setting() if bug.setting else SMALL["two-rooms"]
    batch, _ = exact.enumerate_trajectories(problem)

    def mean(rows: np.ndarray) -> np.ndarray:
        return rows.mean(axis=0) if rows.ndim == 2 else rows

    def average(rows: list[int]) -> np.ndarray:
        return np.mean([mean(bug.implementation(batch.select([i]))) for i in rows], axis=0)

    groups = [[0, len(batch) - 1, 1][: bug.batch_size], [1, 2, 0][: bug.batch_size]]
    assert any(not np.allclose(mean(bug.implementation(batch.select(g))), average(g)) for g in groups)


@pytest.mark.parametrize("bug", ENTRIES, ids=lambda bug: bug.slug)
def test_padding_matters_to_one_entry_alone(bug: Bug) -> None:
    problem = bug.setting() if bug.setting else SMALL["two-rooms"]
    batch, _ = exact.enumerate_trajectories(problem)
    wide = ((0, 0), (0, 2))
    padded = replace(
        batch,
        states=np.pad(batch.states, wide, mode="edge"),
        actions=np.pad(batch.actions, wide),
        rewards=np.pad(batch.rewards, wide),
        log_probs=np.pad(batch.log_probs, wide),
    )
    same = np.allclose(bug.implementation(batch), bug.implementation(padded), rtol=1e-12, atol=1e-14)
    assert same == (bug.slug != "padding-counted")
    np.testing.assert_allclose(bug.correct(batch), bug.correct(padded), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("bug", ENTRIES, ids=lambda bug: bug.slug)
def test_a_batch_of_one_is_answered(bug: Bug) -> None:
    problem = bug.setting() if bug.setting else SMALL["two-rooms"]
    batch, _ = exact.enumerate_trajectories(problem)
    size = problem.policy.parameters.size
    for function in (bug.implementation, bug.correct):
        if function is get("group-mean-self").correct:
            continue  # leave-one-out needs two
        one = function(batch.select([0]))
        assert one.shape in ((1, size), (size,))
        assert np.isfinite(one).all()


# --- the limits that the notes of the entries state


def test_stated_limits_with_one_state_of_length() -> None:
    """Constant length: per-length divisions are factors 1/T, and a running return that crosses is only noise."""
    problem = Problem(SMALL["two-rooms"].mdp, SMALL["two-rooms"].policy, FiniteHorizon(1, 0.9))
    longer = LARGER["random-1"]
    for slug in ("length-per-trajectory", "length-per-batch", "microbatch-normalised"):
        bug = get(slug)
        assert evidence(bug, problem).multiple() == pytest.approx(1.0)
    batch, probability = exact.enumerate_trajectories(longer)
    assert (batch.lengths == 3).all()
    rows = get("length-per-trajectory").implementation(batch)
    np.testing.assert_allclose(probability @ rows, exact.gradient(longer) / 3, rtol=1e-9, atol=1e-12)
    crossing = evidence(get("return-crosses-episodes"), problem)
    assert crossing.equal()
    assert crossing.noisier()


def test_no_discount_no_dropped_factor_and_no_crossing() -> None:
    problem = Problem(SMALL["two-rooms"].mdp, SMALL["two-rooms"].policy, FiniteHorizon(3, 1.0))
    assert evidence(get("discount-dropped"), problem).equal()
    crossing = evidence(get("return-crosses-episodes"), problem)
    assert crossing.equal()
    assert crossing.noisier()


def test_clipped_rewards_are_a_factor_where_nothing_is_clipped() -> None:
    assert evidence(get("reward-running-std"), SMALL["three-arms"]).multiple() == pytest.approx(2.0)


def test_broadcasting_over_one_step_episodes_is_a_factor() -> None:
    """n one-step episodes: mean(log π) · mean(A) has expectation ∇J/n, all other pairs being independent."""
    problem, bug = SMALL["three-arms"], get("broadcast-outer-product")
    for n in (1, 2, 3):
        mean = listed(bug.implementation, problem, n, coupled=True).mean
        np.testing.assert_allclose(mean, exact.gradient(problem) / n, rtol=1e-9)


def test_the_reset_step_is_noise_and_nothing_else() -> None:
    """Row 12 is unbiased for a sum over steps: the design's table says B, which is the critic's and the divisor's."""
    found = [evidence(get("autoreset-step-kept"), p) for p in SMALL.values()]
    assert all(e.equal() for e in found)
    assert sum(e.noisier() for e in found) >= 2


def test_mixed_groups_without_the_division_are_noise_or_a_factor() -> None:
    """Row 44: the means of mixed groups alone do not turn the direction, own sample out (equal) or in ((n−1)/n)."""
    problem = get("groups-mixed").setting()
    self_in = get("group-mean-self")
    assert evidence(replace(self_in, batch_size=2), problem).multiple() == pytest.approx(0.5)
    right = listed(self_in.correct, problem, 2, coupled=True).mean
    np.testing.assert_allclose(right, exact.gradient(problem), rtol=1e-9)


def test_recomputed_old_log_probabilities_freeze_the_gradient() -> None:
    """Row 35 with linear logits: Σ_a μ A (φ_a − E_π' φ) = Σ_a μ A φ_a, as Σ_a μ A = 0: ∇J(θ) whatever θ' is."""
    for name in ("three-arms", "two-rooms", "coin-door"):
        problem = SMALL[name]
        found = evidence(get("old-logp-recomputed"), problem)
        np.testing.assert_allclose(found.found, exact.gradient(problem), atol=1e-12)


def test_no_two_faults_have_the_same_direction() -> None:
    """On two small problems no two biased or scaled rows point the same way: slugs can be told apart."""
    faulty = [b for b in ENTRIES if b.effect in (Effect.BIASED, Effect.SCALED) and b.setting is None]
    seen = []
    for bug in faulty:
        vectors = [evidence(bug, SMALL[name]).found for name in ("two-rooms", "coin-door")]
        seen.append(np.concatenate([v / np.abs(v).max() for v in vectors if np.abs(v).max() > 1e-12]))
    pairs = [(a.slug, b.slug) for i, a in enumerate(faulty) for j, b in enumerate(faulty) if i < j
             and seen[i].shape == seen[j].shape and np.abs(seen[i] - seen[j]).max() < 1e-9]  # fmt: skip
    # Some rows are a factor times ∇J, as they should be; truncation to two actions of two is no fault at all; and
    # E Σ_t ψ_t Σ_{k≤t} r_k = E Σ_t ψ_t r_t; an outer product over the steps of one episode is the mean of log π times
    # the sum of returns, and is another thing in larger batches.
    scaled = [bug.slug for bug in faulty if bug.effect is Effect.SCALED]
    multiples = set(combinations(scaled, 2)) | {("truncated-sampling", slug) for slug in scaled}
    assert set(pairs) == multiples | {
        ("past-rewards", "immediate-reward"),
        ("broadcast-outer-product", "log-probs-averaged-first"),
    }


# --- negative controls: the judge of effects itself


def made_up(found: list[float], right: list[float], **more: float) -> Evidence:
    return Evidence(np.array(found), np.array(right), scale=1.0, **more)


def test_the_judge_tells_effects_apart() -> None:
    equal, zero = made_up([1.0, 2.0], [1.0, 2.0]), made_up([0.0, 0.0], [1.0, 2.0])
    double, triple = made_up([2.0, 4.0], [1.0, 2.0]), made_up([3.0, 6.0], [1.0, 2.0])
    turned, flipped = made_up([1.0, 2.1], [1.0, 2.0]), made_up([-1.0, -2.0], [1.0, 2.0])
    noisy = made_up([1.0, 2.0], [1.0, 2.0], found_trace=2.0, right_trace=1.0)
    other = Evidence(np.array([1.0, 2.1]), np.array([1.0, 2.0]), 1.0, other=np.array([1.0, 2.1]))
    true = {
        Effect.BIASED: [[turned, turned], [flipped, turned], [turned, flipped, equal]],
        Effect.SCALED: [[double, double]],
        Effect.NOISIER: [[noisy, equal]],
        Effect.OTHER_TARGET: [[other, other]],
        Effect.NO_SIGNAL: [[zero, zero]],
        Effect.INNOCENT: [[equal, equal], [noisy]],
        Effect.INVALID_COMPARISON: [[noisy, equal]],
    }
    assert all(holds(effect, case) for effect, cases in true.items() for case in cases)
    false = {
        Effect.BIASED: [[turned, equal], [double, triple], [equal, equal]],
        Effect.SCALED: [[double, triple], [equal, equal], [double, turned], [zero, double], [flipped, flipped]],
        Effect.NOISIER: [[equal, equal], [noisy, turned]],
        Effect.OTHER_TARGET: [[turned, turned], [equal, equal]],
        Effect.NO_SIGNAL: [[zero, equal], [made_up([0.0, 0.0], [0.0, 0.0])]],
        Effect.INNOCENT: [[equal, double]],
        Effect.INVALID_COMPARISON: [[equal, equal], [turned, noisy]],
    }
    assert not any(holds(effect, case) for effect, cases in false.items() for case in cases)
    assert holds(Effect.SCALED, [double], lambda _: 2.0)
    assert not holds(Effect.SCALED, [double], lambda _: 1.9)


def test_an_innocent_stand_in_is_not_called_biased() -> None:
    """Negative control: an entry whose implementation is its own counterpart shows none of the faulty effects."""
    for bug in (get("discount-dropped"), get("exploration-not-scored"), get("opo-self")):
        innocent = replace(bug, implementation=bug.correct)
        found = [evidence(innocent, p) for p in problems_of(bug).values()]
        assert holds(Effect.INNOCENT, found)
        assert not any(holds(e, found, lambda _: 1.0) for e in Effect if e is not Effect.INNOCENT)


def test_one_state_cannot_show_a_direction() -> None:
    """Why stop-or-go alone would not do: with one free direction every bias is a factor there, with no common value."""
    found = [evidence(get("length-per-trajectory"), stop_or_go(scale)) for scale in (1.0, 8.0)]
    factors = [e.multiple() for e in found]
    assert None not in factors
    assert factors[0] != pytest.approx(factors[1], rel=1e-3)
