"""What to do now about a loss, by the verdict and by what it rests on."""

from __future__ import annotations

from pgverify.checking.verdict.next_steps import ALWAYS, UNNAMED
from pgverify.checking.verdict.outcome import Outcome
from pgverify.language.diagnosis import Diagnosis
from pgverify.language.factor_laws import LAWFUL
from pgverify.language.loss_judgement import LossJudgement

BIASED = "compare −∂loss/∂log_probs of {} by hand with the weights of the target, on the problem above"
RANDOM = "switch the randomness off (dropout, a choice of rows), or return the mean of several draws"
MANY = "take fewer prompts or a smaller group_size, so that every batch can be listed"


COARSE = "check the loss in single or double precision, and what it does in its own apart from that"
LAWLESS = "the direction is right, the length differs from tree to tree: find what it is divided by"


def next_step_of_loss(judgement: LossJudgement, repeats: bool, shown_by: str, known: Diagnosis | None) -> str:
    """Return the next step, in one sentence; empty where there is nothing to do.

    Parameters
    ----------
    judgement : LossJudgement
    repeats : bool
        Whether the same batch gives the same gradient again.
    shown_by : str
        What a bias shows in: a group, or a batch of several.
    known : Diagnosis or None
        What the loss is by name: that comes with its own cure.
    """
    outcome = judgement.outcome
    if outcome is Outcome.BIASED:
        return BIASED.format(shown_by) + ("" if known is not None else UNNAMED)
    if outcome is Outcome.INCONCLUSIVE:
        if judgement.coarse:
            return COARSE
        return MANY if repeats else RANDOM
    if outcome is Outcome.OTHER_TARGET and judgement.claim:
        return claim_of_loss(judgement, known)
    if outcome is Outcome.SCALED and judgement.factor is None and LAWFUL not in judgement.explanation:
        return LAWLESS
    return ALWAYS.get(outcome, "")


def claim_of_loss(judgement: LossJudgement, known: Diagnosis | None) -> str:
    """Return the literal claim, after what is to be mended before it holds."""
    call = f"check_lm(…, target={judgement.claim})"
    if judgement.reversed_term:
        return f"turn the sign of the term round, and claim what is estimated then: {call}"
    cured = ", or mend it as the cure says" if known is not None and known.cure else ", or change the loss"
    return f"if that is meant, claim it, {call}{cured}"
