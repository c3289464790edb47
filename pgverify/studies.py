"""A study is data plus one analysis: a question, cells to compute, claims to decide, figures to look at."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from pgverify.beside import Dependencies, at_home, dependencies
from pgverify.errors import InvalidFile, InvalidInput, one_sentence, unknown_name
from pgverify.foreign_code import foreign_code
from pgverify.kinds import FUNCTION, accepts, described, known_arguments, suggesting
from pgverify.names import require_name
from pgverify.validation import require_text

if TYPE_CHECKING:  # pandas and matplotlib are imported late: `import pgverify` must stay light
    import pandas as pd
    from matplotlib.figure import Figure

Scalar: TypeAlias = str | int | float | bool
Row: TypeAlias = dict[str, Any]


@known_arguments
@dataclass(frozen=True)
class Claim:
    """One sentence that a study decides, the number expected, the number found, and what the decision rests on.

    Attributes
    ----------
    name : str
        Short, unique within the study.
    statement : str
        One sentence in plain words.
    evidence : "exact" or "sampled"
        The kind of truth it rests on.
    expected, found : str
        The number expected beside the number found, as they are to be printed.
    holds : bool
    certainty : str
        How sure: a rounding bound for exact claims, an error rate for sampled ones.
    """

    name: str
    statement: str
    evidence: Literal["exact", "sampled"]
    expected: str
    found: str
    holds: bool
    certainty: str

    def __post_init__(self) -> None:
        require_name("claim", self.name)


@known_arguments
@dataclass(frozen=True)
class Cell:
    """An independent piece of work: a pure function of its parameters and its own seed."""

    index: int
    parameters: Mapping[str, Scalar]
    seed: int


@known_arguments
@dataclass(frozen=True)
class Study:
    """A question, and everything that is needed to answer it.

    Attributes
    ----------
    name : str
        The folder's name.
    question : str
        One sentence, ending in a question mark.
    source : str
        Where the claim was published.
    cells : quick -> sequence of parameters
        The grid; `quick` asks for a tiny one that the tests run whole.
    run : (parameters, seed) -> rows
        Computes one cell; rows are flat dictionaries of scalars.
    decide : table -> claims
        Decides every claim from the rows of all cells.
    figures : table -> {name: figure}
        Draws what people would rather look at.
    answer : str
        One sentence: what the claims, where all of them hold, come to. It stands on top of the page.
    formula : str
        What the study is about, in LaTeX; pages show it as MathML.
    captions : {name: sentences}
        What a figure does not say itself: sample size, horizon, discount, policy, the level of intervals.
    """

    name: str
    question: str
    source: str
    cells: Callable[[bool], Sequence[Mapping[str, Scalar]]]
    run: Callable[[Mapping[str, Scalar], int], list[Row]]
    decide: Callable[[pd.DataFrame], list[Claim]]
    figures: Callable[[pd.DataFrame], dict[str, Figure]]
    answer: str = ""
    formula: str = ""
    captions: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require_name("study", self.name)
        for name in ("question", "source", "answer", "formula"):
            require_text(name, getattr(self, name), InvalidInput, "a text")
        for name in ("cells", "run", "decide", "figures"):
            FUNCTION.require(name, getattr(self, name))
        if not isinstance(self.captions, Mapping):
            raise InvalidInput(f"captions is {described(self.captions)}, must be sentences by the name of a figure")


def studies_folder() -> Path:
    """Return the folder with the shipped studies: `studies/` here, else the one installed with the package."""
    here = Path("studies")
    if here.is_dir() and any(here.glob("*/study.py")):
        return here.resolve()
    beside = Path(__file__).resolve().parent
    packaged = beside / "_studies"
    return packaged if packaged.is_dir() else beside.parent / "studies"


def study_files(folder: Path | None = None) -> dict[str, Path]:
    """Return the path of every study's `study.py`, by name, in alphabetical order."""
    root = folder or studies_folder()
    return {path.parent.name: path for path in sorted(root.glob("*/study.py"))}


@accepts()
def load_study(name_or_path: str) -> tuple[Study, Path]:
    """Return a study by its name, or by the path of its file or folder, with the path of the file.

    Raises
    ------
    UnknownName
        Listing the nearest names.
    InvalidFile
        When the file defines no `STUDY`.
    """
    known = study_files()
    path = Path(name_or_path)
    if name_or_path in known:
        path = known[name_or_path]
    elif path.is_dir() and (path / "study.py").is_file():
        path = path / "study.py"
    elif not path.is_file():
        raise unknown_name("study", name_or_path, known, "`pgverify study list`")
    needs = dependencies(path)
    # A folder's name need not be an identifier; the file is loaded under a name of its own, once a process and version.
    module_name = f"pgverify_study_{abs(hash((str(path.resolve()), needs.files)))}"
    module = sys.modules.get(module_name)
    if module is None:
        spec = importlib.util.spec_from_file_location(module_name, path)
        if spec is None or spec.loader is None:
            raise InvalidFile(f"{path} is not a Python file, must be a study.py that defines STUDY")
        module = importlib.util.module_from_spec(spec)
        sys.modules[module_name] = module
        try:
            with foreign_code(f"{path} was imported"):
                at_home(needs.folder, needs.files, spec.loader.exec_module)(module)
        except Exception as reason:
            del sys.modules[module_name]  # half a module would be taken for a whole one next time
            if isinstance(reason, InvalidInput):
                raise
            raise InvalidFile(f"{path} cannot be loaded: {one_sentence(reason)}") from reason
    study = getattr(module, "STUDY", None)
    if not isinstance(study, Study):
        raise InvalidFile(f"{path} defines STUDY as {type(study).__name__}, must be a pgverify.studies.Study")
    return _with_its_modules(study, needs), path


def _with_its_modules(study: Study, needs: Dependencies) -> Study:
    """Return the study, whose functions find the modules beside its file also when they are called later."""
    calls = {
        name: at_home(needs.folder, needs.files, getattr(study, name)) for name in ("cells", "run", "decide", "figures")
    }
    return replace(study, **calls)


@accepts()
def require_extra(study: str, module: str, extra: str) -> None:
    """Refuse a study whose cells need an optional library that is not there: once, before any of them is computed.

    Parameters
    ----------
    study : str
    module : str
        What is imported, as in "gymnasium".
    extra : str
        The extra of pgverify that brings it.

    Raises
    ------
    InvalidInput
        When there is no such module.
    """
    if importlib.util.find_spec(module) is None:
        raise InvalidInput(f"study {study} needs {module}, which is not installed: pip install pgverify[{extra}]")


@accepts()
def study_cells(study: Study, seed: int, quick: bool) -> list[Cell]:
    """Return the cells of a study, each with a seed of its own that depends on the study's name and its index."""
    from numpy.random import SeedSequence

    label = int.from_bytes(study.name.encode(), "little")  # all of the name: studies may share a prefix
    with foreign_code(f"the grid of study {study.name} was made"):
        grid = [*study.cells(quick)]
    return [
        Cell(index, dict(parameters), int(SeedSequence([seed, label, index]).generate_state(1)[0]))
        for index, parameters in enumerate(grid)
    ]


__getattr__ = suggesting(
    __name__, ("Cell", "Claim", "Study", "load_study", "require_extra", "studies_folder", "study_cells", "study_files")
)
