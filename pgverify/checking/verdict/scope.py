"""The scope of a verdict: what was tried, and what could not have shown."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from pgverify.checking.verdict.explored_scope import ExploredScope, explored_scope_from
from pgverify.counts import counted, spread


@dataclass(frozen=True)
class SampledSize:
    """What sampled batches of one size say on one problem.

    Attributes
    ----------
    size : int
        Trajectories in a batch.
    calls : int
        Batches that were drawn.
    hidden_bias : float
        Relative to the target: a larger bias would have been seen; infinite where nothing can be said.
    rarest : float
        What happens in fewer than this part of the batches may not have been seen.
    """

    size: int
    calls: int
    hidden_bias: float
    rarest: float

    def __str__(self) -> str:
        if math.isinf(self.hidden_bias):
            return f"{self.size} (any bias could hide in {counted(self.calls, 'batch', 'batches')})"
        return (
            f"{self.size} (a bias up to {self.hidden_bias:.1g} of the target could hide; in fewer than 1 of "
            f"{round(1.0 / self.rarest)} batches: unseen)"
        )


@dataclass(frozen=True)
class ProblemScope:
    """What was tried on one problem.

    Attributes
    ----------
    problem : str
    sizes : tuple of int
        Trajectories in the batches that were listed; 1 where trajectories were not seen to affect each other.
    sampled : tuple of SampledSize
    """

    problem: str
    sizes: tuple[int, ...] = ()
    sampled: tuple[SampledSize, ...] = ()

    def __str__(self) -> str:
        parts = [f"batches of {', '.join(map(str, self.sizes))} listed"] if self.sizes else []
        parts += [f"sampled: {'; '.join(map(str, self.sampled))}"] if self.sampled else []
        return f"{self.problem}: {'; '.join(parts)}" if parts else f"{self.problem}: nothing listed"


@dataclass(frozen=True)
class Scope:
    """What was tried, in numbers: a verdict holds within it.

    Attributes
    ----------
    problems : tuple of ProblemScope
    steps, states, actions, starts : int
        The most of any problem.
    ends : tuple of str
        How episodes ended: "cut", "horizon", "terminal state".
    discounts : tuple of float
        In rising order.
    ratios : bool
        Whether any importance ratio other than 1 occurred.
    critic : "exact" or "other"
        Whose values `batch.values` were.
    beyond : ExploredScope or None
        The search beyond the suite; None where there was none.
    sampled_beyond : tuple of ProblemScope
        Problems of that search on which batches larger than pairs were drawn.
    """

    problems: tuple[ProblemScope, ...]
    steps: int
    states: int
    actions: int
    starts: int
    ends: tuple[str, ...]
    discounts: tuple[float, ...]
    ratios: bool = False
    critic: str = "exact"
    beyond: ExploredScope | None = None
    sampled_beyond: tuple[ProblemScope, ...] = ()

    def __str__(self) -> str:
        listed = sorted({size for each in self.problems for size in each.sizes})
        sampled = [(each.problem, one) for each in self.problems for one in each.sampled]
        parts = [counted(len(self.problems), "problem")]
        if listed:
            parts.append(f"batches of {', '.join(map(str, listed))} listed")
        if sampled:
            sizes = ", ".join(map(str, sorted({one.size for _, one in sampled})))
            problem, worst = max(sampled, key=lambda case: case[1].hidden_bias)
            parts.append(f"of {sizes} sampled, at worst on {problem} {worst}")
        if not self.problems:
            return "no problem was compared with its target"
        ratios = "some ratios" if self.ratios else "no ratio"
        return (
            f"{'; '.join(parts)}; at most {counted(self.steps, 'step')}, {counted(self.states, 'state')}, "
            f"{counted(self.actions, 'action')}, {counted(self.starts, 'start state')}; ends: {', '.join(self.ends)}; "
            f"{spread(self.discounts or (1.0,), 'γ')}; {ratios} other than 1; {self.critic} critic"
            f"{f'; {self.beyond}' if self.beyond is not None else ''}{self._sampled_beyond()}"
        )

    def _sampled_beyond(self) -> str:
        """Return in words which batches were drawn on problems beyond the suite."""
        drawn = [(each.problem, one) for each in self.sampled_beyond for one in each.sampled]
        if not drawn:
            return ""
        sizes = ", ".join(map(str, sorted({one.size for _, one in drawn})))
        problem, worst = max(drawn, key=lambda case: case[1].hidden_bias)
        where = counted(len(self.sampled_beyond), "of them", "of them")
        return f"; of {sizes} sampled on {where}, at worst on {problem} {worst}"


def scope_from(body: Any) -> Scope | None:
    """Return the scope that a JSON document holds; None where it holds none, as those of version 1."""
    if body is None:
        return None
    lists = {name: tuple(body[name]) for name in ("ends", "discounts")}
    beyond = explored_scope_from(body.get("beyond"))
    tried = {name: _problems_from(body.get(name, ())) for name in ("problems", "sampled_beyond")}
    return Scope(**{**body, **lists, **tried, "beyond": beyond})


def _problems_from(body: Any) -> tuple[ProblemScope, ...]:
    problems = []
    for each in body:
        sampled = tuple(SampledSize(**{**one, "hidden_bias": float(one["hidden_bias"])}) for one in each["sampled"])
        problems.append(ProblemScope(each["problem"], tuple(each["sizes"]), sampled))
    return tuple(problems)
