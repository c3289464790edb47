"""Designs: only the batches that a function is made for, and what is said of them."""

from __future__ import annotations

import re

import numpy as np
import pytest
from checking_problems import named

import pgverify as pgv
from pgverify.checking.calling.alarm import Alarm
from pgverify.checking.calling.implementation import LimitedFunction
from pgverify.checking.design import laws_of
from pgverify.checking.exhaustive.design_invariants import groups_with_a_stride
from pgverify.checking.exhaustive.listed_problem import every_trajectory
from pgverify.checking.sampled.controls import Controls
from pgverify.checking.sampled.more_controls import more_controls
from pgverify.checking.sampled.units import units_of
from pgverify.errors import InvalidInput
from pgverify.estimators import RewardToGo

pytestmark = pytest.mark.usefixtures("unchecked_shapes")
SMALL = ("bandit", "early-stop", "three-starts")


def in_groups(batch: pgv.Trajectories, size: int = 4, own: bool = False) -> np.ndarray:
    r = (batch.rewards * batch.discount_powers).sum(axis=1).reshape(-1, size)
    baseline = r.mean(axis=1, keepdims=True) if own else (r.sum(axis=1, keepdims=True) - r) / (size - 1)
    return batch.score_weighted(np.repeat((r - baseline).reshape(-1, 1), batch.num_steps, axis=1))


def test_leave_one_out_by_prompt_is_correct_and_the_own_mean_is_three_quarters() -> None:
    design = pgv.Grouped(size=4, prompts=2)
    assert pgv.check(in_groups, problems=named(*SMALL), design=design).outcome is pgv.Outcome.CORRECT
    report = pgv.check(lambda b: in_groups(b, own=True), problems=named(*SMALL), design=design)
    assert report.outcome is pgv.Outcome.SCALED
    assert "0.75 times" in report.explanation


def test_only_the_sizes_of_the_design_are_called_and_groups_share_their_prompt() -> None:
    seen: set[int] = set()

    def watching(batch: pgv.Trajectories) -> np.ndarray:
        seen.add(len(batch))
        assert batch.group is not None
        assert batch.group.tolist() == [0, 0, 0, 0, 1, 1, 1, 1]
        assert all(len(set(group)) == 1 for group in batch.states[:, 0].reshape(-1, 4).tolist())
        return in_groups(batch)

    assert pgv.check(watching, problems=named(*SMALL), design=pgv.Grouped(4, 2)).outcome is pgv.Outcome.CORRECT
    assert seen == {8}


def test_a_constant_shows_at_one_size() -> None:
    report = pgv.check(
        lambda b: RewardToGo()(b).sum(axis=0) / 8, problems=named(*SMALL), design=pgv.Independent(sizes=(16,))
    )
    assert report.outcome is pgv.Outcome.SCALED
    assert {f.batch_size for f in report.findings} == {16}


def test_a_fault_in_groups_is_biased() -> None:
    """Negative control: groups are divided by their standard deviation."""

    def standardised(b: pgv.Trajectories) -> np.ndarray:
        r = (b.rewards * b.discount_powers).sum(axis=1).reshape(-1, 4)
        a = (r - r.mean(axis=1, keepdims=True)) / (r.std(axis=1, keepdims=True) + 1e-6)
        return b.score_weighted(np.repeat(a.reshape(-1, 1), b.num_steps, axis=1))

    report = pgv.check(standardised, problems=named(*SMALL), design=pgv.Grouped(4, 2))
    assert report.outcome is pgv.Outcome.BIASED


def test_groups_of_four_outcomes_are_35_and_add_up() -> None:
    (problem,) = named("early-stop")
    (law,) = laws_of(pgv.Grouped(4, 1), problem)
    once, ordered = units_of(law, False, 1000), units_of(law, True, 1000)
    assert once is not None
    assert ordered is not None
    assert (len(once), len(ordered)) == (35, 4**4)
    for units in (once, ordered):
        assert sum(chance for _, chance in units) == pytest.approx(1.0, abs=1e-12)
    assert units_of(law, True, 255) is None


@pytest.mark.parametrize(
    ("size", "call"), [(4, "pgv.Grouped(size=4, prompts=2)"), (2, "pgv.Grouped(size=2, prompts=2)")]
)
def test_without_a_design_the_call_is_told(size: int, call: str) -> None:
    report = pgv.check(lambda b: in_groups(b, size))
    assert report.outcome is pgv.Outcome.INCONCLUSIVE
    assert f"design={call}" in report.next_step


