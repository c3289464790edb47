"""A study's file and the files beside it: checked where a cell is computed, or sent along and unpacked there."""

from __future__ import annotations

import atexit
import hashlib
import shutil
import tempfile
import threading
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from pgverify.beside import Dependencies, dependencies
from pgverify.errors import InvalidFile
from pgverify.running.fingerprint import package_digest, versions
from pgverify.studies import Study, load_study

MOST_SENT = 50_000_000
"""Bytes that travel with every cell, compressed: more belongs into a folder that all workers see."""


@dataclass(frozen=True)
class StudySource:
    """Where a study is found, what it must be, and, for other machines, its files.

    Attributes
    ----------
    path : str
        The study's file, absolute.
    files : tuple of (str, str)
        As in `Dependencies`: relative path and hash, the study's own first.
    packed : tuple of (str, bytes), optional
        The files, compressed; without them they are read where they lie.
    needed : mapping
        For other machines: the versions they must have, by name.
    """

    path: str
    files: tuple[tuple[str, str], ...]
    packed: tuple[tuple[str, bytes], ...] = field(default=(), repr=False)
    needed: Mapping[str, str] = field(default_factory=dict, hash=False, compare=False)


class WrongWorker(InvalidFile):
    """A worker has other versions than the process that asks: its bits would be others."""


def local_source(path: Path, needs: Dependencies) -> StudySource:
    """Return the source for processes that see the same files."""
    return StudySource(str(path.resolve()), needs.files)


def sent_source(path: Path, needs: Dependencies) -> StudySource:
    """Return the source for other machines, with the files in it.

    Raises
    ------
    InvalidFile
        When a file was changed since `needs` was made, or all are too large to travel.
    """
    packed = []
    for name, known in needs.files:
        data = (needs.folder / name).read_bytes()
        if _hash(data) != known:
            raise InvalidFile(f"{needs.folder / name} was changed during the run; start it again")
        packed.append((name, zlib.compress(data)))
    size = sum(len(data) for _, data in packed)
    if size > MOST_SENT:
        raise InvalidFile(f"{path} and the files beside it are {size} bytes, at most {MOST_SENT} travel to workers")
    return StudySource(str(path.resolve()), needs.files, tuple(packed), expected_here(needs))


def expected_here(needs: Dependencies) -> dict[str, str]:
    """Return what a worker must have to give the same bits, by name."""
    return versions(needs.imported) | {"pgverify's code": package_digest()}


@lru_cache(maxsize=64)
def study_of(source: StudySource) -> Study:
    """Return the study, loaded once in a process, and surely the one the workload was made from.

    Raises
    ------
    InvalidFile
        When a file was changed or is gone.
    WrongWorker
        When this machine has other versions.
    """
    if not source.packed:
        path = Path(source.path)
        needs = dependencies(path)
        if needs.files != source.files:
            changed = sorted(name for name, _ in {*needs.files} ^ {*source.files})
            raise InvalidFile(f"{path.parent / changed[0]} was changed during the run; start it again")
        return load_study(str(path))[0]
    path = _unpacked(source) / source.files[0][0]
    found = expected_here(dependencies(path))
    wrong = [
        f"{name} {found.get(name, 'none')} where {wanted} is needed"
        for name, wanted in source.needed.items()
        if found.get(name) != wanted
    ]
    if wrong:
        raise WrongWorker(f"worker {worker_name()} has {', '.join(wrong)}; give all machines the same versions")
    return load_study(str(path))[0]


_UNPACKING = threading.Lock()


def _unpacked(source: StudySource) -> Path:
    """Write the files that came along into a folder of this process's own, which ends with it."""
    with _UNPACKING:
        root = Path(tempfile.mkdtemp(prefix="pgverify-study-")).resolve()
        atexit.register(shutil.rmtree, root, ignore_errors=True)
        for (name, known), (_, data) in zip(source.files, source.packed, strict=True):
            content = zlib.decompress(data)
            if _hash(content) != known:
                raise InvalidFile(f"{name} arrived damaged at worker {worker_name()}; start the run again")
            place = root / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
        return root


def worker_name() -> str:
    """Return the name of the machine and the process, for messages."""
    import os
    import socket

    return f"{socket.gethostname()}, process {os.getpid()}"


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:20]
