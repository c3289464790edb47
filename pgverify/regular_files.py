"""What somebody names is read when it is a file: a pipe that nobody writes to, or a device, would never end."""

from __future__ import annotations

import os
import stat
from os import PathLike
from pathlib import Path
from typing import Any

OF_THE_SHELL = ("/dev/fd/", "/dev/stdin", "/proc/self/fd/")
"""What a shell hands over with `<(…)`: pipes that it writes to."""


class RepeatedField(ValueError):
    """An object of a JSON document has a field twice."""


def require_regular(path: str | PathLike[str]) -> None:
    """Refuse what is neither a file nor a folder, of which reading says enough.

    Raises
    ------
    OSError
        Also where there is nothing, or symbolic links lead round.
    """
    kind = os.stat(path).st_mode  # noqa: PTH116 - the path of an object that has `__fspath__` alone
    if not (stat.S_ISREG(kind) or stat.S_ISDIR(kind) or str(path).startswith(OF_THE_SHELL)):
        raise OSError("it is a pipe or a device, must be a file")


def text_of(path: str | PathLike[str]) -> str:
    """Return what a file of UTF-8 holds.

    Raises
    ------
    OSError, UnicodeDecodeError
    """
    require_regular(path)
    return Path(path).read_text(encoding="utf-8")


def unique_fields(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the fields of a JSON object, an `object_pairs_hook`; JSON readers differ in which of two they take.

    Raises
    ------
    RepeatedField
        When a field is given twice.
    """
    fields = dict(pairs)
    if len(fields) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise RepeatedField(f"field {twice!r} is given twice, must be given once")
    return fields
