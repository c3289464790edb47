"""An adapter loads its own library, when it is first used, and says so in one sentence where that is missing."""

from __future__ import annotations

import subprocess
import sys

import pytest

import pgverify as pgv
from pgverify.errors import InvalidInput


@pytest.mark.parametrize(("name", "title"), [("torch", "PyTorch"), ("jax", "JAX")])
def test_a_missing_library_is_one_sentence(name: str, title: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, name, None)  # as if it were not installed
    with pytest.raises(InvalidInput, match=rf"needs {title}, which is not installed: pip install pgverify\[{name}\]"):
        getattr(pgv.adapters, name).from_loss(lambda logits, batch: logits.sum())  # noqa: ARG005


def test_missing_gymnasium_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gymnasium", None)
    monkeypatch.delitem(sys.modules, "pgverify.adapters.gymnasium", raising=False)
    with pytest.raises(
        InvalidInput, match=r"needs Gymnasium, which is not installed: pip install pgverify\[gymnasium\]"
    ):
        pgv.adapters.__getattr__("gymnasium")


def test_the_adapters_load_none_of_the_libraries_until_they_are_used() -> None:
    code = "import sys, pgverify as pgv; pgv.adapters.torch.from_loss; pgv.adapters.jax.from_loss; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "pgverify.adapters.torch" in loaded
    assert not {"torch", "jax", "gymnasium"} & set(loaded)


def test_an_unknown_adapter_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'tensorflow'"):
        pgv.adapters.__getattr__("tensorflow")
    assert dir(pgv.adapters) == sorted(pgv.adapters.__all__)
