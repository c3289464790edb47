"""An environment a library, made on demand and kept: libraries do not agree with each other on their requirements."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from pgverify.errors import InvalidRun
from pgverify.survey.entry import Survey
from pgverify.survey.installers import installer

READY = ".pgverify-survey"
"""Written last: an environment without it was not finished."""

MOST_SAID = 400
"""Characters of a reason that are kept."""


def environments_folder() -> Path:
    """Return where environments are kept: in the user's cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pgverify" / "survey"


def is_here(survey: Survey) -> bool:
    """Return whether this very interpreter has everything that a library needs, in the versions that are asked for."""
    for requirement in survey.requires:
        name, _, wanted = requirement.partition("==")
        try:
            found = importlib.metadata.version(name.partition("[")[0])
        except importlib.metadata.PackageNotFoundError:
            return False
        if wanted and found.partition("+")[0] != wanted:
            return False
    return True


def interpreter(survey: Survey, folder: Path | None = None, lock: Path | None = None) -> Path:
    """Return the Python that has the library: this one where it has, else that of an environment made for it.

    Parameters
    ----------
    survey : Survey
    folder : Path or None
        Where environments are kept; by default the user's cache.
    lock : Path or None
        A file of exact versions of all that comes into the environment, what requirements require among it.

    Raises
    ------
    InvalidRun
        With the reason, when the library cannot be installed.
    """
    if is_here(survey):
        return Path(sys.executable)
    every = [*survey.requires, *own_requirements()]
    kind = ["the first alone"] if survey.complete else []
    pinned = [] if lock is None else [lock.read_text("utf-8")]
    mark = hashlib.sha256("\n".join([sys.version, *every, *kind, *pinned]).encode()).hexdigest()[:12]
    home = (folder or environments_folder()) / f"{survey.library}-{survey.version}-{mark}"
    python = home / ("Scripts" if os.name == "nt" else "bin") / "python"
    if (home / READY).is_file():
        return python
    # torch comes first and alone, so that no other requirement can choose its version.
    first = [requirement for requirement in survey.requires if re.match(r"torch==", requirement)]
    how = installer()
    exactly = () if lock is None else ("--constraint", str(lock))
    _run(how.make(home), survey.library)
    if first:
        _run(how.install(python, *exactly, *first), survey.library, how.variables)
    if survey.complete:  # what it asks for is left out; what is listed in its place comes with all that that asks for
        _run(how.install(python, *exactly, "--no-deps", survey.requires[0]), survey.library, how.variables)
        every = every[1:]
    _run(how.install(python, *exactly, *every), survey.library, how.variables)
    (home / READY).write_text("\n".join(every) + "\n", encoding="utf-8")
    return python


def own_requirements() -> list[str]:
    """Return what pgverify itself needs: its source is lent to the environment, not installed."""
    return [line for line in importlib.metadata.requires("pgverify") or [] if "extra ==" not in line]


def _run(command: list[str], library: str, variables: Mapping[str, str] = MappingProxyType({})) -> None:
    environment = {**os.environ, **variables}
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False, env=environment)
    except OSError as reason:
        raise InvalidRun(f"{library} cannot be installed: {reason.strerror}") from None
    if done.returncode:
        raise InvalidRun(f"{library} cannot be installed: {reason_of(done.stderr)}")


def reason_of(said: str) -> str:
    """Return why an installation failed, in a line, of what pip or uv said on standard error."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    causes = [line.removeprefix("cause: ") for line in lines if line.startswith("cause: ")]  # uv's: outer ones first
    drawn = [number for number, line in enumerate(lines) if line.startswith("×")]  # older uv's: over several lines
    if causes:
        return causes[-1][:MOST_SAID]
    if drawn:
        return " ".join(line.lstrip("×╰├─▶│ ").strip() for line in lines[drawn[0] :])[:MOST_SAID]
    last = lines[-1] if lines else "no reason was given"
    return next((line for line in lines if "ERROR" in line), last).removeprefix("ERROR: ").strip()[:MOST_SAID]
