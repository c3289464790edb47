"""What two trajectories add that each lends to the other: its return to the score of the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Integer

from pgverify.checking.sampled.controls import Controls
from pgverify.validation import Array

PAIRS, MOST_PAIRS = 4, 16
"""Pairs of trajectories that are tried first, and at most, to tell the terms from each other."""

LOOKED_AT = 256
"""Pairs from whose terms it is known how many are different."""

SMALL = 1e-9
"""Singular values below this part of the largest are zero."""


@dataclass(frozen=True, eq=False)
class CrossedTerms:
    """Terms of two trajectories, T_r(k, l) = b_r(k) ψ(l) + b_r(l) ψ(k) − b_r(k) ψ(k) − b_r(l) ψ(l), and their means.

    b is the return, discounted and not, its square, and the reward-to-go at each time, beside the score at that time;
    and the return once more, where the first two terms count only for those that begin in the same state.

    Attributes
    ----------
    values : [b, T, K]
        b at each time.
    steps : [T, K, d]
        ψ at each time.
    labels : [b, K]
        Trajectories of different ones lend each other nothing.
    means : [b, d]
        E T_r(k, l), k and l independent.
    """

    values: Float[Array, "b T K"]
    steps: Float[Array, "T K d"]
    labels: Integer[Array, "b K"]
    means: Float[Array, "b d"]

    @classmethod
    def of(cls, controls: Controls, probability: Float[Array, "K"]) -> CrossedTerms:
        """Return the terms of a list of all trajectories with their probabilities."""
        chance = probability / probability.sum()
        always = np.ones_like(controls.to_go)
        total = controls.totals[0]
        values = np.stack(
            [total * always, controls.totals[1] * always, total**2 * always, controls.to_go, total * always]
        )
        labels = np.zeros((len(values), len(chance)), dtype=np.int64)
        labels[-1] = controls.starts
        means = [_mean(each, controls.steps, chance, label) for each, label in zip(values, labels, strict=True)]
        return cls(values, controls.steps, labels, np.stack(means))

    def at(self, pairs: Integer[Array, "m two"]) -> Float[Array, "m b d"]:
        """Return T_r of the given pairs."""
        one, two = pairs.T
        alike = (self.labels[:, one] == self.labels[:, two])[:, None, :]
        first, second = self.values[:, :, one], self.values[:, :, two]
        to_first = np.einsum("btm,tmd->mbd", second * alike - first, self.steps[:, one])
        return np.asarray(to_first + np.einsum("btm,tmd->mbd", first * alike - second, self.steps[:, two]))

    def telling(self, rng: np.random.Generator) -> Integer[Array, "m two"] | None:
        """Return pairs on which all terms differ that do so anywhere; None where no few do."""
        count = self.labels.shape[1]
        looked = rng.integers(count, size=(LOOKED_AT, 2))
        rank = _rank(self.at(looked))
        for number in range(PAIRS, MOST_PAIRS + 1, 2):
            for _ in range(4):
                pairs = looked[rng.choice(LOOKED_AT, number, replace=False)]
                if _rank(self.at(pairs)) == rank:
                    return pairs
        return None

    def mean(
        self, pairs: Integer[Array, "m two"], found: Float[Array, "m d"], rounding: float
    ) -> Float[Array, "d"] | None:
        """Return the mean over all pairs of what is made of these terms, from a few; None where it is made of more."""
        terms = _columns(self.at(pairs))
        unit = np.abs(terms).max(axis=0)
        unit[unit == 0.0] = 1.0
        weights = np.linalg.lstsq(terms / unit, found.ravel(), rcond=SMALL)[0] / unit
        if np.abs(terms @ weights - found.ravel()).max(initial=0.0) > rounding:
            return None
        return np.asarray(weights @ self.means)


def _mean(
    values: Float[Array, "T K"], steps: Float[Array, "T K d"], chance: Float[Array, "K"], label: Integer[Array, "K"]
) -> Float[Array, "d"]:
    own = np.einsum("k,tk,tkd->d", chance, values, steps)
    members = (label[:, None] == np.unique(label)) * chance[:, None]
    lent = np.einsum("ts,tsd->d", values @ members, np.einsum("ks,tkd->tsd", members, steps))
    return np.asarray(2.0 * (lent - own))


def _columns(terms: Float[Array, "m b d"]) -> Float[Array, "md b"]:
    return np.moveaxis(terms, 1, 2).reshape(-1, terms.shape[1])


def _rank(terms: Float[Array, "m b d"]) -> int:
    columns = _columns(terms)
    unit = np.abs(columns).max(axis=0)
    return int(np.linalg.matrix_rank(columns / np.where(unit > 0.0, unit, 1.0), tol=1e-6))
