"""What a loss was tried on: the verdict holds within it."""

from __future__ import annotations

from dataclasses import dataclass

from pgverify.counts import counted


@dataclass(frozen=True)
class TreeScope:
    """One token tree.

    Attributes
    ----------
    problem : str
    batches : int
        That were listed, or drawn.
    listed : bool
    clipped_low, clipped_high : float
        Shares of the sampler's tokens whose ratio to π_old is below 0.8, and above 1.2.
    """

    problem: str
    batches: int
    listed: bool
    clipped_low: float
    clipped_high: float


@dataclass(frozen=True)
class LossScope:
    """What was tried.

    Attributes
    ----------
    group_size, prompts : int
        G, and the prompts of a batch.
    sampler : "same", "old" or "rollout"
    framework : str
    coupled : bool
        Whether the groups of a batch affect each other: then every group was listed beside every other.
    ordered : bool
        Whether the order of rows or groups counts.
    ratios : bool
        Whether any ratio to π_old differed from 1.
    trees : tuple of TreeScope
    repeats : bool
        Whether the same batch gave the same gradient again; where it did not, nothing is known of coupling and order.
    """

    group_size: int
    prompts: int
    sampler: str
    framework: str
    coupled: bool
    ordered: bool
    ratios: bool
    trees: tuple[TreeScope, ...]
    repeats: bool = True

    def __str__(self) -> str:
        counts = ", ".join(
            f"{tree.problem} {tree.batches:,} {'listed' if tree.listed else 'drawn'}" for tree in self.trees
        )
        who = {
            "same": "completions drawn by π_θ itself",
            "old": "completions drawn by π_old",
            "rollout": "completions drawn by a rollout policy, π_old = π_θ",
        }[self.sampler]
        groups = "groups affect each other" if self.coupled else "groups do not affect each other"
        if not self.repeats:
            groups = "the same batch does not give the same gradient again"
        parts = [f"G = {self.group_size}, {counted(self.prompts, 'prompt')} a batch", who]
        if self.ratios:
            low = ", ".join(f"{tree.clipped_low:.0%}" for tree in self.trees)
            high = ", ".join(f"{tree.clipped_high:.0%}" for tree in self.trees)
            parts.append(f"ratios below 0.8 on {low} and above 1.2 on {high} of the tokens")
        else:
            parts.append("every ratio to π_old is 1: no clip was ever active")
        return f"{'; '.join(parts)}; {groups}; batches: {counts}; {self.framework}"
