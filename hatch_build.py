"""Compiles the kernel with the package where there is a compiler; without one the package is complete all the same."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FOLDER = Path("pgverify/streaming")
FLAGS = ["-O3", "-std=gnu11", "-fPIC", "-shared", "-ffp-contract=off", "-fno-math-errno"]
"""No contraction: the same bits with and without fused products."""

SWITCH = "PGVERIFY_NATIVE"
"""The environment variable that leaves the kernel out where it is 0."""


class CompiledKernel(BuildHookInterface):  # type: ignore[type-arg]
    """Puts `_kernel.so` beside its source, for wheels and for editable installations."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and say so in the wheel's tag; a failure is told and changes nothing."""
        if self.target_name != "wheel" or os.environ.get(SWITCH) == "0" or os.name != "posix":
            return
        target = Path(self.root) / FOLDER / "_kernel.so"
        compiler = next(filter(None, map(shutil.which, (os.environ.get("CC", "cc"), "gcc", "clang"))), None)
        if compiler is None:
            self.app.display_warning("no C compiler was found: sampling goes through NumPy alone")
            return
        beside = target.with_name("_kernel.building.so")  # a process may have the old one open
        command = [compiler, *FLAGS, str(Path(self.root) / FOLDER / "kernel.c"), "-o", str(beside), "-lm"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            self.app.display_warning(f"the kernel could not be compiled, sampling goes through NumPy: {done.stderr}")
            return
        beside.replace(target)
        build_data["artifacts"].append(str(FOLDER / "_kernel.so"))
        if version == "standard":
            import sysconfig

            platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
            build_data["tag"] = f"py3-none-{platform}"  # no Python header is used: any Python of this platform loads it
            build_data["pure_python"] = False
        print(f"compiled {target.name}", file=sys.stderr)
