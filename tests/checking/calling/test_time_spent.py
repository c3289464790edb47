"""Time is that of the processor: a busy machine makes nobody late, and what only waits is ended all the same."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from pgverify.checking.calling import alarm as alarms
from pgverify.checking.calling import time_spent
from pgverify.checking.calling.alarm import Alarm, TimeUp
from pgverify.checking.calling.guarded_call import guarded
from pgverify.checking.calling.time_spent import NEVER, Deadline, Glances, is_over, kept_from_working

LIMIT = 0.1


@pytest.mark.parametrize(
    ("wall", "work", "over"),
    [
        (0.9, 0.9, False),
        (1.1, 1.1, True),
        (5.0, 0.9, False),  # a machine that others use, too
        (5.0, 1.1, True),
        (1.1, 0.0, True),  # a sleep, or a lock
        (1.1, 0.2, False),  # it did some work, and may do more
        (2.1, 0.2, True),  # it did not
        (0.9, 3.0, False),  # several threads
    ],
)
def test_a_limit_is_of_work_or_of_waiting(wall: float, work: float, over: bool) -> None:
    assert is_over(1.0, wall, work) is over


def test_what_hardly_works_is_late_only_if_it_waits() -> None:
    assert not is_over(1.0, 5.0, 0.0, waits=False)
    assert is_over(1.0, 5.0, 1.1, waits=False)


def looked(monkeypatch: pytest.MonkeyPatch, looks: list[tuple[float, float, float]]) -> list[bool]:
    """Return what is said at looks at these times, with this much work done and this much of it kept from."""
    delays = [delay for _, _, delay in looks]
    monkeypatch.setattr(time_spent, "kept_from_working", lambda _: delays.pop(0))
    seen = Glances(1.0)
    return [seen.again(now, work) for now, work, _ in looks]


def test_several_looks_in_a_row_tell_who_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    waits = [(float(t), 0.0, 0.0) for t in range(5)]
    assert looked(monkeypatch, waits) == [False, False, False, True, True]
    assert not any(looked(monkeypatch, [(t, 0.5 * t, 0.0) for t, _, _ in waits]))  # it works
    assert not any(looked(monkeypatch, [(t, 0.0, 0.9 * t) for t, _, _ in waits]))  # others work
    stood_still = [(0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (9.0, 0.0, 0.0), (10.0, 0.0, 0.0), (11.0, 0.0, 0.0)]
    assert not any(looked(monkeypatch, stood_still))


@pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="Linux says how long threads were kept")
def test_who_is_kept_from_working_is_known() -> None:
    assert kept_from_working() > 0.0
    assert kept_from_working(-1) == 0.0


@pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="signals are where they are")
def test_a_machine_that_stood_still_makes_nobody_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock on the wall that jumps by 100 limits while a call takes no time."""
    jump = [0.0]
    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + jump[0], process_time=time.process_time)
    monkeypatch.setattr(alarms, "time", clock)

    def call() -> float:
        jump[0] += 100.0 * LIMIT
        return 1.0

    with Alarm(LIMIT) as alarm:
        assert guarded(call, (), alarm).raw == 1.0


def test_deadlines_pass() -> None:
    assert Deadline.after(0.0).passed
    assert not Deadline.after(1e6).passed
    assert not NEVER.passed
    assert Deadline.after(1e6).left > 1e5


@pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="signals are where they are")
def test_a_call_that_waits_is_ended_after_the_limit() -> None:
    start = time.monotonic()
    with Alarm(LIMIT) as alarm:
        found = guarded(time.sleep, (60.0,), alarm)
    assert found.timed_out
    assert time.monotonic() - start < 50.0


@pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="signals are where they are")
def test_a_call_on_a_slow_machine_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock on which the processor is ours for a third of the time: three limits on the wall are one of work.

    It goes by the work that is done here, so that nothing depends on who else uses this machine.
    """

    def wall() -> float:
        return 3.0 * time.process_time()

    monkeypatch.setattr(alarms, "time", SimpleNamespace(monotonic=wall, process_time=time.process_time))

    def busy(seconds: float) -> float:
        until = wall() + seconds
        while wall() < until:
            pass
        return seconds

    with Alarm(LIMIT) as alarm:
        assert guarded(busy, (2.0 * LIMIT,), alarm).raw == 2.0 * LIMIT
        alarm.start()
        start = wall()
        with pytest.raises(TimeUp):
            busy(300.0 * LIMIT)
        alarm.stop()
        assert wall() - start >= 3.0 * LIMIT
