"""Suites: named collections of problems on which the oracle judges, each problem there for a reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from pgverify.errors import InvalidInput, InvalidPolicy, unknown_name
from pgverify.kinds import FUNCTION, accepts, made_by
from pgverify.kinds import suggesting as _suggesting
from pgverify.policies.protocol import Policy, is_policy, kind_of
from pgverify.problem import Problem
from pgverify.suites.continuing import continuing_suite
from pgverify.suites.continuous import continuous_suite
from pgverify.suites.language import language_suite
from pgverify.suites.off_policy import off_policy_suite
from pgverify.suites.standard import standard_suite
from pgverify.suites.suite_problem import SuiteProblem
from pgverify.suites.truncated import truncated_suite

__all__ = ["SuiteProblem", "get", "names"]

__getattr__ = _suggesting(__name__, __all__)

_SUITES: Mapping[str, Callable[[], tuple[SuiteProblem, ...]]] = MappingProxyType(
    {
        "standard": standard_suite,
        "truncated": truncated_suite,
        "off-policy": off_policy_suite,
        "continuing": continuing_suite,
        "continuous": continuous_suite,
        "language": language_suite,
    }
)
"""A row adds a suite."""


def names() -> tuple[str, ...]:
    """Return the names of all suites."""
    return tuple(_SUITES)


@accepts()
def get(name: str, policy: Callable[[int, int], Policy] | None = None) -> tuple[SuiteProblem, ...]:
    """Return the problems of a suite, smallest first.

    Parameters
    ----------
    name : str
        One of `names()`.
    policy : (S, A) -> Policy, optional
        Makes a policy for S states and A actions: it is put in place of the suite's own in every problem, so that the
        judgement is on policies of this class. Who acts in the data of `off-policy` stays.

    Raises
    ------
    UnknownName
        Listing the nearest suites.
    InvalidPolicy
        When `policy` makes something else than a policy, or one that does not fit, naming the problem.
    """
    if not isinstance(name, str) or name not in _SUITES:
        raise unknown_name("suite", name, _SUITES)
    suite = _SUITES[name]()
    if policy is None:
        return suite
    FUNCTION.require("policy", policy)
    return tuple(replace(entry, problem=_with_policy(entry, policy)) for entry in suite)


def _with_policy(entry: SuiteProblem, factory: Callable[[int, int], Policy]) -> Problem:
    shape = entry.problem.policy.probabilities().shape
    made = made_by("policy", factory, shape, InvalidPolicy)
    if not is_policy(made):
        raise InvalidPolicy(
            f"policy{shape} is {kind_of(made)}, must be a policy for {shape[0]} states and {shape[1]} actions; "
            "pgv.SoftmaxPolicy(np.zeros((S, A))) is one"
        )
    try:
        return replace(entry.problem, policy=made)
    except InvalidInput as reason:
        raise InvalidPolicy(f"policy{shape} does not fit problem {entry.name}: {reason}") from None
