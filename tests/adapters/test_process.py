"""Programs in other languages: right ones pass, wrong ones are named, and no fault of theirs hangs or passes."""

from __future__ import annotations

import fcntl
import math
import os
import pickle
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import pgverify as pgv
from pgverify.adapters import process as adapter
from pgverify.adapters import program as programs
from pgverify.adapters.process import ExternalProgram, from_command
from pgverify.checking import exhaustive, standard_suite
from pgverify.checking.alarm import Alarm
from pgverify.checking.probe import guarded
from pgverify.errors import InvalidInput
from pgverify.exact import enumerate_trajectories

pytestmark = pytest.mark.skipif(os.name != "posix", reason="programs are run on POSIX systems only")

ROOT = Path(__file__).parents[2]
FAULTY = [sys.executable, "-S", str(Path(__file__).parent / "faulty_program.py")]
ECHO = '{"version": 1, "id": %%(id)s, "value": %%(%s)s}'
PROBLEMS = {entry.name: entry.problem for entry in standard_suite()}
FEW = [PROBLEMS[name] for name in ("early-stop", "delayed-reward", "shared-features")]
"""Different lengths, γ < 1, and parameters that do not belong to a state."""
LONG = 60.0
"""Seconds that no program here needs, however busy the machine."""


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Return the commands of the examples that can be run here."""
    found = {"py": [sys.executable, str(ROOT / "examples/reinforce.py")]}
    if node := shutil.which("node"):
        found["js"] = [node, str(ROOT / "examples/reinforce.js")]
    if compiler := shutil.which("cc"):
        binary = str(tmp_path_factory.mktemp("examples") / "reinforce")
        strict = ["-std=c99", "-O2", "-Wall", "-Wextra", "-pedantic", "-Werror"]
        subprocess.run([compiler, *strict, "-o", binary, str(ROOT / "examples/reinforce.c"), "-lm"], check=True)
        found["c"] = [binary]
    return found


def command(examples: dict[str, list[str]], language: str) -> list[str]:
    if language not in examples:
        pytest.skip({"c": "no C compiler (cc)", "js": "no node"}[language])
    return examples[language]


@pytest.fixture
def run() -> Iterator[Callable[..., ExternalProgram]]:
    """Return from_command; what it starts is ended afterwards."""
    started: list[ExternalProgram] = []

    def start(argv: str | list[str], *rest: object, **settings: object) -> ExternalProgram:
        started.append(from_command(argv, *rest, **{"time_limit": LONG, **settings}))
        return started[-1]

    yield start
    for program in started:
        program.close()


@pytest.fixture
def faulty(run: Callable[..., ExternalProgram]) -> Callable[..., ExternalProgram]:
    return lambda fault, detail="", **settings: run([*FAULTY, fault, detail], **settings)


@pytest.fixture(scope="module")
def batch() -> pgv.Trajectories:
    return enumerate_trajectories(PROBLEMS["early-stop"])[0]


# Verdicts


@pytest.fixture
def quick(unchecked_shapes: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the largest batches on which the oracle looks for coupling: the oracle has tests of its own."""
    monkeypatch.setattr(exhaustive, "TRIED_SIZES", (2, 3, 5, 16))


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("language", "kind"),
    [("c", "gradient"), ("c", "weights"), ("js", "gradient"), ("js", "weights"), ("py", "gradient")],
)
def test_a_right_program_is_correct(examples, run, language, kind):
    report = pgv.check(run(command(examples, language), kind), kind=kind, problems=FEW)
    assert report.outcome is pgv.Outcome.CORRECT, report
    assert report.warnings == ()


@pytest.mark.slow
@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize("language", ["c", "js", "py"])
def test_a_right_program_is_correct_on_the_whole_suite(examples, run, language):
    assert pgv.check(run(command(examples, language))).outcome is pgv.Outcome.CORRECT


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("language", "kind", "bug", "slug"),
    [
        ("c", "gradient", "drop-discount", "discount-dropped"),
        ("c", "gradient", "shift", "reward-shifted-late"),
        ("js", "gradient", "drop-discount", "discount-dropped"),
        ("js", "weights", "shift", "reward-shifted-late"),
        ("py", "weights", "shift", "reward-shifted-late"),
    ],
)
def test_a_wrong_program_is_named(examples, run, language, kind, bug, slug):
    """Negative control of the test above: the same programs with a bug."""
    report = pgv.check(run([*command(examples, language), "--bug", bug], kind), kind=kind, problems=FEW)
    assert not report.outcome.good
    assert report.diagnosis == slug, report


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize(("bug", "good"), [([], True), (["--bug", "shift"], False)])
def test_a_sampling_program_is_judged_by_sampling(examples, run, bug, good):
    """At α = 1e-6 and fixed seeds; the shifted one drops the only reward there is."""
    sampler = run([*examples["py"], *bug], "sampler")
    report = pgv.check(sampler, kind="sampler", problems=[PROBLEMS["coin"]], tolerance=0.2, budget=30_000)
    assert report.evidence == "sampled"
    assert report.outcome.good is good, report
    assert report.outcome not in (pgv.Outcome.INVALID, pgv.Outcome.INCONCLUSIVE)
    assert not any("not reproducible" in warning for warning in report.warnings)


