"""The alarm interrupts a call that takes too long, whatever the call does to alarms, and leaves none behind."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from pgverify.checking.calling.alarm import Alarm, TimeUp
from pgverify.checking.calling.guarded_call import guarded

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="signals are where they are")
LIMIT, LONG = 0.1, 10.0


@pytest.fixture(autouse=True)
def _no_timer_is_left() -> Iterator[None]:
    """An alarm that goes on after its block fails the test, instead of ending the process."""
    before = signal.signal(signal.SIGALRM, signal.SIG_IGN)
    yield
    left = signal.getitimer(signal.ITIMER_REAL)[0]
    signal.setitimer(signal.ITIMER_REAL, 0.0)
    signal.signal(signal.SIGALRM, before)
    assert left == 0.0


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


@pytest.mark.parametrize("own", ["handler", "timer", "longer timer"])
def test_a_function_with_an_alarm_of_its_own_does_not_disarm_the_next_call(own: str) -> None:
    with Alarm(LIMIT) as alarm:
        alarm.start()
        if own == "handler":
            signal.signal(signal.SIGALRM, signal.SIG_IGN)
        else:
            signal.setitimer(signal.ITIMER_REAL, 0.0 if own == "timer" else LONG)
        alarm.stop()
        assert interrupted(alarm) < LONG / 2.0


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


def test_a_call_that_swallows_every_interruption_was_late_all_the_same() -> None:
    def stubborn() -> float:
        until = time.process_time() + 3.0 * LIMIT  # on the wall a busy machine may leave it no time at all
        while time.process_time() < until:
            with contextlib.suppress(BaseException):
                busy(LIMIT)
        return 1.0

    with Alarm(LIMIT) as alarm:
        found = guarded(stubborn, (), alarm)
        assert (found.raw, found.timed_out) == (None, True)
        assert "time limit of 0.1 s" in found.failure
        assert not guarded(lambda: 1.0, (), alarm).timed_out


def test_a_timer_that_a_call_leaves_behind_hurts_nobody() -> None:
    class Own(Exception):
        pass

    def raises(*_: object) -> None:
        raise Own

    def leaves(*_: object) -> float:
        signal.signal(signal.SIGALRM, raises)
        signal.setitimer(signal.ITIMER_REAL, LIMIT / 4.0)
        return 1.0

    with Alarm(LONG) as alarm:
        assert guarded(leaves, (), alarm).raw == 1.0
        busy(LIMIT)


def test_a_call_that_ends_as_the_alarm_rings_is_judged_one_way_or_the_other() -> None:
    """No interruption escapes, wherever it rings: calls of about the limit, in steps of a tenth of it."""
    for tenths in range(8, 12):
        for _ in range(25):
            with Alarm(0.001) as alarm:
                found = guarded(busy, (0.0001 * tenths,), alarm)
            assert found.timed_out or found.raw >= 0.0


def test_an_alarm_that_rings_at_the_end_does_not_set_itself_again() -> None:
    """The last bytecode before the timer is cleared may be the one at which it rings."""
    with Alarm(LONG) as alarm:
        alarm.start()
        alarm.stop()
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        alarm._ring()
        assert signal.getitimer(signal.ITIMER_REAL)[0] == 0.0


def test_an_outer_timer_goes_on_as_if_nothing_had_been_between() -> None:
    before = signal.signal(signal.SIGALRM, signal.SIG_IGN)
    try:
        signal.setitimer(signal.ITIMER_REAL, LONG, 2.0 * LONG)
        with Alarm(LONG) as alarm:
            alarm.start()
            time.sleep(LIMIT)
            alarm.stop()
        left, interval = signal.getitimer(signal.ITIMER_REAL)
        assert 0.0 < left < LONG - LIMIT / 2.0
        assert abs(interval - 2.0 * LONG) < LIMIT
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
