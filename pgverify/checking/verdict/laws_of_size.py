"""Multiples of the target in words: laws that they follow in the size of batches, from a size on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import ceil, floor, sqrt
from types import MappingProxyType

from pgverify.checking.verdict.precision import HIDDEN


def no_law(_: float) -> float:
    """Return 1, whatever the size: a multiple that is a constant."""
    return 1.0


def _harmonic(n: float) -> float:
    return sum(1.0 / k for k in range(1, round(n) + 1))


BY_SIZE: Mapping[str, Callable[[float], float]] = MappingProxyType(
    {
        "n": lambda n: n,
        "1/n": lambda n: 1.0 / n,
        "(n−1)/n": lambda n: (n - 1.0) / n,
        "n/(n−1)": lambda n: n / (n - 1.0),
        "(n−1)": lambda n: n - 1.0,
        "1/(n−1)": lambda n: 1.0 / (n - 1.0),
        "n/(n+1)": lambda n: n / (n + 1.0),
        "(n+1)/n": lambda n: (n + 1.0) / n,
        "1/(n+1)": lambda n: 1.0 / (n + 1.0),
        "√n": sqrt,
        "1/√n": lambda n: 1.0 / sqrt(n),
        "n²/(n−1)": lambda n: n * n / (n - 1.0),
        "√(n(n−1))": lambda n: sqrt(n * (n - 1.0)),
        "√((n−1)/n)": lambda n: sqrt((n - 1.0) / n),
        "√(n/(n−1))": lambda n: sqrt(n / (n - 1.0)),
        "1 − (1 + 1/2 + … + 1/n)/n": lambda n: 1.0 - _harmonic(n) / n,
    }
    | {f"(n−{k})/n": lambda n, k=k: (n - k) / n for k in (2, 3, 4, 5, 8, 10)}
    | {f"⌈n/{k}⌉/n": lambda n, k=k: ceil(n / k) / n for k in (2, 3, 4)}
    | {f"⌊n/{k}⌋/n": lambda n, k=k: floor(n / k) / n for k in (2, 3, 4)}
    | {f"{k}⌊n/{k}⌋/n": lambda n, k=k: k * floor(n / k) / n if n >= k else 1.0 for k in (3, 4, 5)}
    | {f"⌈n/{k}⌉": lambda n, k=k: float(ceil(n / k)) for k in (2, 3, 4)}
    | {f"n/⌈n/{k}⌉": lambda n, k=k: n / ceil(n / k) for k in (2, 3, 4)}
    | {f"(n−1)/n from n = {k} on, else 1": lambda n, k=k: (n - 1.0) / n if n >= k else 1.0 for k in (3, 4, 5)}
    | {f"(n−⌈n/{k}⌉)/n": lambda n, k=k: (n - ceil(n / k)) / n for k in (3, 4, 5, 8)}
)
"""Laws in the batch size: sums and means, the own row left out, one row too many, every second row, whole groups (a
batch smaller than a group is kept), a row that smaller batches have not, the own part of a running mean."""

WhereFound = tuple[str, int]
"""Name of a problem and size of batches: where a multiple was found."""

DISTINCT = 3
"""Values that a quantity of the problem must have among those compared: two are met by too many laws."""

MOST_SHOWN = 6
"""Factors that are listed in words: of more, the first and the last."""

WITH_A_CONSTANT = ("", "n", "1/n", "√n", "1/√n")
"""Laws that begin at a size and may have a constant: as where at most k rows count, k/n."""


def in_words(factors: Mapping[WhereFound, float]) -> str:
    """Return by what expectations are multiples: a law of the batch size where one is followed, else what was found.

    Parameters
    ----------
    factors : mapping of problem and size to the multiple there
    """
    by_size = _by_size(factors)
    if by_size is not None:
        return _law(by_size) or _listed({f"batches of {size}": factor for size, factor in by_size.items()})
    return _listed({f"{name}, batch of {size}" if size > 1 else name: one for (name, size), one in factors.items()})


def _by_size(factors: Mapping[WhereFound, float]) -> Mapping[int, float] | None:
    """Return the multiple of each size, smallest first; None where it is not one on all problems."""
    first: dict[int, float] = {}
    one = all(abs(each - first.setdefault(size, each)) <= HIDDEN * each for (_, size), each in factors.items())
    return dict(sorted(first.items())) if one else None


def _law(by_size: Mapping[int, float]) -> str:
    """Return the law that multiples follow from the first size on that is not 1; nothing where none is known.

    Fewer than three sizes are met by too many laws.
    """
    begin = min((size for size, factor in by_size.items() if abs(factor - 1.0) > HIDDEN), default=0)
    later = {size: factor for size, factor in by_size.items() if size >= begin}
    if len(later) < DISTINCT or min(later) < 2:
        return ""
    where = "" if begin in (0, min(by_size)) else f" in batches of {begin} and more, and 1 in smaller ones,"
    largest = max(later)
    for law, value in {"": no_law, **BY_SIZE}.items():
        constant = later[largest] / value(largest) if law in WITH_A_CONSTANT else 1.0
        if all(abs(factor - constant * value(size)) <= HIDDEN * factor for size, factor in later.items()):
            explained = f"{law} (n the batch size)" if law else ""
            shown = f"{constant:.6g}" if abs(constant - 1.0) > HIDDEN or not law else ""
            return " × ".join(filter(None, (shown, explained))) + where
    return ""


def _listed(shown: Mapping[str, float]) -> str:
    """Return factors with where they were found, each once."""
    where: dict[str, str] = {}
    for place, factor in shown.items():
        where.setdefault(f"{factor:.4g}", place)
    each = [f"{factor} ({place})" for factor, place in where.items()]
    half = MOST_SHOWN // 2
    return "; ".join(each if len(each) <= MOST_SHOWN else [*each[:half], "…", *each[-half:]])
