"""verl's algorithms without verl's dependencies: one file of it, with what it imports of the rest stood in for.

    pip install --no-deps --target FOLDER verl==0.9.1; PYTHONPATH=FOLDER make test-thirdparty

Ray, vLLM and the trainers are not needed for its losses and advantages, and are not installed.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

VERSION = "0.9.1"
WITHOUT = f"verl is not installed here: pip install --no-deps --target FOLDER verl=={VERSION}, and PYTHONPATH=FOLDER"


class Configuration(SimpleNamespace):
    """What the losses read of an actor's configuration: attributes, and `get`."""

    def get(self, name: str, default: Any = None) -> Any:
        return getattr(self, name, default)


def core_algorithms() -> Any:
    """Return `verl.trainer.ppo.core_algos`, or skip the module."""
    torch = pytest.importorskip("torch")
    places = (Path(place or ".") / "verl" for place in sys.path)
    folder = next((place for place in places if (place / "trainer" / "ppo").is_dir()), None)
    if folder is None:
        pytest.skip(WITHOUT, allow_module_level=True)
    device = _module(
        "verl.utils.device",
        get_device_name=lambda: "cpu",
        get_torch_device=lambda: torch.cpu,
    )
    stubs = [
        _module("verl"),
        _module("verl.utils"),
        device,
        _module("verl.utils.import_utils", deprecated=lambda *_, **__: lambda function: function),
        _module("verl.trainer"),
        _module("verl.trainer.config", AlgoConfig=type("AlgoConfig", (), {})),
        _module("verl.workers"),
        _module("verl.workers.config", ActorConfig=Configuration),
        _module("omegaconf", DictConfig=dict),
    ]
    before = dict(sys.modules)
    try:
        sys.modules.update({stub.__name__: stub for stub in stubs})
        groups = _from_file("verl.utils.groupwise", folder / "utils" / "groupwise.py")
        sys.modules["verl.utils"].as_torch_index = groups.as_torch_index  # type: ignore[attr-defined]
        sys.modules["verl.utils"].group_mean_std = groups.group_mean_std  # type: ignore[attr-defined]
        functional = _from_file("verl.utils.torch_functional", folder / "utils" / "torch_functional.py")
        sys.modules["verl.utils"].torch_functional = functional  # type: ignore[attr-defined]
        return _from_file("verl.trainer.ppo.core_algos", folder / "trainer" / "ppo" / "core_algos.py")
    finally:
        for name in set(sys.modules) - set(before):
            if name.partition(".")[0] in ("verl", "omegaconf"):
                del sys.modules[name]


def _module(name: str, **contents: Any) -> ModuleType:
    made = ModuleType(name)
    made.__dict__.update(contents)
    made.__path__ = []
    return made


def _from_file(name: str, path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def actor(**changes: Any) -> Configuration:
    """Return the configuration of an actor on one process."""
    usual = {"clip_ratio": 0.2, "clip_ratio_low": 0.2, "clip_ratio_high": 0.2, "clip_ratio_c": 3.0}
    loss = Configuration(dro_beta=0.1, tau_pos=1.0, tau_neg=1.05)
    return Configuration(
        **{**usual, "global_batch_info": {}, "policy_loss": loss, "tau_pos": 1.0, "tau_neg": 1.05, **changes}
    )
