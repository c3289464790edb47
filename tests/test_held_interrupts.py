"""Ctrl-C is noted, or raised, and in neither way lost: not by code that catches everything, nor by what wraps it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from pgverify.held_interrupts import noted_interrupts, raised_interrupts

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals are where they are")

COMMAND_LINE = """
import os, signal, sys, time
from pgverify import held_interrupts
from pgverify.interruption import end, leave_when_interrupted

leave_when_interrupted()
held_interrupts.PATIENCE = 60.0  # nobody is hurried where the machine is busy

def press():
    os.kill(os.getpid(), signal.SIGINT)
"""

SWALLOWED = """
held_interrupts.PATIENCE = 0.2
with held_interrupts.raised_interrupts():
    try:
        press()
    except BaseException:
        pass
    while True:
        time.sleep(0.01)
"""
LOST_AT_THE_END = """
try:
    with held_interrupts.raised_interrupts():
        try:
            press()
        except BaseException:
            pass
except KeyboardInterrupt:
    print("raised"); end()
"""
WRAPPED = """
try:
    with held_interrupts.raised_interrupts():
        try:
            press()
        except BaseException as reason:
            raise RuntimeError from reason
except KeyboardInterrupt:
    print("raised"); end()
"""
TWICE = """
with held_interrupts.raised_interrupts():
    try:
        press()
    finally:
        press()
        print("never")
"""
FROM_EXEC = """
try:
    with held_interrupts.raised_interrupts():
        exec("press()")
except KeyboardInterrupt:
    print("raised"); end()
"""
OUTSIDE = "press(); print('never')"
IN_TIME = """
held_interrupts.PATIENCE = 0.2
try:
    with held_interrupts.raised_interrupts():
        press()
except KeyboardInterrupt:
    time.sleep(0.4); print("raised"); sys.exit(3)
"""


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (SWALLOWED, (130, "", 1)),
        (LOST_AT_THE_END, (130, "raised\n", 0)),
        (WRAPPED, (130, "raised\n", 0)),
        (TWICE, (130, "", 1)),
        (FROM_EXEC, (130, "raised\n", 0)),
        (OUTSIDE, (130, "", 1)),
        (IN_TIME, (3, "raised\n", 0)),  # negative control: what put away in time is not hurried
    ],
    ids=["swallowed", "lost at the end", "wrapped", "twice", "from exec", "outside", "in time"],
)
def test_a_key_is_not_lost(code: str, expected: tuple[int, str, int]) -> None:
    """Expected are the exit code, what was printed, and how often it was said that we left at once."""
    done = subprocess.run([sys.executable, "-c", COMMAND_LINE + code], capture_output=True, text=True, timeout=60.0)
    said = done.stderr.count("pgverify: interrupted before the answer was complete\n")
    assert (done.returncode, done.stdout, said) == expected, done.stderr


def test_ctrl_c_stays_ignored_where_it_was() -> None:
    """As under nohup."""
    code = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)" + COMMAND_LINE + "press(); print('went on')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60.0)
    assert (done.returncode, done.stdout) == (0, "went on\n")


def test_a_noted_key_raises_nothing_and_the_handler_comes_back() -> None:
    before = signal.getsignal(signal.SIGINT)
    with noted_interrupts() as interrupted:
        assert not interrupted()
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)
        assert interrupted()
    assert signal.getsignal(signal.SIGINT) is before


def test_somebody_elses_handler_keeps_the_signal() -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: heard.append(number))
    try:
        with noted_interrupts() as interrupted, raised_interrupts():
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.01)
        assert heard == [signal.SIGINT]
        assert not interrupted()
    finally:
        signal.signal(signal.SIGINT, before)


def test_another_thread_leaves_signals_alone() -> None:
    seen: list[object] = []

    def look() -> None:
        with noted_interrupts():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [signal.getsignal(signal.SIGINT)]
