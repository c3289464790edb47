"""PyTorch's draws, dictated by a world."""

# ruff: noqa: A002, ARG002 — the signatures are those of torch
from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import numpy as np

from pgverify.adapters.dictated_draws import DictatedDraws
from pgverify.adapters.module_parameters import imported_torch
from pgverify.adapters.uniform_tensor import UniformTensor
from pgverify.choices.normal_nodes import NODES
from pgverify.choices.stand_ins import replaced_everywhere
from pgverify.choices.used_seeds import note_seed
from pgverify.choices.whereabouts_of_draws import OURS


@contextmanager
def scripted(world: Any, nodes: int = NODES) -> Iterator[None]:
    """Let a world answer the draws that PyTorch makes, while the context is open.

    `multinomial` (behind `Categorical.sample` and the `generate` of transformers), `bernoulli`, `binomial`, `randperm`
    (behind `DataLoader(shuffle=True)`) and `randint` list their options; `normal`, `randn` and `normal_` take nodes of
    a quadrature; what `rand` draws may be compared, as in `torch.rand(n) < p`. Dropout that is on, and laws without a
    finite list of options, are refused with their line. A draw of another kind is found and named by
    `choices.expectation`.

    Parameters
    ----------
    world : what has `choose`
    nodes : int
        Of a normal number.

    Raises
    ------
    InvalidInput
        When world is none, or PyTorch is not installed.
    UnscriptedDraw
        Inside, at a draw that cannot be answered.
    """
    torch = imported_torch()
    from torch.overrides import TorchFunctionMode

    answers = _answers(torch, _TorchDraws(torch, DictatedDraws(world, nodes)))

    class Scripted(TorchFunctionMode):  # type: ignore[misc]
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            answer = answers.get(func)
            named = kwargs or {}
            if answer is None:
                return func(*args, **named)
            _note_generator(world, named.get("generator"))
            return answer(*args, **named)

    with Scripted(), _noting_seeds(torch, world):
        yield


@contextmanager
def _noting_seeds(torch: Any, world: Any) -> Iterator[None]:
    """Look at the seeds that torch is given, which it does not dispatch."""
    seeded = torch.manual_seed

    def noting(seed: Any) -> Any:
        note_seed(world, "torch", seed)
        return seeded(seed)

    with replaced_everywhere(torch, {"manual_seed": noting}):
        yield


def _note_generator(world: Any, generator: Any) -> None:
    """Look at the seed that a generator began with, when it draws for the first time in a run.

    A new one that nobody seeds has always the same. Those of a loader are seeded with what it draws, which is dictated.
    """
    kept = getattr(getattr(world, "world", world), "kept", None)
    if generator is None or kept is None or _asked_by_loader():
        return
    drawing = kept.setdefault("generators of torch that drew", [])
    if not any(one is generator for one in drawing):
        drawing.append(generator)
        note_seed(world, "a generator of torch", generator.initial_seed(), at_once=True)


