"""What a loss for a language model may claim to estimate: composable, each computed exactly on a token tree.

pgv.targets.PolicyGradient() + pgv.targets.SequenceKL(0.1)
pgv.targets.Surrogate(clip=(0.2, 0.28), advantages="leave-one-out")
"""

from pgverify.kinds import suggesting as _suggesting
from pgverify.targets.divergences import SequenceKL, StateKL
from pgverify.targets.entropy import StateEntropy as Entropy
from pgverify.targets.group_std import GroupStd
from pgverify.targets.lengths import LengthBonus, LengthNormalised
from pgverify.targets.names import target_of
from pgverify.targets.policy_gradient import PolicyGradient
from pgverify.targets.surrogate import Surrogate
from pgverify.targets.target import Target
from pgverify.targets.token_problem import TokenProblem

__all__ = [
    "Entropy",
    "GroupStd",
    "LengthBonus",
    "LengthNormalised",
    "PolicyGradient",
    "SequenceKL",
    "StateKL",
    "Surrogate",
    "Target",
    "TokenProblem",
    "target_of",
]

__getattr__ = _suggesting(__name__, __all__)
