"""The world of what is only made: it is not run yet."""

from __future__ import annotations

from typing import Any

import numpy as np


class FirstOption:
    """Answers every draw by the first option that is possible."""

    def choose(self, probabilities: Any) -> int:
        """Return the first option that is possible."""
        return int(np.argmax(np.asarray(probabilities) > 0.0))
