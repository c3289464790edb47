"""Designs: which batches a function is made for, said by its caller."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from pgverify.checking.exhaustive.listed_problem import every_trajectory
from pgverify.checking.sampled.batch_law import BatchLaw, GroupedLaw, IndependentLaw
from pgverify.errors import InvalidInput
from pgverify.problem import Problem
from pgverify.validation import require_integer


@dataclass(frozen=True)
class Independent:
    """Batches of independent trajectories, of the given sizes and no other.

    Parameters
    ----------
    sizes : int, or several
        Each at least 1, none twice.

    Raises
    ------
    InvalidInput
        When there is none, or one is 0 or given twice.
    """

    sizes: tuple[int, ...] = (64,)

    def __post_init__(self) -> None:
        given = self.sizes if isinstance(self.sizes, Iterable) else (self.sizes,)
        sizes = tuple(require_integer("sizes", size, 1, InvalidInput) for size in given)
        if not sizes or len(set(sizes)) < len(sizes):
            raise InvalidInput(f"sizes is {self.sizes!r}, must hold at least one size and none twice")
        object.__setattr__(self, "sizes", sizes)

    @property
    def trajectories(self) -> tuple[int, int | None]:
        """Trajectories in the largest batch, and in a group of it; None where there are no groups."""
        return max(self.sizes), None


@dataclass(frozen=True)
class Grouped:
    """Batches of groups: several trajectories from each of several start states, the prompts.

    Every prompt is drawn from the start distribution, so that one may come twice; then `size` trajectories of that
    prompt, in consecutive rows: `rewards.reshape(-1, size)`. `batch.group` says which belong together.

    Parameters
    ----------
    size : int
        Trajectories of a prompt, at least 2.
    prompts : int
        Groups in a batch, at least 1.

    Raises
    ------
    InvalidInput
        When one is too small.
    """

    size: int = 8
    prompts: int = 2

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", require_integer("size", self.size, 2, InvalidInput))
        object.__setattr__(self, "prompts", require_integer("prompts", self.prompts, 1, InvalidInput))

    @property
    def trajectories(self) -> tuple[int, int | None]:
        """Trajectories in a batch, and in a group of it."""
        return self.size * self.prompts, self.size


Design: TypeAlias = Independent | Grouped


def laws_of(design: Design, problem: Problem) -> tuple[BatchLaw, ...]:
    """Return the laws of the batches that a design draws on a problem whose trajectories can be listed."""
    batch, probability = every_trajectory(problem)
    match design:
        case Independent(sizes=sizes):
            return tuple(IndependentLaw(probability, size) for size in sizes)
        case Grouped(size=size, prompts=prompts):
            return (GroupedLaw(probability, batch.states[:, 0], size, prompts),)


def require_design(design: object, kind: str) -> Design | None:
    """Return the design that a caller gives, if it is one and the kind of implementation has batches."""
    if design is None:
        return None
    if not isinstance(design, Independent | Grouped):
        raise InvalidInput(f"design is {design!r}, must be pgv.Independent(sizes=...) or pgv.Grouped(size=...)")
    if kind == "sampler":
        raise InvalidInput(f'design is {design!r}, but kind="sampler" draws its own trajectories, must be left out')
    return design
