"""Real actions: a continuous MDP, and the finite one on quadrature nodes that stands for it in exact computations."""

from pgverify.continuous.actions_of_nodes import node_actions, on_the_same_nodes
from pgverify.continuous.continuous_mdp import ContinuousMDP
from pgverify.continuous.densities import bonus_on_the_same_nodes, drawn_bonus, node_bonus
from pgverify.continuous.node_mdp import NodeMDP, on_nodes
from pgverify.kinds import suggesting as _suggesting

__all__ = [
    "ContinuousMDP",
    "NodeMDP",
    "bonus_on_the_same_nodes",
    "drawn_bonus",
    "node_actions",
    "node_bonus",
    "on_nodes",
    "on_the_same_nodes",
]

__getattr__ = _suggesting(__name__, __all__)
