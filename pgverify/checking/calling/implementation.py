"""Somebody's function as the oracle calls it: on batches, for their estimates, until the time of a check is over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from pgverify.checking.calling.alarm import Alarm
from pgverify.checking.calling.answer import Answer, Failure, Value
from pgverify.checking.calling.examination import ask, describe
from pgverify.checking.calling.first_answers import FirstAnswers
from pgverify.checking.calling.significant_bits import OF_DOUBLE, SEEN_DOUBLE
from pgverify.checking.calling.tables import WROTE, TablesOfProblems
from pgverify.checking.calling.time_spent import NEVER, Deadline
from pgverify.trajectories import Trajectories


class OutOfTime(Exception):
    """The total time limit of a check has passed; what was not listed by then is not judged."""


@dataclass(frozen=True, eq=False)
class LimitedFunction:
    """A function of a batch, and the limits within which it is called.

    Attributes
    ----------
    function : batch -> [n, d] or [d]; with `returns_weights`, batch -> [n, T]
    returns_weights : bool
        Whether step weights are returned instead of estimates.
    alarm : Alarm
        The time limit of each call.
    deadline : Deadline
        From then on every call raises `OutOfTime`.
    tables : TablesOfProblems
        Compared after every call: who writes to them has no value.
    first : FirstAnswers
        Kept, to be asked for once more in the end.
    bits : int
        Of the precision that it computes in somewhere inside, where that is known: answers count as no longer.
        `SEEN_DOUBLE` where it is seen to be double precision throughout.
    """

    function: Callable[[Trajectories], Any]
    returns_weights: bool
    alarm: Alarm
    deadline: Deadline = NEVER
    tables: TablesOfProblems = field(default_factory=TablesOfProblems)
    first: FirstAnswers = field(default_factory=FirstAnswers)
    bits: int = OF_DOUBLE

    def estimate(self, batch: Trajectories, watched: bool = False) -> Answer:
        """Return the estimate [d] of a batch; `watched` as in `ask`."""
        answer = self._estimate(batch, watched)
        if self.first.wanted and isinstance(answer, Value):
            self.first.keep(batch, answer.array)
        if self.bits < OF_DOUBLE and isinstance(answer, Value) and answer.array.any():
            return replace(answer, bits=min(answer.bits, self.bits), single=True, telling=True)
        if self.bits == SEEN_DOUBLE and isinstance(answer, Value):
            return replace(answer, bits=SEEN_DOUBLE)
        return answer

    def _estimate(self, batch: Trajectories, watched: bool) -> Answer:
        size = batch.policy.parameters.size
        shapes = (batch.rewards.shape,) if self.returns_weights else ((len(batch), size), (size,))
        answer = self._answer(batch, shapes, watched)
        if isinstance(answer, Failure):
            return answer
        rows = batch.score_weighted(answer.array) if self.returns_weights else answer.array
        if rows is answer.array and rows.ndim == 1:
            return answer
        mean = rows[0] if len(rows) == 1 else np.add.reduce(rows, axis=0) / len(rows)
        return Value(mean, answer.notes, answer.single, answer.telling, answer.bits)

    def weights(self, batch: Trajectories) -> Answer:
        """Return the step weights [n, T] of a batch, as the function itself returns them."""
        return self._answer(batch, (batch.rewards.shape,))

    def _answer(self, batch: Trajectories, shapes: tuple[tuple[int, ...], ...], watched: bool = False) -> Answer:
        if self.deadline.passed:
            raise OutOfTime
        tables = self.tables.of(batch.rollout)
        answer = ask(self.function, batch, shapes, self.alarm, watched)
        if table := tables.changed():
            return Failure(WROTE.format(table=table), describe(batch), notes=answer.notes)
        return answer
