"""Make malformed calls in an interpreter of its own, as users do: without the run-time checks of these tests.

python -W error malformed_run.py STRIDE      # every STRIDE-th input; prints how many, and what is wrong, as JSON
"""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
from pathlib import Path

from malformed_calls import Call, every_call
from malformed_outcomes import outcome_of
from malformed_values import REFUSED


def complaints(calls: list[Call], stride: int) -> tuple[int, list[str]]:
    """Return how many malformed calls were made, and what is wrong with their outcomes.

    Parameters
    ----------
    calls : list of Call
    stride : int
        Of each call's inputs every how manyth; with 1, slow calls are accepted, too.
    """
    found, count = [], 0
    for call in calls:
        for place, (argument, malformed) in enumerate(call.malformed()):
            if place % stride or (call.slow and malformed.worth is not REFUSED and stride > 1):
                continue
            count += 1
            wrong = outcome_of(call, argument, malformed)
            if wrong:
                found.append(f"{call.name}({argument}={malformed.label}): {wrong}")
    return count, found


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):  # where a name of no file becomes one
        print(json.dumps(complaints(every_call(Path(folder)), int(sys.argv[1]))))
