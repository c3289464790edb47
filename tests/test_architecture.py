"""The walls: who may import whom, how long a file may be, what `import pgverify` costs."""

from __future__ import annotations

import ast
import importlib
import inspect
import subprocess
import sys
from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import jaxtyping
import numpy as np
import pytest
from package_sources import packages, sources

LONGEST_FILE = 400

BASE = "errors suggestions regular_files arrays validation kinds counts"
DYNAMICS = f"{BASE} dynamics mdp_tables mdp"
PROBLEM = f"{DYNAMICS} policies continuous bonus problem"
BATCH = f"{PROBLEM} collected_problem rollout flat_steps batch_arrays trajectories"
SUMS = "recursion declarations"
CORE = f"{BATCH} {SUMS} randomness mdps baselines estimators exact real_steps sampling stats streaming planning"
TOOLS = (
    f"{CORE} drawing choices agents suites bugs checking adapters strategies foreign_code names beside studies targets "
    "language"
)
PAGES = "variance survey running reporting"
LEAVES = {"pgverify.reporting.canvas": "canvas", "pgverify.reporting.images": "images"}
"""Modules of a room that know nothing of the package, and are open to more rooms than the others of theirs."""

ALLOWED: Mapping[str, set[str]] = {
    room: set(rooms.split())
    for room, rooms in {
        "errors": "",
        "arrays": "errors",
        "validation": "errors arrays",
        "suggestions": "errors",
        "counts": "",  # how numbers are spelled
        "regular_files": "",
        "kinds": "errors suggestions validation",
        "foreign_code": "errors guarded_process",  # the guard of every call of code that is not ours
        "names": "errors",
        "native": "",  # how a compiled library is opened
        "guarded_process": "",
        "interruption": "guarded_process",  # the first thing that the command line does
        "guardian": "guarded_process interruption",
        "held_interrupts": "interruption guarded_process",
        "beside": "",  # files and imports: it knows no study
        "drawing": BASE,  # plain data in, images and pages out: every room that shows something may use it
        "randomness": BASE,  # arrays only: compiled code is written from it
        "dynamics": BASE,
        "mdp_tables": f"{BASE} dynamics",
        "mdp": f"{BASE} dynamics mdp_tables",
        "mdps": f"{DYNAMICS} continuous",  # the zoo holds dynamics; what is done with them is not its business
        "policies": DYNAMICS,
        "continuous": f"{DYNAMICS} policies bonus",  # real actions: the finite MDP that stands for one with them
        "bonus": f"{DYNAMICS} policies",
        "problem": f"{DYNAMICS} policies continuous bonus",
        "collected_problem": PROBLEM,
        "choices": BASE,  # programs and probabilities: it knows no MDP
        "agents": f"{PROBLEM} choices",
        # problems like those of a user: what judges on them is not their business
        "suites": f"{PROBLEM} collected_problem mdps",
        "rollout": PROBLEM,
        "flat_steps": BASE,
        "batch_arrays": PROBLEM,
        "trajectories": f"{PROBLEM} rollout flat_steps batch_arrays",
        "recursion": BATCH,
        "declarations": f"{BATCH} recursion",
        "baselines": f"{BATCH} recursion",  # neither exact nor sampling: an estimator may not peek at the truth
        "estimators": f"{BATCH} {SUMS} baselines",
        "exact": f"{BATCH} {SUMS} native",  # nothing of the estimators: the truth may not inherit their bugs
        "sampling": f"{BATCH} exact randomness real_steps",
        "real_steps": f"{BATCH} randomness",  # how one step is drawn where actions are real
        "streaming": f"{BATCH} native exact randomness {SUMS} estimators sampling stats",
        "stats": BASE,  # arrays only: readable by someone who never heard of an MDP
        "planning": f"{BATCH} {SUMS} exact stats",
        "strategies": f"{BATCH} mdps",
        "bugs": f"{BATCH} {SUMS} baselines estimators",
        "checking": f"{CORE} suites targets bugs drawing interruption held_interrupts choices agents",
        "targets": f"{BATCH} recursion mdps exact",  # what a loss may claim: nothing of the losses
        "language": f"{CORE} checking bugs targets drawing",
        "adapters": f"{CORE} choices agents",
        "cases": f"{CORE} checking pgverify",
        "studies": f"{CORE} bugs checking adapters foreign_code beside names",
        "comparison": f"{CORE} studies",
        "isolated_child": f"{CORE} suites bugs checking adapters guarded_process",
        "canvas": "drawing",  # the look of figures, whatever they show
        "images": "",
        "variance": f"{CORE} drawing canvas images",
        "survey": f"{TOOLS} suites targets language drawing guarded_process pgverify",
        "running": f"{TOOLS} pgverify",
        "reporting": f"{TOOLS} running pgverify canvas images",
        "pytest_plugin": f"{TOOLS} pgverify",
        "cli": f"{TOOLS} {PAGES} cases isolated_child held_interrupts guarded_process pgverify",
        "__main__": "cli interruption guarded_process guardian",
        "pgverify": f"{TOOLS} variance",  # the root re-exports; only the rooms above the library may import it back
    }.items()
}
"""What each room may import, besides itself. A room that is not listed has no place in the house yet."""

