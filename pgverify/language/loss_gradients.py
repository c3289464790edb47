"""A loss called on many batches, and what its derivatives are as ascent directions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Integer

from pgverify.errors import InvalidInput
from pgverify.language.frameworks.differentiated import LossCall
from pgverify.targets.token_problem import TokenProblem
from pgverify.validation import Array


class LossFailed(InvalidInput):
    """The loss failed on a batch, or gave what is not finite; the message says which batch."""


@dataclass(frozen=True, eq=False)
class BatchGradients:
    """What a loss gave on N batches.

    Attributes
    ----------
    rows : [N, B]
    values : [N]
        The loss.
    by_log_probs, by_entropies : [N, B, T]
        −∂loss: the loss is minimised, the direction of ascent is its negative.
    """

    rows: Integer[Array, "N B"]
    values: Float[Array, "N"]
    by_log_probs: Float[Array, "N B T"]
    by_entropies: Float[Array, "N B T"]

    def by_row(self, problem: TokenProblem) -> Float[Array, "N B d"]:
        """Return the part of the ascent direction that comes from each row: Σ_t w ψ + w_H ∇H."""
        size = len(problem.policy.parameters)
        scores = problem.scores.reshape(-1, problem.longest, size)[self.rows]
        found: Float[Array, "N B d"] = np.einsum("nbt,nbtd->nbd", self.by_log_probs, scores)
        if self.by_entropies.any():
            gradients = problem.entropy_gradients.reshape(-1, problem.longest, size)[self.rows]
            found = found + np.einsum("nbt,nbtd->nbd", self.by_entropies, gradients)
        return found


def gradients_on(call: LossCall, rows: Integer[Array, "N B"], problem: TokenProblem) -> BatchGradients:
    """Return what a loss gives on some batches, one call each.

    Raises
    ------
    LossFailed
        On an exception, or what is not finite, naming the batch.
    """
    values, by_log_probs, by_entropies = np.empty(len(rows)), [], []
    for n, batch in enumerate(rows):
        try:
            found = call(batch)
        except (InvalidInput, KeyboardInterrupt):
            raise
        except BaseException as reason:  # SystemExit included: somebody's exit is not ours
            raise LossFailed(f"the loss raised {_said(reason)} on {in_words(batch, problem)}") from reason
        values[n] = found.value
        by_log_probs.append(found.by_log_probs)
        by_entropies.append(found.by_entropies)
        for what, array in (("value", found.value), ("gradient", found.by_log_probs), ("gradient", found.by_entropies)):
            if not np.isfinite(array).all():
                raise LossFailed(f"the {what} is {_worst(array)} on {in_words(batch, problem)}{_why(batch, problem)}")
    return BatchGradients(rows, values, -np.array(by_log_probs), -np.array(by_entropies))


def in_words(batch: Integer[Array, "B"], problem: TokenProblem) -> str:
    """Return a batch as its rewards and lengths, for a message."""
    rewards = problem.completions.rewards.reshape(-1)[batch]
    lengths = problem.completions.lengths.reshape(-1)[batch]
    return f"rewards {_list(rewards)} with lengths {_list(lengths)}"


def _why(batch: Integer[Array, "B"], problem: TokenProblem) -> str:
    """Return the likely cause of what is not finite."""
    rewards = problem.completions.rewards.reshape(-1)[batch]
    prompts = np.repeat(np.arange(problem.prompts), problem.completions.rewards.shape[1])[batch]
    if np.bincount(prompts)[np.unique(prompts)].min() == 1:
        return ": a group of one has no others and no spread; raise group_size, or take no leave-one-out baseline"
    for prompt in np.unique(prompts):
        if np.ptp(rewards[prompts == prompt]) == 0:
            return (
                ": all rewards of a group are equal, their standard deviation is 0; add ε to it, or leave such groups "
                "out"
            )
    return ""


def _said(reason: BaseException) -> str:
    text = " ".join(str(reason).split())[:200]
    hint = ""
    if "does not require grad" in text or "appears to not have been used" in text:
        hint = "; only log_probs and entropies have gradients, rewards and other policies' tables are constants"
    return f"{type(reason).__name__}: {text}{hint}".rstrip(": ")


def _worst(array: Float[Array, "..."] | float) -> float:
    flat = np.asarray(array, dtype=float).reshape(-1)
    return float(flat[~np.isfinite(flat)][0])


def _list(numbers: Sequence[float] | np.ndarray) -> str:
    return f"[{', '.join(f'{x:g}' for x in numbers[:16])}{', …' if len(numbers) > 16 else ''}]"
