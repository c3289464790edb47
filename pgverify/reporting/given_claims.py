"""Claims and figures as a study hands them over, accepted whole or refused in one sentence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from pgverify.errors import InvalidInput, shown
from pgverify.kinds import described
from pgverify.names import require_distinct_names, require_name
from pgverify.studies import Claim

MOST_CLAIMS, LONGEST_TEXT = 10_000, 10_000
"""Claims of a study, and characters of what one says: a page must be read by somebody."""

TEXTS = ("name", "statement", "evidence", "expected", "found", "certainty")


def claims_of(given: Any) -> tuple[Claim, ...]:
    """Return the claims that a study decided, failing ones first, each of plain text and a plain boolean.

    Raises
    ------
    InvalidInput
        For what is no claim, has a field of another type, or a name that another claim has.
    """
    if isinstance(given, str | bytes | Mapping) or not isinstance(given, Iterable):
        raise InvalidInput(f"decide returned {described(given)}, must be a list of claims")
    claims = [_plain(claim) for claim in islice(given, MOST_CLAIMS + 1)]
    if len(claims) > MOST_CLAIMS:
        raise InvalidInput(f"decide returned more than {MOST_CLAIMS} claims, must be at most as many")
    names = [claim.name for claim in claims]
    twice = next((name for name in names if names.count(name) > 1), None) if len(set(names)) < len(names) else None
    if twice is not None:
        raise InvalidInput(f"two claims are called {twice!r}, each name may be given once")
    require_distinct_names("claim", names)
    return tuple(sorted(claims, key=lambda claim: claim.holds))


def figures_of(given: Any) -> dict[str, Figure]:
    """Return the figures that a study drew, by name.

    Raises
    ------
    InvalidInput
        For what is no figure, and for names that no file can have.
    """
    if not isinstance(given, Mapping):
        raise InvalidInput(f"figures returned {described(given)}, must be a dictionary of matplotlib figures by name")
    figures = dict(given)
    for name, figure in figures.items():
        require_name("figure", name)
        if not isinstance(figure, Figure):
            raise InvalidInput(f"figure {name!r} is {described(figure)}, must be a matplotlib Figure")
    require_distinct_names("figure", list(figures))
    return figures


def _plain(claim: Any) -> Claim:
    if not isinstance(claim, Claim):
        raise InvalidInput(f"decide returned {described(claim)} among its claims, must be a pgverify.studies.Claim")
    if not isinstance(claim.holds, bool | np.bool_):
        raise InvalidInput(f"holds of claim {claim.name!r} is {described(claim.holds)}, must be True or False")
    texts: dict[str, Any] = {field: getattr(claim, field) for field in TEXTS}
    for field, text in texts.items():
        if not isinstance(text, str) or len(text) > LONGEST_TEXT:
            raise InvalidInput(
                f"{field} of claim {claim.name!r} is {shown(text)}, must be a text of at most {LONGEST_TEXT} characters"
            )
    # Of one's own class of strings the characters alone are kept.
    plain: dict[str, Any] = {field: str.__str__(text) for field, text in texts.items()}
    return replace(claim, holds=bool(claim.holds), **plain)