HEAVY = ["scipy.stats", "pandas", "matplotlib", "seaborn", "gymnasium", "hypothesis", "pytest", "beartype", "rich"]
SLOWEST_IMPORT = 0.3
"""Seconds of processor time, NumPy included: about twice what it takes on an unloaded laptop."""
SLOWEST_RATIO = 4.0
"""Times NumPy's own import within the same run, where the machine is slow or busy. It was 2.4 when this was written."""


def imports(name: str, modules: Mapping[str, str], folders: Iterable[str]) -> set[str]:
    """Return the modules of the package that one of them imports, wherever the statement stands."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(modules[name])):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            origin = node.module or ""
            if node.level:  # relative: from the package that holds the module
                above = name.split(".") if name in folders else name.split(".")[:-1]
                above = above[: len(above) - node.level + 1]
                origin = ".".join([*above, origin]) if origin else ".".join(above)
            for alias in node.names:  # `from package import module` names a module, anything else its owner
                inner = f"{origin}.{alias.name}"
                found.add(inner if inner in modules else origin)
    return {target for target in found if target.split(".")[0] == "pgverify"} - {name}


def room(module: str) -> str:
    """Return the room a module belongs to: the first name below the package, but for a leaf, which is one itself."""
    if module in LEAVES:
        return LEAVES[module]
    return module.split(".")[1] if "." in module else module


def violations(modules: Mapping[str, str], folders: Iterable[str]) -> list[str]:
    """Return one line for every import that goes against the arrows, and for every cycle."""
    wrong = []
    graph = {name: imports(name, modules, folders) for name in modules}
    for name, targets in graph.items():
        allowed = ALLOWED.get(room(name))
        if allowed is None:
            wrong.append(f"{name}: room {room(name)} is not listed in tests/test_architecture.py")
            continue
        wrong += [
            f"{name} imports {target}: {room(name)} may import {', '.join(sorted(allowed)) or 'nothing'}"
            for target in sorted(targets)
            if room(target) not in allowed | {room(name)}
        ]
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as cycle:
        wrong.append(f"cycle: {' -> '.join(cycle.args[1])}")
    return wrong


def test_imports_follow_the_arrows() -> None:
    modules = sources()
    assert len(modules) > 30
    assert violations(modules, packages()) == []


def test_the_table_of_rooms_has_no_cycle() -> None:
    TopologicalSorter(ALLOWED).prepare()


@pytest.mark.parametrize(
    ("module", "source", "expected"),
    [
        ("pgverify.exact.estimator_moments", "from pgverify.estimators import RewardToGo", "may import"),
        ("pgverify.exact.estimator_moments", "def f():\n    import pgverify.sampling", "may import"),
        (
            "pgverify.stats.regions",
            "if TYPE_CHECKING:\n    from pgverify.mdp import TabularMDP",
            "may import",
        ),
        ("pgverify.stats.regions", "from ..problem import Problem", "may import"),
        ("pgverify.baselines", "from pgverify import exact", "may import"),
        ("pgverify.mdp", "import pgverify", "may import"),
        ("pgverify.newcomer", "", "not listed"),
        ("pgverify.reporting.canvas", "from pgverify.problem import Problem", "may import drawing"),
        ("pgverify.variance.page", "from pgverify.reporting import page", "may import"),
        ("pgverify.exact.first", "from pgverify.exact import second", "cycle"),
    ],
)
def test_a_violation_is_seen(module: str, source: str, expected: str) -> None:
    """Negative control: each kind of import statement, pointing the wrong way."""
    modules = {
        "pgverify": "",
        "pgverify.exact": "",
        "pgverify.exact.second": "from .first import x",
        "pgverify.problem": "",
        "pgverify.reporting": "",
        "pgverify.reporting.page": "",
        module: source,
    }
    if module != "pgverify.exact.first":
        modules["pgverify.exact.second"] = ""
    found = violations(modules, {"pgverify", "pgverify.exact", "pgverify.stats"})
    assert len(found) == 1
    assert expected in found[0]


def test_no_file_is_longer_than_400_lines() -> None:
    lengths = {name: source.count("\n") for name, source in sources().items()}
    assert {name: length for name, length in lengths.items() if length > LONGEST_FILE} == {}


def public_modules() -> list[str]:
    """Return the modules that declare what is public."""
    return [name for name, source in sources().items() if "\n__all__ = " in source]


@pytest.mark.parametrize("name", public_modules())
def test_every_public_name_exists_and_is_documented(name: str) -> None:
    module = importlib.import_module(name)
    assert module.__doc__
    assert len(set(module.__all__)) == len(module.__all__)
    for public in module.__all__:
        value = getattr(module, public)
        if inspect.isclass(value) or inspect.isroutine(value) or inspect.ismodule(value):
            written = value.__doc__ or ""
            # A dataclass without a docstring gets its signature as one.
            assert written.strip(), f"{name}.{public} has no docstring"
            assert not written.startswith(f"{public}("), f"{name}.{public} has no docstring"


def run_python(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a fresh interpreter, away from the checkout."""
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(sys.executable).parent,
    )


