"""Exact expectations of programs: run once for every sequence of random choices, with the choices dictated.

    def run(world):
        heads = world.choose([0.25, 0.75])              # the index of an option; its probability is taken into account
        return np.array([1.0 + world.choose([0.5, 0.5]) if heads else 5.0])

    found = pgv.choices.expectation(run)
    found.mean, found.covariance, found.runs            # [d], [d, d], 3

No sampling, hence no error beyond rounding. This room knows programs and probabilities, and no MDP.
"""

from __future__ import annotations

from pgverify.choices.program_expectation import ProgramExpectation
from pgverify.choices.progress import TreeProgress
from pgverify.choices.whole_tree import expectation
from pgverify.choices.world import World
from pgverify.kinds import suggesting as _suggesting

__all__ = ["ProgramExpectation", "TreeProgress", "World", "expectation"]

__getattr__ = _suggesting(__name__, __all__)
