"""The frameworks by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from pgverify.language.frameworks.differentiated import LossCall
from pgverify.language.frameworks.jax_losses import jax_call
from pgverify.language.frameworks.numpy_losses import numpy_call
from pgverify.language.frameworks.torch_losses import torch_call

FRAMEWORKS: Mapping[str, Callable[..., LossCall]] = MappingProxyType(
    {"torch": torch_call, "jax": jax_call, "numpy": numpy_call}
)
"""Each (loss, table, flags, precision) -> LossCall; its framework is imported when it is called."""
