"""The files of the survey: `studies/survey/LIBRARY.py`, each with a `SURVEY`, that import their library when called."""

from __future__ import annotations

import csv
import hashlib
import importlib.util
import sys
from pathlib import Path

from pgverify.errors import InvalidFile, InvalidInput, one_sentence, unknown_name
from pgverify.foreign_code import foreign_code
from pgverify.studies import studies_folder
from pgverify.survey.entry import Survey


def survey_files(folder: Path | None = None) -> dict[str, Path]:
    """Return the path of every library's file, by the name of the file."""
    root = folder or studies_folder() / "survey"
    return {path.stem: path for path in sorted(root.glob("*.py")) if not path.stem.startswith("_")}


def load_survey(name: str, folder: Path | None = None) -> Survey:
    """Return the survey of a library; neither the library nor anything else that is heavy is imported.

    Raises
    ------
    UnknownName
        Listing the nearest names.
    InvalidFile
        When the file cannot be loaded, or defines no `SURVEY`.
    """
    known = survey_files(folder)
    if name not in known:
        raise unknown_name("library", name, known, "`pgverify survey --list`")
    path = known[name]
    module_name = f"pgverify_survey_{name}_{digest(path)}"
    module = sys.modules.get(module_name)
    if module is None:
        spec = importlib.util.spec_from_file_location(module_name, path)
        if spec is None or spec.loader is None:
            raise InvalidFile(f"{path} is not a Python file, must define SURVEY")
        module = importlib.util.module_from_spec(spec)
        sys.modules[module_name] = module
        try:
            with foreign_code():
                spec.loader.exec_module(module)
        except Exception as reason:
            del sys.modules[module_name]
            if isinstance(reason, InvalidInput):
                raise
            raise InvalidFile(f"{path} cannot be loaded: {one_sentence(reason)}") from reason
    survey = getattr(module, "SURVEY", None)
    if not isinstance(survey, Survey):
        raise InvalidFile(f"{path} defines SURVEY as {type(survey).__name__}, must be a pgverify.survey.Survey")
    return survey


def left_out(folder: Path | None = None) -> dict[str, str]:
    """Return why libraries that one might look for are not surveyed, by their name: `left_out.csv` beside the files."""
    path = (folder or studies_folder() / "survey") / "left_out.csv"
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as lines:
        return {row["library"]: row["reason"] for row in csv.DictReader(lines)}


def lock_file(name: str, folder: Path | None = None) -> Path:
    """Return where the exact versions of all that a library is surveyed with are; a file that need not be there."""
    return (folder or studies_folder() / "survey") / "locks" / f"{name}.txt"


def digest(*paths: Path) -> str:
    """Return what tells versions of files apart; one that is not there counts as empty."""
    every = (path.read_bytes() if path.is_file() else b"" for path in paths)
    return hashlib.sha256(b"\0".join(every)).hexdigest()[:16]
