"""JAX's draws, dictated by a world: operation by operation, under `disable_jit`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import Any

import numpy as np

from pgverify.adapters.dictated_draws import DictatedDraws
from pgverify.choices.normal_nodes import NODES
from pgverify.errors import InvalidInput

ANSWERED = ("categorical", "bernoulli", "permutation", "choice", "randint", "normal")


@contextmanager
def scripted(world: Any, nodes: int = NODES) -> Iterator[None]:
    """Let a world answer `jax.random`, while the context is open; functions are not compiled meanwhile.

    `categorical`, `bernoulli`, `permutation`, `choice` and `randint` list their options, `normal` takes nodes of a
    quadrature. Whatever else asks a key for random bits is refused, with its line: also functions that were imported
    one by one before. What `jax.jit` has wrapped runs operation by operation; programs made by `lower().compile()` are
    refused, for nothing in them can be dictated. Under `vmap`, where one call stands for many draws, they are refused,
    too; `grad` and `scan` are fine.

    Nothing runs compiled, as a callback would have to be compiled into a program in the place of every draw, and out of
    it afterwards; it may run in a thread of JAX's own, where the order of draws is not the program's, and `grad`
    refuses it.

    Parameters
    ----------
    world : what has `choose`
    nodes : int
        Of a normal number.

    Raises
    ------
    InvalidInput
        When world is none, or JAX is not installed.
    UnscriptedDraw
        Inside, at a draw that cannot be answered.
    """
    try:
        import jax
    except ImportError:
        raise InvalidInput("adapters.jax needs JAX, which is not installed: pip install pgverify[jax]") from None
    draws = _JaxDraws(jax, DictatedDraws(world, nodes))
    before = {name: getattr(jax.random, name) for name in ANSWERED}
    source = _source_of_bits()
    bits = source.random_bits
    for name in ANSWERED:
        setattr(jax.random, name, draws.by_key(name))
    source.random_bits = draws.random_bits
    compiled = jax.stages.Compiled
    called = compiled.__call__
    compiled.__call__ = draws.compiled
    try:
        with jax.disable_jit():
            yield
    finally:
        for name, function in before.items():
            setattr(jax.random, name, function)
        source.random_bits = bits
        compiled.__call__ = called


def _source_of_bits() -> Any:
    """Return the module of JAX through which every function gets its random bits; it has moved between versions."""
    for name in ("jax._src.random.prng", "jax._src.prng"):
        with suppress(ImportError):
            module = import_module(name)
            if hasattr(module, "random_bits"):
                return module
    raise InvalidInput("adapters.jax knows no way to this version of JAX's random bits: pip install jax==0.10.2")


class _JaxDraws:
    """What answers, with the arguments of jax.random's own functions."""

    def __init__(self, jax: Any, draws: DictatedDraws) -> None:
        self.jax = jax
        self.draws = draws
        kept = getattr(draws.world, "kept", {})
        self._used: dict[bytes, Any] = kept.setdefault("keys of JAX", {})

    def by_key(self, name: str) -> Callable[..., Any]:
        """Return a function of jax.random, answered, which draws once by a key: the second time it says the same.

        Of another function, or of other numbers, the same random bits make something that hangs together with what they
        made before, and no choice is left: it is refused.
        """
        drawn = getattr(self, name)

        def answered(key: Any, *given: Any, **named: Any) -> Any:
            self._require_known(key)
            bits = np.asarray(self.jax.random.key_data(key)).tobytes()
            asked = (
                name,
                tuple(map(self._compared, given)),
                tuple((each, self._compared(named[each])) for each in sorted(named)),
            )
            used = self._used.get(bits)
            if used is None:
                used = self._used[bits] = asked, drawn(*given, **named)
            elif used[0] != asked:
                self.draws.refuse(
                    f"by {name} with a key that {used[0][0]} had used: both get the same random bits, so that they are "
                    "not independent; split the key for every draw"
                )
            return used[1]

        return answered

    def categorical(self, logits: Any, axis: int = -1, shape: Any = None, replace: bool = True, **_: Any) -> Any:
        table = np.moveaxis(self._numbers(logits), axis, -1)
        weights = np.exp(table - table.max(axis=-1, keepdims=True))
        batch = weights.shape[:-1] if shape is None else tuple(shape)
        if not replace:
            self.draws.refuse("by categorical without replacement")
        rows = np.broadcast_to(weights, (*batch, weights.shape[-1])).reshape(-1, weights.shape[-1])
        return self._array([self.draws.category(row) for row in rows], batch, int)

    def bernoulli(self, p: Any = 0.5, shape: Any = None, **_: Any) -> Any:
        chances = self._numbers(p)
        batch = chances.shape if shape is None else tuple(shape)
        return self._array([self.draws.coin(float(x)) for x in np.broadcast_to(chances, batch).ravel()], batch, bool)

    def permutation(self, x: Any, axis: int = 0, independent: bool = False, **_: Any) -> Any:
        if independent:
            self.draws.refuse("by permutation with independent=True")
        if np.ndim(x) == 0:
            return self._array(self.draws.order(int(x)), (int(x),), int)
        return self.jax.numpy.take(x, self.draws.order(x.shape[axis]), axis=axis)

    def choice(self, a: Any, shape: Any = (), replace: bool = True, p: Any = None, axis: int = 0, **_: Any) -> Any:
        count = int(a) if np.ndim(a) == 0 else a.shape[axis]
        weights = np.full(count, 1.0 / count) if p is None else self._numbers(p)
        drawn = self.draws.categories(weights, int(np.prod(shape)), replace).reshape(tuple(shape))
        return self.jax.numpy.asarray(drawn) if np.ndim(a) == 0 else self.jax.numpy.take(a, drawn, axis=axis)

    def randint(self, shape: Any, minval: Any, maxval: Any, dtype: Any = int, **_: Any) -> Any:
        low, high = int(self._numbers(minval)), int(self._numbers(maxval))
        found = [low + self.draws.integer(high - low) for _ in range(int(np.prod(shape)))]
        return self._array(found, tuple(shape), dtype)

    def normal(self, shape: Any = (), dtype: Any = float, **_: Any) -> Any:
        return self._array([self.draws.normal() for _ in range(int(np.prod(shape)))], tuple(shape), dtype)

    def random_bits(self, *_: Any, **__: Any) -> Any:
        return self.draws.refuse("random bits of jax.random, by a function without a finite list of options")

    def compiled(self, *_: Any, **__: Any) -> Any:
        return self.draws.refuse(
            "by a program that lower().compile() had made, in which no draw can be dictated: call the function itself, "
            "which jax.jit may have wrapped"
        )

    def _require_known(self, key: Any) -> None:
        """Refuse a key under `vmap`: one call would stand for several draws."""
        if isinstance(key, self.jax.core.Tracer):
            self.draws.refuse("under vmap: give categorical, bernoulli or choice whole arrays, or loop")

    def _numbers(self, value: Any) -> Any:
        """Return the numbers of an array, or refuse one that is traced and has none."""
        known = self.jax.lax.stop_gradient(value) if isinstance(value, self.jax.Array) else value
        try:
            return np.asarray(known, dtype=np.float64)
        except Exception:
            return self.draws.refuse("under a transformation of JAX that hides its probabilities")

    def _array(self, found: Any, shape: tuple[int, ...], dtype: Any) -> Any:
        return self.jax.numpy.asarray(np.array(found).reshape(shape), dtype=dtype)

    def _compared(self, value: Any) -> Any:
        """Return what tells one argument of a draw from another: the bits of numbers, or words."""
        known = self.jax.lax.stop_gradient(value) if isinstance(value, self.jax.Array) else value
        try:
            return np.asarray(known).tobytes()
        except Exception:
            return repr(value)
