"""What requirements require, pinned: one file of exact versions a library, so that its environment can be made again.

Written anew by `python -m pgverify.survey.locks [LIBRARY]...`, by default for all, from the places that pip is set up
with; it needs uv, and installs nothing.
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from pgverify.errors import InvalidRun, one_sentence
from pgverify.studies import studies_folder
from pgverify.survey.entry import Survey
from pgverify.survey.environments import own_requirements, reason_of
from pgverify.survey.files import load_survey, lock_file, survey_files
from pgverify.survey.installers import Installer, installer

LOCAL = re.compile(r"(?<===)([^+\s]+)\+\S+")
"""A version with a build after it, as in 2.13.0+cpu: another index has the same version without the build."""


def asked_of(survey: Survey) -> list[str]:
    """Return what is chosen for: all requirements, without a library whose own are left out."""
    return [*survey.requires[1 if survey.complete else 0 :], *own_requirements()]


def text_of_lock(survey: Survey, found: str) -> str:
    """Return the text of a lock, of what uv found: sorted, without builds, with the library where it was left out."""
    lines = {LOCAL.sub(r"\1", line.strip()) for line in found.splitlines() if "==" in line}
    own = f"{name_of(survey.requires[0])}=={survey.version}"
    if survey.complete:
        lines.add(own)
    where = f"Python {sys.version_info.major}.{sys.version_info.minor} on {platform.system()}"
    head = f"# What {own} was surveyed with, {where}; made by `python -m pgverify.survey.locks`."
    return "\n".join([head, *sorted(lines, key=str.lower), ""])


def name_of(requirement: str) -> str:
    """Return the name in a requirement, spelled as indices compare it: ray of ray[rllib]==2.60.0."""
    name = re.split(r"[\[=<>~! ;]", requirement, maxsplit=1)[0]
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(text: str) -> dict[str, str]:
    """Return the version of every package of a lock, by its name."""
    lines = [line.partition(";")[0].strip() for line in text.splitlines() if "==" in line and not line.startswith("#")]
    return {name_of(line): line.partition("==")[2] for line in lines}


def found_by(how: Installer, survey: Survey) -> str:
    """Return what uv chooses for a library.

    Raises
    ------
    InvalidRun
        When there is no uv, or no choice fits.
    """
    if how.name != "uv":
        raise InvalidRun("uv is not there, must be for locks to be made; `pip install 'pgverify[survey]'`")
    uv = how.words[0]
    command = [uv, "pip", "compile", "-", "--quiet", "--no-header", "--no-annotate", "--python", sys.executable]
    ran = subprocess.run(
        [*command, *how.options],
        input="\n".join(asked_of(survey)),
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **how.variables},
    )
    if ran.returncode:
        raise InvalidRun(f"{survey.library} has no lock: {reason_of(ran.stderr)}")
    return ran.stdout


def write(libraries: Sequence[str] = (), folder: Path | None = None) -> list[Path]:
    """Write the locks of libraries, by default of all; return where they are."""
    root = folder or studies_folder() / "survey"
    written = []
    for name in libraries or survey_files(root):
        survey = load_survey(name, root)
        path = lock_file(name, root)
        path.parent.mkdir(exist_ok=True)
        path.write_text(text_of_lock(survey, found_by(installer(), survey)), encoding="utf-8")
        written.append(path)
    return written


if __name__ == "__main__":
    try:
        print("\n".join(map(str, write(sys.argv[1:]))))
    except (InvalidRun, OSError) as error:
        sys.exit(one_sentence(error))
