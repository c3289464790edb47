"""A study with its verdict: the rows of a run, the claims decided from them, the figures drawn from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from pgverify.errors import InvalidFile, one_sentence
from pgverify.foreign_code import foreign_code
from pgverify.running.fingerprint import digest
from pgverify.running.store import Run, Store
from pgverify.studies import Claim, Row, Study, load_study, study_files


@dataclass(frozen=True)
class Judged:
    """Everything the page says about one study.

    Attributes
    ----------
    study : Study
    path : Path
        Where it was found.
    run : Run
        The run that is reported: the latest finished one, or the latest if none finished.
    rows : list of dict
    claims : sequence of Claim
        Those that fail first; empty while cells are missing.
    figures : {name: figure}
    troubles : sequence of str
        What a reader must know before believing the rest, one sentence each.
    """

    study: Study
    path: Path
    run: Run
    rows: list[Row]
    claims: Sequence[Claim]
    figures: Mapping[str, Figure]
    troubles: Sequence[str]
    broken: bool
    """Whether `decide` or `figures` raised."""

    @property
    def failing(self) -> list[Claim]:
        """The claims that do not hold."""
        return [claim for claim in self.claims if not claim.holds]


def judge(store: Store) -> list[Judged]:
    """Return every study of a store, judged, in alphabetical order.

    Raises
    ------
    InvalidFile
        When the file of a study can no longer be found.
    """
    latest: dict[str, Run] = {}
    for run in store.runs():  # the most recently begun one first
        known = latest.get(run.study)
        if known is None or (run.finished and not known.finished):
            latest[run.study] = run
    return [_judge(run, store.rows(run)) for run in latest.values()]


def _judge(run: Run, rows: list[Row]) -> Judged:
    study, path = _load(run)
    troubles = [f"Cell {failure.index} of {run.total} failed: {failure.error}." for failure in run.failures]
    missing = run.total - run.done - len(run.failures)
    if missing:
        troubles.append(f"{missing} of {run.total} cells are not computed yet; the command below resumes the run.")
    if digest(path.read_text(encoding="utf-8")) != run.source:
        troubles.append(
            "The study's file was edited after its cells were computed; claims and figures follow the edit."
        )
    claims: list[Claim] = []
    broken = False
    drawn: dict[str, Figure] = {}
    if run.done == run.total:
        table = pd.DataFrame(rows)
        try:  # what a study does wrong is reported beside what it did right
            with foreign_code():
                claims = sorted(study.decide(table.copy()), key=lambda claim: bool(claim.holds))
        except Exception as error:
            broken = True
            troubles.append(f"The claims cannot be decided: {one_sentence(error)}.")
        try:
            with foreign_code():
                drawn = study.figures(table.copy())
        except Exception as error:
            broken = True
            troubles.append(f"The figures cannot be drawn: {one_sentence(error)}.")
    return Judged(study, path, run, rows, tuple(claims), drawn, tuple(troubles), broken)


def _load(run: Run) -> tuple[Study, Path]:
    """Find the study where it was, or where a study of its name is now: folders are moved and copied."""
    place = run.path if Path(run.path).is_file() else study_files().get(run.study)
    if place is None:
        raise InvalidFile(
            f"study {run.study!r} was computed from {run.path}, which is gone; put it back or use a new folder"
        )
    return load_study(str(place))
