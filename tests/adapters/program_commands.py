"""What the tests of programs in other languages share: the faulty program, problems, and patience."""

from __future__ import annotations

import sys
from pathlib import Path

from pgverify.checking import standard_suite

ROOT = Path(__file__).parents[2]
FAULTY = [sys.executable, "-S", str(Path(__file__).parent / "faulty_program.py")]
ECHO = '{"version": 1, "id": %%(id)s, "value": %%(%s)s}'
PROBLEMS = {entry.name: entry.problem for entry in standard_suite()}
LONG = 60.0
"""Seconds that no program here needs, however busy the machine."""