@pytest.mark.parametrize("language", ["c", "js"])
def test_an_example_says_what_it_cannot_do(examples, run, language):
    with pytest.raises(adapter.ReportedError, match="not supported"):
        run(command(examples, language), "sampler")(PROBLEMS["coin"], 1, np.random.default_rng(0))


@pytest.mark.parametrize("printed", ["NaN", "nan", "-nan", "null", "Infinity", "-inf", "1e999"])
@pytest.mark.usefixtures("unchecked_shapes")
def test_what_is_not_finite_is_invalid(faulty, printed):
    report = pgv.check(
        faulty("says", f'{{"version":1,"id":%(id)s,"value":[0.5,{printed}]}}'), problems=[PROBLEMS["coin"]]
    )
    assert report.outcome is pgv.Outcome.INVALID
    assert re.search(r"returned -?(nan|inf) at \[1\]", report.explanation), report.explanation


@pytest.mark.usefixtures("unchecked_shapes")
def test_a_dying_program_is_invalid_with_its_last_words(faulty):
    report = pgv.check(faulty("exits", "3"), problems=FEW[:1])
    assert report.outcome is pgv.Outcome.INVALID
    assert "ProgramEnded" in report.explanation
    assert "about to leave" in report.explanation


# Transport


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


# Beginning and end


def free(path: Path) -> bool:
    """Return whether nobody holds the lock any more, within seconds."""
    until = time.monotonic() + 10.0
    with path.open("w") as file:
        while time.monotonic() < until:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(0.01)
            else:
                return True
    return False


def held(path: Path) -> bool:
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


@pytest.mark.parametrize("ending", ["close", "with", "collected"])
def test_a_program_and_its_children_end_with_the_callable(batch, tmp_path, ending):
    path = tmp_path / "lock"
    path.touch()
    program = from_command([*FAULTY, "holds a lock", str(path)], time_limit=LONG)
    program(batch)
    assert held(path)
    if ending == "close":
        program.close()
    elif ending == "with":
        with program:
            pass
    del program
    assert free(path)


PARENT = """
import os, signal, sys
import numpy as np
from pgverify.adapters.process import from_command
from pgverify.checking import standard_suite
from pgverify.exact import enumerate_trajectories

batch = enumerate_trajectories(standard_suite()[0].problem)[0]
program = from_command(sys.argv[2:], time_limit=60)
right = lambda: np.array_equal(program(batch), batch.rewards)
assert right()
if sys.argv[1] == "forked":
    pid = program._idle._child.pid
    copy = os.fork()
    if copy == 0:
        fine = right() and program._idle._child.pid != pid
        program.close()
        os._exit(0 if fine else 1)
    assert os.waitpid(copy, 0)[1] == 0
    assert right()
    assert program._idle._child.pid == pid
print("held", flush=True)
if sys.argv[1] == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
"""


def run_parent(*arguments: str) -> int:
    command = [sys.executable, "-W", "error", "-c", PARENT, *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=LONG, check=False)
    assert (ended.stdout, ended.stderr) == ("held\n", "")
    return ended.returncode


@pytest.mark.parametrize("death", ["killed", "at exit"])
def test_a_program_never_survives_its_parent(tmp_path, death):
    path = tmp_path / "lock"
    path.touch()
    code = run_parent(death, *FAULTY, "holds a lock", str(path))
    assert code == (-signal.SIGKILL if death == "killed" else 0)
    assert free(path)


def test_a_forked_copy_has_a_program_of_its_own_and_leaves_the_first_alone():
    assert run_parent("forked", *FAULTY) == 0


def test_a_pickled_copy_has_a_program_of_its_own(faulty, batch):
    program = faulty("none")
    with pickle.loads(pickle.dumps(program)) as copy:
        assert np.array_equal(copy(batch), batch.rewards)
    assert np.array_equal(program(batch), batch.rewards)


def test_a_closed_program_is_refused(faulty, batch):
    program = faulty("none")
    program.close()
    program.close()
    with pytest.raises(InvalidInput, match="has been closed"):
        program(batch)


def test_it_is_started_again_where_it_was_started_first(run, batch, tmp_path, monkeypatch):
    (tmp_path / "exits.py").write_text("import sys\nsys.exit('here I am')\n")
    monkeypatch.chdir(tmp_path)
    program = run([sys.executable, "exits.py"])
    monkeypatch.chdir("/")
    for _ in range(2):
        with pytest.raises(adapter.ProgramEnded, match="here I am"):
            program(batch)


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
