"""Environments and policies by their names in somebody's Python file: FILE.py:NAME, or MODULE:NAME."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pgverify.checking.isolation.named_function import load_named, make_importable
from pgverify.errors import InvalidFile, InvalidInput, one_sentence, shortened
from pgverify.foreign_code import foreign_code
from pgverify.mdp import TabularMDP
from pgverify.mdps import from_gymnasium
from pgverify.policies import Policy

LONGEST_REASON = 300
"""Characters of somebody else's exception that are shown."""


def is_named(typed: str) -> bool:
    """Return whether a text names something in Python, as in file.py:name, and is no file itself."""
    return ":" in typed.strip(":") and not Path(typed).is_file()


def named_dynamics(typed: str) -> TabularMDP:
    """Return the MDP that FILE.py:NAME names: one of its own, an environment with a table, or what makes either.

    Raises
    ------
    InvalidInput, InvalidFile, InvalidMDP
        When there is none, or it has no table.
    """
    found = load_named("MDP", typed)
    made = isinstance(found, TabularMDP) or (hasattr(found, "unwrapped") and not isinstance(found, type))
    if callable(found) and not made:
        found = _called(typed, found)
    return found if isinstance(found, TabularMDP) else from_gymnasium(found)


def named_policy(typed: str, mdp: TabularMDP) -> Policy:
    """Return the policy that FILE.py:NAME names, or that a function of that name makes of the MDP.

    Raises
    ------
    InvalidInput, InvalidFile
        When there is none.
    """
    found = load_named("policy", typed)
    if callable(found) and not hasattr(found, "score_vjp"):
        found = _called(typed, lambda: found(mdp))
    if not hasattr(found, "score_vjp") or isinstance(found, type):
        kind = found.__name__ if isinstance(found, type) else type(found).__name__
        raise InvalidInput(
            f"--policy {typed} is a {kind}, must be a policy, such as pgv.SoftmaxPolicy or pgv.CallablePolicy, or a "
            "function that makes one of the MDP"
        )
    policy: Policy = found
    return policy


def environments_of_this_folder() -> None:
    """Let MODULE:ID, as Gymnasium takes it, name a module of the current folder."""
    make_importable(Path.cwd())


def _called(typed: str, function: Callable[[], Any]) -> Any:
    try:
        with foreign_code():
            return function()
    except Exception as reason:
        raise InvalidFile(f"{typed} cannot be called: {shortened(one_sentence(reason), LONGEST_REASON)}") from None
