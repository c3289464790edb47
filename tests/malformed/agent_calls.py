"""Valid calls of what whole agents are judged with, from which malformed ones are made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from malformed_calls import Call

import pgverify as pgv


def flips(world: Any) -> list[float]:
    return [float(world.choose([0.5, 0.5]))]


def expected(run: Any, limit: int) -> Any:
    """Return the mean alone: the seconds differ from call to call."""
    return pgv.choices.expectation(run, limit).mean


def agent_calls() -> Iterator[Call]:
    """Yield them."""
    yield Call("choices.expectation", expected, {"run": flips, "limit": 100}, fixed=("run",))
    yield Call(
        "agents.Window",
        pgv.agents.Window,
        {"steps": 2, "trace_decay": 0.5, "environments": 1, "entropy": 0.25, "truncates": True,
         "resets_take_a_step": False},
    )  # fmt: skip
