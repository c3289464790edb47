"""JAX's draws, dictated: each against its law by hand; `vmap` over keys and what has no options refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pgverify as pgv
from pgverify.errors import UnscriptedDraw

jax = pytest.importorskip("jax", reason="JAX is not installed here: make test-thirdparty")
jnp = jax.numpy

pytestmark = [pytest.mark.usefixtures("unchecked_shapes"), pytest.mark.filterwarnings("ignore")]

LOGITS = np.log([0.125, 0.25, 0.625])
CHOSEN = jax.random.gumbel  # imported one by one, as it were


def key() -> Any:
    return jax.random.key(0)


LAWS: dict[str, tuple[Callable[[], Any], float]] = {
    "categorical": (lambda: jax.random.categorical(key(), jnp.asarray(LOGITS)), 1.5),
    "categorical, rows": (lambda: jax.random.categorical(key(), jnp.asarray([LOGITS, LOGITS]))[1], 1.5),
    "categorical of a shape": (lambda: jax.random.categorical(key(), jnp.asarray(LOGITS), shape=(2,)).sum(), 3.0),
    "bernoulli": (lambda: jax.random.bernoulli(key(), jnp.array([0.25, 0.5])).sum(), 0.75),
    "permutation": (lambda: jax.random.permutation(key(), jnp.array([1.0, 2.0, 6.0]))[0], 3.0),
    "permutation of a number": (lambda: jax.random.permutation(key(), 3)[2], 1.0),
    "choice": (lambda: jax.random.choice(key(), jnp.array([1.0, 5.0]), p=jnp.array([0.25, 0.75])), 4.0),
    "choice without": (lambda: jax.random.choice(key(), 3, (2,), replace=False).sum(), 2.0),
    "randint": (lambda: jax.random.randint(key(), (2,), 1, 4).sum(), 4.0),
    "normal": (lambda: jax.random.normal(key(), (1,))[0] ** 2, 1.0),
    "compiled": (lambda: jax.jit(lambda k: jax.random.categorical(k, jnp.asarray(LOGITS)))(key()), 1.5),
    "scan": (
        lambda: jax.lax.scan(
            lambda total, k: (total + jax.random.bernoulli(k, 0.25), 0), 0, jax.random.split(key(), 3)
        )[0],
        0.75,
    ),
    "gradient": (
        lambda: jax.grad(lambda z: z[jax.random.categorical(key(), z)] ** 2)(jnp.array([0.0, 1.0]))[1],
        2.0 / (1.0 + np.exp(-1.0)),
    ),
}


@pytest.mark.parametrize("name", LAWS)
def test_a_draw_has_its_law(name: str) -> None:
    draw, expected = LAWS[name]

    def run(world: Any) -> list[float]:
        with pgv.adapters.jax.scripted(world):
            return [float(draw())]

    assert pgv.choices.expectation(run).mean[0] == pytest.approx(expected, rel=1e-6)


COMPILED = jax.jit(lambda k: jax.random.categorical(k, jnp.asarray(LOGITS))).lower(jax.random.key(0)).compile()

REFUSED: dict[str, Callable[[], Any]] = {
    "uniform": lambda: jax.random.uniform(key()),
    "imported before": lambda: CHOSEN(key()),
    "compiled to the end": lambda: COMPILED(key()),
    "keys under vmap": lambda: jax.vmap(lambda k: jax.random.categorical(k, jnp.asarray(LOGITS)))(
        jax.random.split(key(), 2)
    ),
    "logits under vmap": lambda: jax.vmap(lambda z: jax.random.categorical(key(), z))(jnp.asarray([LOGITS, LOGITS])),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_answered_is_refused(name: str) -> None:
    def run(world: Any) -> list[float]:
        with pgv.adapters.jax.scripted(world):
            REFUSED[name]()
            return [0.0]

    with pytest.raises(UnscriptedDraw, match="test_scripted_jax"):
        pgv.choices.expectation(run)


def test_what_was_compiled_runs_again_afterwards_and_its_refusal_says_what_to_do() -> None:
    def run(world: Any) -> list[float]:
        with pgv.adapters.jax.scripted(world):
            return [float(COMPILED(key()))]

    before = int(COMPILED(key()))
    with pytest.raises(UnscriptedDraw, match="call the function itself"):
        pgv.choices.expectation(run)
    assert int(COMPILED(key())) == before


def test_afterwards_jax_draws_again() -> None:
    before = jax.random.categorical, float(jax.random.uniform(key()))
    with pgv.adapters.jax.scripted(pgv.choices.World(lambda *_: 0)):
        assert jax.random.categorical is not before[0]
    assert (jax.random.categorical, float(jax.random.uniform(key()))) == before


JITTED = jax.jit(lambda k: jax.random.bernoulli(k, 0.5))


@pytest.mark.parametrize("draw", [lambda: jax.random.bernoulli(key(), 0.5), lambda: JITTED(key())])
def test_a_draw_by_a_key_that_nobody_dictates_is_named(draw: Callable[[], Any]) -> None:
    """Keys are the program's own numbers: the same bits come in every run, so that nothing else would show."""
    JITTED(key())  # compiled by now
    with pytest.raises(UnscriptedDraw, match=r"jax\.random at .*test_scripted_jax.*adapters\.jax\.scripted"):
        pgv.choices.expectation(lambda world: [float(draw()) + world.choose([0.5, 0.5])])


def test_what_was_compiled_and_draws_nothing_is_fine_outside() -> None:
    double = jax.jit(lambda x: 2.0 * x)
    found = pgv.choices.expectation(lambda world: [float(double(world.choose([0.5, 0.5])))])
    assert found.mean == pytest.approx([1.0])


def by_keys(*draws: Callable[[], Any]) -> Any:
    """Return E of what several draws sum up to, in contexts of their own as in episodes of their own."""

    def run(world: Any) -> list[float]:
        total = 0.0
        for draw in draws:
            with pgv.adapters.jax.scripted(world):
                total += float(draw())
        return [total**2]

    return pgv.choices.expectation(run)


def coin(number: int, chance: float = 0.5) -> Callable[[], Any]:
    return lambda: jax.random.bernoulli(jax.random.key(number), chance)


def test_a_key_that_is_used_again_says_the_same() -> None:
    """E (2X)² = 2 of one coin, E (X + Y)² = 1.5 of two: the same bits come by the same key, as they would."""
    assert by_keys(coin(1), coin(1)).mean[0] == pytest.approx(2.0)
    assert by_keys(coin(1), coin(2)).mean[0] == pytest.approx(1.5)


@pytest.mark.parametrize(
    "other",
    [
        coin(1, 0.25),
        lambda: jax.random.categorical(jax.random.key(1), jnp.asarray(LOGITS)),
        lambda: jax.random.normal(jax.random.key(1)),
    ],
)
def test_a_key_that_is_used_for_something_else_is_refused(other: Callable[[], Any]) -> None:
    """What it draws hangs together with what was drawn before, in a way of which no option could be listed."""
    with pytest.raises(UnscriptedDraw, match="split the key for every draw"):
        by_keys(coin(1), other)
