"""Functions that take all there is, of memory or of files."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np


def eats_numpy(batch: Any) -> Any:
    kept = []
    while True:
        kept.append(np.ones(10**7))


def eats_python(batch: Any) -> Any:
    kept = []
    while True:
        kept.append(list(range(10**6)))


def eats_text(batch: Any) -> Any:
    text = "x" * 10**6
    while True:
        text += text


def eats_in_a_child(batch: Any) -> Any:
    code = "kept = []\nwhile True: kept.append(bytearray(b'x') * 10**8)"
    subprocess.run([sys.executable, "-c", code], check=False)
    time.sleep(30.0)


def asks_for_the_impossible(batch: Any) -> Any:
    return np.ones(10**14)


def open_files(batch: Any) -> Any:
    kept = []
    while True:
        kept.append(Path(os.devnull).open())  # noqa: SIM115


EATS = (
    eats_numpy,
    eats_python,
    eats_text,
    eats_in_a_child,
)

OTHERS = (
    asks_for_the_impossible,
    open_files,
)
