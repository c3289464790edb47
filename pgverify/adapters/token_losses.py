"""Losses and advantages with the signatures that trainers have, as losses for `pgv.check_lm`; PyTorch tensors."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from pgverify.errors import InvalidInput
from pgverify.kinds import FUNCTION, accepts

__all__ = ["from_advantages", "from_policy_loss"]

FIELDS = {
    "old_log_prob": "old_log_probs",
    "old_log_probs": "old_log_probs",
    "old_logprobs": "old_log_probs",
    "log_prob": "log_probs",
    "log_probs": "log_probs",
    "logprobs": "log_probs",
    "ref_log_prob": "ref_log_probs",
    "ref_log_probs": "ref_log_probs",
    "rollout_log_probs": "rollout_log_probs",
    "response_mask": "mask",
    "eos_mask": "mask",
    "completion_mask": "mask",
    "action_mask": "mask",
    "mask": "mask",
    "entropy": "entropies",
    "index": "prompt",
    "uid": "prompt",
}
"""What trainers call the fields of a batch."""


@accepts(policy_loss=FUNCTION, advantages=FUNCTION)
def from_policy_loss(
    policy_loss: Callable[..., Any], advantages: Callable[..., Any], **options: Any
) -> Callable[[Any], Any]:
    """Return a loss for `check_lm` from one such as (old_log_prob, log_prob, advantages, response_mask, …) -> loss.

    Arguments are passed by their names; where the function returns several things, the first is the loss.

    Parameters
    ----------
    policy_loss : function
    advantages : batch -> [B] or [B, T]
        Of the completions: spread over their tokens. Or a trainer's own (token_level_rewards, response_mask, index), as
        `from_advantages` takes it.
    options : anything
        Further arguments of `policy_loss`, as they are.

    Raises
    ------
    InvalidInput
        When a function needs an argument that no field of a batch has the name of.
    """
    names = _known(policy_loss, {**options, "advantages": None})
    if "token_level_rewards" in inspect.signature(advantages).parameters:
        advantages = _of_batch(advantages, {})

    def loss(batch: Any) -> Any:
        per_token = advantages(batch)
        if per_token.ndim == 1:
            per_token = per_token[:, None]
        given = {name: _field(batch, name) for name in names}
        if "advantages" in inspect.signature(policy_loss).parameters:
            given["advantages"] = per_token * batch.mask
        found = policy_loss(**given, **options)
        return found[0] if isinstance(found, tuple) else found

    return loss


@accepts(advantages=FUNCTION)
def from_advantages(advantages: Callable[..., Any], **options: Any) -> Callable[[Any], Any]:
    """Return a loss for `check_lm` from (token_level_rewards, response_mask, index) -> advantages: −E Σ_t A_t log π_t.

    Parameters
    ----------
    advantages : function
        `token_level_rewards` [B, T] pay on the last token of each completion. Where it returns several things, the
        first are the advantages [B, T].
    options : anything
        Further arguments of the function, as they are.

    Raises
    ------
    InvalidInput
        When the function needs an argument that no field of a batch has the name of.
    """
    of_batch = _of_batch(advantages, options)

    def loss(batch: Any) -> Any:
        return -(of_batch(batch) * batch.log_probs * (batch.mask * 1.0)).sum(1).mean()

    return loss


def _of_batch(advantages: Callable[..., Any], options: dict[str, Any]) -> Callable[[Any], Any]:
    """Return batch -> [B, T] of a trainer's function of the rewards on the last tokens."""
    names = _known(advantages, {**options, "token_level_rewards": None})

    def of_batch(batch: Any) -> Any:
        mask = batch.mask * 1.0
        last = mask * (mask.cumsum(1) == mask.sum(1, keepdim=True))
        paid = batch.rewards[:, None] * last
        given = {name: _field(batch, name) for name in names}
        found = advantages(token_level_rewards=paid, **given, **options)
        return found[0] if isinstance(found, tuple) else found

    return of_batch


def _known(function: Callable[..., Any], given: dict[str, Any]) -> list[str]:
    """Return the arguments that fields of a batch stand for."""
    names = []
    for name, parameter in inspect.signature(function).parameters.items():
        if name in FIELDS and name not in given:
            names.append(name)
        elif (
            name not in given
            and parameter.default is parameter.empty
            and parameter.kind
            in (
                parameter.POSITIONAL_OR_KEYWORD,
                parameter.KEYWORD_ONLY,
            )
        ):
            raise InvalidInput(
                f"{getattr(function, '__name__', 'the function')} needs the argument {name!r}, which no field of the "
                f"batch has for its name; pass it by keyword: {name}=…"
            )
    return names


def _field(batch: Any, name: str) -> Any:
    found = getattr(batch, FIELDS[name])
    if FIELDS[name] == "mask":
        return found * 1.0  # trainers have masks of numbers
    return found.numpy() if name in ("index", "uid") else found  # of names, in a NumPy array
