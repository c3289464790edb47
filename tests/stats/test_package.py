from __future__ import annotations

import subprocess
import sys

import pgverify.stats


def test_every_public_name_exists_once_and_in_order() -> None:
    names = pgverify.stats.__all__
    assert sorted(set(names)) == sorted(names)
    assert all(getattr(pgverify.stats, name).__doc__ for name in names)
    public = {n for n, v in vars(pgverify.stats).items() if not n.startswith("_") and hasattr(v, "__qualname__")}
    assert public == set(names)


def test_importing_loads_no_scipy_of_its_own() -> None:
    """What pgverify.stats adds to a process that has imported numpy only: no scipy module at all."""
    code = (
        "import sys, types, importlib.util as u, pathlib\n"
        f"p = types.ModuleType('pgverify'); p.__path__ = [{str(pgverify.__path__[0])!r}]\n"
        "sys.modules['pgverify'] = p\n"
        "import pgverify.stats\n"
        "print([m for m in sys.modules if m.split('.')[0] == 'scipy'])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"
