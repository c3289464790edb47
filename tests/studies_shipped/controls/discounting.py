"""Which number each claim of the study discounting rests on, and how to make it wrong."""

from __future__ import annotations

CONTROLS = {
    "not-the-gradient": ({"part": "field"}, "relative_error", lambda x: 0.0 * x),
    "hidden-from-directions": ({"part": "many"}, "cosine", lambda x: -x),
    "its-own-expectation": ({"part": "field"}, "listed_error", lambda x: x + 1e-8),
    "symmetric-jacobian": ({"part": "field"}, "asymmetry_gradient", lambda x: x + 1e-8),
    "asymmetric-jacobian": ({"part": "field"}, "asymmetry_dropped", lambda x: 0.0 * x),
    "same-at-one": ({"part": "field", "discount": 1.0}, "relative_error", lambda x: x + 1e-8),
    "worst-policy": ({"part": "alias", "field": "γ^t dropped"}, "direction", lambda x: -x),
    "best-policy": ({"part": "alias", "field": "∇J"}, "p", lambda p: 1.0 - p),
    "intervals": ({"part": "sampled", "quantity": "variance"}, "exact", lambda x: 1.5 * x),
    "found-by-sampling": ({"part": "sampled", "quantity": "test"}, "p_value", lambda x: 0 * x + 0.5),
}