def test_one_size_alone_is_told_too() -> None:
    def sixteen(b: pgv.Trajectories) -> np.ndarray:
        if len(b) != 16:
            raise ValueError("16 trajectories are needed")
        return RewardToGo()(b)

    assert "design=pgv.Independent(sizes=(16,))" in pgv.check(sixteen, problems=named("bandit")).next_step


def test_what_fails_on_some_inputs_of_every_size_stays_invalid() -> None:
    """Negative control: a standard deviation of zero is no matter of size."""

    def divided(b: pgv.Trajectories) -> np.ndarray:
        r = b.rewards.sum(axis=1)
        return b.score_weighted(np.repeat(((r - r.mean()) / r.std())[:, None], b.num_steps, axis=1))

    assert pgv.check(divided, problems=named("bandit")).outcome is pgv.Outcome.INVALID


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: pgv.Independent(sizes=(0,)), "sizes is 0"),
        (lambda: pgv.Independent(sizes=(4, 4)), "sizes is (4, 4)"),
        (lambda: pgv.Independent(sizes=()), "sizes is ()"),
        (lambda: pgv.Grouped(size=1), "size is 1"),
        (lambda: pgv.Grouped(prompts=0), "prompts is 0"),
        (lambda: pgv.check(RewardToGo(), kind="sampler", design=pgv.Grouped()), 'kind="sampler"'),
        (lambda: pgv.check(RewardToGo(), design=4), "design is 4"),
    ],
)
def test_a_wrong_design_is_refused_in_one_sentence(make, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InvalidInput, match=re.escape(message)) as reason:
        make()
    assert "\n" not in str(reason.value)


def test_more_prompts_than_start_states_are_drawn_with_replacement() -> None:
    report = pgv.check(in_groups, problems=named("bandit", "early-stop"), design=pgv.Grouped(4, 3))
    assert report.outcome is pgv.Outcome.CORRECT


@pytest.mark.parametrize("own", [False, True])
def test_a_constant_shows_in_pairs_where_nothing_else_is_asked_for(own: bool) -> None:
    """A quarter of reward-to-go; and the own mean, which is half the target in every pair."""

    def function(b: pgv.Trajectories) -> np.ndarray:
        r = (b.rewards * b.discount_powers).sum(axis=1)
        return b.score_weighted(np.where(b.mask, (r - r.mean())[:, None], 0.0)) if own else RewardToGo()(b) / 4

    report = pgv.check(function, problems=named(*SMALL), design=pgv.Independent(sizes=(2,)))
    assert report.outcome is pgv.Outcome.SCALED
    assert f"{'0.5' if own else '0.25'} times" in report.explanation


def test_a_single_size_without_a_design_is_no_constant() -> None:
    """Negative control: in pairs a group's own standard deviation is a multiple, in larger batches none."""

    def standardised(b: pgv.Trajectories) -> np.ndarray:
        r = b.rewards.sum(axis=1)
        return b.score_weighted(np.where(b.mask, ((r - r.mean()) / (r.std() + 1e-8))[:, None], 0.0))

    assert pgv.check(standardised, problems=named(*SMALL)).outcome is not pgv.Outcome.SCALED


def test_blocks_inside_a_batch_are_settled_by_sampling_with_controls() -> None:
    report = pgv.check(in_groups, problems=named(*SMALL), design=pgv.Independent(sizes=(64,)))
    assert report.outcome is pgv.Outcome.CONSISTENT
    wrong = pgv.check(lambda b: in_groups(b) * 1.5, problems=named(*SMALL), design=pgv.Independent(sizes=(64,)))
    assert wrong.outcome is pgv.Outcome.SCALED


def of_the_end(b: pgv.Trajectories, end: str, size: int = 4) -> np.ndarray:
    r = (b.rewards * b.discount_powers).sum(axis=1).reshape(-1, size)
    a = r - (r[:, :1] if end == "first as baseline" else (r.sum(axis=1, keepdims=True) - r) / (size - 1))
    if end == "last row lost":
        a[:, -1] = 0.0
    return b.score_weighted(np.repeat(a.reshape(-1, 1), b.num_steps, axis=1))


@pytest.mark.parametrize("end", ["first as baseline", "last row lost"])
@pytest.mark.parametrize("names", [SMALL, (*SMALL, "near-deterministic", "random-end")])
def test_a_group_that_loses_one_of_its_rows_is_three_quarters(end: str, names: tuple[str, ...]) -> None:
    """The lost row of G has no term, E R_1 ψ_i = 0 for the others: (G − 1)/G. In most groups nothing but zeros is seen
    on near-deterministic, whose groups are too many to be listed: controls tell."""
    report = pgv.check(lambda b: of_the_end(b, end), problems=named(*names), design=pgv.Grouped(4, 2))
    assert report.outcome is pgv.Outcome.SCALED
    assert "0.75 times" in report.explanation


