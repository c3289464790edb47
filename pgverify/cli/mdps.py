"""`pgverify mdps`: the zoo of named problems."""

from __future__ import annotations

from typing import Annotated

import typer


def mdps(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="One problem; by default all.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the named problems, or show one: its size, its source, and what is known about it."""
    from pgverify.reporting.zoo_pages import print_entry, print_zoo

    if name is None:
        print_zoo(json)
    else:
        print_entry(name, json)
