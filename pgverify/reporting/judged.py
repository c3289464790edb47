"""A study with its verdict: the rows of a run, the claims decided from them, the figures drawn from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pgverify.counts import counted
from pgverify.reporting.undecided import errors_of, failures_told, why_undecided
from pgverify.running.conclusion import Drawing
from pgverify.running.made import UNKNOWN, Made
from pgverify.running.run import Run
from pgverify.running.store import Store
from pgverify.studies import Claim, Row


@dataclass(frozen=True)
class Asked:
    """What a study asks, as the store remembers it: the study's code is not needed to show its answer."""

    name: str
    question: str
    source: str


@dataclass(frozen=True)
class Judged:
    """Everything the page says about one run of a study.

    Attributes
    ----------
    study : Asked
    label : str
        Tells runs of one study apart: empty for the first, "seed-1", "quick", "quick-seed-1" for others.
    path : Path
        The study's file as it was when the run was made; it is not looked at.
    run : Run
        The run that is reported: the latest finished one of its seed and grid, or the latest if none finished.
    rows : list of dict
    claims : sequence of Claim
        Those that fail first; empty while cells are missing or nothing was decided.
    figures : {name: drawing}
    troubles : sequence of str
        What a reader must know before believing the rest, one sentence each.
    """

    study: Asked
    label: str
    path: Path
    run: Run
    rows: list[Row]
    claims: Sequence[Claim]
    figures: Mapping[str, Drawing]
    troubles: Sequence[str]
    broken: bool
    """Whether `decide` or `figures` raised."""
    answer: str = ""
    """What the study answers where its claims hold, in one sentence."""
    formula: str = ""
    """What it is about, in LaTeX."""
    made: Made = UNKNOWN
    concluded: bool = True
    """Whether the study was asked for its claims."""

    @property
    def failing(self) -> list[Claim]:
        """The claims that do not hold."""
        return [claim for claim in self.claims if not claim.holds]

    @property
    def errors(self) -> int:
        """How many cells failed, and how often the code of the study raised besides."""
        return errors_of(self.run.failures, self.troubles)

    @property
    def undecided(self) -> str:
        """Why nothing was decided, in a few words; empty where claims were."""
        missing = self.run.total - self.run.done - len(self.run.failures)
        return "" if self.claims else why_undecided(self.errors, missing, self.run.total, self.concluded)

    @property
    def title(self) -> str:
        """The study's name, with the label if there is one."""
        return f"{self.study.name} ({self.label})" if self.label else self.study.name


def judge(store: Store) -> list[Judged]:
    """Return every study of a store with what was concluded, in alphabetical order; no study's code runs here."""
    return [_judged(store, run, label) for run, label in shown(store.runs())]


def shown(runs: Sequence[Run]) -> list[tuple[Run, str]]:
    """Return the runs that are reported, with their labels: for each seed and grid the latest finished one.

    The first seed of a study has no label, and its whole grid goes before its quick one: a folder keeps its meaning
    when other seeds are added.

    Parameters
    ----------
    runs : sequence of Run
        By study, the most recently begun one first.
    """
    latest: dict[tuple[str, int, bool], Run] = {}
    for run in runs:
        key = (run.study, run.seed, run.quick)
        known = latest.get(key)
        if known is None or (run.finished and not known.finished):
            latest[key] = run
    found = []
    for study in dict.fromkeys(study for study, _, _ in latest):
        own = [run for key, run in latest.items() if key[0] == study]
        first = min(own, key=lambda run: (run.quick, run.number))
        for run in sorted(own, key=lambda run: (run is not first, run.number)):
            parts = [
                "quick" if run.quick and not first.quick else "",
                f"seed-{run.seed}" if run.seed != first.seed else "",
            ]
            found.append((run, "" if run is first else "-".join(filter(None, parts))))
    return found


def _judged(store: Store, run: Run, label: str) -> Judged:
    troubles = failures_told(run.failures, run.total)
    if run.damaged:
        troubles.append(
            f"The rows of {counted(run.damaged, 'cell')} were damaged in the file; the command below computes them "
            "again."
        )
    missing = run.total - run.done - len(run.failures) - run.damaged
    if missing > 0:
        are = "is" if missing == 1 else "are"
        troubles.append(
            f"{missing} of {counted(run.total, 'cell')} {are} not computed yet; the command below resumes the run."
        )
    if len(run.machines) > 1:
        mix = "; ".join(f"{counted(count, 'cell')} with {name or 'no record'}" for name, count in run.machines.items())
        troubles.append(
            f"The cells were computed with different linear algebra, so that last bits may differ between them: {mix}. "
            "With --again all are computed alike."
        )
    rows = store.rows(run)
    found = store.conclusion(run) if run.finished else None
    asked = Asked(run.study, run.question, run.published)
    path = Path(run.path)
    if found is None:
        if run.finished:
            troubles.append(
                "No claim was decided and no figure drawn yet; the command below does, or `pgverify report --trust`: "
                f"both run the code in {run.path}."
            )
        return Judged(asked, label, path, run, rows, (), {}, tuple(troubles), broken=False, concluded=False)
    return Judged(
        asked,
        label,
        path,
        run,
        rows,
        found.claims,
        found.figures,
        (*troubles, *found.troubles),
        found.broken,
        found.answer,
        found.formula,
        found.made,
    )
