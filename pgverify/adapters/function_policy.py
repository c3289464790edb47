"""JAX: a function that puts out logits becomes a policy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float

from pgverify.adapters.module_policy import observation_table
from pgverify.errors import InvalidInput, InvalidPolicy, one_sentence, shortened
from pgverify.kinds import known_arguments
from pgverify.policies.logits_policy import LogitsPolicy, require_table
from pgverify.validation import Array


@known_arguments
class FunctionPolicy(LogitsPolicy):
    """π_θ = softmax(apply(parameters, observations)), with θ the leaves of `parameters` in JAX's order.

    Everything is computed in float64, whatever the parameters are stored in; JAX's 64-bit mode is on while `apply` is
    called, and only then. θ is a copy.

    Parameters
    ----------
    apply : (parameters, observations) -> logits [S, A]
        As `module.apply` of flax or `hk.transform(...).apply` are; a function of its arguments alone.
    parameters : a tree of arrays
        As JAX understands it: nested dictionaries, tuples, lists.
    observations : [S, F], or [S, ...], or [S] of int

    Raises
    ------
    InvalidPolicy
        When `apply` cannot take the observations, does not put out one finite row of logits for each, or the tree has
        no floating-point leaf.
    InvalidInput
        When JAX is not installed.
    """

    def __init__(self, apply: Callable[[Any, Any], Any], parameters: Any, observations: Any) -> None:
        function = TreeLogits(apply, parameters, observations)
        super().__init__(function, function.theta)

    @property
    def tree(self) -> Any:
        """θ as the tree that `apply` takes."""
        function: Any = self._function
        return function.tree_of(self._theta)


class TreeLogits:
    """The logits of a function of a tree, as a function of a vector."""

    def __init__(self, apply: Callable[[Any, Any], Any], parameters: Any, observations: Any) -> None:
        jax = imported_jax()
        if not callable(apply):
            raise InvalidPolicy(f"apply is {type(apply).__name__}, must be a function of (parameters, observations)")
        self.apply, self.observations = apply, observation_table(observations)
        leaves, self.structure = jax.tree_util.tree_flatten(parameters)
        self.leaves = [np.asarray(leaf) for leaf in leaves]
        if not self.leaves or any(leaf.dtype.kind not in "fiub" for leaf in self.leaves):
            found = ", ".join(sorted({str(leaf.dtype) for leaf in self.leaves})) or "no array"
            raise InvalidPolicy(f"parameters holds {found}, must be a tree of real arrays")
        if not any(leaf.dtype.kind == "f" for leaf in self.leaves):
            raise InvalidPolicy("parameters holds no floating-point array, must hold at least one: θ is made of those")
        self.theta = np.concatenate([leaf.astype(np.float64).ravel() for leaf in self.leaves if leaf.dtype.kind == "f"])

    def tree_of(self, theta: Any) -> Any:
        """Return the tree at θ; integers and flags in it are constants."""
        leaves, first = [], 0
        for leaf in self.leaves:
            if leaf.dtype.kind != "f":
                leaves.append(leaf)
                continue
            leaves.append(theta[first : first + leaf.size].reshape(leaf.shape))
            first += leaf.size
        return imported_jax().tree_util.tree_unflatten(self.structure, leaves)

    def logits(self, theta: Float[Array, "d"]) -> Float[Array, "S A"]:
        """Return apply(parameters, observations) at θ."""
        jax = imported_jax()
        with jax.enable_x64(True):
            return np.asarray(self._called(jax.numpy.asarray(theta)), dtype=np.float64)

    def pulled_back(self, theta: Float[Array, "d"], weights: Float[Array, "m S A"]) -> Float[Array, "m d"]:
        """Return Σ w(s,a) ∂z(s,a)/∂θ for every table of weights, one backward pass each."""
        jax = imported_jax()
        with jax.enable_x64(True):
            found, pull = jax.vjp(self._called, jax.numpy.asarray(theta))
            rows = jax.vmap(lambda table: pull(table)[0])(jax.numpy.asarray(weights, dtype=found.dtype))
            return np.asarray(rows, dtype=np.float64)

    def _called(self, theta: Any) -> Any:
        jax = imported_jax()
        try:
            found = self.apply(self.tree_of(theta), jax.numpy.asarray(self.observations))
        except Exception as reason:
            raise InvalidPolicy(
                f"apply cannot be called on observations of shape {self.observations.shape}: "
                f"{shortened(one_sentence(reason), 160)}"
            ) from None
        require_table(found, len(self.observations), "jax.Array")
        return found


def imported_jax() -> Any:
    """Return the module jax, which is imported when it is first needed."""
    try:
        import jax
    except ImportError:
        raise InvalidInput("adapters.jax needs JAX, which is not installed: pip install pgverify[jax]") from None
    return jax
