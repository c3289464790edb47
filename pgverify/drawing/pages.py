"""Pages from templates: everything that is put into them is escaped, unless a function here has made it."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pgverify.counts import counted
from pgverify.drawing.formulas import formula
from pgverify.drawing.words import breakable, linked, number, probability, scripts
from pgverify.errors import InvalidFile, shown
from pgverify.kinds import PATH

if TYPE_CHECKING:  # jinja2 is imported late: checks must stay light
    from jinja2 import Environment


def page_environment(*packages: str) -> Environment:
    """Return an environment with the templates of some packages, and the look that all pages share."""
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package) for package in (*packages, "pgverify.drawing")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for function in (breakable, formula, linked, number, probability, scripts):
        environment.filters[function.__name__] = function
    environment.globals["plural"] = counted
    return environment


def write_whole(path: str | Path, text: str | bytes) -> None:
    """Write a file so that at no time there is half of it: beside it, then in its place.

    Raises
    ------
    InvalidFile
        When it cannot be written.
    """
    PATH.require("path", path)
    place = Path(path)
    data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
    try:
        with tempfile.NamedTemporaryFile(dir=place.parent, prefix=f".{place.name}.", delete=False) as file:
            beside = Path(file.name)
            try:
                file.write(data)
                file.close()
                beside.chmod(0o666 & ~_mask())  # as open() would; a temporary file is its owner's alone
                beside.replace(place)
            except BaseException:
                beside.unlink(missing_ok=True)
                raise
    except (OSError, ValueError) as reason:  # the latter for what no system takes for a name
        why = getattr(reason, "strerror", reason)
        raise InvalidFile(
            f"{shown(str(place), 200)} cannot be written ({why}), must be a file in a folder that exists"
        ) from None


def _mask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
