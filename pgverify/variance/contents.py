"""What a report holds: tables to compute with, and a sentence to act upon."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from pgverify.variance.source_shares import summed_shares

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False, repr=False)
class ReportContents:
    """The numbers of a report, and the words about them.

    Attributes
    ----------
    title : str
        The problem in words.
    evidence : "exact" or "sampled"
        Whether the numbers were computed from a model, or estimated from stored rollouts.
    recommendation : str
        One sentence with its number.
    table : DataFrame
        A row an estimator; `pgverify.variance.table.COLUMNS` says what each column holds.
    facts : {name: number}
        J, |∇J|, the size of the problem, and what was asked for.
    shares : DataFrame
        `estimator, source, time, trace`: what each random draw adds to tr Cov[g].
    maps : DataFrame
        A row a state; `pgverify.variance.state_maps.MAPS` says what the columns hold.
    baselines : DataFrame
        `baseline, meaning, trace, ratio_to_none`, for reward-to-go.
    curves : DataFrame
        `curve, estimator, setting, trace, relative_bias, relative_error, cosine`: λ, n and N turned.
    remarks : sequence of str
        What else the numbers say.
    omitted : sequence of str
        What is not in the report, and why.
    meanings : {fact: words}
        What each fact means.
    """

    title: str
    evidence: Literal["exact", "sampled"]
    recommendation: str
    table: pd.DataFrame
    facts: Mapping[str, Any]
    shares: pd.DataFrame
    maps: pd.DataFrame
    baselines: pd.DataFrame
    curves: pd.DataFrame
    remarks: Sequence[str] = ()
    omitted: Sequence[str] = ()
    meanings: Mapping[str, str] = field(default_factory=dict)

    def tables(self) -> dict[str, pd.DataFrame]:
        """Return every table of the report that has rows, by the name of its CSV file."""
        import pandas as pd

        facts = [
            {"fact": name, "value": value, "meaning": self.meanings.get(name, "")} for name, value in self.facts.items()
        ]
        found = {
            "estimators": self.table,
            "facts": pd.DataFrame(facts),
            "sources": summed_shares(self.shares),
            "shares": self.shares,
            "baselines": self.baselines,
            "curves": self.curves,
            "states": self.maps,
        }
        return {name: table for name, table in found.items() if len(table)}
