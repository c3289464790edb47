"""`pgverify estimators`: what is implemented, what each estimates, and under which assumptions."""

from __future__ import annotations

from typing import Annotated

import typer


def estimators(
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print docs/estimators.md.")] = False,
) -> None:
    """List the estimators: what each estimates, its assumptions, the exact moments that are known, and the source."""
    from pgverify.errors import InvalidInput
    from pgverify.reporting.estimator_table import print_estimators

    if json and markdown:
        raise InvalidInput("--json and --markdown were both given, must be one of them: one answer has one form")
    print_estimators(json, markdown)
