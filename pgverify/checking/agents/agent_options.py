"""Options of `check` that mean nothing for an agent, which is never sampled: refused where they are given."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pgverify.checking.agents.agent_run import Parts
from pgverify.choices.whole_tree import MOST_PROCESSES
from pgverify.errors import InvalidFile, InvalidInput, one_sentence, shown
from pgverify.validation import require_integer

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


def asked_parts(processes: Any, resume: Any) -> Parts:
    """Return how the runs of an agent are shared out; a folder that is not there is made.

    Raises
    ------
    InvalidInput
        When processes is no number of them, or resume is no folder.
    InvalidFile
        When the folder cannot be made.
    """
    count = require_integer("processes", processes, 1, InvalidInput, largest=MOST_PROCESSES)
    if resume is None:
        return Parts(count)
    if not isinstance(resume, str | Path) or not str(resume):
        raise InvalidInput(f"resume is {shown(resume)}, must be a folder, or None")
    folder = Path(resume)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as reason:
        raise InvalidFile(f"resume is {shown(str(resume))}, must be a folder: {one_sentence(reason)}") from None
    return Parts(count, folder)
