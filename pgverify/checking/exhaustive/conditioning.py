"""How far rounding carries on a problem: to what the errors of a right implementation in any precision are relative."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float

from pgverify.checking.calling.significant_bits import OF_SINGLE, significant_bits
from pgverify.checking.exhaustive.bootstrapped import with_bootstrap
from pgverify.checking.exhaustive.listed_problem import every_trajectory
from pgverify.estimators import RewardToGo
from pgverify.exact.expectation import Expectation
from pgverify.policies.steps import logits_of, remembers
from pgverify.problem import Problem
from pgverify.trajectories import Trajectories
from pgverify.validation import Array

TINY = 1e-6
"""Relative to the largest: a score this small may be rounding itself, and tells nothing of the weight beside it."""


@dataclass(frozen=True, eq=False)
class Conditioning:
    """What errors of rounding are relative to: w_t ψ_t is a difference of numbers of the size of w_t.

    Attributes
    ----------
    each : [n]
        Σ_t |w_t| of every trajectory, w_t the weights of reward-to-go, in units of an estimate.
    expected : float
        E Σ_t |w_t|. Right implementations of usual styles err by .9 ε E Σ_t |w_t| at most, ε the unit of rounding.
    score : [n]
        The largest entry of Σ_t |ψ_t| / L, L the length, in the same unit.
    largest : float
        The largest entry of an estimate by reward-to-go.
    telling : bool
        Whether the precision of estimates can be seen in them: in double precision they have long numbers.
    """

    each: Float[Array, "n"]
    expected: float
    score: Float[Array, "n"]
    largest: float
    telling: bool

    def amplitude(self, listed: Expectation, alone: bool) -> float:
        """Return how many times as large as those of reward-to-go estimates are: their errors are, too.

        By the largest estimates, and by E L |ĝ| / Σ_t |ψ_t|, which E Σ_t |w_t| is at least where single trajectories
        have estimates of their own: weights may be large though scores, and with them estimates, are small.
        """
        sizes = np.abs(listed.estimates).max(axis=1, initial=0.0)
        by_size = float(sizes.max(initial=0.0)) / self.largest if self.largest > 0.0 else 1.0
        if not alone or self.expected == 0.0:
            return by_size
        weights = np.divide(sizes, self.score, out=np.zeros_like(sizes), where=self.score > TINY * self.score.max())
        return max(by_size, float(listed.probabilities @ weights) / self.expected)


@lru_cache(maxsize=64)
def conditioning(problem: Problem) -> Conditioning:
    """Return the conditioning of ∇J on a problem that is listed; kept, for the same is listed many times."""
    batch, probability = every_trajectory(problem)
    return conditioning_of(with_bootstrap(batch), probability)


def conditioning_of(batch: Trajectories, probability: Float[Array, "n"]) -> Conditioning:
    """Return the same of trajectories that are all of some problem's, with their probabilities."""
    weights = np.where(batch.mask, RewardToGo().weights(batch), 0.0)
    estimates = batch.score_weighted(weights)
    terms = _size_of_terms(batch.problem)
    each = terms * np.abs(weights).sum(axis=1)
    largest = float(np.abs(estimates).max(initial=0.0))
    steps = np.eye(batch.num_steps)
    scores = sum(np.abs(batch.score_weighted(np.tile(step, (len(batch), 1)))) for step in steps)
    score = np.asarray(scores).max(axis=-1, initial=0.0) / np.maximum(batch.lengths, 1)
    return Conditioning(
        each, float(probability @ each), score / max(terms, 1e-300), largest, significant_bits(estimates) > OF_SINGLE
    )


def _size_of_terms(problem: Problem) -> float:
    """Return the size of what a score is the difference of, rounding of the logits themselves included.

    ψ = φ(s,a) − Σ_b π(b|s) φ(s,b), φ the features, 1 for tables. Where π is computed as exp(z − log Σ exp z), as
    torch's Categorical does, the difference loses ε |z|: an error of (1 + |z|) ε in all, of which four are allowed.
    """
    policy = problem.policy
    features = getattr(policy, "features", None)
    terms = 1.0 if features is None else float(np.abs(features).max(initial=0.0))
    logits = logits_of(policy)
    if logits is None or remembers(policy):
        return terms
    done = np.where(policy.probabilities() > 0, logits, 0.0)  # a mask at −∞, or −1e9, is no part of what is summed
    return terms * max(1.0, (1.0 + float(np.abs(done).max(initial=0.0))) / 4.0)
