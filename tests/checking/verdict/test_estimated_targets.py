"""What an estimator estimates is a target: it is right for itself, biased for ∇J, and unlike its neighbours."""

from __future__ import annotations

import numpy as np
import pytest

import pgverify as pgv
from pgverify import Outcome, exact
from pgverify.checking.verdict.estimated_targets import ESTIMATED, estimator_of
from pgverify.checking.verdict.targets import claim_of, target_terms, target_vector
from pgverify.errors import InvalidEstimator, InvalidInput, UnknownName
from pgverify.estimators import (
    GPOMDP,
    CappedImportance,
    CappedRatios,
    CompatibleNaturalGradient,
    GeneralizedAdvantage,
    NStepAdvantage,
    SelfNormalized,
    TotalReturn,
    VTrace,
)

LENT = {entry.name: entry for entry in pgv.suites.get("off-policy")}
BIASED = [
    (GPOMDP(0.5), "gpomdp(0.5)", "gpomdp(0.51)"),
    (VTrace(), "v_trace(1, 1)", "v_trace(1.01, 1)"),
    (VTrace(0.8, 0.5, 0.9), "v_trace(0.8, 0.5, 0.9)", "v_trace(0.8, 0.5, 0.8)"),
    (CappedRatios(1.2), "capped_ratios(1.2)", "capped_ratios(1.25)"),
    (CappedImportance(1.2), "capped_importance(1.2)", "capped_importance(1.25)"),
]


@pytest.mark.usefixtures("unchecked_shapes")  # thousands of calls
@pytest.mark.parametrize(
    ("estimator", "own", "near"), [*(pytest.param(*case, marks=pytest.mark.slow) for case in BIASED[:-1]), BIASED[-1]]
)
def test_a_biased_estimator_is_right_for_its_own_target_alone(estimator: VTrace, own: str, near: str) -> None:
    chain = LENT["ends-sooner"]
    assert pgv.check(estimator, target=own, problems=chain).outcome is Outcome.CORRECT
    assert pgv.check(estimator, target=near, problems=chain).outcome in (Outcome.BIASED, Outcome.SCALED)
    assert pgv.check(estimator, problems=chain).outcome is Outcome.BIASED  # it is not ∇J, whatever it is called


@pytest.mark.slow  # every batch of up to 17
@pytest.mark.usefixtures("unchecked_shapes")
def test_self_normalised_weights_have_a_target_in_every_batch_size() -> None:
    bandit = LENT["lent-bandit"]
    report = pgv.check(SelfNormalized(cap=1.5), target=SelfNormalized(cap=1.5), problems=bandit)
    assert report.outcome is Outcome.CORRECT
    assert {finding.batch_size for finding in report.findings if finding.check == "expectation"} >= {2, 3}
    assert pgv.check(SelfNormalized(cap=1.5), target="self_normalized(1.6)", problems=bandit).outcome is Outcome.BIASED


@pytest.mark.slow  # a whole suite
@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize("suite", ["standard", "off-policy"])
@pytest.mark.parametrize("estimator", [case[0] for case in BIASED], ids=repr)
def test_whole_suites(estimator: VTrace, suite: str) -> None:
    assert pgv.check(estimator, target=estimator, suite=suite).outcome is Outcome.CORRECT


@pytest.mark.slow  # three checks; that one target is told from another is seen above
@pytest.mark.usefixtures("unchecked_shapes")
def test_somebody_elses_implementation_is_judged_by_it() -> None:
    """GPOMDP by its trace, with a mistake to switch on: the trace decays after the reward."""

    def gpomdp(batch: pgv.Trajectories, late: bool = False) -> np.ndarray:
        score = batch.policy.score()
        rows = np.zeros((len(batch), score.shape[2]))
        for i in range(len(batch)):
            trace = np.zeros(score.shape[2])
            for t in range(batch.lengths[i]):
                trace = 0.9 * (trace + late * score[batch.states[i, t], batch.actions[i, t]])
                trace = trace + (1 - late) * score[batch.states[i, t], batch.actions[i, t]]
                rows[i] += batch.rewards[i, t] * trace
        return rows

    problem = pgv.Problem(LENT["near"].problem.mdp, LENT["near"].problem.policy, pgv.FiniteHorizon(3, 0.8))
    assert pgv.check(gpomdp, target=GPOMDP(0.9), problems=problem).outcome is Outcome.CORRECT
    wrong = pgv.check(lambda batch: gpomdp(batch, late=True), target=GPOMDP(0.9), problems=problem)
    assert wrong.outcome is Outcome.SCALED  # by β, exactly
    assert pgv.check(gpomdp, problems=problem).outcome is not Outcome.CORRECT


