"""Named errors: each message is one sentence with the argument, the value found and what is allowed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Any


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


class InvalidChoice(InvalidInput):
    """Probabilities of a scripted draw that are none, or a draw that cannot be dictated."""


class InvalidRun(InvalidInput):
    """A scripted program failed on one branch, or returned what is no vector of finite numbers of one length."""


class NotRepeatable(InvalidInput):
    """A scripted program did something else than before though every draw was answered alike: state is left over."""


class UnscriptedDraw(InvalidInput):
    """A program drew random numbers that nobody dictated; the message names the line."""


class UnknownName(InvalidInput):
    """No entry of that name; the message lists the nearest ones, if any is near."""


class WrongKind(InvalidInput):
    """An argument is something else altogether than what is expected; the message says how to make one."""


class WrongArguments(InvalidInput, TypeError):
    """Arguments that a function does not have, or lacks; the message names those that it has."""


class UnknownAttribute(InvalidInput, AttributeError):
    """No attribute of that name; the message, written when it is read, suggests the nearest.

    It is asked for by `hasattr`, thousands of times: nothing is looked up until somebody reads it.
    """

    def __init__(self, owner: str, name: str, known: Callable[[], Iterable[str]]) -> None:
        super().__init__(owner, name)
        self._known = known

    def __str__(self) -> str:
        owner, name = self.args
        suggested = nearest(name, (known for known in self._known() if not known.startswith("_")))
        return f"{owner} has no attribute {name!r}" + (f"; did you mean {' or '.join(suggested)}?" if suggested else "")

    def __reduce__(self) -> tuple[Any, ...]:
        return UnknownName, (str(self),)


SYNONYMS = {
    "lam lambda_ lmbda gae_lambda lambd trace": "trace_decay",
    "gamma discount_factor": "discount",
    "n n_trajectories num_samples n_samples num_episodes n_episodes episodes batch_size": "num_trajectories",
    "rng random_state random_seed": "seed",
    "max_length time_limit_steps timesteps n_steps num_steps steps": "max_steps",
    "T length episode_length": "horizon",
    "theta params weights": "parameters",
    "probs pi": "probabilities",
    "obs observations observation": "states",
    "acts": "actions",
    "dones done terminals": "terminated",
    "logp logprobs old_log_probs": "log_probs",
    "verdict result": "outcome",
    "tol rtol rel_tol eps epsilon": "tolerance",
    "estimator function f fn func": "implementation",
    "n_jobs num_workers processes": "workers",
    "false_alarm significance p_value level": "alpha",
    "P transitions": "transition",
    "R r": "reward",
    "critic_values V vf": "values",
    "n_states S": "num_states",
    "n_actions A": "num_actions",
}
"""What other libraries call our names, several words to one of ours."""

ALIKE = 0.6
"""Similarity (difflib's ratio) from which a name may be a misspelling of another."""


def shown(value: object, most: int = 60) -> str:
    """Return a value as it prints, on one line of at most `most` characters, whatever its repr does."""
    try:
        text = repr(value)
    except Exception:  # an integer of thousands of digits, an object of somebody's own
        text = f"an object of type {type(value).__name__}"
    return shortened(" ".join(text.split()), most)


def shortened(text: str, most: int = 60) -> str:
    """Return a text of at most `most` characters; a longer one ends in an ellipsis."""
    return text if len(text) <= most else text[: most - 1] + "…"


CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
"""What commands a terminal, and halves of characters; line breaks and tabulators are none of them."""


def without_commands(text: str) -> str:
    """Return a text with what would command a terminal spelt out."""
    return CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text.replace("\0", "\\0"))


def one_sentence(error: BaseException) -> str:
    """Return an exception as one line: its type and what it says."""
    try:
        said = without_commands(" ".join(str(error).split()))
    except KeyboardInterrupt:
        raise
    except BaseException:  # one of somebody's own, which cannot say what it is, or tries to leave instead
        said = ""
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def nearest(name: str, known: Iterable[str]) -> list[str]:
    """Return at most three of the known names for which a name may stand; none where all are distant."""
    names = sorted(set(known))
    meant = [ours for theirs, ours in SYNONYMS.items() if name in theirs.split() and ours in names]
    folded = {ours.casefold(): ours for ours in names}
    alike = [folded[found] for found in get_close_matches(name.casefold(), folded, n=3, cutoff=ALIKE)]
    begun = [
        ours for ours in names if min(len(name), len(ours)) > 3 and (ours.startswith(name) or name.startswith(ours))
    ]
    return list(dict.fromkeys(meant + alike + begun))[:3]


def unknown_name(kind: str, name: object, known: Iterable[str], listed_by: str = "") -> UnknownName:
    """Return the error for a name that is not known, with the nearest known ones if there are any.

    Parameters
    ----------
    kind : str
        What is named, as in "MDP".
    name : anything
        As it was given.
    known : names
    listed_by : str
        What lists all of them, for the message where none is near.
    """
    names = list(known)
    if not isinstance(name, str):
        wanted = _choice(names, listed_by, "the name of one")
        return UnknownName(f"{kind} is {shown(name)} of type {type(name).__name__}, must be {wanted}")
    close = nearest(name, names)
    if close:
        return UnknownName(f"unknown {kind} {shown(name)}: the nearest known are {', '.join(close)}")
    return UnknownName(f"unknown {kind} {shown(name)}, must be {_choice(names, listed_by, 'a known one')}")


def _choice(names: list[str], listed_by: str, otherwise: str) -> str:
    """Return what there is to choose from: all of a few names, or what lists many."""
    if len(names) <= 8:
        return f"one of {', '.join(sorted(names))}"
    some = f"{otherwise}, such as {names[0]}"
    return f"{some}; {listed_by} lists all {len(names)}" if listed_by else some


def __getattr__(name: str) -> Any:
    raise UnknownAttribute(f"module {__name__!r}", name, lambda: [*globals()])
