"""Policies: everything that offers probabilities [S, A] and the product of the score with weights."""

from pgverify.kinds import suggesting as _suggesting
from pgverify.policies.linear_softmax import LinearSoftmaxPolicy
from pgverify.policies.protocol import Policy, dense_score
from pgverify.policies.tabular_softmax import SoftmaxPolicy

__all__ = ["LinearSoftmaxPolicy", "Policy", "SoftmaxPolicy", "dense_score"]

__getattr__ = _suggesting(__name__, __all__)
