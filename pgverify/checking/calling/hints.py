"""What most likely happened where a call failed in a way that many make: said beside what was seen."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import TracebackType
from typing import Any

from pgverify.counts import counted
from pgverify.errors import UnknownAttribute
from pgverify.trajectories import Trajectories

FRAMEWORKS = {"torch": "torch", "jax": "jax", "jaxlib": "jax"}
"""The adapter for what comes from a package."""

OTHER_DOORS = (
    (("env", "choose", "another_env"), 'an update of a world is checked by pgv.check(update, kind="agent")'),
    (
        ("old_log_probs", "ref_log_probs", "rollout_log_probs", "entropies", "prompt"),
        "a loss for a language model is checked by pgv.check_lm(loss)",
    ),
)
"""What only the argument of another check has, and which that is."""

NOTHING = "returned None, must return an array; a return statement is missing, or a branch ends without one"


def framework_hint(function: Callable[..., Any], returned: object, reason: BaseException | None) -> str:
    """Return what to do where a loss of a framework was handed over as if it were a function of a batch; else nothing.

    Seen by what came back, by where the exception was raised, or by the arguments: a loss takes logits and a batch.

    Parameters
    ----------
    function : what was called
    returned : anything
    reason : exception, optional
    """
    adapter = _framework_of(type(returned)) or (_raised_in(reason.__traceback__) if reason is not None else "")
    losses = isinstance(reason, TypeError) and _takes_two(function)
    if not adapter and losses:
        adapter = next((FRAMEWORKS[name] for name in _names_used(function) if name in FRAMEWORKS), "torch")
    if not adapter:
        return ""
    return f"; a loss (logits, batch) of {adapter} is checked as pgv.adapters.{adapter}.from_loss(loss)"


def door_hint(reason: BaseException) -> str:
    """Return which other check a function is for that asks a batch of trajectories for what that check gives."""
    if not isinstance(reason, UnknownAttribute):
        return ""
    return next((f"; {said}" for names, said in OTHER_DOORS if reason.args[1] in names), "")


def shape_hint(shape: tuple[int, ...], batch: Trajectories) -> str:
    """Return what to do where there is one number a logit, and the policy has other parameters; else nothing."""
    states, actions = batch.problem.mdp.num_states, batch.problem.mdp.num_actions
    size = batch.policy.parameters.size
    by_table = shape[-1:] == (states * actions,) or shape[-2:] == (states, actions)
    if size == states * actions or not by_table:
        return ""
    return (
        f"; S·A = {states * actions} numbers are the score of a tabular softmax, but this problem's policy has "
        f"d = {counted(size, 'parameter')}: use batch.policy.score(), or judge on problems with tabular "
        "policies, problems=[p for p in pgv.suites.get('standard') if isinstance(p.problem.policy, pgv.SoftmaxPolicy)]"
    )


def _framework_of(kind: type) -> str:
    return FRAMEWORKS.get(kind.__module__.partition(".")[0], "")


def _raised_in(trace: TracebackType | None) -> str:
    """Return the adapter for the innermost package through which an exception came."""
    found = ""
    while trace is not None:
        package = str(trace.tb_frame.f_globals.get("__name__", "")).partition(".")[0]
        found = FRAMEWORKS.get(package, found)
        trace = trace.tb_next
    return found


def _takes_two(function: Callable[..., Any]) -> bool:
    """Return whether a function cannot be called with one argument, but could with two."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return False
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    needed = [p for p in signature.parameters.values() if p.kind in kinds and p.default is inspect.Parameter.empty]
    return len(needed) == 2


def _names_used(function: Callable[..., Any]) -> tuple[str, ...]:
    code = getattr(inspect.unwrap(function), "__code__", None)
    return tuple(getattr(code, "co_names", ()))
