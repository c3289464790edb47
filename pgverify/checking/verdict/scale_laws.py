"""Multiples of the target, and the laws that they follow from problem to problem."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pgverify.checking.verdict.comparison import TargetComparison
from pgverify.checking.verdict.precision import Precision, common_factor, deviation, size_of

TWO_ROUNDINGS = 3.0
"""Limits that an expectation may be off a multiple whose factor is rounded itself, and beside a larger estimate."""


def common_multiple(evidence: Sequence[TargetComparison], precision: Precision) -> tuple[float, str]:
    """Return the common factor and the law that it follows, or (0, "") where expectations are no multiples."""
    found = common_factor([i.found for i in evidence], [i.target for i in evidence], precision)
    cases = [(item, factor) for item, factor in zip(evidence, found or [], strict=False) if factor is not None]
    if len({item.target.tobytes() for item, _ in cases}) < 2 and all(item.directions < 2 for item, _ in cases):
        return 0.0, ""  # in one direction everything is a multiple of anything, also where a problem is given twice
    factors = np.array([factor for _, factor in cases])
    for law, values in _laws([item for item, _ in cases]):
        ratio = factors / np.asarray(values)
        if np.ptp(ratio) <= 1e3 * precision.relative * np.abs(ratio).max():
            # The factor of the problem that determines it best; it must explain all others, too.
            best = max(range(len(cases)), key=lambda index: _weight(cases[index][0]))
            constant = float(ratio[best])
            explained = (
                deviation(item.found, constant * value * item.target, precision, constant * value)
                for (item, _), value in zip(cases, values, strict=True)
            )
            if max(explained) > TWO_ROUNDINGS * precision.relative:
                continue
            shown = law if abs(constant - 1.0) <= 1e3 * precision.relative else f"{constant:.6g} × {law}"
            return constant, shown if law else f"{constant:.6g}"
    return 0.0, ""


def _weight(item: TargetComparison) -> float:
    return size_of(item.target) / max(item.found.natural, 1e-300)


def _laws(cases: Sequence[TargetComparison]) -> list[tuple[str, list[float]]]:
    n = [float(item.found.batch_size) for item in cases]
    laws = [("", [1.0] * len(cases))]
    if len(set(n)) > 1 and min(n) > 1:
        laws += [
            ("n (the batch size)", n),
            ("1/n (n the batch size)", [1.0 / x for x in n]),
            ("(n−1)/n (n the batch size)", [(x - 1.0) / x for x in n]),
            ("n/(n−1) (n the batch size)", [x / (x - 1.0) for x in n]),
            ("(n−1) (n the batch size)", [x - 1.0 for x in n]),
            ("1/(n−1) (n the batch size)", [1.0 / (x - 1.0) for x in n]),
        ]
    return [
        *laws,
        ("1/T (T the number of steps)", [1.0 / item.steps for item in cases]),
        ("T (the number of steps)", [float(item.steps) for item in cases]),
        ("1/E[length]", [1.0 / item.mean_length for item in cases]),
    ]
