"""Controls: what usual estimators say on the same batch, whose expectation is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Integer

from pgverify.trajectories import Trajectories
from pgverify.validation import Array


@dataclass(frozen=True, eq=False)
class Controls:
    """Estimates with known means, from which most functions of a batch are put together.

    Of single trajectories: reward-to-go with γ^t, without it, and undiscounted; the total return, discounted and not;
    the score alone, of mean zero. Of batches: leave-one-out, discounted and not; the same by start state; reward-to-go
    less that of the others at the same time, of all and of those still under way; leave-one-out by group. Those of
    batches have the means of what they are made from, for what is subtracted is independent of the score.

    Attributes
    ----------
    rows : [6, K, d]
        Of the single trajectories, in that order.
    totals : [2, K]
        Their returns, discounted and not.
    starts : [K]
        Their first states.
    steps : [T, K, d]
        ∇ log π at each time.
    to_go : [T, K]
        Reward-to-go, with γ^t.
    under_way : [T, K]
        1 where a step is taken, else 0.
    means : [k, d]
        The expectations of all controls.
    """

    rows: Float[Array, "r K d"]
    totals: Float[Array, "two K"]
    starts: Integer[Array, "K"]
    steps: Float[Array, "T K d"]
    to_go: Float[Array, "T K"]
    under_way: Float[Array, "T K"]
    means: Float[Array, "k d"]

    @classmethod
    def of(cls, batch: Trajectories, probability: Float[Array, "K"]) -> Controls:
        """Return the controls on a list of all trajectories with their probabilities."""
        powers, ones = batch.discount_powers, np.ones(batch.actions.shape)
        to_go, plain = _tail_sums(powers * batch.rewards), _tail_sums(batch.rewards)
        unweighted, run = np.zeros_like(to_go), np.zeros(len(batch))
        for t in reversed(range(batch.num_steps)):  # with γ = 0 it could not be had by division
            run = batch.rewards[:, t] + batch.discount * run
            unweighted[:, t] = run
        totals = np.stack([(powers * batch.rewards).sum(axis=1), batch.rewards.sum(axis=1)])
        weights = (to_go, unweighted, plain, totals[0][:, None] * ones, totals[1][:, None] * ones, ones)
        rows = np.stack([batch.score_weighted(each) for each in weights])
        means = np.einsum("k,rkd->rd", probability, rows)
        means[5] = 0.0
        each = np.eye(batch.num_steps)[:, None, :] * ones
        steps = np.stack([batch.score_weighted(at) for at in each])
        means = np.concatenate([means, means[[3, 4, 3, 0, 0, 3]]])
        return cls(rows, totals, batch.states[:, 0], steps, to_go.T, batch.mask.T.astype(float), means)

    def on(self, rows: Integer[Array, "n"], group: Integer[Array, "n"] | None) -> Float[Array, "k d"]:
        """Return the controls on the batch of the given rows of the list, in the given groups if there are any."""
        share = np.bincount(rows, minlength=len(self.starts)) / len(rows)
        plain = np.tensordot(share, self.rows, axes=(0, 1))
        score = self.rows[5]
        together = np.zeros_like(self.starts)
        coupled = [
            _leave_one_out(self.totals[0], score, share * len(rows), together),
            _leave_one_out(self.totals[1], score, share * len(rows), together),
            _leave_one_out(self.totals[0], score, share * len(rows), self.starts),
            self._by_time(share * len(rows), np.ones_like(self.to_go)),
            self._by_time(share * len(rows), self.under_way),
            plain[3] if group is None else _leave_one_out(self.totals[0, rows], score[rows], np.ones(len(rows)), group),
        ]
        return np.concatenate([plain, np.stack(coupled)])

    def _by_time(self, times: Float[Array, "K"], counted: Float[Array, "T K"]) -> Float[Array, "d"]:
        """Return the mean of Σ_t ψ_t (G_t − the mean of the others' at t), of those that are counted."""
        sums, numbers = (times * counted * self.to_go).sum(axis=1), (times * counted).sum(axis=1)
        others = numbers[:, None] - counted
        baseline = np.where(others > 0.5, (sums[:, None] - counted * self.to_go) / np.maximum(others, 1.0), 0.0)
        return np.asarray(np.einsum("k,tk,tkd->d", times, self.to_go - baseline, self.steps) / times.sum())


def _leave_one_out(
    total: Float[Array, "k"], score: Float[Array, "k d"], times: Float[Array, "k"], label: Integer[Array, "k"]
) -> Float[Array, "d"]:
    """Return the mean of ψ_i (R_i − the mean of the others with the same label), each i so many times in the batch.

    Nothing is subtracted from one that is alone.
    """
    count, returns = np.bincount(label, weights=times), np.bincount(label, weights=times * total)
    others = np.maximum(count - 1.0, 1.0)[label]
    baseline = np.where(count[label] > 1.5, (returns[label] - total) / others, 0.0)
    return np.asarray((times * (total - baseline)) @ score / times.sum())


def _tail_sums(numbers: Float[Array, "n T"]) -> Float[Array, "n T"]:
    return np.cumsum(numbers[:, ::-1], axis=1)[:, ::-1]
