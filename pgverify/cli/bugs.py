"""`pgverify bugs`: the catalogue of faults."""

from __future__ import annotations

from typing import Annotated

import typer

from pgverify.cli.terminal import sign_of_life


def bugs(
    slug: Annotated[str | None, typer.Argument(metavar="SLUG", help="One entry; by default a table of all.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the catalogued faults, or show one: its cause, its cure, its code, and what the oracle says of it."""
    from pgverify.bugs import get
    from pgverify.reporting.bug_pages import print_page, print_table, verdict

    if slug is None:
        print_table(json)
        return
    bug = get(slug)
    with sign_of_life("asking the oracle"):
        report = verdict(bug)
    print_page(bug, report, json)
