"""A generator with NumPy's methods, new and old, whose every draw is dictated."""

# ruff: noqa: ARG002 — the signatures are those of NumPy
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float

from pgverify.adapters.dictated_draws import DictatedDraws
from pgverify.choices.normal_nodes import NODES
from pgverify.choices.used_seeds import note_seed
from pgverify.validation import Array

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
        shape = () if size is None else (size,) if np.ndim(size) == 0 else tuple(size)
        weights = accepted_weights(count, p, int(np.prod(shape)), replace)
        if size is None:
            index = self._draws.category(weights)
            return np.take(items, index, axis=axis) if items.ndim > 1 else items[index]
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
        self, low: Any, high: Any = None, size: Any = None, dtype: Any = np.int64, endpoint: bool = False
    ) -> Any:
        """Draw integers from low to high."""
        first, last = (0, low) if high is None else (low, high)
        return self._each(
            size, lambda a, b: int(a) + self._draws.integer(int(b) - int(a) + endpoint), dtype, first, last
        )

    def randint(self, low: Any, high: Any = None, size: Any = None, dtype: Any = np.int64) -> Any:
        """Draw integers from low to high − 1."""
        return self.integers(low, high, size, dtype)

    def random_integers(self, low: Any, high: Any = None, size: Any = None) -> Any:
        """Draw integers from low to high, or from 1 to low."""
        first, last = (1, low) if high is None else (low, high)
        return self.integers(first, last, size, endpoint=True)

    def binomial(self, n: Any, p: Any, size: Any = None) -> Any:
        """Draw how often something happens in n trials."""
        return self._each(
            size, lambda count, chance: sum(self._draws.coin(float(chance)) for _ in range(int(count))), np.int64, n, p
        )

    def multinomial(self, n: int, pvals: Any, size: Any = None) -> Any:
        """Draw how often each of several things happens in n trials."""
        weights = np.array(pvals, dtype=np.float64)
        if weights.ndim != 1 or float(weights[:-1].sum()) > 1.0 + 1e-12:
            raise ValueError("sum(pvals[:-1]) > 1.0, or pvals is not one-dimensional")
        weights[-1] = max(1.0 - float(weights[:-1].sum()), 0.0)  # as NumPy does, whatever is given there

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

    def uniform(self, low: Any = 0.0, high: Any = 1.0, size: Any = None) -> Any:
        """Draw uniform numbers, which can be compared."""
        return self._each(size, lambda a, b: self._draws.uniform(float(a), float(b)), object, low, high)

    def seed(self, seed: Any = None, *_: Any, **__: Any) -> None:
        """Change nothing, for the world decides; a seed that is given again after draws is remarked on."""
        note_seed(self._draws.world, "a generator", seed)

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

    def _each(self, size: Any, draw: Callable[[Any, Any], Any], dtype: Any, first: Any, second: Any) -> Any:
        """Return draws with two arguments, each of which may be an array."""
        if np.ndim(first) == np.ndim(second) == 0:
            return self._many(size, lambda: draw(first, second), dtype)
        shape = np.broadcast_shapes(np.shape(first), np.shape(second)) if size is None else size
        both = np.broadcast_to(first, shape).ravel(), np.broadcast_to(second, shape).ravel()
        found = np.empty(both[0].size, dtype=dtype)
        for i, (one, other) in enumerate(zip(*both, strict=True)):
            found[i] = draw(one, other)
        return found.reshape(shape)


def accepted_weights(count: int, p: Any, size: int, replace: bool) -> Float[Array, "k"]:
    """Return the weights of items that are drawn, or refuse them as NumPy does.

    Raises
    ------
    ValueError
    """
    if count == 0 and size:
        raise ValueError("a cannot be empty unless no samples are taken")
    if not replace and size > count:
        raise ValueError("cannot take a larger sample than population when replace is False")
    if p is None:
        return np.full(count, 1.0 / max(count, 1))
    given = np.asarray(p)
    weights = given.astype(np.float64)
    if weights.shape != (count,):
        raise ValueError(f"p has shape {weights.shape}, must be ({count},), one for each item")
    smallest = np.finfo(given.dtype).eps if given.dtype.kind == "f" else 0.0
    if not abs(float(weights.sum()) - 1.0) <= max(np.sqrt(np.finfo(np.float64).eps), np.sqrt(smallest)):
        raise ValueError(f"probabilities do not sum to 1, but to {float(weights.sum()):.9g}")
    if not replace and np.count_nonzero(weights) < size:
        raise ValueError("fewer non-zero entries in p than size")
    return weights