def test_controls_of_groups_have_mean_zero() -> None:
    """Over all 256 batches of two groups of two of four trajectories; a group's first return with its own score has
    another mean."""
    (problem,) = named("early-stop")
    batch, probability = every_trajectory(problem)
    controls, group = Controls.of(batch, probability), np.array([0, 0, 1, 1])
    listed = np.array(list(np.ndindex((len(batch),) * 4)))
    chance = probability[listed].prod(axis=1)
    found = more_controls(controls, listed, group)
    assert found.shape[1] == more_controls(controls, listed).shape[1] + 8
    np.testing.assert_allclose(np.einsum("m,mkd->kd", chance, found), 0.0, atol=1e-12)
    own = chance @ controls.weighted(listed, controls.totals[0][listed][:, [0, 0, 2, 2]])
    assert np.abs(own).max() > 1e-3


def test_step_weights_have_their_name_in_groups_too() -> None:
    """What is coupled has none: negative control."""

    def own_mean(b: pgv.Trajectories) -> np.ndarray:
        r = (b.rewards * b.discount_powers).sum(axis=1).reshape(-1, 4)
        return np.repeat((r - r.mean(axis=1, keepdims=True)).reshape(-1, 1), b.num_steps, axis=1)

    problems, design = named(*SMALL), pgv.Grouped(4, 2)
    assert pgv.check(RewardToGo().weights, "weights", problems=problems, design=design).weights == (
        "reward-to-go, with γ^t",
    )
    assert pgv.check(own_mean, "weights", problems=problems, design=design).weights == ()


def with_a_stride(batch: pgv.Trajectories, size: int = 4) -> np.ndarray:
    r = (batch.rewards * batch.discount_powers).sum(axis=1).reshape(size, -1)
    baseline = (r.sum(axis=0) - r) / (size - 1)
    return batch.score_weighted(np.repeat((r - baseline).reshape(-1, 1), batch.num_steps, axis=1))


def in_one_group(batch: pgv.Trajectories) -> np.ndarray:
    return in_groups(batch, len(batch))


@pytest.mark.parametrize(
    ("function", "strided"), [(with_a_stride, True), (in_groups, False), (in_one_group, False), (RewardToGo(), False)]
)
def test_groups_with_a_stride_are_told_from_others(function, strided: bool) -> None:  # type: ignore[no-untyped-def]
    suite = [entry for entry in pgv.suites.get("standard") if entry.name in SMALL]
    with Alarm(10.0) as alarm:
        limited = LimitedFunction(function, False, alarm)
        said = groups_with_a_stride(limited, suite, pgv.Grouped(size=4, prompts=2))
        assert groups_with_a_stride(limited, suite, pgv.Grouped(size=4, prompts=1)) == ""
    assert ("made with a stride" in said) == strided


def test_groups_with_a_stride_mix_the_prompts_of_a_design() -> None:
    report = pgv.check(with_a_stride, problems=named("bandit", "early-stop"), design=pgv.Grouped(size=4, prompts=2))
    assert report.outcome is pgv.Outcome.CONSISTENT
    assert any("made with a stride" in warning for warning in report.warnings)
    assert "consecutive rows" in report.next_step


def test_what_must_not_matter_is_tried_on_batches_of_the_design() -> None:
    seen: set[tuple[int, ...]] = set()

    def by_place(batch: pgv.Trajectories) -> np.ndarray:
        assert batch.group is not None
        seen.add(tuple(batch.group.tolist()))
        return in_groups(batch) * (1.0 if batch.num_steps < 6 else 2.0)

    report = pgv.check(by_place, problems=named("bandit", "early-stop"), design=pgv.Grouped(size=4, prompts=2))
    tried = {finding.check: finding.holds for finding in report.findings}
    assert seen == {(0, 0, 0, 0, 1, 1, 1, 1)}
    assert {"padded steps", "permutation", "reward scale", "model", "reward shift"} <= set(tried)
    assert tried["permutation"]
    assert "splitting" not in tried
    two = pgv.check(RewardToGo(), problems=named("bandit"), design=pgv.Independent(sizes=(4, 8)))
    assert {"splitting", "permutation"} <= {finding.check for finding in two.findings}
