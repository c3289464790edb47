"""A program lives as long as what started it: it ends with the callable, with its process, and is shared by none."""

from __future__ import annotations

import fcntl
import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from program_commands import FAULTY, LONG

from pgverify.adapters import process as adapter
from pgverify.adapters.process import from_command
from pgverify.errors import InvalidInput

pytestmark = pytest.mark.skipif(os.name != "posix", reason="programs are run on POSIX systems only")


def free(path: Path) -> bool:
    """Return whether nobody holds the lock any more, within seconds."""
    until = time.monotonic() + 60.0
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