def test_vectors_are_the_exact_moments() -> None:
    """But of the longest: whole trajectories have too many weights there."""
    for name, entry in LENT.items():
        if name == "long-lent":
            continue
        for estimator, own, _ in BIASED:
            vector = target_vector(own, entry.problem)
            assert vector == pytest.approx(exact.moments(estimator, entry.problem).mean, abs=1e-14), name
        found = target_vector("self_normalized", entry.problem, 3)
        assert found == pytest.approx(exact.batch_moments(SelfNormalized(), entry.problem, 3).mean, abs=1e-14)


def test_what_has_no_recursion_is_listed() -> None:
    problem = LENT["lent-bandit"].problem
    plain = pgv.Problem(problem.mdp, problem.policy, problem.objective)
    found = target_vector("compatible_natural_gradient", plain, 2)
    assert found == pytest.approx(exact.enumerated_moments(CompatibleNaturalGradient(), plain, 2).mean, abs=1e-13)


def test_targets_add_up() -> None:
    problem = LENT["near"].problem
    found = target_vector("gpomdp(0.5) + entropy_bonus(0.1)", problem)
    parts = [target_vector(name, problem) for name in ("gpomdp(0.5)", "entropy_bonus(0.1)")]
    assert found == pytest.approx(parts[0] + parts[1], abs=1e-14)


def test_estimators_have_names() -> None:
    for estimator, own, _ in BIASED:
        assert target_terms(claim_of(estimator)) is not None
        (term,) = target_terms(own)
        assert estimator_of(term.name, term.numbers).weights is not None
    assert claim_of(GPOMDP(0.9)) == "gpomdp(0.9)"
    assert claim_of(SelfNormalized()) == "self_normalized"
    assert claim_of(NStepAdvantage(2)) == "n_step_advantage(2)"
    assert repr(estimator_of("n_step_advantage", (2.0,))) == repr(NStepAdvantage(2))
    assert claim_of("policy_gradient") == "policy_gradient"
    assert {"gpomdp", "v_trace", "self_normalized"} <= set(ESTIMATED)


@pytest.mark.parametrize(
    ("target", "error", "sentence"),
    [
        ("gpomdp", InvalidInput, r"target 'gpomdp' has 0 numbers, must have those of gpomdp\(decay\)"),
        ("gpomdp(0.5, 2)", InvalidInput, r"target 'gpomdp' has 2 numbers"),
        ("gpomdp(1.5)", InvalidEstimator, r"decay is 1.5, must be a number in \[0, 1\]"),
        ("capped_ratios(0.5)", InvalidEstimator, "cap is 0.5, must be a number of at least 1"),
        ("v_trace(1, x)", InvalidInput, "has the coefficient ' x', must be a finite number"),
        ("v_trace(1, )", InvalidInput, "must be a finite number"),
        ("gpomd(0.5)", UnknownName, "the nearest known are gpomdp"),
        ("action_baseline", InvalidInput, "its values cannot be given by name"),
        (VTrace(critic=pgv.baselines.Constant(1.0)), InvalidInput, "critic has no place in the name of a target"),
        (SelfNormalized(TotalReturn(discount_weighting=False)), InvalidInput, "base has no place"),
        (GeneralizedAdvantage, InvalidInput, "target is .*, must be the name of a target"),
    ],
    ids=str,
)
def test_what_is_no_target_is_refused(target: str, error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        pgv.check(GPOMDP(0.5), target=target)
