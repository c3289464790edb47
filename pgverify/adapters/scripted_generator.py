"""A generator with NumPy's methods, new and old, whose every draw is dictated."""

# ruff: noqa: ARG002 — the signatures are those of NumPy
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pgverify.adapters.dictated_draws import DictatedDraws
from pgverify.choices.normal_nodes import NODES

REFUSED = (
    "beta", "bytes", "chisquare", "dirichlet", "exponential", "f", "gamma", "geometric", "gumbel", "hypergeometric",
    "laplace", "logistic", "logseries", "multivariate_hypergeometric", "multivariate_normal", "negative_binomial",
    "noncentral_chisquare", "noncentral_f", "pareto", "poisson", "power", "rayleigh", "standard_cauchy",
    "standard_exponential", "standard_gamma", "standard_t", "triangular", "vonmises", "wald", "weibull", "zipf",
    "lognormal", "tomaxint",
)  # fmt: skip
"""Laws without a finite list of options, of which nothing is made here."""


class ScriptedGenerator:
    """`numpy.random.Generator`, and the old `RandomState`, as far as draws have finitely many options.

    `choice`, `permutation`, `permuted`, `shuffle`, `integers`, `randint`, `binomial` and `multinomial` list them;
    normal numbers are nodes of a quadrature; uniform numbers may be compared, as in `rng.random() < p`. Anything else
    is refused, with the line.

    Parameters
    ----------
    world : what has `choose`
    nodes : int
        Of a normal number.
    """

    def __init__(self, world: Any, nodes: int = NODES) -> None:
        self._draws = DictatedDraws(world, nodes)

    def choice(
        self, a: Any, size: Any = None, replace: bool = True, p: Any = None, axis: int = 0, shuffle: bool = True
    ) -> Any:
        """Draw items of a sequence, or of range(a)."""
        items = np.arange(a) if np.ndim(a) == 0 else np.asarray(a)
        count = items.shape[axis]
        weights = np.full(count, 1.0 / count) if p is None else np.asarray(p, dtype=np.float64)
        if size is None:
            index = self._draws.category(weights)
            return np.take(items, index, axis=axis) if items.ndim > 1 else items[index]
        shape = (size,) if np.ndim(size) == 0 else tuple(size)
        drawn = self._draws.categories(weights, int(np.prod(shape)), replace)
        return np.take(items, drawn.reshape(shape), axis=axis)

    def permutation(self, x: Any, axis: int = 0) -> Any:
        """Return a sequence, or range(x), in another order."""
        items = np.arange(x) if np.ndim(x) == 0 else np.asarray(x)
        return np.take(items, self._draws.order(items.shape[axis]), axis=axis)

    def permuted(self, x: Any, axis: Any = None, out: Any = None) -> Any:
        """Return an array in another order, every row in one of its own where an axis is given."""
        array = np.asarray(x)
        if axis is None:
            found = array.ravel()[self._draws.order(array.size)].reshape(array.shape)
        else:
            rows = np.moveaxis(array, axis, -1)
            mixed = np.array([row[self._draws.order(row.size)] for row in rows.reshape(-1, rows.shape[-1])])
            found = np.moveaxis(mixed.reshape(rows.shape), -1, axis)
        if out is not None:
            out[...] = found
            return out
        return found

    def shuffle(self, x: Any, axis: int = 0) -> None:
        """Put a sequence into another order, in place."""
        if isinstance(x, np.ndarray):
            x[...] = np.take(x, self._draws.order(x.shape[axis]), axis=axis)
        else:
            x[:] = [x[i] for i in self._draws.order(len(x))]

    def integers(
        self, low: int, high: int | None = None, size: Any = None, dtype: Any = np.int64, endpoint: bool = False
    ) -> Any:
        """Draw integers from low to high."""
        first, last = (0, low) if high is None else (low, high)
        count = int(last) - int(first) + endpoint
        return self._many(size, lambda: int(first) + self._draws.integer(count), dtype)

    def randint(self, low: int, high: int | None = None, size: Any = None, dtype: Any = np.int64) -> Any:
        """Draw integers from low to high − 1."""
        return self.integers(low, high, size, dtype)

    def binomial(self, n: int, p: float, size: Any = None) -> Any:
        """Draw how often something happens in n trials."""
        return self._many(size, lambda: sum(self._draws.coin(float(p)) for _ in range(int(n))), np.int64)

    def multinomial(self, n: int, pvals: Any, size: Any = None) -> Any:
        """Draw how often each of several things happens in n trials."""
        weights = np.asarray(pvals, dtype=np.float64)

        def counts() -> Any:
            return np.bincount(self._draws.categories(weights, int(n), True), minlength=len(weights))

        if size is None:
            return counts()
        shape = (size,) if np.ndim(size) == 0 else tuple(size)
        return np.array([counts() for _ in range(int(np.prod(shape)))]).reshape(*shape, len(weights))

    def normal(self, loc: Any = 0.0, scale: Any = 1.0, size: Any = None) -> Any:
        """Draw normal numbers: nodes of a quadrature."""
        shape = np.broadcast_shapes(np.shape(loc), np.shape(scale)) if size is None else size
        found = np.asarray(loc) + np.asarray(scale) * self.standard_normal(shape)
        return float(found) if np.ndim(found) == 0 else found

    def standard_normal(self, size: Any = None, dtype: Any = np.float64, out: Any = None) -> Any:
        """Draw normal numbers: nodes of a quadrature."""
        found = self._many(size if out is None else out.shape, self._draws.normal, dtype)
        if out is not None:
            out[...] = found
            return out
        return found

    def randn(self, *shape: int) -> Any:
        """Draw normal numbers: nodes of a quadrature."""
        return self.standard_normal(shape or None)

    def random(self, size: Any = None, dtype: Any = None, out: Any = None) -> Any:
        """Draw uniform numbers, which can be compared."""
        if out is not None:
            self._draws.refuse("uniform numbers into an array")
        return self._many(size, self._draws.uniform, object)

    def random_sample(self, size: Any = None) -> Any:
        """Draw uniform numbers, which can be compared."""
        return self.random(size)

    def rand(self, *shape: int) -> Any:
        """Draw uniform numbers, which can be compared."""
        return self.random(shape or None)

    def uniform(self, low: float = 0.0, high: float = 1.0, size: Any = None) -> Any:
        """Draw uniform numbers from 0 to 1, which can be compared; of other ranges they are refused."""
        if (low, high) != (0.0, 1.0):
            self._draws.refuse(f"a uniform number from {low} to {high}, and only those from 0 to 1 can be compared")
        return self.random(size)

    def seed(self, *_: Any, **__: Any) -> None:
        """Change nothing: the world decides."""

    def spawn(self, count: int) -> list[ScriptedGenerator]:
        """Return further generators of the same world."""
        return [self] * int(count)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name not in REFUSED:
            raise AttributeError(f"a scripted generator has no {name}")
        return lambda *_, **__: self._draws.refuse(f"by {name}, which has no finite list of options")

    def _many(self, size: Any, draw: Callable[[], Any], dtype: Any) -> Any:
        if size is None or size == ():
            return draw()
        shape = (int(size),) if np.ndim(size) == 0 else tuple(size)
        found = np.empty(shape, dtype=dtype)
        flat = found.reshape(-1)
        for i in range(flat.size):
            flat[i] = draw()
        return found
