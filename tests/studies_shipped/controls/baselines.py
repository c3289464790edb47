"""Which number each claim of the study baselines rests on, and how to make it wrong."""

from __future__ import annotations

import numpy as np

RARE = {"part": "family"}
CONTROLS = {
    "excess-variance": ({"part": "zoo", "baseline": "V"}, "error", lambda x: x + 1e-8),
    "excess-listed": ({"part": "zoo", "problem": "random-walk-5"}, "listed_error", lambda x: np.nan * x),
    "nested-classes": ({"part": "zoo", "baseline": "best by state"}, "trace", lambda x: 1.5 * x),
    "textbook": ({"part": "zoo", "baseline": "textbook", "problem": "three-armed-bandit"}, "ratio", lambda x: x - 1e-8),
    "value-near-best": ({"part": "random"}, "ratio", lambda x: x + 0.1),
    "value-worse-than-none": (
        {"part": "zoo", "problem": "nota-thomas-counterexample", "baseline": "b*"},
        "trace",
        lambda x: x + 1e-8,
    ),
    "value-unbounded": (RARE, "ratio", lambda x: x * (1 + 1e-8)),
    "value-unboundedly-worse": (RARE, "to_none", np.sqrt),
    "family-by-hand": (RARE, "error", lambda x: x + 1e-8),
    "only-the-action-share": ({"part": "shares", "baseline": "V"}, "trace", lambda x: x * (1 + 1e-8)),
    "leave-one-out-law": ({"part": "batch", "n": 16}, "error", lambda x: x + 1e-8),
    "leave-one-out-limit": ({"part": "batch", "n": 256}, "excess", lambda x: -x),
    "own-mean": ({"part": "batch", "n": 2}, "own_mean_error", lambda x: x + 1e-8),
    "own-mean-variance": ({"part": "batch", "n": 2}, "own_trace_error", lambda x: x + 1e-8),
}