class _TorchDraws:
    """What answers, with the arguments of torch's own functions."""

    def __init__(self, torch: Any, draws: DictatedDraws) -> None:
        self.torch = torch
        self.draws = draws

    def multinomial(
        self,
        input: Any,
        num_samples: int,
        replacement: bool = False,
        *,
        generator: Any = None,
        out: Any = None,
    ) -> Any:
        if not input.is_floating_point():
            return self.torch.multinomial(input, num_samples, replacement)  # which refuses whole numbers
        table = input.detach().double().cpu().numpy()
        rows = table.reshape(-1, table.shape[-1])
        drawn = np.zeros((len(rows), num_samples), dtype=np.int64)
        for i, weights in enumerate(rows):
            drawn[i] = self.draws.of_row(i, len(rows)).categories(weights, num_samples, replacement)
        found = self.torch.from_numpy(drawn.reshape(*table.shape[:-1], num_samples)).to(input.device)
        return found if out is None else out.copy_(found)

    def bernoulli(self, input: Any, p: Any = None, *, generator: Any = None, out: Any = None) -> Any:
        chances = input if p is None else self.torch.full_like(input, p)
        found = self._coins(chances).to(input)
        return found if out is None else out.copy_(found)

    def bernoulli_(self, tensor: Any, p: Any = 0.5, *, generator: Any = None) -> Any:
        chances = p if isinstance(p, self.torch.Tensor) else self.torch.full(tensor.shape, float(p))
        return tensor.copy_(self._coins(chances.expand_as(tensor)))

    def randperm(
        self, n: int, *, generator: Any = None, out: Any = None, dtype: Any = None, device: Any = None, **_: Any
    ) -> Any:
        found = self.torch.from_numpy(self.draws.order(n)).to(device=device, dtype=dtype)
        return found if out is None else out.copy_(found)

    def randint(self, *given: Any, **named: Any) -> Any:
        low = named.pop("low", 0)
        numbers = list(given)
        size = named.pop("size", None) or numbers.pop()
        high = named.pop("high", None)
        if high is None:
            high = numbers.pop()
        if numbers:
            low = numbers.pop()
        named.pop("generator", None)
        out = named.pop("out", None)
        found = [low + self.draws.integer(int(high) - int(low)) for _ in range(int(np.prod(size)))]
        drawn = self.torch.tensor(found, **{"dtype": self.torch.int64, **named}).reshape(tuple(size))
        return drawn if out is None else out.copy_(drawn)

    def randint_like(self, input: Any, low: int, high: int | None = None, **named: Any) -> Any:
        named.pop("memory_format", None)
        first, last = (0, low) if high is None else (low, high)
        return self.randint(first, last, tuple(input.shape), **{"dtype": input.dtype, **named})

    def random_(self, tensor: Any, low: Any = None, to: Any = None, *, generator: Any = None, **named: Any) -> Any:
        if low is None and not named and to is None:
            if _asked_by_loader():
                return tensor.zero_()  # a seed for generators of torch's own, which are dictated, too
            self.draws.refuse("by torch's random_ without a range, which has too many options")
        first = named.get("from", 0 if to is None else low)
        last = to if to is not None else low
        return tensor.copy_(self.randint(int(first), int(last), tuple(tensor.shape)))

    def binomial(self, count: Any, prob: Any, generator: Any = None) -> Any:
        counts, chances = self.torch.broadcast_tensors(count, prob)
        pairs = zip(counts.double().ravel().tolist(), chances.double().ravel().tolist(), strict=True)
        found = [sum(self.draws.coin(p) for _ in range(int(n))) for n, p in pairs]
        return self.torch.tensor(found, dtype=count.dtype).reshape(counts.shape)

    def rand(self, *size: Any, **named: Any) -> Any:
        shape = named.pop("size", None) or (size[0] if len(size) == 1 and not isinstance(size[0], int) else size)
        if named.get("out") is not None or named.get("requires_grad"):
            self.draws.refuse("uniform numbers into a tensor")
        return UniformTensor.drawn(self.torch, self.draws, tuple(shape))

    def rand_like(self, input: Any, **_: Any) -> Any:
        return UniformTensor.drawn(self.torch, self.draws, tuple(input.shape))

    def normal(
        self, mean: Any = 0.0, std: Any = 1.0, size: Any = None, *, generator: Any = None, out: Any = None, **named: Any
    ) -> Any:
        if size is None:
            shape = np.broadcast_shapes(*(tuple(x.shape) for x in (mean, std) if isinstance(x, self.torch.Tensor)))
            like = mean if isinstance(mean, self.torch.Tensor) else std
            named = {"dtype": like.dtype, "device": like.device}
        else:
            shape = tuple(size)
        found = mean + std * self._normals(shape, named)
        return found if out is None else out.copy_(found)

    def randn(self, *size: Any, generator: Any = None, out: Any = None, **named: Any) -> Any:
        shape = named.pop("size", None) or (size[0] if len(size) == 1 and not isinstance(size[0], int) else size)
        found = self._normals(tuple(shape), named)
        return found if out is None else out.copy_(found)

    def randn_like(self, input: Any, **named: Any) -> Any:
        named.pop("memory_format", None)
        return self._normals(tuple(input.shape), {"dtype": input.dtype, "device": input.device, **named})

    def normal_(self, tensor: Any, mean: float = 0.0, std: float = 1.0, *, generator: Any = None) -> Any:
        return tensor.copy_(mean + std * self._normals(tuple(tensor.shape), {"dtype": tensor.dtype}))

    def refusing(self, name: str) -> Callable[..., Any]:
        return lambda *_, **__: self.draws.refuse(f"by torch's {name}, which has no finite list of options")

    def without_dropout(
        self, function: Callable[..., Any], rate: str, place: int, switch: str | None
    ) -> Callable[..., Any]:
        """Return a function with dropout that is refused where that is on."""

        def called(*args: Any, **named: Any) -> Any:
            p = named.get(rate, args[place] if len(args) > place else (0.5 if switch else 0.0))
            on = switch is None or named.get(switch, args[place + 1] if len(args) > place + 1 else True)
            if on and p:
                self.draws.refuse(f"by dropout of {p:g}: switch it off, by a rate of 0 or module.eval()")
            return function(*args, **named)

        return called

    def _coins(self, chances: Any) -> Any:
        table = chances.detach().double().cpu().numpy()
        found = np.array([float(self.draws.coin(float(p))) for p in table.ravel()]).reshape(table.shape)
        return self.torch.from_numpy(found).to(chances.device)

    def _normals(self, shape: tuple[int, ...], named: dict[str, Any]) -> Any:
        requires = named.pop("requires_grad", False)
        kept = {name: named[name] for name in ("dtype", "device") if named.get(name) is not None}
        kept.setdefault("dtype", self.torch.get_default_dtype())
        rows = shape[0] if len(shape) > 1 else 1
        found = np.zeros(shape)
        for i, row in enumerate(found.reshape(rows, -1)):
            draws = self.draws.of_row(i, rows)
            row[:] = [draws.normal() for _ in range(row.size)]
        return self.torch.tensor(found, **kept).requires_grad_(requires)


