"""A loss that gives two gradients of one batch: random, or with a memory of its calls; what then is not said of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from pgverify.checking.calling.kept_state import CALL_BEFORE, IN_A_ROW, NEXT_STEP, ROUNDS, dependence, state_in
from pgverify.checking.verdict.outcome import Outcome
from pgverify.language.loss_gradients import gradients_on
from pgverify.language.loss_report import LossReport
from pgverify.language.prepared_loss import PreparedLoss
from pgverify.language.trials import Trial
from pgverify.validation import Array

RANDOM = "the same batch gives another gradient when asked again, by chance as it seems"

UNTRIED = (
    "what must not change a result (padding, order, splits, precision) was not tried: the result changes by itself"
)


def memory_of(loss: PreparedLoss, one: Trial) -> str:
    """Return in words what a loss that does not repeat itself keeps between calls; "" where nothing of that is seen."""
    call = loss.on(one.table)
    rows = one.batches.rows
    own, other = rows[0], next((row for row in rows if (row != rows[0]).any()), rows[0])

    def answers(batches: list[np.ndarray]) -> Float[Array, "calls d"]:
        found = gradients_on(call, np.array(batches), one.problem)
        weights = np.concatenate([found.by_log_probs, found.by_entropies], axis=2)
        return np.asarray(weights.reshape(len(batches), -1))

    return state_in(answers([own] * IN_A_ROW), answers([other, own] * ROUNDS)[1::2])


def said_of_changing(report: LossReport, memory: str) -> LossReport:
    """Return the report on such a loss: how it changes, and no absence of bias where its estimates are not independent.

    Parameters
    ----------
    report : LossReport
        From sampled batches.
    memory : str
        In words; "" for one that is random.
    """
    if not memory:
        explanation = f"{report.explanation}; {RANDOM}"
        return replace(report, explanation=explanation, notes=(*report.notes, UNTRIED))
    said = replace(
        report,
        explanation=f"{report.explanation}; {memory}",
        notes=(*report.notes, UNTRIED),
        warnings=(*report.warnings, dependence(memory)),
        next_step=NEXT_STEP,
    )
    if report.outcome is not Outcome.CONSISTENT or memory == CALL_BEFORE:
        return said
    why = f"{memory}; no bias showed in sampled batches, but its estimates depend on each other"
    return replace(said, outcome=Outcome.INCONCLUSIVE, explanation=why)
