"""A loss that is given so much time for a call, and no more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pgverify.checking.calling.alarm import Alarm, TimeUp
from pgverify.language.loss_gradients import LossFailed


class LossTooSlow(LossFailed):
    """A call of the loss took longer than its time limit."""


def limited(loss: Callable[[Any], Any], alarm: Alarm) -> Callable[[Any], Any]:
    """Return a loss whose calls end when the alarm rings: in one that never returns, and after one that was too slow.

    Parameters
    ----------
    loss : batch -> scalar
    alarm : Alarm
        Entered: it knows the limit. Where there are no signals, outside the main thread, nothing is interrupted.
    """

    def call(batch: Any) -> Any:
        alarm.start()
        try:
            found = loss(batch)
        except TimeUp:
            alarm.stop()
            raise _too_slow(alarm) from None
        except BaseException as reason:
            if alarm.stop() and not isinstance(reason, KeyboardInterrupt):  # whatever it made of the interruption
                raise _too_slow(alarm) from reason
            raise
        if alarm.stop():
            raise _too_slow(alarm)
        return found

    return call


def _too_slow(alarm: Alarm) -> LossTooSlow:
    return LossTooSlow(
        f"the loss did not return within {alarm.seconds:g} s of one batch of completions; it is called on thousands of "
        "them: mend what does not end, or raise time_limit"
    )
