"""What to do now about a loss, by the verdict and by what it rests on."""

from __future__ import annotations

from pgverify.checking.verdict.next_steps import ALWAYS, UNNAMED
from pgverify.checking.verdict.outcome import Outcome

BIASED = "compare −∂loss/∂log_probs of {} by hand with the weights of the target, on the problem above"
RANDOM = "switch the randomness off (dropout, a choice of rows), or return the mean of several draws"
MANY = "take fewer prompts or a smaller group_size, so that every batch can be listed"


def next_step_of_loss(outcome: Outcome, repeats: bool, shown_by: str, named: bool) -> str:
    """Return the next step, in one sentence; empty where there is nothing to do.

    Parameters
    ----------
    outcome : Outcome
    repeats : bool
        Whether the same batch gives the same gradient again.
    shown_by : str
        What a bias shows in: a group, or a batch of several.
    named : bool
        Whether a bias has a name, which comes with its own cure.
    """
    if outcome is Outcome.BIASED:
        return BIASED.format(shown_by) + ("" if named else UNNAMED)
    if outcome is Outcome.INCONCLUSIVE:
        return MANY if repeats else RANDOM
    return ALWAYS.get(outcome, "")
