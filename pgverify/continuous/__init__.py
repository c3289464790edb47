"""Real actions: a continuous MDP, and the finite one on quadrature nodes that stands for it in exact computations."""

from pgverify.continuous.continuous_mdp import ContinuousMDP
from pgverify.continuous.node_mdp import NodeMDP, on_nodes
from pgverify.kinds import suggesting as _suggesting

__all__ = ["ContinuousMDP", "NodeMDP", "on_nodes"]

__getattr__ = _suggesting(__name__, __all__)
