"""Policies: everything that offers probabilities [S, A] and the product of the score with weights."""

from pgverify.kinds import suggesting as _suggesting
from pgverify.policies.callable_policy import CallablePolicy
from pgverify.policies.gaussian import GaussianPolicy
from pgverify.policies.linear_softmax import LinearSoftmaxPolicy
from pgverify.policies.mixed import MixedPolicy
from pgverify.policies.protocol import Policy, dense_score
from pgverify.policies.restricted import MaskedPolicy, TopKPolicy, TopPPolicy
from pgverify.policies.squashed_gaussian import SquashedGaussianPolicy
from pgverify.policies.tabular_softmax import SoftmaxPolicy
from pgverify.policies.tempered import TemperedPolicy

__all__ = [
    "CallablePolicy",
    "GaussianPolicy",
    "LinearSoftmaxPolicy",
    "MaskedPolicy",
    "MixedPolicy",
    "Policy",
    "SoftmaxPolicy",
    "SquashedGaussianPolicy",
    "TemperedPolicy",
    "TopKPolicy",
    "TopPPolicy",
    "dense_score",
]

__getattr__ = _suggesting(__name__, __all__)
