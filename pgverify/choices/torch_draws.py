"""Draws of torch that nobody dictated, seen where its operators run; torch itself is loaded by whoever uses it."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from types import FrameType
from typing import Any

from pgverify.choices.whereabouts_of_draws import OURS, place_of


def torch_state() -> bytes:
    """Return the state of torch's own generator; nothing where it is not loaded."""
    torch: Any = sys.modules.get("torch")
    return b"" if torch is None else bytes(torch.default_generator.get_state().numpy())


@contextlib.contextmanager
def noting_torch_draws() -> Iterator[list[str]]:
    """Yield a list that takes the lines where torch draws, while the context is open; nothing where it is not loaded.

    Operators are tagged random though they may not draw, as attention without dropout is: the states of the generators
    are compared around each.
    """
    lines: list[str] = []
    torch: Any = sys.modules.get("torch")
    if torch is None:
        yield lines
        return
    from torch.utils._python_dispatch import TorchDispatchMode

    class Noting(TorchDispatchMode):  # type: ignore[misc]
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            named = kwargs or {}
            if torch.Tag.nondeterministic_seeded not in func.tags:
                return func(*args, **named)
            generator = named.get("generator")
            generator = torch.default_generator if generator is None else generator
            before = generator.get_state()
            result = func(*args, **named)
            if not torch.equal(before, generator.get_state()):
                lines.append(f"{func.__name__.partition('.')[0]} at {place_of(_outside_torch(sys._getframe(1)))}")
            return result

    with Noting():
        yield lines


def _outside_torch(frame: FrameType | None) -> FrameType | None:
    """Return the frame whose line draws: not torch's, and not ours, through which its calls go."""
    while frame is not None and _passes_on(frame.f_code.co_filename):
        frame = frame.f_back
    return frame


def _passes_on(filename: str) -> bool:
    return "/torch/" in filename.replace("\\", "/") or filename.startswith(OURS)
