"""The report as a value, and the ways to show it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pgverify.kinds import PATH, known_arguments
from pgverify.trajectories import Trajectories
from pgverify.variance.accuracy import Accuracy
from pgverify.variance.contents import ReportContents

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@known_arguments
@dataclass(frozen=True, eq=False, repr=False)
class VarianceReport(ReportContents):
    """How noisy the estimators of one gradient are, where the noise comes from, and what would help.

    The attributes are those of `ReportContents`: `table`, `recommendation`, `shares`, `maps`, `baselines`, `curves`,
    `facts`, `remarks`.
    """

    @classmethod
    def from_batches(
        cls,
        batches: Trajectories | Sequence[Trajectories],
        estimators: Mapping[str, Any] | Sequence[Any] | None = None,
        *,
        batch_size: int = 100,
        relative_error: float = 0.05,
        confidence: float = 0.95,
        title: str | None = None,
        progress: Callable[[str], None] | None = None,
    ) -> VarianceReport:
        """Return how noisy the estimators of ∇J are on stored rollouts, with intervals; no model is looked at.

        All intervals of the report hold together with probability `confidence` (Bonferroni over two for each estimator
        and one for |∇J|²), as the number of rollouts grows and fourth moments exist. The number of trajectories has
        the interval that those of the trace and of |∇J|² leave it.

        Parameters
        ----------
        batches : Trajectories, or a sequence of them
            Independent rollouts of one policy: of `pgverify.sample`, or of `pgverify.variance.stored_rollouts`.
        estimators : {name: estimator} or sequence, optional
            Unbiased functions of a batch; by default the usual ones, with a critic where the rollouts have its values.
        batch_size : int
            N of the expected cosine.
        relative_error, confidence : float
            For which trajectories are counted.
        title : str, optional
        progress : function of a text, optional

        Raises
        ------
        InvalidData
            When the batches are none, too few, or of different policies.
        InvalidEstimator
            When an estimator's answer is no contribution.
        """
        from pgverify.variance.stored_report import stored_contents

        asked = Accuracy(batch_size, relative_error, confidence)
        return cls(**vars(stored_contents(batches, estimators, asked, title, progress or (lambda _: None))))

    def to_html(self, path: str | PathLike[str]) -> Path:
        """Write a self-contained page, and beside it a folder with a CSV file of every table.

        Parameters
        ----------
        path : str or path
            Such as variance.html; the tables are then in variance-tables/.

        Returns
        -------
        The path of the page.

        Raises
        ------
        InvalidFile
            When it cannot be written.
        """
        from pgverify.variance.page import write_page

        PATH.require("path", path)
        return write_page(self, Path(path))

    def plot(self) -> Figure:
        """Return one figure: what each estimator costs, where its variance comes from, and what N does."""
        from pgverify.variance.drawn_overview import overview

        return overview(self)

    def _repr_html_(self) -> str:
        from pgverify.variance.page import notebook_fragment

        return notebook_fragment(self)

    def __repr__(self) -> str:
        return f"VarianceReport({self.title!r}, {self.evidence}, estimators={len(self.table)})"

    def __str__(self) -> str:
        from pgverify.variance.text import as_text

        return as_text(self)
