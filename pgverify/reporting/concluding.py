"""Deciding the claims of a finished run and drawing its figures: the only part of a report that runs a study's code."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from pgverify.beside import dependencies
from pgverify.drawing.vector import svg
from pgverify.errors import InvalidFile, one_sentence
from pgverify.foreign_code import foreign_code
from pgverify.reporting.given_claims import claims_of, figures_of
from pgverify.reporting.images import description, pdf, png, width
from pgverify.reporting.judged import shown
from pgverify.reporting.undecided import NO_CLAIMS, NO_FIGURES
from pgverify.running.conclusion import Conclusion, Drawing
from pgverify.running.fingerprint import digest
from pgverify.running.made import Clock, Made, made_now
from pgverify.running.rows import to_json
from pgverify.running.run import Run
from pgverify.running.store import Store
from pgverify.running.workload import Workload
from pgverify.studies import Row, Study, load_study, study_files

UNDECIDED = "were not decided: the process ended in the middle of it."
UNDRAWN = "were not drawn: the process ended in the middle of it."


def conclude(
    store: Store,
    workloads: Sequence[Workload],
    progress: Callable[[str, int, int], None] | None = None,
    clock: Clock | None = None,
) -> list[Run]:
    """Decide and draw for the runs of some workloads, and keep the result in the store; return the runs.

    What was concluded from the same rows before is kept: same fingerprint, same answer.

    Parameters
    ----------
    store : Store
        Open for writing, the workloads begun in it.
    workloads : sequence of Workload
    progress : function (study, done, total), optional
    clock : Clock, optional
        It has listened while the cells were computed.
    """
    tell = progress or (lambda *_: None)
    runs = [store.current(workload) for workload in workloads]
    for number, (run, workload) in enumerate(zip(runs, workloads, strict=True)):
        tell(run.study, number, len(runs))
        known = store.conclusion(run)
        if run.finished and (known is None or known.broken):
            made = made_now(workload.path, *(clock.spent(run.study) if clock else ()))
            _keep(store, run, concluded(workload.study, store.rows(run)), made)
    tell("", len(runs), len(runs))
    return runs


def conclude_anew(store: Store, progress: Callable[[str, int, int], None] | None = None) -> list[Run]:
    """Decide and draw for every finished run of a store, with the code in the files that it names: trust them first.

    Parameters
    ----------
    store : Store
        Open for writing.
    progress : function (study, done, total), optional

    Raises
    ------
    InvalidFile
        When the file of a study can no longer be found.
    """
    tell = progress or (lambda *_: None)
    runs = [run for run, _ in shown(store.runs()) if run.finished]
    for number, run in enumerate(runs):
        tell(run.study, number, len(runs))
        study, path = _load(run)
        edited = "The study's file was edited after its cells were computed; claims and figures follow the edit."
        first = () if digest(to_json(dependencies(path).files)) == run.source else (edited,)
        known = store.conclusion(run)
        spent = (known.made.seconds, known.made.cells) if known else ()
        _keep(store, run, concluded(study, store.rows(run)), made_now(path, *spent), first)
    return runs


def concluded(study: Study, rows: Sequence[Row]) -> Iterator[Conclusion]:
    """Yield what a study makes of its rows, better and better; what it does wrong is told beside what it did right.

    The last is the result. Each before it is what stays if the process does not survive the code that comes next.
    """
    table = pd.DataFrame([*rows])
    known = Conclusion((), {}, (f"The claims {UNDECIDED}",), True, str(study.answer), str(study.formula))
    yield known
    troubles: list[str] = []
    try:
        with foreign_code(f"the claims of study {study.name} were decided"):
            claims = claims_of(study.decide(table.copy()))
        known = replace(known, claims=claims)
    except Exception as error:
        troubles.append(f"{NO_CLAIMS}: {one_sentence(error)}.")
    yield replace(known, troubles=(*troubles, f"The figures {UNDRAWN}"))
    try:
        with foreign_code(f"the figures of study {study.name} were drawn"):
            known = replace(known, figures=_drawings(figures_of(study.figures(table.copy())), study.captions))
    except Exception as error:
        troubles.append(f"{NO_FIGURES}: {one_sentence(error)}.")
    yield replace(known, troubles=tuple(troubles), broken=bool(troubles))


def _keep(store: Store, run: Run, found: Iterable[Conclusion], made: Made, first: Sequence[str] = ()) -> None:
    for conclusion in found:
        store.conclude(run, replace(conclusion, made=made, troubles=(*first, *conclusion.troubles)))


def _drawings(figures: Mapping[str, Figure], captions: Mapping[str, str]) -> dict[str, Drawing]:
    return {
        name: Drawing(
            description(name, figure),
            width(figure),
            png(figure),
            svg(figure, transparent=True),
            pdf(figure),
            str(captions.get(name, "")),
        )
        for name, figure in figures.items()
    }


def _load(run: Run) -> tuple[Study, Path]:
    """Find the study where it was, or where a study of its name is now: folders are moved and copied."""
    place = run.path if Path(run.path).is_file() else study_files().get(run.study)
    if place is None:
        raise InvalidFile(
            f"study {run.study!r} was computed from {run.path}, which is gone; put it back or use a new folder"
        )
    return load_study(str(place))
