"""How far the quadrature over real actions got: the same answers on another number of nodes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from pgverify.continuous import NodeMDP
from pgverify.continuous.node_count import other_count
from pgverify.errors import InvalidMDP
from pgverify.exact.gradient_theorem import expected_return, gradient
from pgverify.kinds import accepts
from pgverify.problem import REAL_PROBLEM, Problem
from pgverify.validation import Array


@dataclass(frozen=True, eq=False)
class QuadratureError:
    """What changes when actions are integrated on another number of nodes: an estimate of the error, no bound.

    Attributes
    ----------
    nodes, other : int
        Nodes a dimension that the problem has, and those that it was compared with.
    expected_return : float
        |J − J'|, in units of reward.
    gradient : [d]
        |∇J − ∇J'|.
    relative : float
        The largest entry of the latter over the largest of ∇J.
    """

    nodes: int
    other: int
    expected_return: float
    gradient: Float[Array, "d"]
    relative: float

    def __str__(self) -> str:
        return (
            f"{self.nodes} nodes a dimension; with {self.other}, J changes by {self.expected_return:.2g} and the "
            f"gradient by {self.relative:.2g} of its largest entry"
        )


@accepts(problem=REAL_PROBLEM)
def quadrature_error(problem: Problem) -> QuadratureError:
    """Return how much J and ∇J of a problem with real actions change on another number of nodes.

    It is compared with half as many nodes again, or, where those are too many, with two thirds. Where the reward and
    the transitions are smooth in the action it is at rounding; at a kink it falls as a power of the number of nodes.

    Parameters
    ----------
    problem : Problem
        Of a `ContinuousMDP`.

    Raises
    ------
    InvalidMDP
        When actions are no real numbers, or rewards are known on the nodes alone.
    """
    mdp = problem.mdp
    if not isinstance(mdp, NodeMDP) or mdp.continuous is None:
        raise InvalidMDP(f"mdp is {mdp!r}, must be a ContinuousMDP: otherwise nothing is integrated")
    nodes, other = mdp.count, other_count(mdp.count, mdp.continuous.action_dim)
    again = Problem(mdp.continuous.on(other), problem.policy, problem.objective)
    ours, theirs = gradient(problem), gradient(again)
    apart = np.abs(ours - theirs)
    largest = float(np.abs(ours).max(initial=0.0))
    return QuadratureError(
        nodes=nodes,
        other=other,
        expected_return=abs(expected_return(problem) - expected_return(again)),
        gradient=apart,
        relative=float(apart.max(initial=0.0)) / largest if largest > 0 else float(apart.max(initial=0.0)),
    )
