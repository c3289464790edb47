"""Files written beside the ones they replace, and put in their place when all are whole: old or new, never half."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from pgverify.errors import InvalidFile

ENDING = ".part"


class Stage:
    """Files that wait to take their places. Open it with `staged`."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._waiting: dict[Path, Path] = {}
        self._leaving: list[Path] = []

    def place(self, path: Path) -> Path:
        """Return where to write what is to become `path`, a file below the root; folders on the way are made."""
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.parent.resolve().is_relative_to(self._root.resolve()):
            raise InvalidFile(
                f"{path.parent} leads out of {self._root}, reports are written inside it; remove the link"
            )
        self._waiting[path] = path.with_name(f".{path.name}.{os.getpid()}{ENDING}")
        return self._waiting[path]

    def remove(self, path: Path) -> None:
        """Remove a file when the others take their places."""
        self._leaving.append(path)

    def commit(self) -> None:
        """Put every file in its place."""
        for part in self._waiting.values():
            with part.open("rb") as file:  # on the disk before it has the name, or a power cut leaves an empty file
                os.fsync(file.fileno())
        for path, part in self._waiting.items():
            part.replace(path)
        for path in self._leaving:
            path.unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove what did not take its place."""
        for part in self._waiting.values():
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)


@contextlib.contextmanager
def staged(root: Path) -> Iterator[Stage]:
    """Yield a stage; its files take their places at the end of the block, and none does if the block raises.

    Raises
    ------
    InvalidFile
        When the disk is full, or the folder cannot be written to.
    """
    stage = Stage(root)
    try:
        _sweep(root)
        yield stage
        stage.commit()
    except OSError as reason:
        raise InvalidFile(
            f"reports cannot be written to {root} ({reason.strerror or reason}); what was there is as it was"
        ) from None
    finally:
        stage.clear()


def _sweep(root: Path) -> None:
    """Remove what processes left behind that were killed while they wrote."""
    if os.name != "posix":
        return
    for part in root.rglob(f".*{ENDING}"):
        owner = part.name.removesuffix(ENDING).rpartition(".")[2]
        if owner.isdigit() and not _lives(int(owner)):
            part.unlink(missing_ok=True)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
