"""Which number each claim of the study unbiasedness rests on, and how to make it wrong."""

from __future__ import annotations

CONTROLS = {
    "same-expectation": ({"part": "expectation"}, "error", lambda x: x + 1e-8),
    "same-expectation-listed": (
        {"part": "expectation", "problem": "garnet-small"},
        "listed_error",
        lambda x: x + 1e-8,
    ),
    "same-variance": (
        {"part": "expectation", "problem": "garnet-small"},
        "listed_trace",
        lambda x: x * (1 + 1e-8),
    ),
    "different-variance": ({"part": "expectation"}, "trace", lambda x: 0 * x + 1.0),
    "own-average": ({"part": "group"}, "factor", lambda x: 0 * x + 1.0),
    "own-average-direction": ({"part": "group"}, "error", lambda x: x + 1e-8),
    "intervals": ({"part": "sampled", "quantity": "gradient"}, "exact", lambda x: x + 10.0),
    "no-bias-found": ({"part": "sampled", "quantity": "test"}, "p_value", lambda x: 0 * x + 1e-12),
    "shares": ({"part": "report", "problem": "FrozenLake"}, "share_action", lambda x: x + 1e-8),
    "report-intervals": ({"part": "report", "problem": "garnet-small"}, "exact", lambda x: 1.5 * x),
    "faults-found": ({"part": "control", "quantity": "test"}, "p_value", lambda x: 0 * x + 0.5),
    "calibration": ({"part": "calibration"}, "z", lambda z: 2.0 * z),
}
