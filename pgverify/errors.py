"""Named errors: each message is one sentence with the argument, the value found and what is allowed."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class InvalidInput(ValueError):
    """An argument is outside what is allowed; the message says which, what was found, what is allowed."""


class InvalidMDP(InvalidInput):
    """A table of an MDP has a wrong shape, a wrong sum, or an entry that is not allowed."""


class InvalidPolicy(InvalidInput):
    """Parameters or features of a policy are malformed or do not fit the MDP."""


class InvalidObjective(InvalidInput):
    """A horizon or a discount outside the allowed range, or an objective that does not fit the MDP."""


class NotUnichain(InvalidInput):
    """The average reward is not defined: the induced chain is periodic, multichain, or too close to it."""


class InvalidSampling(InvalidInput):
    """A number of trajectories, a number of steps or a seed that cannot be used."""


class InvalidEstimator(InvalidInput):
    """An estimator, a baseline or a critic that does not fit the problem it is applied to."""


class InvalidData(InvalidInput):
    """An array handed to a statistical procedure has a wrong shape or a non-finite entry."""


class InvalidFile(InvalidInput):
    """A file is missing, damaged, or not what it should be."""


class TooLarge(InvalidInput):
    """An exact computation would be larger than the stated limit; the message names the count."""


class UnknownName(InvalidInput):
    """No entry of that name; the message lists the nearest ones."""


def one_sentence(error: BaseException) -> str:
    """Return an exception as one line: its type and what it says."""
    said = " ".join(str(error).split())
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def unknown_name(kind: str, name: str, known: Iterable[str]) -> UnknownName:
    """Return the error for a name that is not known, listing the nearest known ones."""
    names = sorted(known)
    nearest = get_close_matches(name, names, n=3, cutoff=0.3) or names[:5]
    return UnknownName(f"unknown {kind} {name!r}: the nearest known are {', '.join(nearest)}")


def shortened(text: str, most: int = 60) -> str:
    """Return a text of at most `most` characters; a longer one ends in an ellipsis."""
    return text if len(text) <= most else text[: most - 1] + "…"
