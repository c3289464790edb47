"""What puts a library into an environment: uv, where there is one, from the places that pip is set up with; else pip.

Twenty environments with a PyTorch each are minutes with uv, which unpacks a wheel once and links it into each of them,
and hours with pip, which unpacks it anew.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

OPTIONS = {
    "index-url": ("--default-index", ("UV_DEFAULT_INDEX", "UV_INDEX_URL")),
    "extra-index-url": ("--index", ("UV_INDEX", "UV_EXTRA_INDEX_URL")),
    "find-links": ("--find-links", ("UV_FIND_LINKS",)),
    "constraint": ("--constraint", ("UV_CONSTRAINT",)),
    "trusted-host": ("--allow-insecure-host", ("UV_INSECURE_HOST",)),
}
"""Settings of pip, the option of uv that says the same, and the variables with which it was said to uv already."""

VARIABLES = {"cert": "SSL_CERT_FILE", "default-timeout": "UV_HTTP_TIMEOUT", "timeout": "UV_HTTP_TIMEOUT"}
"""Settings of pip that uv takes from variables."""

SETTING = re.compile(r"(:env:|global|install)\.([\w-]+)=(.*)")


@dataclass(frozen=True)
class Installer:
    """How an environment is made, and how packages come into it.

    Attributes
    ----------
    name : "uv" or "pip"
    bare : bool
        Whether environments need no pip of their own.
    words : tuple of str
        The command up to the requirements, without the Python it is for.
    options : tuple of str
        After these words.
    variables : variable -> value
        What the environment lacks for it.
    """

    name: str
    bare: bool
    words: tuple[str, ...]
    options: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)

    def make(self, home: Path) -> list[str]:
        """Return the command that makes an environment."""
        return [sys.executable, "-m", "venv", *(["--without-pip"] if self.bare else []), str(home)]

    def install(self, python: Path, *words: str) -> list[str]:
        """Return the command that installs requirements, with options of both installers before them, for a Python."""
        if self.name == "uv":
            return [*self.words, "--python", str(python), *self.options, *words]
        return [str(python), *self.words, *self.options, *words]


PIP = Installer("pip", False, ("-m", "pip", "install", "--quiet", "--disable-pip-version-check"))


def installer() -> Installer:
    """Return uv, set up as pip is, where it is on the path or in this environment; else pip."""
    uv = found_uv()
    if uv is None:
        return PIP
    settings = pip_settings()
    options, variables = as_for_uv(settings, os.environ)
    # As pip does: the best version of all places, not the first place that has the name.
    strategy = () if "UV_INDEX_STRATEGY" in os.environ else ("--index-strategy", "unsafe-best-match")
    return Installer("uv", True, (uv, "pip", "install", "--quiet", "--no-progress"), (*strategy, *options), variables)


def found_uv() -> str | None:
    """Return the path of uv; None without one."""
    if importlib.util.find_spec("uv") is not None:
        try:
            return str(importlib.import_module("uv").find_uv_bin())
        except (OSError, AttributeError):  # the package without its program, or another package of that name
            pass
    return shutil.which("uv")


def pip_settings() -> dict[str, str]:
    """Return what pip is set up with, by its long options; nothing where this Python has no pip."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "config", "list"]
    said = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    lines = said.stdout.splitlines() if said.returncode == 0 else []
    found = [match.groups() for match in map(SETTING.fullmatch, lines) if match]
    # What is said of `install` goes before what is said of all commands, and a variable before both.
    ranked = sorted(found, key=lambda one: ("global", "install", ":env:").index(one[0]))
    return {name: text_of(value) for _, name, value in ranked}


def text_of(value: str) -> str:
    """Return a setting as pip shows it: a literal of Python."""
    try:
        return str(ast.literal_eval(value))
    except (ValueError, SyntaxError):
        return value


def as_for_uv(settings: Mapping[str, str], environment: Mapping[str, str]) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return pip's settings as options of uv and as variables; what uv was told itself stays as it was told."""
    words: list[str] = []
    for name, (option, told) in OPTIONS.items():
        if not any(variable in environment for variable in told):
            words += [word for one in settings.get(name, "").split() for word in (option, one)]
    if settings.get("no-index", "").lower() in ("1", "true", "yes", "on"):
        words.append("--no-index")
    variables = {
        variable: settings[name]
        for name, variable in VARIABLES.items()
        if name in settings and variable not in environment
    }
    return tuple(words), variables
