"""What a loss is given: one batch of completions, groups in consecutive rows, in a framework's own arrays."""

from __future__ import annotations

from typing import Any, NamedTuple

from pgverify.errors import UnknownAttribute


class CompletionBatch(NamedTuple):
    """B = prompts × G completions; groups are consecutive rows, so that `rewards.view(-1, G)` has one a row.

    A named tuple, because that is what every framework can pass through its transformations as it is.

    Attributes
    ----------
    log_probs : [B, T]
        log π_θ(token|prefix), differentiable. On padding (in every such table) that of the end token where it would
        stand, as a model would put it out: what is not masked counts.
    old_log_probs, ref_log_probs, rollout_log_probs : [B, T]
        Likewise of π_old (of the ratio), of the reference (of the KL terms), and of the policy that drew; constants.
    entropies : [B, T]
        H(π_θ(·|prefix)) over the whole vocabulary, differentiable.
    mask : [B, T] of bool
        True on the completion's tokens, its end included. A loss that cannot use flags is given 1 and 0.
    rewards : [B]
        Of whole completions; constants.
    group : [B] of int
        0 … prompts−1, in the order of the rows.
    prompt : [B] of int
        Which prompt of the problem.
    """

    log_probs: Any
    old_log_probs: Any
    ref_log_probs: Any
    rollout_log_probs: Any
    entropies: Any
    mask: Any
    rewards: Any
    group: Any
    prompt: Any

    def __getattr__(self, name: str) -> Any:
        raise UnknownAttribute("the batch of check_lm", name, lambda: CompletionBatch._fields)


TABLES = ("log_probs", "old_log_probs", "ref_log_probs", "rollout_log_probs", "entropies")
"""The fields of shape [B, T] that hold numbers."""
