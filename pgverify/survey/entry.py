"""What is asked of a library: its functions, what is promised of them, and how the library itself calls them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from pgverify.checking.verdict.outcome import Outcome
from pgverify.checking.verdict.report import Report
from pgverify.errors import InvalidInput
from pgverify.language.loss_report import LossReport

ACCUSING = (Outcome.BIASED, Outcome.NO_SIGNAL)
"""Outcomes that say a function is wrong; a constant or another target may well be documented choices."""


class Role(Enum):
    """What a row is there for."""

    FUNCTION = "function"
    """As the library's own loop calls it."""
    RIGHT = "passes"
    """A control: the same function used rightly, or mended; it must pass."""
    PLANTED = "caught"
    """A control: the same function with a fault put in; it must be caught."""


@dataclass(frozen=True)
class SurveyRow:
    """One function of a library, called in one way.

    Attributes
    ----------
    function : str
        Its name, and the settings that matter.
    claim : str
        What the documentation promises, and the place where it does.
    called : str
        How the library's own loop calls it, in a sentence.
    judge : () -> Report, or LossReport
    recorded : Outcome
        The verdict when the row was written.
    role : Role
    of : str
        For a control: the function whose control it is.
    remark : str
        Why, in a sentence; a documented choice is said to be one.
    """

    function: str
    claim: str
    called: str
    judge: Callable[[], Report | LossReport]
    recorded: Outcome
    role: Role = Role.FUNCTION
    of: str = ""
    remark: str = ""


@dataclass(frozen=True)
class Survey:
    """The rows of one library, and what it takes to run them.

    Attributes
    ----------
    library : str
        Its name on the package index.
    requires : tuple of str
        Requirements with exact versions, the library first; `torch`, where it is needed, is installed before the rest.
    imports : tuple of str
        Modules that are imported before anything is judged: an import is no part of a call.
    rows : tuple of SurveyRow
    trap : str
        What is easily done wrongly in calling it.
    complete : bool
        Whether `requires` has all that the library needs for its rows, so that it is installed without what it asks for
        itself: where that excludes the versions that pgverify runs with, or is not needed here.

    Raises
    ------
    InvalidInput
        When two rows have one name, a control belongs to no row, or a function is accused without a control that
        passes.
    """

    library: str
    requires: tuple[str, ...]
    imports: tuple[str, ...]
    rows: tuple[SurveyRow, ...]
    trap: str = ""
    complete: bool = False

    def __post_init__(self) -> None:
        names = [row.function for row in self.rows]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise InvalidInput(f"rows of {self.library} has {twice!r} twice, names must differ; add the setting to one")
        functions = {row.function for row in self.rows if row.role is Role.FUNCTION}
        for row in self.rows:
            if row.role is not Role.FUNCTION and row.of not in functions:
                raise InvalidInput(
                    f"of is {row.of!r} for the control {row.function!r} of {self.library}, must name a function of it"
                )
        passing = {row.of for row in self.rows if row.role is Role.RIGHT}
        for row in self.rows:
            if row.role is Role.FUNCTION and row.recorded in ACCUSING and row.function not in passing:
                raise InvalidInput(
                    f"{row.function!r} of {self.library} is recorded as {row.recorded.value} without a control that "
                    "passes; add the same function used rightly, or mended"
                )

    @property
    def version(self) -> str:
        """Return the version of the library that is surveyed."""
        return self.requires[0].partition("==")[2]
