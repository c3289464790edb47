"""Something built with random numbers of its own, from a seed, that leaves all generators as they were."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from pgverify.adapters.module_parameters import imported_torch


@contextmanager
def own_randomness(seed: int) -> Iterator[None]:
    """Seed the generators of Python, NumPy and PyTorch; put them back afterwards."""
    torch = imported_torch()
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002 — those that libraries use
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    torch.manual_seed(seed)
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002
        torch.set_rng_state(states[2])
