"""An environment or a policy of one's own, by its name in a file: what Python knows, the command line takes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import pgverify as pgv
from pgverify.cli.named_in_python import is_named, named_dynamics, named_policy
from pgverify.errors import InvalidFile, InvalidInput, InvalidMDP

MINE = """
import numpy as np
import pgverify as pgv

class Corridor:
    def __init__(self):
        self.unwrapped = self
        self.P = {0: {0: [(1.0, 0, -1.0, False)], 1: [(0.5, 1, 2.0, True), (0.5, 0, 0.0, False)]},
                  1: {0: [(1.0, 1, 0.0, True)], 1: [(1.0, 1, 0.0, True)]}}
        self.initial_state_distrib = np.array([1.0, 0.0])
    def step(self, action): ...

one = Corridor()
table = pgv.mdps.from_gymnasium(one)
def made(): return Corridor()
class Bare:
    unwrapped = None
    def step(self, action): ...
bare = Bare(); bare.unwrapped = bare
policy = pgv.SoftmaxPolicy([[0.0, 1.0], [0.0, 0.0]])
def of(mdp): return pgv.SoftmaxPolicy(np.zeros((mdp.num_states, mdp.num_actions)))
def breaks(*given): raise RuntimeError("oh")
number = 3
"""


@pytest.fixture
def mine(tmp_path: Path) -> str:
    (tmp_path / "mine.py").write_text(MINE)
    return str(tmp_path / "mine.py")


@pytest.mark.parametrize("name", ["Corridor", "one", "table", "made"])
def test_environments(mine: str, name: str) -> None:
    mdp = named_dynamics(f"{mine}:{name}")
    assert mdp.num_states == 2
    assert mdp.transition[0, 1] == pytest.approx([0.5, 0.5])


def test_policies(mine: str) -> None:
    mdp = named_dynamics(f"{mine}:table")
    assert named_policy(f"{mine}:policy", mdp).probabilities()[0, 1] == pytest.approx(1 / (1 + np.exp(-1)))
    assert named_policy(f"{mine}:of", mdp).probabilities() == pytest.approx(np.full((2, 2), 0.5))


@pytest.mark.parametrize(
    ("name", "error", "said"),
    [
        ("bare", InvalidMDP, "has no transition table P.*from_batches"),
        ("breaks", InvalidFile, "cannot be called: RuntimeError: oh"),
        ("Coridor", InvalidInput, "the nearest known are Corridor"),
    ],
)
def test_what_is_none_is_one_sentence(mine: str, name: str, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        named_dynamics(f"{mine}:{name}")


@pytest.mark.parametrize(("name", "said"), [("number", "is a int, must be a policy"), ("breaks", "oh")])
def test_no_policy(mine: str, name: str, said: str) -> None:
    mdp = pgv.mdps.get("two-state-chain")
    with pytest.raises((InvalidInput, InvalidFile), match=said):
        named_policy(f"{mine}:{name}", mdp)


def test_names_of_the_zoo_and_files_are_no_names_in_python(tmp_path: Path) -> None:
    assert is_named("mine.py:env")
    assert not is_named("river-swim")
    (tmp_path / "a:b.json").write_text("{}")
    assert not is_named(str(tmp_path / "a:b.json"))
