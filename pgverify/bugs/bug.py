"""An entry of the catalogue: a runnable implementation that is wrong, or only looks wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from jaxtyping import Float

from pgverify.kinds import instance_of, known_arguments
from pgverify.problem import Problem
from pgverify.trajectories import Trajectories
from pgverify.validation import Array

Implementation: TypeAlias = Callable[[Trajectories], Float[Array, "*rows d"]]
"""batch -> [n, d], one contribution a trajectory, or [d], the batch's estimate."""


class Effect(Enum):
    """What an implementation's expectation has to do with its target."""

    BIASED = "B"
    SCALED = "S"
    NOISIER = "V"
    OTHER_TARGET = "O"
    NO_SIGNAL = "Z"
    INNOCENT = "OK"
    INVALID_COMPARISON = "invalid comparison"


@known_arguments
@dataclass(frozen=True)
class Bug:
    """A fault seen in public code, or an innocent that was accused of one.

    Attributes
    ----------
    number : int
        Its row in the catalogue.
    slug : str
        Its public name.
    effect : Effect
    cause : str
        One sentence: what goes wrong.
    cure : str
        One sentence: what is right.
    source : tuple of str
        Where it was seen ("owner/repository#number", or a paper).
    implementation : batch -> [n, d] or [d]
        The faulty (or innocent) estimate.
    correct : batch -> [n, d] or [d]
        What it should have been: on every batch, the right estimate of the same target.
    target : str
        What it claims to estimate: "policy_gradient", or another name in `pgverify.bugs.TARGETS`.
    batch_size : int
        Smallest batch on which it shows: 1 where trajectories are treated independently.
    ordered : bool
        Whether the order of the trajectories in a batch matters, to the implementation or to the correct one.
    setting : function () -> Problem, optional
        The smallest problem in which it makes sense, for an entry that needs one of its own (Gaussian policies,
        groups of prompts); None where every finite-horizon problem will do.
    factor : function of the batch size -> float, optional
        For effect "S": the positive multiple.
    other_target : str, optional
        For effect "O": what it estimates instead, a name in `pgverify.bugs.TARGETS`.
    note : str
        Where the effect is another one: in a limit, on problems of one kind, under a variant of the code.
    """

    number: int
    slug: str
    effect: Effect
    cause: str
    cure: str
    source: tuple[str, ...]
    implementation: Implementation
    correct: Implementation
    target: str = "policy_gradient"
    batch_size: int = 1
    ordered: bool = False
    setting: Callable[[], Problem] | None = None
    factor: Callable[[int], float] | None = None
    other_target: str | None = None
    note: str = ""


BUG = instance_of(Bug, expected="an entry of the catalogue", advice="pgv.bugs.get(slug) gives one")