def test_importing_pgverify_loads_nothing_heavy() -> None:
    """Nor does using any of its names: what is heavy is loaded by the few functions that need it."""
    code = "import sys, pgverify; [getattr(pgverify, name) for name in pgverify.__all__]; print(*sys.modules)"
    loaded = set(run_python("-c", code).stdout.split())
    assert "pgverify.exact.gradient_theorem" in loaded
    assert [name for name in HEAVY if name in loaded] == []


def test_importing_pgverify_is_quick() -> None:
    """One quick run of five suffices: a busy machine slows some runs, a heavy import slows all."""
    clock = "import time; a = time.process_time(); import numpy; b = time.process_time(); "
    clock += "import pgverify; pgverify.Problem"
    taken = []
    for _ in range(5):
        numpy, whole = map(float, run_python("-c", f"{clock}; print(b - a, time.process_time() - a)").stdout.split())
        taken.append(whole)
        if whole < SLOWEST_IMPORT or whole < SLOWEST_RATIO * numpy:
            return
    pytest.fail(f"import pgverify took {min(taken):.2f} s at best, must take less than {SLOWEST_IMPORT} s")


def test_shapes_are_checked_in_these_tests() -> None:
    """Negative control of conftest.py: without its hook NumPy would broadcast."""
    from pgverify.policies.softmax_algebra import logit_vjp, softmax

    uniform = softmax(np.zeros((2, 3)))
    assert logit_vjp(*uniform, np.zeros((4, 2, 3))).shape == (4, 2, 3)
    with pytest.raises(jaxtyping.TypeCheckError):
        logit_vjp(*uniform, np.zeros((1, 3)))  # NumPy would broadcast
