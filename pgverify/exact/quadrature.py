"""How far the quadrature over real actions got: the same answers on another number of nodes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from pgverify.continuous import NodeMDP
from pgverify.continuous.node_count import other_counts
from pgverify.errors import InvalidMDP
from pgverify.exact.gradient_theorem import expected_return, gradient
from pgverify.kinds import accepts, known_arguments
from pgverify.problem import REAL_PROBLEM, Problem
from pgverify.validation import Array


@known_arguments
@dataclass(frozen=True, eq=False)
class QuadratureError:
    """What changes when actions are integrated on other numbers of nodes: an estimate of the error, no bound.

    Attributes
    ----------
    nodes : int
        Nodes a dimension that the problem has.
    others : tuple of int
        Those that it was compared with.
    expected_return : float
        The largest |J − J'|, in units of reward.
    gradient : [d]
        The largest |∇J − ∇J'| of every entry.
    relative : float
        The largest entry of the latter over the largest of ∇J.
    """

    nodes: int
    others: tuple[int, ...]
    expected_return: float
    gradient: Float[Array, "d"]
    relative: float

    def __str__(self) -> str:
        others = " or ".join(map(str, self.others))
        return (
            f"{self.nodes} nodes a dimension; with {others}, J changes by at most {self.expected_return:.2g} and the "
            f"gradient by {self.relative:.2g} of its largest entry"
        )


@accepts(problem=REAL_PROBLEM)
def quadrature_error(problem: Problem) -> QuadratureError:
    """Return how much J and ∇J of a problem with real actions change on other numbers of nodes.

    It is compared with two thirds and three quarters as many, and with half as many again where they fit. Where the
    reward and the transitions are smooth in the action it is at rounding; at a kink it falls as a power of the number.

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
    others = other_counts(mdp.count, mdp.continuous.action_dim)
    again = [Problem(mdp.continuous.on(other), problem.policy, problem.objective) for other in others]
    ours, value = gradient(problem), expected_return(problem)
    apart = np.max([np.abs(ours - gradient(each)) for each in again], axis=0)
    largest = float(np.abs(ours).max(initial=0.0))
    return QuadratureError(
        nodes=mdp.count,
        others=others,
        expected_return=max(abs(value - expected_return(each)) for each in again),
        gradient=apart,
        relative=float(apart.max(initial=0.0)) / (largest or 1.0),
    )
