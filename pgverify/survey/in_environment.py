"""The rows of one library in the Python that has it.

Run as `python -m pgverify.survey.in_environment NAME FOLDER FILE [SKIPPED]...`.

Each verdict is appended to the file as soon as it is there; rows that it holds already are not judged again.
"""

from __future__ import annotations

import importlib
import os
import sys
import warnings
from pathlib import Path

from pgverify.guarded_process import end_with_parent
from pgverify.survey.files import load_survey
from pgverify.survey.judged import judged, read, written


def main(name: str, folder: str, file: str, *skipped: str) -> None:
    """Judge every row of a library that has no verdict in the file yet, and is not to be skipped."""
    warnings.simplefilter("ignore")  # theirs are theirs
    for variable in ("JAX_PLATFORMS", "CUDA_VISIBLE_DEVICES"):
        os.environ.setdefault(variable, "cpu" if variable.startswith("JAX") else "")
    end_with_parent()  # a run that is killed leaves none behind that writes to the same file as the next
    survey = load_survey(name, Path(folder))
    for module in survey.imports:
        importlib.import_module(module)
    path = Path(file)
    known = {verdict.function for verdict in read(whole(path), file)}
    with path.open("a", encoding="utf-8") as lines:
        for row in survey.rows:
            if row.function not in known and row.function not in skipped:
                lines.write(written(judged(survey, row)) + "\n")
                lines.flush()


def whole(path: Path) -> str:
    """Return what a file holds, without a last line that was cut off, which is taken out: lines are added to it."""
    if not path.is_file():
        return ""
    said = path.read_bytes()
    kept = said[: said.rfind(b"\n") + 1]
    if len(kept) < len(said):
        with path.open("r+b") as file:
            file.truncate(len(kept))
    return kept.decode("utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
