"""What stands beside a page so that its tables sort and filter: a library with its licence, and how it is begun."""

from __future__ import annotations

from importlib.resources import files


def table_assets() -> dict[str, bytes]:
    """Return files by name, for a folder that the page's template names; without them tables stay plain."""
    here = files("pgverify.drawing")
    vendor = here / "vendor" / "tabulator"
    known = {name: (vendor / name).read_bytes() for name in ("tabulator.min.js", "tabulator_simple.min.css")}
    licence = (vendor / "LICENSE").read_bytes()
    return {**known, "tabulator-LICENSE": licence, "tables.js": (here / "templates" / "tables.js").read_bytes()}
