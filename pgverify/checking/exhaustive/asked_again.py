"""The verdict on a function whose answers have changed since its first calls: a warm-up that is over, or a schedule."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace

from jaxtyping import Float

from pgverify.checking.calling.answer import Failure
from pgverify.checking.calling.calls import Difference
from pgverify.checking.calling.first_answers import FirstAnswers
from pgverify.checking.calling.implementation import LimitedFunction, OutOfTime
from pgverify.checking.calling.kept_state import NEXT_STEP, SETTLING
from pgverify.checking.calling.stale_answers import STALE
from pgverify.checking.verdict.outcome import Outcome
from pgverify.checking.verdict.report import Report
from pgverify.trajectories import Trajectories
from pgverify.validation import Array

CHANGED = "it keeps state between calls: its first answers were others than those it gives to the same batches later"
"""What was seen, whether it has come to an end or not."""

NOT_OVER = f"{CHANGED}, and it goes on changing"

SAID = ("it keeps state between calls", "it is random (")
"""Words of a report on a function that was seen to change, and was judged as such."""


class ChangedBefore(Exception):
    """A function answered otherwise before, and does not change any more: the message says how it was noticed."""


def refuse_what_has_settled(implementation: LimitedFunction, batch: Trajectories, difference: Difference) -> None:
    """Raise `ChangedBefore` where a function that gave two answers to a batch gives one alone from now on.

    Whether it is one that changes seldom, calls on a whole suite tell, and these few do not.

    Parameters
    ----------
    implementation : LimitedFunction
    batch : Trajectories
        On which it gave two answers, or one of the same problem.
    difference : Difference
    """
    again = _again(implementation)
    answers: list[Float[Array, "d"] | None] = []
    with contextlib.suppress(OutOfTime):
        answers = [again(batch) for _ in range(SETTLING + 1)]
    values = [answer for answer in answers if answer is not None]
    if values and len(values) == len(answers) and all((value == values[0]).all() for value in values):
        raise ChangedBefore(str(difference))


def asked_again(implementation: LimitedFunction, judge: Callable[[LimitedFunction, bool], Report]) -> Report:
    """Return the verdict on a function, which is judged a second time where its answers have changed meanwhile.

    What a right function does after its first calls is no proof of what it does in the first ones of a training run:
    then INCONCLUSIVE, with what it has been since. A fault that stays is a fault.

    Parameters
    ----------
    implementation : LimitedFunction
    judge : (function, again) -> Report
        Judges it; `again` where it is for the second time.
    """
    change = ""
    try:
        report = judge(implementation, False)
    except ChangedBefore as seen:
        change = str(seen)
    else:
        if _said(report) or STALE in report.warnings:
            return report
        gap = _gap(implementation)
        if gap == 0.0:
            return report
        change = f"by up to {gap:.3g}"
    later = replace(implementation, first=FirstAnswers())
    report = judge(later, True)
    if _said(report):  # it is random, seldom
        return report
    goes_on = _gap(later) > 0.0
    return _told(report, f"{NOT_OVER if goes_on else CHANGED} ({change})", goes_on)


def _said(report: Report) -> bool:
    return report.outcome is Outcome.INVALID or any(words in report.explanation for words in SAID)


def _told(report: Report, said: str, goes_on: bool) -> Report:
    if report.outcome.good or goes_on:
        since = "" if goes_on else f"; since then: {report.explanation}"
        bare = replace(report, diagnosis=None, matches=(), cause="", cure="", source=(), witness=None)
        return replace(bare, outcome=Outcome.INCONCLUSIVE, explanation=f"{said}{since}", next_step=NEXT_STEP)
    return replace(report, explanation=f"{report.explanation}; {said}", warnings=(said, *report.warnings))


def _gap(implementation: LimitedFunction) -> float:
    with contextlib.suppress(OutOfTime):
        return implementation.first.gap_to(_again(implementation))
    return 0.0


def _again(implementation: LimitedFunction) -> Callable[[Trajectories], Float[Array, "d"] | None]:
    def answer(batch: Trajectories) -> Float[Array, "d"] | None:
        found = implementation.estimate(batch)
        return None if isinstance(found, Failure) else found.array

    return answer
