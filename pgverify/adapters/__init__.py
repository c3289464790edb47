"""Ways in for what others wrote: thin translations of their types into ours, imported only when asked for.

    pgv.adapters.torch.from_loss(loss_fn)           # a PyTorch loss, for pgv.check(kind="gradient")
    pgv.adapters.jax.from_loss(loss_fn)             # a JAX loss, likewise
    pgv.adapters.gymnasium.TabularEnv(problem)      # a problem, for anybody's training loop
    pgv.adapters.process.from_command(argv)         # a program in any language
    pgv.adapters.token_losses.from_policy_loss(f, advantages)   # a trainer's loss of tokens, for pgv.check_lm
    with pgv.adapters.torch.scripted(world): ...    # torch's draws dictated; likewise numpy and jax
    pgv.adapters.stable_baselines3.update(A2C)      # a whole agent, for pgv.check(kind="agent"); likewise trl, torchrl

Each loads its own library, and none of the others.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from pgverify.errors import UnknownAttribute

__all__ = ["gymnasium", "jax", "numpy", "process", "stable_baselines3", "token_losses", "torch", "torchrl", "trl"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return import_module(f"{__name__}.{name}")
    raise UnknownAttribute(f"module {__name__!r}", name, lambda: __all__)


def __dir__() -> list[str]:
    return __all__
