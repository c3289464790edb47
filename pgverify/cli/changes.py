"""`pgverify report A --against B`: what changed, on a terminal."""

from __future__ import annotations

from pathlib import Path

from pgverify.cli.exit_codes import FINE, WORSE

MOST_LINES = 40
"""Changes that are printed; the rest are counted."""


def tell_changes(folder: Path, earlier: Path, error_rate: float) -> int:
    """Print what changed in a folder since an earlier one, and write its page; return 1 where it had better not."""
    from pgverify.reporting.against import differences
    from pgverify.reporting.changes_page import write_changes_page

    found = differences(folder, earlier, error_rate)
    bad = sum(change.bad for change in found.changes)
    print(f"{bad} change{'' if bad == 1 else 's'} beyond noise, {len(found.changes) - bad} more to know about")
    for change in found.changes[:MOST_LINES]:
        sure = "" if change.p_value is None else f" (p = {change.p_value:.2g})"
        print(f"  {change.study}, {change.where}: {change.before} → {change.now}{sure}")
    if len(found.changes) > MOST_LINES:
        print(f"  … {len(found.changes) - MOST_LINES} more")
    print(
        f"{found.drawn} drawn numbers compared at a total error rate of {found.error_rate:g} (Holm), "
        f"{found.exact} exact ones to rounding"
    )
    print(f"Page: {write_changes_page(found, folder, earlier)}")
    return WORSE if found.bad else FINE
