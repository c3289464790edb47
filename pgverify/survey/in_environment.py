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

from pgverify.survey.files import load_survey
from pgverify.survey.judged import judged, read, written


def main(name: str, folder: str, file: str, *skipped: str) -> None:
    """Judge every row of a library that has no verdict in the file yet, and is not to be skipped."""
    warnings.simplefilter("ignore")  # theirs are theirs
    for variable in ("JAX_PLATFORMS", "CUDA_VISIBLE_DEVICES"):
        os.environ.setdefault(variable, "cpu" if variable.startswith("JAX") else "")
    survey = load_survey(name, Path(folder))
    for module in survey.imports:
        importlib.import_module(module)
    path = Path(file)
    known = {verdict.function for verdict in read(path.read_text("utf-8"), file)} if path.is_file() else set()
    with path.open("a", encoding="utf-8") as lines:
        for row in survey.rows:
            if row.function not in known and row.function not in skipped:
                lines.write(written(judged(survey, row)) + "\n")
                lines.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
