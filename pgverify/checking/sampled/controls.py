"""Controls: what usual estimators say on the same batches, whose expectation is known."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Integer

from pgverify.checking.sampled.reset_steps import ResetSteps
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
        Of the single trajectories, in that order; times Π_t π/μ where another policy acted.
    totals : [2, K]
        Their returns, discounted and not.
    starts : [K]
        Their first states.
    ratios : [K]
        Their Π_t π/μ, 1 where the policy acted itself.
    steps : [T, K, d]
        ∇ log π at each time, likewise.
    to_go : [T, K]
        Reward-to-go, with γ^t.
    ahead : [T, K]
        Reward-to-go as from each time on, without γ^t.
    states : [T, K]
        The state at each time, numbered.
    powers : [T]
        γ^t.
    under_way : [T, K]
        1 where a step is taken, else 0.
    means : [k, d]
        The expectations of all controls.
    resets : ResetSteps
        What steps of a reset would add, between any two of the list.
    amplitude : float
        E |entry| of the single trajectories' estimates, the largest: what is added up in a batch. That of the sum of
        scores does not count, of which rewards of 1e-6 are a millionth.
    """

    rows: Float[Array, "r K d"]
    totals: Float[Array, "two K"]
    starts: Integer[Array, "K"]
    ratios: Float[Array, "K"]
    steps: Float[Array, "T K d"]
    to_go: Float[Array, "T K"]
    ahead: Float[Array, "T K"]
    states: Integer[Array, "T K"]
    powers: Float[Array, "T"]
    under_way: Float[Array, "T K"]
    means: Float[Array, "k d"]
    resets: ResetSteps
    amplitude: float

    @classmethod
    def of(cls, batch: Trajectories, probability: Float[Array, "K"]) -> Controls:
        """Return the controls on a list of all trajectories with their probabilities."""
        powers, ones = batch.discount_powers, np.ones(batch.rewards.shape)
        to_go, plain = _tail_sums(powers * batch.rewards), _tail_sums(batch.rewards)
        unweighted, run = np.zeros_like(to_go), np.zeros(len(batch))
        for t in reversed(range(batch.num_steps)):  # with γ = 0 it could not be had by division
            run = batch.rewards[:, t] + batch.discount * run
            unweighted[:, t] = run
        totals = np.stack([(powers * batch.rewards).sum(axis=1), batch.rewards.sum(axis=1)])
        weights = (to_go, unweighted, plain, totals[0][:, None] * ones, totals[1][:, None] * ones, ones)
        # Where another policy acted the score has mean zero only with the weight of its trajectory.
        weight = batch.importance.prod(axis=1, keepdims=True)
        rows = np.stack([batch.score_weighted(weight * each) for each in weights])
        means = np.einsum("k,rkd->rd", probability, rows)
        means[5] = 0.0
        each = np.eye(batch.num_steps)[:, None, :] * (weight * ones)
        steps = np.stack([batch.score_weighted(at) for at in each])
        means = np.concatenate([means, means[[3, 4, 3, 0, 0, 3]]])
        under_way, resets = batch.mask.T.astype(float), ResetSteps.of(batch)
        amplitude = float(np.einsum("k,rkd->rd", probability, np.abs(rows[:-1])).max(initial=0.0))
        visited = np.unique(batch.states[:, :-1], return_inverse=True)[1].reshape(batch.states[:, :-1].shape)
        of_steps = to_go.T, unweighted.T, visited.T, powers, under_way
        return cls(rows, totals, batch.states[:, 0], weight[:, 0], steps, *of_steps, means, resets, amplitude)

    def on(self, rows: Integer[Array, "m n"], group: Integer[Array, "n"] | None) -> Float[Array, "m k d"]:
        """Return the controls on m batches of the given rows of the list, in the given groups if there are any."""
        times = self.times(rows, np.ones(rows.shape))
        plain = np.moveaxis(np.tensordot(times, self.rows, axes=(1, 1)), 1, 0) / rows.shape[1]
        coupled = [
            self._leave_one_out(times, self.totals[0], np.zeros_like(self.starts)),
            self._leave_one_out(times, self.totals[1], np.zeros_like(self.starts)),
            self._leave_one_out(times, self.totals[0], self.starts),
            self._by_time(times, np.ones_like(self.to_go)),
            self._by_time(times, self.under_way),
            plain[3] if group is None else self.weighted(rows, others_in(self.totals[0][rows], group)),
        ]
        return np.stack([*plain, *coupled], axis=1)

    def times(self, rows: Integer[Array, "m n"], weights: Float[Array, "m n"]) -> Float[Array, "m K"]:
        """Return how often each row of the list is in each batch, each time with its weight."""
        return self._counted(self._places(rows), weights)

    def weighted(self, rows: Integer[Array, "m n"], weights: Float[Array, "m n"]) -> Float[Array, "m d"]:
        """Return the mean of w_i ψ_i in each batch, ψ the score of a trajectory."""
        return self.each_weighted(rows, [weights])[0]

    def each_weighted(
        self, rows: Integer[Array, "m n"], weights: Iterable[Float[Array, "m n"]]
    ) -> list[Float[Array, "m d"]]:
        """Return the same for each of some weights."""
        places, scores = self._places(rows), self.rows[5]
        return [np.asarray(self._counted(places, each) @ scores / rows.shape[1]) for each in weights]

    def _places(self, rows: Integer[Array, "m n"]) -> Integer[Array, "m n"]:
        """Return where in a table [m, K] each row of each batch counts."""
        return rows + len(self.starts) * np.arange(len(rows))[:, None]

    def _counted(self, places: Integer[Array, "m n"], weights: Float[Array, "m n"]) -> Float[Array, "m K"]:
        count = len(places)
        counted = np.bincount(places.ravel(), weights.ravel(), minlength=count * len(self.starts))
        return counted.reshape(count, len(self.starts))

    def _leave_one_out(
        self, times: Float[Array, "m K"], total: Float[Array, "K"], label: Integer[Array, "K"]
    ) -> Float[Array, "m d"]:
        """Return the mean of ψ_i (R_i − the mean of the others with the same label) in each batch.

        Nothing is subtracted from one that is alone.
        """
        names, place = np.unique(label, return_inverse=True)
        members = (place[:, None] == np.arange(len(names))).astype(float)  # [K, labels]: few columns in place of K
        count, returns = (times @ members)[:, place], ((times * total) @ members)[:, place]
        baseline = np.where(count > 1.5, (returns - total) / np.maximum(count - 1.0, 1.0), 0.0)
        return np.asarray((times * (total - baseline)) @ self.rows[5] / times.sum(axis=1, keepdims=True))

    def _by_time(self, times: Float[Array, "m K"], counted: Float[Array, "T K"]) -> Float[Array, "m d"]:
        """Return the mean of Σ_t ψ_t (G_t − the mean of the others' at t), of those that are counted."""
        sums, numbers = times @ (counted * self.to_go).T, times @ counted.T
        others = numbers[:, :, None] - counted
        left = sums[:, :, None] - counted * self.to_go
        baseline = np.where(others > 0.5, left / np.maximum(others, 1.0), 0.0)
        weights = times[:, None, :] * (self.to_go - baseline)
        return np.asarray(np.tensordot(weights, self.steps, axes=((1, 2), (0, 1))) / times.sum(axis=1, keepdims=True))


def others_in(values: Float[Array, "m n"], label: Integer[Array, "n"]) -> Float[Array, "m n"]:
    """Return each value less the mean of the others in the batch with the same label; as it is where it is alone."""
    number = np.bincount(label)
    begin = np.cumsum(number) - number
    if (label[1:] >= label[:-1]).all():  # consecutive rows: nothing is to be sorted, which takes most of the time
        sums = np.repeat(np.add.reduceat(values, begin, axis=1), number, axis=1)
    else:
        sums = np.add.reduceat(values[:, np.argsort(label, kind="stable")], begin, axis=1)[:, label]
    count = number[label]
    return np.asarray(np.where(count > 1.5, values - (sums - values) / np.maximum(count - 1.0, 1.0), values))


def _tail_sums(numbers: Float[Array, "n T"]) -> Float[Array, "n T"]:
    return np.cumsum(numbers[:, ::-1], axis=1)[:, ::-1]
