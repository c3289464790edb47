"""Loss terms for entropy and KL as claims: alone, with any β, and beside the policy gradient."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import pgverify as pgv
from pgverify.bugs.entropy import entropy_rows
from pgverify.checking.verdict.targets import target_terms, target_vector
from pgverify.errors import InvalidInput, UnknownName
from pgverify.policies.protocol import dense_score

PROBLEM = next(entry.problem for entry in pgv.suites.get("standard") if entry.name == "stochastic-chain")
REFERENCE = pgv.SoftmaxPolicy([[0.4, -0.1], [0.0, 0.9]])


def held(term: np.ndarray) -> np.ndarray:
    """Return Σ_t Σ_s d_t(s) Σ_a π ψ x(s,a) by loops over everything."""
    pi, score = PROBLEM.policy.probabilities(), dense_score(PROBLEM.policy)
    total = np.zeros(score.shape[2])
    for here in pgv.exact.occupancy(PROBLEM):
        for s in range(pi.shape[0]):
            for a in range(pi.shape[1]):
                total += here[s] * pi[s, a] * score[s, a] * term[s, a]
    return total


def with_bonus(bonus: object) -> pgv.Problem:
    return replace(PROBLEM, objective=replace(PROBLEM.objective, bonus=bonus))


def test_the_entropy_term_is_that_of_the_loss() -> None:
    """β Σ_t E ∇H, ∇H = −Σ_a π ψ log π, whose β is the objective's own where none is written."""
    expected = held(-np.log(PROBLEM.policy.probabilities()))
    assert target_vector("entropy_bonus", PROBLEM) == pytest.approx(expected, rel=1e-12)
    assert target_vector("entropy_bonus(0.25)", PROBLEM) == pytest.approx(0.25 * expected, rel=1e-12)
    assert target_vector("entropy_bonus", with_bonus(pgv.Entropy(-2.0))) == pytest.approx(-2.0 * expected, rel=1e-12)


def test_the_kl_term_is_that_of_the_loss() -> None:
    """−β Σ_t E ∇KL(π‖π_ref), ∇KL = Σ_a π ψ log(π/π_ref); the reference is the objective's, or uniform."""
    pi, reference = PROBLEM.policy.probabilities(), REFERENCE.probabilities()
    problem = with_bonus(pgv.KL(REFERENCE, 0.5))
    assert target_vector("kl_bonus", problem) == pytest.approx(held(-0.5 * np.log(pi / reference)), rel=1e-12)
    assert target_vector("kl_bonus(-3e0)", problem) == pytest.approx(held(3.0 * np.log(pi / reference)), rel=1e-12)
    assert target_vector("kl_bonus", PROBLEM) == pytest.approx(held(-np.log(2.0 * pi)), rel=1e-12)


def test_a_bonus_of_the_objective_is_another_vector() -> None:
    """∇J_β differs from ∇J plus the term with the states held, which is what the term's name warns of."""
    problem = with_bonus(pgv.Entropy(0.2))
    loss = target_vector("policy_gradient + entropy_bonus(0.2)", PROBLEM)
    assert np.linalg.norm(pgv.exact.gradient(problem) - loss) > 0.01 * np.linalg.norm(loss)


def test_a_sum_is_judged_as_a_claim() -> None:
    def with_entropy(batch: pgv.Trajectories) -> np.ndarray:
        return pgv.estimators.RewardToGo()(batch) + 0.03 * entropy_rows(batch)

    few = [entry for entry in pgv.suites.get("standard") if entry.name in ("bandit", "early-stop", "stochastic-chain")]
    claim = "policy_gradient + entropy_bonus(0.03)"
    assert pgv.check(with_entropy, target=claim, problems=few).outcome is pgv.Outcome.CORRECT
    other = "policy_gradient + entropy_bonus(0.04)"
    assert pgv.check(with_entropy, target=other, problems=few[:1]).outcome is pgv.Outcome.BIASED


@pytest.mark.parametrize("bonus", [pgv.Entropy(0.3), pytest.param(pgv.KL(REFERENCE, 0.3), marks=pytest.mark.slow)])
def test_the_objective_with_a_bonus_is_a_claim_of_its_own(bonus: pgv.Entropy | pgv.KL) -> None:
    """The problem's rewards hold c: reward-to-go estimates ∇J_β, and ∇J_β is what policy_gradient means there."""
    report = pgv.check(pgv.estimators.RewardToGo(), problems=with_bonus(bonus))
    assert report.outcome is pgv.Outcome.CORRECT


@pytest.mark.parametrize(
    ("claim", "error", "message"),
    [
        ("entropy_bonus(x)", InvalidInput, r"coefficient 'x', must be a finite number"),
        ("entropy_bonus(nan)", InvalidInput, r"coefficient 'nan', must be a finite number"),
        ("policy_gradient(2)", InvalidInput, r"has a coefficient, only entropy_bonus, kl_bonus take one"),
        ("policy_gradient + entropybonus(2)", UnknownName, r"unknown target 'entropybonus'.*entropy_bonus"),
        ("", UnknownName, "unknown target ''"),
        ("policy_gradient +", UnknownName, "unknown target ''"),
    ],
)
def test_malformed_claims_are_refused_in_one_sentence(claim: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        pgv.check(pgv.estimators.RewardToGo(), target=claim)


def test_a_plus_sign_in_a_coefficient_is_no_sum() -> None:
    assert [(term.name, term.coefficient) for term in target_terms("entropy_bonus(1e+2)+kl_bonus( +0.5 )")] == [
        ("entropy_bonus", 100.0),
        ("kl_bonus", 0.5),
    ]
