"""A witness: the smallest problem that shows a fault, and a trajectory on which an estimate differs, as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pgverify.drawing.small_problem import Arrow, SmallProblem


@dataclass(frozen=True)
class Step:
    """One step of a witness, with the weight that it was given beside a right one.

    Attributes
    ----------
    trajectory : int
        Which of the batch, from 0.
    time, state, action, successor : int
    reward : float
    found : float or None
        The weight w_t of ∇ log π(a_t|s_t) that the implementation gave; None where its estimate does not tell. Where
        the same action was taken in the same state more than once, the sum over these steps, on each of them.
    right : float or None
        The same of a right estimator; None where none is known for the target.
    together : tuple of int
        Positions of the other steps that `found` and `right` are sums with.
    """

    trajectory: int
    time: int
    state: int
    action: int
    successor: int
    reward: float
    found: float | None
    right: float | None
    together: tuple[int, ...] = ()

    @property
    def differs(self) -> bool:
        """Whether the weight is visibly another one than the right one."""
        if self.found is None or self.right is None:
            return False
        return abs(self.found - self.right) > 1e-6 * max(abs(self.found), abs(self.right), 1e-12)


@dataclass(frozen=True)
class Witness:
    """A batch on which an implementation's estimate differs from that of a right estimator.

    Attributes
    ----------
    problem : SmallProblem
    steps : tuple of Step
        Of all trajectories of the batch, one after another.
    probability : float
        Of the batch, under the policy.
    nearest : str
        The right estimator that it is compared with: the nearest of those known; "" where none is.
    found, right : tuple of float
        The estimates of the batch; `right` is empty where none is known.
    why_no_weights : str
        Why no step has a weight; "" where they have.
    """

    problem: SmallProblem
    steps: tuple[Step, ...]
    probability: float
    nearest: str
    found: tuple[float, ...]
    right: tuple[float, ...]
    why_no_weights: str = ""

    @property
    def trajectories(self) -> int:
        """How many trajectories the batch has."""
        return 1 + max((step.trajectory for step in self.steps), default=0)


def witness_from(body: Any) -> Witness | None:
    """Return the witness that a JSON document holds; None where it holds none."""
    if body is None:
        return None
    problem = dict(body["problem"])
    problem["arrows"] = tuple(Arrow(**arrow) for arrow in problem["arrows"])
    for name in ("start", "terminal"):
        problem[name] = tuple(problem[name])
    problem["policy"] = tuple(tuple(row) for row in problem["policy"])
    steps = tuple(Step(**{**step, "together": tuple(step["together"])}) for step in body["steps"])
    numbers = {name: _floats(body[name]) for name in ("found", "right")}
    return Witness(**{**body, **numbers, "problem": SmallProblem(**problem), "steps": steps})


def _floats(numbers: Sequence[Any]) -> tuple[float, ...]:
    return tuple(float(number) for number in numbers)
