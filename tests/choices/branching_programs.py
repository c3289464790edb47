"""Programs that other processes can find."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any


def coins(world: Any) -> list[float]:
    """More runs than are made before their number is estimated, of which some end early."""
    total, state = 0.0, 0
    for step in range(8):
        heads = world.choose([0.3, 0.7] if state else [0.6, 0.4])
        if step == 2 and not heads:
            break
        state = heads
        total += (step + 1) * heads * (1.0 + world.choose([0.5, 0.5]) if step == 1 else 1.0)
    return [total, total**2]


@dataclass(frozen=True)
class EndsAfter:
    """The same program, which is ended in the midst after some runs, as often as it is begun."""

    file: Path
    runs: int

    def __call__(self, world: Any) -> list[float]:
        with self.file.open("a") as runs:
            runs.write("x")
        count = self.file.stat().st_size
        if count % self.runs == 0:
            raise KeyboardInterrupt
        return coins(world)


def refuses_late(world: Any) -> list[float]:
    value = coins(world)
    return [value[0] / (value[0] - 38.0), 0.0]


def ends_its_process(world: Any) -> list[float]:
    import multiprocessing
    import os

    if multiprocessing.parent_process() is not None:
        os._exit(7)
    return coins(world)
