"""Options of `check` that mean nothing for an agent, which is never sampled: refused where they are given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pgverify.errors import InvalidInput

USELESS: Mapping[str, tuple[tuple[Any, ...], str]] = {
    "isolate": ((False,), "it is run here"),
    "design": ((None,), "it collects for itself"),
    "alpha": ((1e-6,), "nothing is sampled"),
    "tolerance": ((0.01,), "nothing is sampled"),
    "seed": ((0,), "nothing is sampled"),
    "explore": ((24, 0), "agents are not tried beyond the problems of the suite"),
    "acting": ((None,), "who acts, where it is another policy, is said by Window(acting=…)"),
    "max_steps": ((None,), "how long it collects is said by Window(steps=…)"),
}
"""Name: the values that ask for nothing, and why others are refused."""


def refuse_useless(given: Mapping[str, Any]) -> None:
    """Refuse options that would have no effect on the verdict on an agent.

    Raises
    ------
    InvalidInput
        Naming the option, its value, and why.
    """
    for name, (silent, why) in USELESS.items():
        if name in given and not any(given[name] is value or given[name] == value for value in silent):
            raise InvalidInput(f'{name} is {given[name]!r}, must be left out of kind="agent": {why}')
