"""The zoo on a terminal: every named problem with its size, or all that is known about one."""

from __future__ import annotations

import json
from typing import Any

from pgverify import mdps
from pgverify.counts import counted
from pgverify.mdps import Entry


def as_data(entry: Entry) -> dict[str, Any]:
    """Return what is known about a problem, as plain data."""
    tables = entry.build()
    return {
        "name": entry.name,
        "states": tables.num_states,
        "actions": tables.num_actions,
        "terminal": int(tables.terminal.sum()),
        "noisy": bool(tables.noise.any()),
        "description": entry.description,
        "source": entry.source,
        "answers": [
            {"statement": known.statement, "value": known.value, "derivation": known.derivation}
            for known in entry.answers
        ],
    }


def print_zoo(as_json: bool) -> None:
    """Print one line a problem, simple ones first, or JSON."""
    zoo = [as_data(mdps.entry(name)) for name in mdps.names()]
    if as_json:
        print(json.dumps(zoo, ensure_ascii=False, indent=2))
        return
    longest = max(len(problem["name"]) for problem in zoo)
    for problem in zoo:
        size = f"{counted(problem['states'], 'state'):>12}  {counted(problem['actions'], 'action'):<10}".rstrip()
        print(f"{problem['name']:<{longest}}  {size}  {problem['description']}")
    print("\n`pgverify mdps NAME` shows one, `pgverify exact NAME --horizon T` its J and its gradient.")


def print_entry(name: str, as_json: bool) -> None:
    """Print all that is known about one problem, as text or as JSON."""
    problem = as_data(mdps.entry(name))
    if as_json:
        print(json.dumps(problem, ensure_ascii=False, indent=2))
        return
    noisy = ", noisy rewards" if problem["noisy"] else ""
    size = f"{counted(problem['states'], 'state')}, {counted(problem['actions'], 'action')}"
    print(f"{name}: {size}, {problem['terminal']} terminal{noisy}")
    print(f"  {problem['description']}\n  source: {problem['source']}")
    for known in problem["answers"]:
        print(f"  {known['statement']}: {known['value']:.15g}\n    {known['derivation']}")
