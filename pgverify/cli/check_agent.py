"""`pgverify check --agent`: a whole agent, ready-made or somebody's own training loop."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pgverify.cli.progress import told
from pgverify.errors import InvalidInput, UnknownName, unknown_name

if TYPE_CHECKING:
    from pgverify.checking import Report
    from pgverify.choices import TreeProgress
    from pgverify.suites import SuiteProblem

READY: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "stable_baselines3": {"stable_baselines3": "stable-baselines3", "gymnasium": "pgverify[gymnasium]"},
        "torchrl": {"torchrl": "torchrl", "gymnasium": "pgverify[gymnasium]"},
        "trl": {"trl": "trl"},
    }
)
"""Adapters that make agents; what each imports, and what pip calls that."""


def judged_agent(
    agent: str, kwargs: str | None, options: Mapping[str, Any], suite: str, problems: Sequence[str] | None
) -> Report:
    """Return the report on an agent.

    Parameters
    ----------
    agent : str
        LIBRARY:ALGORITHM of a ready one, or MODULE:UPDATE of one's own, which has `policy` as an attribute.
    kwargs : str or None
        Of a ready one, as JSON.
    options : dict
        Of `pgv.check`.
    suite : str
    problems : names
        Of the suite; None for all of it.

    Raises
    ------
    InvalidInput
        When there is no such agent, the arguments are no JSON object, or a problem is none of the suite.
    """
    import pgverify

    update = _update(agent, _arguments(kwargs))
    own = suite == "standard" and not problems and hasattr(update, "problems")
    chosen = None if own else _chosen(suite, problems)
    with told() as tell:
        return pgverify.check(update, kind="agent", problems=chosen, progress=_teller(tell), **options)


def _update(agent: str, arguments: dict[str, Any]) -> Any:
    from pgverify import adapters
    from pgverify.checking.isolation.named_function import load_function

    library, _, name = agent.rpartition(":")
    if library in READY:
        _require_installed(agent, READY[library])
        return getattr(adapters, library).update(name, **arguments)
    if arguments:
        raise InvalidInput(f"--kwargs is {arguments!r}, must be left out of {agent}: it is no agent that is made here")
    try:
        return load_function(agent)
    except UnknownName as reason:
        raise InvalidInput(f"{reason}; ready agents are of {', '.join(READY)}") from None


def _require_installed(agent: str, needed: Mapping[str, str]) -> None:
    """Refuse an agent of a library that is not there, with all that it takes in one command."""
    missing = [name for module, name in needed.items() if find_spec(module) is None]
    if missing:
        which = "is" if len(missing) == 1 else "are"
        raise InvalidInput(
            f"--agent {agent} needs {' and '.join(missing)}, which {which} not installed: pip install "
            + " ".join(f'"{name}"' if "[" in name else name for name in missing)
        )


def _arguments(kwargs: str | None) -> dict[str, Any]:
    if kwargs is None:
        return {}
    try:
        found = json.loads(kwargs)
    except ValueError as reason:
        raise InvalidInput(
            f"--kwargs is {kwargs!r}, must be a JSON object such as '{{\"n_steps\": 3}}': {reason}"
        ) from None
    if not isinstance(found, dict):
        raise InvalidInput(f"--kwargs is {kwargs!r}, must be a JSON object such as '{{\"n_steps\": 3}}'")
    return found


def _chosen(suite: str, names: Sequence[str] | None) -> list[SuiteProblem]:
    from pgverify import suites

    if suite not in suites.names():
        raise unknown_name("suite", suite, suites.names())
    entries = {entry.name: entry for entry in suites.get(suite)}
    for name in names or ():
        if name not in entries:
            raise unknown_name("--problem", name, list(entries))
    return [entry for name, entry in entries.items() if not names or name in names]


def _teller(tell: Callable[[str], None]) -> Callable[[str, int, int, TreeProgress], None]:
    def progress(problem: str, number: int, of: int, runs: TreeProgress) -> None:
        text = f"problem {problem}, {number} of {of}: {runs.runs:,} runs"
        if runs.expected is not None:
            text += f" of about {runs.expected:,.3g}"
        if runs.seconds_left is not None:
            text += f", {runs.seconds_left:,.0f} s left"
        tell(text)

    return progress
