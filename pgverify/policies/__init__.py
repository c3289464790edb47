"""Policies: everything that offers probabilities [S, A] and the product of the score with weights."""

from pgverify.kinds import suggesting as _suggesting
from pgverify.policies.gaussian import GaussianPolicy
from pgverify.policies.linear_softmax import LinearSoftmaxPolicy
from pgverify.policies.protocol import Policy, dense_score
from pgverify.policies.squashed_gaussian import SquashedGaussianPolicy
from pgverify.policies.tabular_softmax import SoftmaxPolicy

__all__ = [
    "GaussianPolicy",
    "LinearSoftmaxPolicy",
    "Policy",
    "SoftmaxPolicy",
    "SquashedGaussianPolicy",
    "dense_score",
]

__getattr__ = _suggesting(__name__, __all__)
