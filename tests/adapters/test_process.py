"""The pipe to a program: every bit comes through, every fault has its name, and nobody gets out of step."""

from __future__ import annotations

import math
import os
import sys
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
from program_commands import ECHO, FAULTY, LONG, ROOT

from pgverify.adapters import process as adapter
from pgverify.adapters import program as programs
from pgverify.adapters.process import from_command
from pgverify.checking.calling.alarm import Alarm
from pgverify.checking.calling.guarded_call import guarded
from pgverify.errors import InvalidInput

pytestmark = pytest.mark.skipif(os.name != "posix", reason="programs are run on POSIX systems only")


def test_numbers_come_through_to_the_last_bit(faulty, batch):
    awkward = [1 / 3, 5e-324, sys.float_info.max, -0.0, 0.1 + 0.2, -1e-300]
    rewards = np.resize(awkward, batch.rewards.shape)
    answer = faulty("says", ECHO % "rewards")(replace(batch, rewards=rewards))
    assert answer.dtype == np.float64
    assert answer.tobytes() == rewards.tobytes()


def test_a_batch_larger_than_any_pipe_comes_through(faulty, batch):
    large = batch.select(np.resize(np.arange(len(batch)), 5_000))
    assert np.array_equal(faulty("floods")(large), large.rewards)


# Faults


@pytest.mark.parametrize(
    ("fault", "detail", "error", "message"),
    [
        ("dies at once", "", adapter.ProgramEnded, "exit code 1 .*No module named 'gradients'"),
        ("exits", "0", adapter.ProgramEnded, "exit code 0 .*go on reading .*about to leave"),
        ("crashes", "", adapter.ProgramEnded, "signal 9"),
        ("closes its output", "", adapter.ProgramEnded, "closed its standard output"),
        ("banner", "", adapter.MalformedAnswer, "Loading the model"),
        ("wrong id", "", adapter.MalformedAnswer, "id must be"),
        ("says", "{}\n{}", adapter.MalformedAnswer, "more than one line"),
        ("says", "[[1.5", adapter.MalformedAnswer, "JSON object"),
        ("writes for ever", "", adapter.MalformedAnswer, "longer than"),
        ("says", '{"error": "no such kind"}', adapter.ReportedError, "no such kind"),
    ],
)
def test_each_fault_has_its_name(faulty, batch, monkeypatch, fault, detail, error, message):
    monkeypatch.setattr(programs, "LONGEST_ANSWER", 1 << 20)
    program = faulty(fault, detail)
    for _ in range(2):  # the second call meets a program that was started again
        with pytest.raises(error, match=message):
            program(batch)


def test_a_program_that_reports_an_error_is_kept(faulty, batch):
    program = faulty("says", '{"error": "no such kind"}')
    seen = set()
    for _ in range(2):
        with pytest.raises(adapter.ReportedError):
            program(batch)
        seen.add(program._idle._child.pid)
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("fault", "error", "message"),
    [
        ("two answers", adapter.MalformedAnswer, "more than one line|id must be 2"),
        ("one shot", adapter.ProgramEnded, "go on reading requests"),
    ],
)
def test_a_fault_after_the_answer_is_seen_at_the_next_request(faulty, batch, fault, error, message):
    program = faulty(fault)

    def twice() -> None:
        program(batch)
        time.sleep(0.1)
        program(batch)

    with pytest.raises(error, match=message):
        twice()


@pytest.mark.parametrize("rows", [1, 5_000])
def test_a_program_that_never_answers_is_given_up_without_signals(faulty, batch, rows):
    """In a thread, where no alarm rings; with a request that fits into a pipe, and one that the program never takes."""
    program = faulty("sleeps second")
    request = batch.select(np.resize(np.arange(len(batch)), rows))
    found: list[object] = []

    def work() -> None:
        for limit in (LONG, 0.2, LONG):
            program._time_limit = limit
            try:
                found.append(program(request))
            except adapter.NoAnswer as reason:
                found.append(str(reason))

    worker = threading.Thread(target=work)
    worker.start()
    worker.join(LONG)
    assert np.array_equal(found[0], request.rewards)
    assert "no answer within 0.2 s" in str(found[1])
    assert np.array_equal(found[2], request.rewards)  # by another program


def test_no_answer_is_a_timeout():
    assert issubclass(adapter.NoAnswer, TimeoutError)


def test_an_interrupted_request_leaves_nobody_out_of_step(faulty, batch):
    program = faulty("sleeps second")
    rows = [batch.select([i]) for i in range(3)]
    assert np.array_equal(program(rows[0]), rows[0].rewards)
    pid = program._idle._child.pid
    with Alarm(0.2) as alarm:
        interrupted = guarded(program, (rows[1],), alarm)
    assert interrupted.timed_out
    assert np.array_equal(program(rows[2]), rows[2].rewards)
    assert program._idle._child.pid != pid


def test_threads_take_turns(faulty, batch):
    program = faulty("none")
    wrong: list[int] = []

    def work(row: int) -> None:
        one = batch.select([row])
        wrong.extend(row for _ in range(30) if not np.array_equal(program(one), one.rewards))

    workers = [threading.Thread(target=work, args=(row,)) for row in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(LONG)
    assert wrong == []


def test_one_string_is_split_as_a_shell_would(run, batch):
    program = run(f"'{FAULTY[0]}' -S '{FAULTY[2]}' says '{ECHO % 'rewards'}'")
    assert np.array_equal(program(batch), batch.rewards)


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("./no-such-program --flag",), "no-such-program.*No such file.*PATH"),
        (([str(ROOT / "README.md")],), "Permission denied"),
        (([str(ROOT)],), "Permission denied"),
        ((["a\0b"],), "null"),
        (("",), "must be a program"),
        (([],), "must be a program"),
        (([3],), "must be a program"),
        (("'unbalanced",), "No closing quotation"),
        ((["true"], "gradients"), "unknown kind 'gradients'.*gradient"),
        ((["true"], "gradient", 0.0), "time_limit is 0.0"),
        ((["true"], "gradient", math.nan), "time_limit is nan"),
    ],
)
def test_a_wrong_call_is_refused_in_one_sentence(arguments, complaint):
    with pytest.raises(InvalidInput, match=complaint) as caught:
        from_command(*arguments)
    assert "\n" not in str(caught.value)
