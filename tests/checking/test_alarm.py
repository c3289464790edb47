"""The alarm interrupts a call that takes too long, whatever the call does to alarms, and leaves none behind."""

from __future__ import annotations

import signal
import threading
import time

import pytest

from pgverify.checking.alarm import Alarm, TimeUp

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="signals are where they are")
LIMIT, LONG = 0.1, 10.0


def busy(seconds: float = LONG) -> float:
    """Run for that long, unless something stops it, and return for how long it ran."""
    start = time.monotonic()
    while time.monotonic() < start + seconds:
        pass
    return time.monotonic() - start


def interrupted(alarm: Alarm) -> float:
    """Return after how many seconds a busy call was interrupted."""
    start = time.monotonic()
    alarm.start()
    with pytest.raises(TimeUp):
        busy()
    alarm.stop()
    return time.monotonic() - start


def test_every_call_has_the_whole_limit() -> None:
    with Alarm(LIMIT) as alarm:
        for _ in range(6):  # together longer than the limit
            alarm.start()
            busy(0.3 * LIMIT)
            alarm.stop()
        assert LIMIT <= interrupted(alarm) < LONG
        busy(2.0 * LIMIT)  # between calls nothing rings
        assert LIMIT <= interrupted(alarm) < LONG


def test_code_that_swallows_the_first_is_interrupted_again() -> None:
    with Alarm(LIMIT) as alarm:
        alarm.start()
        try:
            busy()
        except BaseException:  # as in somebody's bare `except:`
            with pytest.raises(TimeUp):
                busy()
        alarm.stop()


@pytest.mark.parametrize("own", ["handler", "timer"])
def test_a_function_with_an_alarm_of_its_own_does_not_disarm_the_next_call(own: str) -> None:
    with Alarm(LIMIT) as alarm:
        alarm.start()
        if own == "handler":
            signal.signal(signal.SIGALRM, signal.SIG_IGN)
        else:
            signal.setitimer(signal.ITIMER_REAL, 0.0)
        alarm.stop()
        assert interrupted(alarm) < LONG


def test_nothing_is_left_behind_and_an_outer_alarm_goes_on() -> None:
    rung: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda *_: rung.append(1))
    try:
        with Alarm(LONG) as alarm:
            alarm.start()
            alarm.stop()
        assert signal.getitimer(signal.ITIMER_REAL)[0] == 0.0
        signal.setitimer(signal.ITIMER_REAL, LIMIT)
        with Alarm(LONG) as alarm:
            alarm.start()
            alarm.stop()
            busy(2.0 * LIMIT)
            assert not rung
        busy(LIMIT)
        assert rung
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)


def test_elsewhere_nothing_is_interrupted() -> None:
    seconds: list[float] = []

    def work() -> None:
        with Alarm(LIMIT / 2.0) as alarm:
            alarm.start()
            seconds.append(busy(LIMIT))
            alarm.stop()

    worker = threading.Thread(target=work)
    worker.start()
    worker.join()
    assert seconds[0] >= LIMIT
