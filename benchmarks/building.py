"""Processor seconds of what is built once: `python benchmarks/building.py`, networks too where torch or JAX is there.

Lines above their limit are marked, and make the exit code 1.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import importlib.util
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import pgverify as pgv
from pgverify.randomness.alias import AliasTable


def on_a_garnet(policy: pgv.Policy) -> Callable[[], object]:
    problem = pgv.Problem(pgv.mdps.garnet(60, 8, 5, 0), policy, pgv.FiniteHorizon(20, 0.95))
    return lambda: pgv.exact.gradient(problem)


def module_policies() -> Iterator[tuple[str, Callable[[], object], float]]:
    import torch
    from torch import nn

    from pgverify.adapters.torch import ModulePolicy, from_loss

    torch.set_num_threads(1)
    observations = np.random.default_rng(0).normal(size=(60, 16))
    module = nn.Sequential(nn.Linear(16, 96), nn.Tanh(), nn.Linear(96, 80), nn.Tanh(), nn.Linear(80, 8))
    on_a_garnet(ModulePolicy(module, observations))()  # imports happen once
    yield "gradient of a torch module, d = 10,040", on_a_garnet(ModulePolicy(module, observations)), 0.2

    def to_go(logits: Any, batch: Any) -> Any:
        chosen = torch.log_softmax(logits, dim=-1).gather(-1, batch.actions[..., None])[..., 0]
        paid = batch.rewards * batch.discount ** torch.arange(chosen.shape[1])
        return -(chosen * paid.flip(1).cumsum(1).flip(1) * batch.mask).sum(1).mean()

    def hundred(states: int, actions: int) -> ModulePolicy:
        hidden = (100 - actions) // (states + 1 + actions)
        net = nn.Sequential(nn.Linear(states, hidden), nn.Tanh(), nn.Linear(hidden, actions))
        return ModulePolicy(net, np.eye(states))

    suite = pgv.suites.get("standard", policy=hundred)
    yield "check of networks of 100 parameters", lambda: pgv.check(from_loss(to_go), problems=suite), 5.0


def function_policies() -> Iterator[tuple[str, Callable[[], object], float]]:
    import jax.numpy as jnp

    from pgverify.adapters.jax import FunctionPolicy

    rng = np.random.default_rng(0)
    observations = 0.1 * rng.normal(size=(60, 16))
    parameters = {"w": rng.normal(size=(16, 416)), "v": rng.normal(size=(416, 8))}

    def perceptron(weights: Any, seen: Any) -> Any:
        return jnp.tanh(seen @ weights["w"]) @ weights["v"]

    on_a_garnet(FunctionPolicy(perceptron, parameters, observations))()
    yield (
        "gradient of a JAX function, d = 9,984",
        on_a_garnet(FunctionPolicy(perceptron, parameters, observations)),
        0.2,
    )


def measured() -> Iterator[tuple[str, Callable[[], object], float]]:
    pgv.mdps.get("frozen-lake-4x4")  # imports happen once
    yield "taxi", lambda: pgv.mdps.get("taxi"), 0.3
    drawn = np.random.default_rng(4).dirichlet(np.full(40, 0.3), size=10_000)
    yield "alias tables of 10,000 rows", lambda: AliasTable.of(drawn), 0.5
    for name, policies in (("torch", module_policies), ("jax", function_policies)):
        if importlib.util.find_spec(name):
            yield from policies()


def main() -> int:
    late = 0
    for name, build, limit in measured():
        start = time.process_time()
        build()
        taken = time.process_time() - start
        late += taken > limit
        print(f"{taken:6.3f} s of {limit:g}  {name}{'  TOO SLOW' if taken > limit else ''}", flush=True)
    return int(late > 0)


if __name__ == "__main__":
    raise SystemExit(main())
