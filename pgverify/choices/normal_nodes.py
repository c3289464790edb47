"""Normal numbers as draws with finitely many options: the nodes of Gauss–Hermite quadrature, with their weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from jaxtyping import Float

from pgverify.validation import Array

NODES = 9
"""Nodes of a normal number: polynomials up to degree 17 come out exactly."""

MOST_NODES = 64
"""Weights of more are zero in double precision at the ends."""

FEWER = 2
"""By so many nodes the rule is smaller that the error is estimated with."""


@lru_cache(maxsize=MOST_NODES)
def normal_nodes(count: int) -> tuple[Float[Array, "k"], Float[Array, "k"]]:
    """Return nodes x [k] and weights w [k]: E f(x), x ~ N(0, 1), is Σ w_i f(x_i) for polynomials of degree 2k − 1."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(count)
    weights = weights / weights.sum()
    nodes.setflags(write=False)
    weights.setflags(write=False)
    return nodes, weights


@dataclass(frozen=True)
class OnFewerNodes:
    """A program whose normal numbers have fewer nodes: how far it is apart tells how good they are.

    Attributes
    ----------
    run : world -> [d]
    """

    run: Callable[[Any], Any]

    def __call__(self, world: Any) -> Any:
        """Return what the program does on fewer nodes."""
        world.use_fewer_nodes(FEWER)
        return self.run(world)
