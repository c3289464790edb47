"""Right baselines in odd styles are explained wholly on sampled batches; what is like them and wrong is not, or off."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import pgverify as pgv
from pgverify.checking.exhaustive.listed_problem import every_trajectory
from pgverify.checking.sampled.batch_law import IndependentLaw
from pgverify.checking.sampled.controls import Controls
from pgverify.checking.sampled.with_controls import fitted
from pgverify.estimators import RewardToGo

Array = np.ndarray
SUITE = {entry.name: entry.problem for entry in pgv.suites.get("standard")}
RIGHT: dict[str, Callable[[pgv.Trajectories], Array]] = {}
WRONG: dict[str, Callable[[pgv.Trajectories], Array]] = {}


def right(function: Callable[[pgv.Trajectories], Array]) -> None:
    RIGHT[function.__name__] = function


def wrong(function: Callable[[pgv.Trajectories], Array]) -> None:
    WRONG[function.__name__] = function


def less(batch: pgv.Trajectories, baseline: Array) -> Array:
    return batch.score_weighted(RewardToGo().weights(batch) - baseline[:, None]).mean(axis=0)


def returns_of(batch: pgv.Trajectories) -> Array:
    return np.asarray(RewardToGo().weights(batch)[:, 0])


def others(values: Array) -> Array:
    return (values.sum() - values) / max(len(values) - 1, 1) if len(values) > 1 else 0.0 * values


def by_label(values: Array, labels: Array, alone: Array) -> Array:
    baseline = alone.copy()
    for label in set(labels.tolist()):
        chosen = labels == label
        if chosen.sum() > 1:
            baseline[chosen] = others(values[chosen])
    return baseline


@right
def by_start_and_all_others_where_alone(batch: pgv.Trajectories) -> Array:
    returns = returns_of(batch)
    return less(batch, by_label(returns, batch.states[:, 0], others(returns)))


@right
def those_that_begin_elsewhere(batch: pgv.Trajectories) -> Array:
    returns, starts = returns_of(batch), batch.states[:, 0]
    apart = [returns[starts != start] for start in starts]
    return less(batch, np.array([each.mean() if each.size else 0.0 for each in apart]))


@right
def shrunk_to_all_others(batch: pgv.Trajectories) -> Array:
    returns, starts = returns_of(batch), batch.states[:, 0]
    alike = (starts[:, None] == starts).sum(axis=1) - 1
    own = by_label(returns, starts, 0.0 * returns)
    return less(batch, (alike * own + 2.0 * others(returns)) / (alike + 2.0))


@right
def remainder_dropped_and_made_up_for(batch: pgv.Trajectories) -> Array:
    kept = batch.select(slice(len(batch) - len(batch) % 7 or None))
    return less(kept, others(returns_of(kept)))


@right
def remainder_compared_and_made_up_for(batch: pgv.Trajectories) -> Array:
    kept = len(batch) - len(batch) % 7
    return less(batch.select(slice(kept)), others(returns_of(batch))[:kept])


@right
def within_halves(batch: pgv.Trajectories) -> Array:
    returns, half = returns_of(batch), len(batch) // 2
    return less(batch, np.concatenate([others(returns[:half]), others(returns[half:])]))


@right
def within_thirds(batch: pgv.Trajectories) -> Array:
    return less(batch, np.concatenate([others(each) for each in np.array_split(returns_of(batch), 3)]))


@right
def within_sevens(batch: pgv.Trajectories) -> Array:
    returns = returns_of(batch)
    return less(batch, np.concatenate([others(returns[at : at + 7]) for at in range(0, len(batch), 7)]))


@right
def running_mean(batch: pgv.Trajectories) -> Array:
    baseline, mean = [], 0.0
    for each in returns_of(batch):
        baseline.append(mean)
        mean = 0.9 * mean + 0.1 * each
    return less(batch, np.array(baseline))


@wrong
def by_start_own_included(batch: pgv.Trajectories) -> Array:
    returns, starts = returns_of(batch), batch.states[:, 0]
    return less(batch, np.array([returns[starts == start].mean() for start in starts]))


@wrong
def remainder_dropped(batch: pgv.Trajectories) -> Array:
    kept = len(batch) - len(batch) % 7
    return RIGHT["remainder_dropped_and_made_up_for"](batch) * kept / len(batch)


@wrong
def within_halves_own_included(batch: pgv.Trajectories) -> Array:
    returns = returns_of(batch)
    return less(batch, np.concatenate([np.full(len(each), each.mean()) for each in np.array_split(returns, 2)]))


@wrong
def by_first_action(batch: pgv.Trajectories) -> Array:
    returns = returns_of(batch)
    return less(batch, by_label(returns, batch.actions[:, 0], others(returns)))


@wrong
def running_mean_own_included(batch: pgv.Trajectories) -> Array:
    baseline, mean = [], 0.0
    for each in returns_of(batch):
        mean = 0.9 * mean + 0.1 * each
        baseline.append(mean)
    return less(batch, np.array(baseline))


def gap_and_exact(function: Callable[[pgv.Trajectories], Array]) -> tuple[float, bool]:
    """Return how far sampled batches of ten are from the gradient, and whether controls explain them wholly."""
    batch, chance = every_trajectory(SUITE["three-starts"])
    controls, rng = Controls.of(batch, chance), np.random.default_rng(0)
    fit = fitted(IndependentLaw(chance, 10), lambda rows: function(batch.select(rows)), controls, rng)
    return float(np.abs(fit.first.mean(axis=0) - controls.means[0]).max()), fit.exact


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize("name", RIGHT)
def test_right_ones_are_explained_wholly(name: str) -> None:
    gap, exact = gap_and_exact(RIGHT[name])
    assert exact
    assert gap <= 1e-9


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize("name", WRONG)
def test_wrong_ones_are_not_or_are_off(name: str) -> None:
    gap, exact = gap_and_exact(WRONG[name])
    assert not exact or gap > 1e-3


@pytest.mark.usefixtures("unchecked_shapes")
def test_what_begins_at_thirty_is_biased_on_the_problem_that_tells() -> None:
    def winsorised(batch: pgv.Trajectories) -> Array:
        returns = returns_of(batch)
        if len(batch) < 30:
            return less(batch, others(returns))
        low, high = np.quantile(returns, [0.05, 0.95])
        cut = np.clip(returns, low, high)
        return batch.score_weighted((cut - others(cut))[:, None] * np.ones(batch.rewards.shape)).mean(axis=0)

    report = pgv.check(winsorised)
    assert report.outcome is pgv.Outcome.BIASED, str(report)
    assert "in batches of " in report.explanation
