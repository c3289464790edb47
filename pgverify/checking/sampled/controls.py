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
    the score alone, of mean zero. Of batches: leave-one-out, discounted and not; the same by start state, and by group.
    Those of batches have the mean of the total return, for what is subtracted is independent of the score.

    Attributes
    ----------
    rows : [6, K, d]
        Of the single trajectories, in that order.
    totals : [2, K]
        Their returns, discounted and not.
    starts : [K]
        Their first states.
    means : [k, d]
        The expectations of all controls.
    """

    rows: Float[Array, "r K d"]
    totals: Float[Array, "two K"]
    starts: Integer[Array, "K"]
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
        return cls(rows, totals, batch.states[:, 0], np.concatenate([means, means[[3, 4, 3, 3]]]))

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
            plain[3] if group is None else _leave_one_out(self.totals[0, rows], score[rows], np.ones(len(rows)), group),
        ]
        return np.concatenate([plain, np.stack(coupled)])


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
