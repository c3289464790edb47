"""Which number each claim of the study committal rests on, and how to make it wrong."""

from __future__ import annotations

import numpy as np

CONTROLS = {
    "variance-by-hand": ({"part": "natural"}, "error", lambda x: x + 1e-8),
    "step-by-hand": ({"part": "committal", "baseline": "V"}, "error", lambda x: np.nan * x),
    "same-variance": ({"part": "natural", "baseline": "best + ½"}, "trace", lambda x: x * (1 + 1e-8)),
    "variance-unbounded": ({"part": "natural", "baseline": "V"}, "trace", np.sqrt),
    "commits-without": ({"part": "committal", "baseline": "none"}, "others", np.sqrt),
    "stuck-for-ever": ({"part": "committal", "baseline": "none"}, "for_ever", lambda x: 0.0 * x),
    "v-delays": ({"part": "committal", "baseline": "V"}, "others", lambda x: 1.05 * x),
    "v-never-stuck": ({"part": "committal", "baseline": "V"}, "committed", lambda x: 0.5 * x),
    "shares": ({"part": "runs", "shift": 0.5}, "share", lambda x: x + 0.1),
    "same-variance-other-fate": ({"part": "runs", "shift": 0.5}, "high", lambda x: x + 0.5),
}
