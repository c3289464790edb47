"""How reports, pages and the terminal spell counts and ranges: 1 state, 2 states, γ = 0.9."""

from __future__ import annotations

from collections.abc import Iterable


def counted(count: float, one: str, many: str | None = None, spelled: str | None = None) -> str:
    """Spell a count with its noun.

    Parameters
    ----------
    count : number
        With commas between thousands; one that is not whole is rounded.
    one, many : str
        The noun of one, and of any other number: by default with an s.
    spelled : str, optional
        The number as the caller spells it: it decides, for what reads "1" has the noun of one.
    """
    number = f"{count:,.0f}" if spelled is None else spelled
    return f"{number} {one if number == '1' else many or one + 's'}"


def spread(values: Iterable[float], name: str) -> str:
    """Spell what some numbers are: one where they read alike, else from the least to the largest.

    Parameters
    ----------
    values : numbers
        At least one.
    name : str
        Of the quantity, such as γ.
    """
    known = list(values)
    low, high = f"{min(known):g}", f"{max(known):g}"
    return f"{name} = {low}" if low == high else f"{name} from {low} to {high}"
