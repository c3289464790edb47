"""What keeps a study from being decided, in few words: cells that failed, cells still to come, code that raised."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pgverify.counts import counted
from pgverify.running.run import FailedCell

NO_CLAIMS = "The claims cannot be decided"
NO_FIGURES = "The figures cannot be drawn"
"""How a sentence begins that tells of a study whose code raised; each is an error."""

NAMED = 3
"""Cells that a sentence names; those beyond are counted."""

_NUMBER = re.compile(r"\d[\d.e+-]*")


def failures_told(failures: Sequence[FailedCell], total: int) -> list[str]:
    """Return a sentence for all cells that failed alike: with the same error, but for the numbers in it.

    Parameters
    ----------
    failures : sequence of FailedCell
    total : int
        Cells of the run.
    """
    alike: dict[str, list[FailedCell]] = {}
    for failure in failures:
        alike.setdefault(_NUMBER.sub("0", failure.error), []).append(failure)
    return [_sentence(group, total) for group in alike.values()]


def _sentence(group: Sequence[FailedCell], total: int) -> str:
    first = group[0].error
    if len(group) == 1:
        return f"Cell {group[0].index} of {total} failed: {first}."
    same = all(failure.error == first for failure in group)
    return f"Cells {_places(group)} of {total} failed{': ' if same else ', the first with '}{first}."


def _places(group: Sequence[FailedCell]) -> str:
    numbers = [str(failure.index) for failure in group]
    if len(numbers) <= NAMED + 1:
        return f"{', '.join(numbers[:-1])} and {numbers[-1]}"
    return f"{', '.join(numbers[:NAMED])} and {len(numbers) - NAMED} more"


def errors_of(failures: Sequence[FailedCell], troubles: Sequence[str]) -> int:
    """Return how many errors there were: every failed cell is one, and so is code of the study that raised."""
    return len(failures) + sum(trouble.startswith((NO_CLAIMS, NO_FIGURES)) for trouble in troubles)


def why_undecided(errors: int, missing: int, total: int, concluded: bool) -> str:
    """Return why no claim is decided, as a heading.

    Parameters
    ----------
    errors : int
        As `errors_of` counts them.
    missing : int
        Cells that are not computed, without those that failed.
    total : int
        Cells of the run.
    concluded : bool
        Whether claims were asked for.
    """
    why = [counted(errors, "error")] if errors else []
    why += [f"{missing:,} of {counted(total, 'cell')} {'is' if missing == 1 else 'are'} to come"] if missing else []
    if not why:
        return "Nothing decided: the study makes no claim" if concluded else "Nothing decided yet"
    return f"Nothing decided: {', '.join(why)}"
