"""Names of studies, figures and claims become file names and headings: never paths."""

from __future__ import annotations

from typing import Any

from pgverify.errors import InvalidInput

FORBIDDEN = '/\\:*?"<>|'
"""Separators and what some file systems refuse: a folder of results can be copied anywhere."""
LONGEST_NAME = 200
"""Bytes: file systems allow 255, and a suffix is added."""
RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(1, 10))}
"""Devices, to some systems, whatever follows after a dot."""
TAKEN = ("index.html", "results.sqlite")
"""What the output folder holds beside the studies' folders."""
FOLDERS = ("assets", "readme.md")
"""More of it, whose names others may begin with."""


def require_name(kind: str, name: Any) -> str:
    """Return `name` if it can be a file's name on any system, and nothing more than a name.

    Parameters
    ----------
    kind : str
        What it names, for the message: "study", "figure", "claim".

    Raises
    ------
    InvalidInput
        When it is no string, empty, too long, a path, or holds characters that cannot be shown.
    """
    if not isinstance(name, str):
        raise InvalidInput(f"the name of a {kind} is {type(name).__name__}, must be a string")
    shown = ascii(name if len(name) <= 60 else name[:59] + "…")
    if not name.isprintable() or any(letter in FORBIDDEN for letter in name):
        raise InvalidInput(
            f"a {kind} is called {shown}, a name must be printable and without {' '.join(FORBIDDEN)}: it is no path"
        )
    if not name or name[0] in ". " or name[-1] in ". ":
        raise InvalidInput(
            f"a {kind} is called {shown}, a name must neither be empty nor begin or end in a dot or space"
        )
    if len(name.encode()) > LONGEST_NAME:
        raise InvalidInput(f"a {kind} is called {shown}, a name must be at most {LONGEST_NAME} bytes long")
    if name.split(".")[0].casefold() in RESERVED:
        raise InvalidInput(f"a {kind} is called {shown}, which is a device to some systems; choose another name")
    if kind == "study" and (name.casefold().startswith(TAKEN) or name.casefold() in FOLDERS):
        raise InvalidInput(f"a study is called {shown}, which the output folder needs for itself; choose another name")
    return name


def require_distinct_names(kind: str, names: list[str]) -> None:
    """Refuse names that some file systems hold to be the same: they differ in capitals alone."""
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(name.casefold(), name)
        if other is not name:
            raise InvalidInput(
                f"two {kind}s are called {other!r} and {name!r}, names must differ in more than capitals"
            )
