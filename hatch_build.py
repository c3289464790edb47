"""Compiles the kernels with the package where there is a compiler; without one the package is complete all the same."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

KERNELS = {
    "pgverify/streaming/kernel.c": "pgverify/streaming/_kernel.so",
    "pgverify/exact/finite_horizon.c": "pgverify/exact/_finite_horizon.so",
}
"""What is compiled, and into which file beside it: each is opened by the room that it stands in."""

FLAGS = ["-O3", "-std=gnu11", "-fPIC", "-shared", "-ffp-contract=off", "-fno-math-errno"]
"""No contraction: the same bits with and without fused products."""

SWITCH = "PGVERIFY_NATIVE"
"""The environment variable that leaves the kernels out where it is 0."""


class CompiledKernels(BuildHookInterface):  # type: ignore[type-arg]
    """Puts the libraries beside their sources, for wheels and for editable installations."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and say so in the wheel's tag; a failure is told and changes nothing."""
        if self.target_name != "wheel" or os.environ.get(SWITCH) == "0" or os.name != "posix":
            return
        compiler = next(filter(None, map(shutil.which, (os.environ.get("CC", "cc"), "gcc", "clang"))), None)
        if compiler is None:
            self.app.display_warning("no C compiler was found: NumPy alone serves")
            return
        for source, library in KERNELS.items():
            target = Path(self.root) / library
            beside = target.with_suffix(".building.so")  # a process may have the old one open
            command = [compiler, *FLAGS, str(Path(self.root) / source), "-o", str(beside), "-lm"]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                self.app.display_warning(f"{source} could not be compiled, NumPy serves in its place: {done.stderr}")
                continue
            beside.replace(target)
            build_data["artifacts"].append(library)
            print(f"compiled {target.name}", file=sys.stderr)
        if version == "standard" and build_data["artifacts"]:
            import sysconfig

            platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
            build_data["tag"] = f"py3-none-{platform}"  # no Python header is used: any Python of this platform loads it
            build_data["pure_python"] = False
