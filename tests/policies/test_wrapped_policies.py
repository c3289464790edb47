"""What hands everything on to another object is what that object is, under every Python: 3.12 changed `isinstance`."""

from __future__ import annotations

import numpy as np
import pytest

import pgverify as pgv
from pgverify.bonus import Bonus
from pgverify.errors import InvalidPolicy
from pgverify.kinds import offers


class Wrapped:
    def __init__(self, inner: object) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)


@pytest.mark.usefixtures("unchecked_shapes")  # the checker asks by isinstance
def test_a_wrapped_policy_is_one() -> None:
    mdp = pgv.mdps.get("two-state-chain")
    policy = pgv.SoftmaxPolicy(np.zeros((mdp.num_states, mdp.num_actions)))
    objective = pgv.FiniteHorizon(3, 0.9)
    found = pgv.exact.gradient(pgv.Problem(mdp, Wrapped(policy), objective))
    np.testing.assert_array_equal(found, pgv.exact.gradient(pgv.Problem(mdp, policy, objective)))
    with pytest.raises(InvalidPolicy, match="must offer"):
        pgv.Problem(mdp, Wrapped(object()), objective)


def test_doors_are_counted_one_by_one() -> None:
    assert offers(Wrapped(pgv.Entropy(0.1)), Bonus)
    assert not offers(Wrapped(pgv.TabularMDP), Bonus)
