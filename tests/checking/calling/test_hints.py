"""What is said beside a failure that many make, and that it is not said of others."""

from __future__ import annotations

import numpy as np

import pgverify as pgv
from pgverify.checking.calling.hints import framework_hint, shape_hint
from pgverify.checking.isolation.noted_function import NotedFunction
from pgverify.checking.isolation.whereabouts import Notebook
from pgverify.sampling import sample
from pgverify.suites import get


def batch_of(name: str):  # type: ignore[no-untyped-def]
    return next(sample(given.problem, 2) for given in get("standard") if given.name == name)


def test_numbers_for_every_logit_are_explained_where_features_are_shared() -> None:
    batch = batch_of("shared-features")
    cells = batch.problem.mdp.num_states * batch.problem.mdp.num_actions
    said = shape_hint((2, cells), batch)
    assert f"d = {batch.policy.parameters.size} parameter" in said
    assert "batch.policy.score()" in said
    assert "pgv.SoftmaxPolicy" in said
    assert shape_hint((2, cells + 1), batch) == ""


def test_a_tabular_policy_needs_no_explanation() -> None:
    batch = batch_of("coin")
    assert shape_hint((2, 7), batch) == ""


def test_a_loss_handed_over_as_it_is_names_the_adapter() -> None:
    def loss(logits: object, batch: object) -> None: ...

    def estimate(batch: object) -> None: ...

    missing = TypeError("missing 1 required positional argument")
    assert "pgv.adapters.torch.from_loss" in framework_hint(loss, None, missing)
    assert framework_hint(estimate, None, missing) == ""
    assert framework_hint(estimate, np.zeros(2), None) == ""


def test_a_loss_in_a_process_of_its_own_names_the_adapter_too() -> None:
    """There it is called through an object whose own signature says nothing."""

    def loss(logits: object, batch: object) -> object:
        return jax.nn.log_softmax(logits)  # type: ignore[name-defined]

    def estimate(batch: object) -> None: ...

    missing, unwritten = TypeError("missing 1 required positional argument"), Notebook.__new__(Notebook)
    assert "pgv.adapters.jax.from_loss" in framework_hint(NotedFunction(loss, unwritten, ()), None, missing)
    assert framework_hint(NotedFunction(estimate, unwritten, ()), None, missing) == ""


def test_what_comes_from_a_framework_names_its_adapter() -> None:
    tensor = type("Tensor", (), {"__module__": "torch"})()
    array = type("ArrayImpl", (), {"__module__": "jaxlib._jax"})()
    assert "pgv.adapters.torch.from_loss" in framework_hint(len, tensor, None)
    assert "pgv.adapters.jax.from_loss" in framework_hint(len, array, None)


def test_what_another_check_gives_names_that_check() -> None:
    agent = pgv.check(lambda world: world.env.reset(), explore=0)
    assert agent.outcome is pgv.Outcome.INVALID
    assert 'pgv.check(update, kind="agent")' in agent.explanation
    loss = pgv.check(lambda b: b.log_probs - b.old_log_probs, explore=0)
    assert "pgv.check_lm(loss)" in loss.explanation
    assert "checked by" not in pgv.check(lambda b: b.advantages, explore=0).explanation
