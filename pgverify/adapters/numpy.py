"""NumPy's random numbers, and those of Python's `random`, dictated by a world.

    def run(world):
        with pgv.adapters.numpy.scripted(world):
            order = np.random.permutation(4)            # all 24 orders come, each in one run of its own
            rng = np.random.default_rng(0)              # whatever is made here is scripted, too
            explore = rng.random() < 0.1                # two runs, of probabilities 0.1 and 0.9

Generators that were made before are not: give `ScriptedGenerator(world)` to who holds them. `choices.expectation` names
the line where one of them draws all the same.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np

from pgverify.adapters.dictated_draws import DictatedDraws
from pgverify.adapters.scripted_generator import REFUSED, ScriptedGenerator
from pgverify.choices.normal_nodes import NODES
from pgverify.choices.stand_ins import replaced_everywhere, stand_in

__all__ = ["ScriptedGenerator", "scripted"]

GLOBAL = (
    "choice", "permutation", "shuffle", "randint", "binomial", "multinomial", "normal", "standard_normal", "randn",
    "random", "random_sample", "ranf", "sample", "rand", "uniform", "seed", "random_integers",
)  # fmt: skip
"""Functions of `numpy.random` that are answered."""

ALSO = {"ranf": "random_sample", "sample": "random_sample"}


@contextmanager
def scripted(world: Any, nodes: int = NODES) -> Iterator[ScriptedGenerator]:
    """Let a world answer the functions of `numpy.random` and of `random`, and all generators that are made meanwhile.

    Everything is as it was afterwards. Names that were imported one by one before, as in `from numpy.random import
    choice`, are reached where a module holds them; elsewhere, where they draw is found and named by
    `choices.expectation`.

    Parameters
    ----------
    world : what has `choose`
    nodes : int
        Of a normal number.

    Raises
    ------
    InvalidInput
        When world is none.
    UnscriptedDraw
        Inside, at a draw without a finite list of options, naming its line.
    """
    generator = ScriptedGenerator(world, nodes)
    substitutes = {name: getattr(generator, ALSO.get(name, name)) for name in GLOBAL}
    substitutes |= {name: getattr(generator, name) for name in REFUSED if hasattr(np.random, name)}

    def made(seed: Any = None, **_: Any) -> ScriptedGenerator:
        generator.seed(seed if isinstance(seed, int | np.integer | str) else None)
        return generator

    substitutes["default_rng"] = made
    for name in ("Generator", "RandomState"):
        substitutes[name] = stand_in(getattr(np.random, name), made, (ScriptedGenerator,))
    python = _python(generator, world, nodes)
    instance = SimpleNamespace(**python)

    def made_in_python(seed: Any = None, **_: Any) -> SimpleNamespace:
        made(seed)
        return instance

    for name in ("Random", "SystemRandom"):
        python[name] = stand_in(getattr(random, name), made_in_python, (SimpleNamespace,))
    with replaced_everywhere(np.random, substitutes), replaced_everywhere(random, python):
        yield generator


def _python(generator: ScriptedGenerator, world: Any, nodes: int) -> dict[str, Any]:
    """Return the functions of Python's `random`, answered."""
    draws = DictatedDraws(world, nodes)

    def choices(population: Any, weights: Any = None, *, cum_weights: Any = None, k: int = 1) -> list[Any]:
        if cum_weights is not None:
            weights = np.diff(np.asarray(cum_weights, dtype=np.float64), prepend=0.0)
        table = np.ones(len(population)) if weights is None else np.asarray(weights, dtype=np.float64)
        return [population[i] for i in draws.categories(table, k, True)]

    def sample(population: Any, k: int, *, counts: Any = None) -> list[Any]:
        if counts is not None:
            draws.refuse("by sample with counts")
        return [population[i] for i in draws.categories(np.ones(len(population)), k, False)]

    def refused(name: str) -> Any:
        return lambda *_, **__: draws.refuse(f"by random.{name}, which has no finite list of options")

    answered = {
        "random": draws.uniform,
        "choice": lambda items: items[draws.integer(len(items))],
        "choices": choices,
        "sample": sample,
        "shuffle": generator.shuffle,
        "randrange": lambda start, stop=None, step=1: (lambda whole: whole[draws.integer(len(whole))])(
            range(start) if stop is None else range(start, stop, step)
        ),
        "randint": lambda a, b: a + draws.integer(b - a + 1),
        "getrandbits": lambda k: draws.integer(2**k) if k <= 16 else refused("getrandbits")(),
        "gauss": lambda mu=0.0, sigma=1.0: mu + sigma * draws.normal(),
        "normalvariate": lambda mu=0.0, sigma=1.0: mu + sigma * draws.normal(),
        "seed": generator.seed,
        "uniform": draws.uniform,
    }
    return answered | {
        name: refused(name)
        for name in ("triangular", "betavariate", "expovariate", "gammavariate", "lognormvariate",
                     "vonmisesvariate", "paretovariate", "weibullvariate", "randbytes", "binomialvariate")
    }  # fmt: skip