def _asked_by_loader() -> bool:
    """Return whether a loader of torch's own asks, which shuffles by generators that it seeds with what it draws."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(OURS):
        frame = frame.f_back
    return frame is not None and str(frame.f_globals.get("__name__", "")).startswith("torch.utils.data.")


def _answers(torch: Any, draws: _TorchDraws) -> dict[Any, Callable[..., Any]]:
    """Return what answers which function of torch."""
    tensor, functional = torch.Tensor, torch.nn.functional
    answers: dict[Any, Callable[..., Any]] = {
        torch.multinomial: draws.multinomial,
        tensor.multinomial: draws.multinomial,
        torch.bernoulli: draws.bernoulli,
        tensor.bernoulli: draws.bernoulli,
        tensor.bernoulli_: draws.bernoulli_,
        torch.randperm: draws.randperm,
        torch.randint: draws.randint,
        torch.randint_like: draws.randint_like,
        tensor.random_: draws.random_,
        torch.binomial: draws.binomial,
        torch.rand: draws.rand,
        torch.rand_like: draws.rand_like,
        torch.normal: draws.normal,
        torch.randn: draws.randn,
        torch.randn_like: draws.randn_like,
        tensor.normal_: draws.normal_,
    }
    for owner, names in (
        (torch, ("poisson",)),
        (tensor, ("uniform_", "exponential_", "geometric_", "cauchy_", "log_normal_")),
    ):
        answers |= {getattr(owner, name): draws.refusing(name) for name in names}
    for name in ("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout"):
        for owner, rate in ((functional, "p"), (torch, "p")):
            function = getattr(owner, name, None)
            if function is not None:
                answers[function] = draws.without_dropout(
                    function, rate, 1, "training" if owner is functional else "train"
                )
    attention = functional.scaled_dot_product_attention
    answers[attention] = draws.without_dropout(attention, "dropout_p", 4, None)
    return answers
