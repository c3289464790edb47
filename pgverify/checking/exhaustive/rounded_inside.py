"""Whether a function computes in half precision somewhere inside, though the numbers that it returns are long.

Rounding makes steps: where all that an estimate is made of moves by less than the last bit kept, it stands still, and
then jumps. Whatever else it is, right or wrong, in double precision it moves as a smooth function does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from pgverify.checking.calling.answer import Value
from pgverify.checking.calling.implementation import LimitedFunction
from pgverify.checking.calling.significant_bits import OF_HALF
from pgverify.checking.exhaustive.bootstrapped import with_bootstrap
from pgverify.checking.exhaustive.listed_problem import every_trajectory
from pgverify.checking.exhaustive.moved_problem import can_move, moved, same_trajectories
from pgverify.estimators import RewardToGo
from pgverify.problem import Problem
from pgverify.trajectories import Trajectories
from pgverify.validation import Array

OF_BFLOAT16 = 8
"""Significant bits of the other 16-bit format."""

POINTS, STRIDE = 64, 1.0371 * 2.0**-12
"""Points along a path, and how far apart, relatively: steps of bfloat16 are some twenty of them long, those of half
some three. The whole path is two steps of bfloat16 at least."""

GLANCE = 10
"""Points on the same path that are looked at first: what is smooth on these is smooth."""

UNIT = 2.0**-OF_HALF
"""In which the roughness of a path is told: numbers rounded to half have .3 to .6, to bfloat16 2.3 to 4.6."""

FAINT, SMOOTH, COARSER = 0.002, 0.02, 1.2
"""Roughness below which none is looked for, or said (single precision has 1e-4), and beyond which it is not of half."""

GRID, KEPT = 32.0, 0.25
"""How many times as large the rewards are made, and what must be left of the roughness then: rounding to so many
decimals is no precision, and finer beside what is larger."""

JUMPS = 2
"""Places where a path jumps: a function that clips may have one of them, as its rank or its sign changes."""

MOST_PROBLEMS, MOST_FOLLOWED = 4, 3
"""Problems that are glanced at, those on which the most is off first, and those whose whole path is followed."""

RowsOfProblem = Callable[[Problem], Callable[[Trajectories], Trajectories]]
"""Chooses, on a problem, which of all its trajectories are the batch of a path."""

INPUTS = ("rewards", "parameters", "discount")


@dataclass(frozen=True)
class RoundedInside:
    """In how many bits a function computes somewhere, and which of its inputs are rounded with what follows from them.

    Attributes
    ----------
    bits : int
        11, those of half precision, or 8, those of bfloat16.
    inputs : tuple of str
        Among `INPUTS`.
    """

    bits: int
    inputs: tuple[str, ...]

    def __str__(self) -> str:
        of = " and ".join(f"the {name}" for name in self.inputs)
        name = "half precision (float16)" if self.bits == OF_HALF else "some 8 bits (bfloat16 has as many)"
        return (
            f"it computes in {name} somewhere inside: though what it returns is longer, it moves in steps of some "
            f"2^-{self.bits} of its size where {of} move by less"
        )


def rounded_inside(
    implementation: LimitedFunction, problems: Iterable[Problem], rows: RowsOfProblem
) -> RoundedInside | None:
    """Return in how many bits a function computes somewhere inside; None where no coarser rounding shows.

    Rewards, parameters and discount are multiplied by 1 + s, and the estimate of one batch is followed along s. What it
    is off a cubic is rounding, relative to ‖w‖ of reward-to-go.

    Parameters
    ----------
    implementation : LimitedFunction
    problems : those to look at, most telling first
    rows : as `RowsOfProblem`
    """
    chosen = [each for each in problems if can_move(each) and type(each) is Problem][:MOST_PROBLEMS]
    paths = [_Path(implementation, problem, rows(problem)) for problem in chosen]
    glances = [(_roughness(path.estimates(GLANCE))[0], path) for path in paths]
    telling = sorted((case for case in glances if case[0] > FAINT), key=lambda case: -case[0])[:MOST_FOLLOWED]
    rough = [(_roughness(path.estimates()), path) for _, path in telling]
    rough = [(found, path) for found, path in rough if found[0] > SMOOTH and found[1] >= JUMPS]
    if not rough:
        return None
    (most, _), path = max(rough, key=lambda case: case[0])
    if _roughness(replace(path, level=GRID).estimates(GLANCE))[0] < KEPT * most:
        return None
    of = tuple(name for name in INPUTS if _roughness(replace(path, inputs=(name,)).estimates(GLANCE))[0] > SMOOTH)
    return RoundedInside(OF_HALF if most <= COARSER else OF_BFLOAT16, of or INPUTS)


def _roughness(estimates: Float[Array, "k d"]) -> tuple[float, int]:
    """Return the standard deviation from a cubic, and at how many places there is a jump.

    At a jump two second differences in a row are of unlike signs; at a kink there is one, or two that are alike.
    """
    powers = np.vander(np.linspace(-1.0, 1.0, len(estimates)), 4)
    away = estimates - powers @ np.linalg.lstsq(powers, estimates, rcond=None)[0]
    bent = np.diff(estimates, 2, axis=0)
    bent = np.where(np.abs(bent) > FAINT, bent, 0.0)
    jumps = (bent[1:] * bent[:-1] < 0.0).sum(axis=0)
    return float(away.std(axis=0).max(initial=0.0)), int(jumps.max(initial=0))


@dataclass(frozen=True, eq=False)
class _Path:
    """The estimates of one batch of a problem whose inputs move.

    Attributes
    ----------
    implementation : LimitedFunction
    problem : Problem
    batch : callable
        Chooses the batch among all trajectories.
    inputs : tuple of str
        Which of them move.
    level : float
        By which all rewards are multiplied.
    """

    implementation: LimitedFunction
    problem: Problem
    batch: Callable[[Trajectories], Trajectories]
    inputs: Sequence[str] = INPUTS
    level: float = 1.0

    def estimates(self, points: int = POINTS) -> Float[Array, "k d"]:
        """Return the estimates along the path, in units of rounding to half.

        Zeros where a call gives none, or numbers that show their precision themselves.
        """
        found = []
        for place in (np.arange(points) + 0.5) * (POINTS / points * STRIDE):
            whole = same_trajectories(self.problem, self._moved(float(place)))
            if whole is None:
                return np.zeros((points, 1))
            answer = self.implementation.estimate(self.batch(whole))
            if not isinstance(answer, Value) or 0 < answer.bits <= OF_HALF:
                return np.zeros((points, 1))
            found.append(answer.array)
        return np.stack(found) / self._unit()

    def _unit(self) -> float:
        """Return what rounding to half is relative to: the weights of a trajectory, less where many are averaged."""
        batch = self.batch(every_trajectory(self.problem)[0])
        weights = np.where(batch.mask, RewardToGo().weights(with_bootstrap(batch)), 0.0)
        largest = float(np.sqrt((weights**2).sum(axis=1)).max(initial=0.0))
        return max(UNIT * self.level * largest / len(batch) ** 0.5, 1e-300)

    def _moved(self, by: float) -> Problem:
        rewards, parameters, discount = (by if name in self.inputs else 0.0 for name in INPUTS)
        scaled = (1.0 + parameters) * np.asarray(self.problem.policy.parameters)
        return moved(self.problem, scaled, self.level * (1.0 + rewards), 1.0 - discount)
