"""`pgverify bugs`: the catalogue of faults."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pgverify.cli.terminal import sign_of_life


def bugs(
    slug: Annotated[
        str | None, typer.Argument(metavar="SLUG", help="One entry, or its number; by default a table of all.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    html: Annotated[Path | None, typer.Option(metavar="PAGE", help="Write a page as well.", show_default=False)] = None,
) -> None:
    """List the catalogued faults, or show one: its cause, its cure, its code, and what the oracle says of it."""
    from pgverify.bugs import get
    from pgverify.reporting.bug_pages import print_page, print_table, verdict

    if slug is None:
        if html is not None:
            from pgverify.reporting.catalogue_pages import write_catalogue_page

            write_catalogue_page(html)
        print_table(json)
        return
    bug = get(_slug_of(slug))
    with sign_of_life("asking the oracle"):
        report = verdict(bug)
    if html is not None:
        from pgverify.reporting.catalogue_pages import write_bug_page

        write_bug_page(html, bug, report)
    print_page(bug, report, json)


def _slug_of(typed: str) -> str:
    """Return the slug of an entry that was named by its number; anything else as it was typed."""
    from pgverify.bugs import CATALOGUE
    from pgverify.errors import UnknownName

    if not typed.isdecimal():
        return typed
    numbered = {entry.number: entry.slug for entry in CATALOGUE}
    number = int(typed[:9])
    if number not in numbered:
        raise UnknownName(
            f"unknown bug number {typed[:20]}, must be one of 1..{max(numbered)}: `pgverify bugs` lists them"
        )
    return numbered[number]
