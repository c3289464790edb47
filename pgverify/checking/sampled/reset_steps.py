"""Controls made of reset steps: the action that a next episode takes first, credited to the last state of another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Integer

from pgverify.trajectories import Trajectories
from pgverify.validation import Array

MOST_CLASSES = 12
"""Pairs of a last and a first state that have a control each; where there are more, those of a first state have one."""


@dataclass(frozen=True, eq=False)
class ResetSteps:
    """What the step adds on which an environment only resets itself, if it is trained on like any other.

    γ^L h(s_L, s'_0) ρ ψ(s_L, a'_0),   ρ = π(a'_0 | s_L) / μ(a'_0 | s'_0)

    s_L is the last state of one trajectory, s'_0 and a'_0 are the first state and action of another, for which ρ stands
    in. Nothing depends on a'_0 but the score, so with E over a'_0 ~ μ(·|s'_0) it is zero, whatever h is:
    Σ_a π(a|s_L) ψ(s_L, a) = 0. The controls are that for each h which is 1 at one pair of states, else 0.

    Attributes
    ----------
    factors : [K]
        γ^L of each trajectory that terminated; 0 of one that was cut.
    last : [K]
        Its last state, numbered.
    first : [K]
        Its first state and action, numbered; −1 where it has no step.
    table : [l, f, c, d]
        What one of each last state, beside one of each first state and action, adds to each of the controls.
    """

    factors: Float[Array, "K"]
    last: Integer[Array, "K"]
    first: Integer[Array, "K"]
    table: Float[Array, "l f c d"]

    @classmethod
    def of(cls, batch: Trajectories) -> ResetSteps:
        """Return the reset steps between any two trajectories of a list."""
        index, probabilities = np.arange(len(batch)), batch.policy.probabilities()
        ends, last = np.unique(batch.states[index, batch.lengths], return_inverse=True)
        starts, start = np.unique(batch.states[:, 0], return_inverse=True)
        actions = probabilities.shape[1]
        moves = batch.num_steps > 0
        first = np.where(batch.lengths > 0, start * actions + (batch.actions[:, 0] if moves else 0), -1)
        one = np.zeros((len(ends), actions, *probabilities.shape))
        one[np.arange(len(ends))[:, None], np.arange(actions), ends[:, None], np.arange(actions)] = 1.0
        scores = batch.policy.score_vjp(one)
        drawn = batch.acting.probabilities()[starts]  # what μ never does is not met
        ratios = np.where(drawn > 0, probabilities[ends][:, None] / np.where(drawn > 0, drawn, 1.0), 0.0)
        steps = ratios[..., None] * scores[:, None]
        classes = np.eye(len(ends) * len(starts)).reshape(len(ends), len(starts), -1)
        if classes.shape[2] > MOST_CLASSES:
            classes = np.broadcast_to(np.eye(len(starts)), (len(ends), len(starts), len(starts)))
        table = np.einsum("esc,esad->esacd", classes, steps)
        factors = np.where(batch.terminated, np.power(float(batch.discount), batch.lengths), 0.0)
        return cls(factors, last, first, table.reshape(len(ends), len(starts) * actions, -1, scores.shape[-1]))

    def between(self, one: Integer[Array, "m n"], other: Integer[Array, "m n"], size: int) -> Float[Array, "m c d"]:
        """Return the controls of batches, each trajectory of the first beside that of the second, over the size."""
        kinds = self.table.shape[0] * self.table.shape[1]
        code = self.last[one] * self.table.shape[1] + np.maximum(self.first[other], 0)
        weights = np.where(self.first[other] < 0, 0.0, self.factors[one])
        flat = code + kinds * np.arange(len(code))[:, None]
        counted = np.bincount(flat.ravel(), weights.ravel(), minlength=kinds * len(code)).reshape(len(code), kinds)
        return np.asarray(np.tensordot(counted, self.table.reshape(kinds, *self.table.shape[2:]), axes=(1, 0)) / size)

    def controls(self, rows: Integer[Array, "m n"]) -> Float[Array, "m k d"]:
        """Return controls of mean zero: beside the next row, beside that before it, and of the last beside the first.

        Parameters
        ----------
        rows : [m, n]
            Of m batches, two trajectories or more in each: what lends the action must be another.
        """
        size = rows.shape[1]
        return np.concatenate(
            [
                self.between(rows, np.roll(rows, -1, axis=1), size),
                self.between(rows, np.roll(rows, 1, axis=1), size),
                self.between(rows[:, -1:], rows[:, :1], size),
            ],
            axis=1,
        )
