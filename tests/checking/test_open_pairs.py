"""Batches that cannot be listed: which of them other problems speak for, and what is said where they do not."""

from __future__ import annotations

import numpy as np
import pytest
from checking_problems import named

import pgverify as pgv

pytestmark = pytest.mark.usefixtures("unchecked_shapes")
Array = np.ndarray
ONE_START = ("bandit", "early-stop")


def totals(batch: pgv.Trajectories) -> Array:
    return np.asarray((batch.rewards * batch.discount_powers).sum(axis=1))


def whole(batch: pgv.Trajectories, weight: Array) -> Array:
    return batch.score_weighted(np.repeat(weight.reshape(-1, 1), batch.num_steps, axis=1))


def others(r: Array) -> Array:
    return (r.sum(axis=-1, keepdims=True) - r) / (r.shape[-1] - 1)


def by_prompt(batch: pgv.Trajectories, wrong: int = -1) -> Array:
    """Leave-one-out in threes; where prompts differ, one group has its own mean for a baseline."""
    r = totals(batch).reshape(-1, 3)
    weight = r - others(r)
    if wrong >= 0 and len(set(batch.states[:, 0].tolist())) > 1:
        weight[wrong] = r[wrong] - r[wrong].mean()
    return whole(batch, weight)


def silent_where_prompts_are_alike(batch: pgv.Trajectories) -> Array:
    unlike = len(set(batch.states[:, 0].tolist())) > 1
    return by_prompt(batch) * float(unlike)


@pytest.mark.parametrize("wrong", [-1, 0, 2])
def test_problems_with_one_start_do_not_speak_for_groups_of_several_prompts(wrong: int) -> None:
    report = pgv.check(
        lambda b: by_prompt(b, wrong), problems=named(*ONE_START, "three-starts"), design=pgv.Grouped(3, 3)
    )
    assert (report.outcome is pgv.Outcome.CORRECT) == (wrong < 0), report


def test_what_is_zero_where_prompts_are_alike_is_not_zero_everywhere() -> None:
    problems = named(*ONE_START, "three-starts")
    report = pgv.check(silent_where_prompts_are_alike, problems=problems, design=pgv.Grouped(3, 3))
    assert report.outcome is pgv.Outcome.BIASED
    assert "problems[2]" in report.explanation
    silent = pgv.check(lambda b: 0.0 * by_prompt(b), problems=problems, design=pgv.Grouped(3, 3))
    assert silent.outcome is pgv.Outcome.NO_SIGNAL


def group_left_out(batch: pgv.Trajectories, which: int = -1, factor: float = 0.0) -> Array:
    r = totals(batch).reshape(-1, 3)
    weight = r - others(r)
    weight[which] *= factor
    return whole(batch, weight)


@pytest.mark.parametrize(("which", "factor", "multiple"), [(-1, 0.0, 0.5), (0, 0.0, 0.5), (1, -0.5, 0.25)])
def test_a_group_that_counts_otherwise_by_its_place_scales(which: int, factor: float, multiple: float) -> None:
    report = pgv.check(
        lambda b: group_left_out(b, which, factor), problems=named(*ONE_START, "three-starts"), design=pgv.Grouped(3, 2)
    )
    assert report.outcome is pgv.Outcome.SCALED
    assert f"{multiple:g} times" in report.explanation
    # The variance of one place is not known from batches of one unit.
    assert all(each.variance is None for each in report.findings if each.check == "expectation")


def test_places_that_weigh_and_units_that_couple_are_told_apart() -> None:
    def neighbour(batch: pgv.Trajectories) -> Array:  # what it leaves out depends on the neighbour's return
        r = totals(batch)
        return whole(batch, np.where(r > np.roll(r, 1), 0.0, r))

    problems = named(*ONE_START)
    assert pgv.check(neighbour, problems=problems, design=pgv.Independent(6)).outcome is pgv.Outcome.BIASED


def test_rows_beyond_whole_fours_left_out_follow_their_law() -> None:
    def left_out(batch: pgv.Trajectories) -> Array:
        r = totals(batch)
        r[len(r) // 4 * 4 :] = 0.0
        return whole(batch, r)

    report = pgv.check(left_out, problems=named(*ONE_START), design=pgv.Independent((10, 7)))
    assert report.outcome is pgv.Outcome.SCALED
    assert "4⌊n/4⌋/n" in report.explanation


# ------------------------------------------------------------------------ problems of one's own


def own_problem() -> pgv.Problem:
    """Eight trajectories of three steps from each of two states: pairs are too many, and so is all else."""
    transition = [[[0.7, 0.3], [0.2, 0.8]], [[0.4, 0.6], [0.9, 0.1]]]
    mdp = pgv.TabularMDP([0.5, 0.5], transition, [[1.0, -0.4], [0.2, 1.5]])
    return pgv.Problem(mdp, pgv.SoftmaxPolicy([[0.3, -0.2], [0.5, 0.1]]), pgv.FiniteHorizon(3, 0.9))


def leave_one_out(batch: pgv.Trajectories, own: bool = False, fast: int = 10_000) -> Array:
    r, n = totals(batch), len(batch)
    weight = r if n == 1 else r - r.mean() if own else r - others(r)
    return whole(batch, weight * (0.9 if n >= fast else 1.0))


def test_leave_one_out_on_a_problem_of_ones_own_is_sampled() -> None:
    report = pgv.check(leave_one_out, problems=own_problem())
    assert report.outcome is pgv.Outcome.CONSISTENT
    assert "batches of 2, 3, 10 and 33" in report.explanation
    assert report.evidence == "sampled"


def test_the_own_mean_on_a_problem_of_ones_own_scales_by_the_size() -> None:
    report = pgv.check(lambda b: leave_one_out(b, own=True), problems=own_problem())
    assert report.outcome is pgv.Outcome.SCALED
    assert "0.5 times the target in batches of 2" in report.explanation


def test_a_fast_path_on_a_problem_of_ones_own_is_seen() -> None:
    report = pgv.check(lambda b: leave_one_out(b, fast=64), problems=own_problem())
    assert report.outcome is pgv.Outcome.SCALED
    assert "0.9 in batches of 64 and more, and 1 in smaller ones" in report.explanation


def test_another_target_on_a_fast_path_on_a_problem_of_ones_own_is_seen() -> None:
    """What explains batches of 33 wholly must explain larger ones: 5 % were within what samples left open."""
    report = pgv.check(lambda b: leave_one_out(b) if len(b) < 64 else past(b), problems=own_problem())
    assert report.outcome in (pgv.Outcome.BIASED, pgv.Outcome.INCONCLUSIVE)
    assert "batches of" in report.explanation


def test_batches_larger_than_those_that_must_tell_are_in_the_scope() -> None:
    report = pgv.check(leave_one_out, problems=own_problem())
    assert {each.size for each in report.scope.problems[0].sampled} >= {2, 3, 10, 33, 300, 1021}


def past(batch: pgv.Trajectories) -> np.ndarray:
    return batch.score_weighted(np.cumsum(batch.discount_powers * batch.rewards, axis=1))
