"""The whole survey: every library in its environment, resumable, each library's failure its own."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pgverify
from pgverify.counts import counted
from pgverify.errors import InvalidInput, InvalidRun, one_sentence
from pgverify.studies import studies_folder
from pgverify.survey.entry import Role, Survey
from pgverify.survey.environments import environments_folder, interpreter, is_here
from pgverify.survey.files import digest, load_survey, lock_file, survey_files
from pgverify.survey.judged import FAILED, Verdict, read, with_controls


def collected(
    libraries: Sequence[str] = (),
    *,
    light: bool = False,
    again: bool = False,
    folder: Path | None = None,
    environments: Path | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> list[Verdict]:
    """Return the verdicts on libraries, by default all.

    Parameters
    ----------
    libraries : sequence of str
    light : bool
        Only those that this very interpreter has, in the versions asked for.
    again : bool
        Judge anew what has been judged with the same file, the same version of the library and of pgverify.
    folder : Path or None
        Where the files of the survey are; by default the shipped ones.
    environments : Path or None
        Where environments and verdicts are kept; by default the user's cache.
    tell :
        Is told what is being done.

    Returns
    -------
    list of Verdict
        As they may be published: see `with_controls`. A library that cannot be installed or run is one verdict,
        NOT RUN, with the reason.
    """
    root = folder or studies_folder() / "survey"
    known = survey_files(root)
    found: list[Verdict] = []
    for name in libraries or known:
        survey = load_survey(name, root)
        if light and not is_here(survey):
            continue
        try:
            found += _of(name, survey, root, environments or environments_folder(), again, tell)
        except (InvalidInput, OSError) as reason:
            found.append(_not_run(survey, one_sentence(reason)))
    return with_controls(found)


def _of(name: str, survey: Survey, root: Path, home: Path, again: bool, tell: Callable[[str], None]) -> list[Verdict]:
    begun = time.monotonic(), worked()
    tell(f"{survey.library} {survey.version}: its environment")
    lock = lock_file(name, root)
    python = interpreter(survey, home, lock if lock.is_file() else None)
    installed = time.monotonic(), worked()
    home.mkdir(parents=True, exist_ok=True)
    file = home / f"{name}-{survey.version}-{digest(root / f'{name}.py', lock)}-{pgverify.__version__}.jsonl"
    if again:
        file.unlink(missing_ok=True)
    tell(f"{survey.library} {survey.version}: {counted(len(survey.rows), 'row')}")
    # pgverify is lent, not installed: first in the path, so that it is the one which asks.
    environment = {**os.environ, "PYTHONPATH": str(Path(pgverify.__file__).resolve().parents[1])}
    environment |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    command = [str(python), "-m", "pgverify.survey.in_environment", name, str(root), str(file)]
    fatal: dict[str, str] = {}  # rows that ended the process, with the reason: those after them are judged all the same
    while missing := [row.function for row in survey.rows if row.function not in {*_there(file), *fatal}]:
        reason = _ended([*command, *fatal], environment)
        left = [function for function in missing if function not in _there(file)]
        if left and not file.is_file():  # not even the library could be imported
            raise InvalidRun(reason)
        fatal |= dict.fromkeys(left[:1], reason)
    there = _there(file)
    ended = time.monotonic(), worked()
    took = f"installed in {between(begun, installed)}, judged in {between(installed, ended)}"
    tell(f"{survey.library} {survey.version}: {took}")
    failed = {function: replace(_not_run(survey, reason), function=function) for function, reason in fatal.items()}
    return [
        replace(there.get(row.function) or failed[row.function], recorded=row.recorded.value) for row in survey.rows
    ]


def _there(file: Path) -> dict[str, Verdict]:
    """Return the verdicts that a file holds, by function."""
    verdicts = read(file.read_text("utf-8"), str(file)) if file.is_file() else []
    return {verdict.function: verdict for verdict in verdicts}


def _ended(command: Sequence[str], environment: Mapping[str, str]) -> str:
    """Run the rows of a library in its environment; return how the process ended, with its last words."""
    with tempfile.TemporaryFile("w+", errors="replace") as said:
        ran = subprocess.run(command, env=environment, stdout=said, stderr=said, check=False)
        said.seek(0)
        last = [line for line in said.read().splitlines() if line.strip()][-1:]
    return f"its process ended with {ran.returncode}: {''.join(last) or 'nothing was said'}"


def worked() -> float:
    """Return the seconds of processor time of all that this process has started and seen end."""
    times = os.times()
    return times.children_user + times.children_system


def between(first: tuple[float, float], second: tuple[float, float]) -> str:
    """Return what lies between two readings of the clock and of the processor time, in words."""
    return f"{second[0] - first[0]:.0f} s ({second[1] - first[1]:.0f} s of processor time)"


def _not_run(survey: Survey, reason: str) -> Verdict:
    date = dt.datetime.now(dt.UTC).date().isoformat()
    role = Role.FUNCTION.value
    return Verdict(survey.library, survey.version, "all", "", "", role, "", "", FAILED, explanation=reason, date=date)
