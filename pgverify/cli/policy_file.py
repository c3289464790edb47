"""A policy from a file: logits, or features with weights; JSON, or arrays as NumPy saves them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from pgverify.cli.typed_problem import load_policy
from pgverify.errors import InvalidFile, InvalidPolicy
from pgverify.mdp import TabularMDP
from pgverify.policies import LinearSoftmaxPolicy, Policy, SoftmaxPolicy
from pgverify.regular_files import require_regular, text_of, unique_fields
from pgverify.validation import real_array

ALLOWED = 'must hold "logits" [S, A], or "features" [S, A, d] with "weights" [d], in JSON or in an .npz file'


def read_policy(path: Path | None, mdp: TabularMDP) -> Policy:
    """Return the policy that a file describes; without a file, the uniform one.

    Raises
    ------
    InvalidFile
        When the file cannot be read, or describes no policy.
    InvalidPolicy
        When its arrays do not fit.
    """
    if path is None:
        return load_policy(None, mdp)
    content = _arrays(path) if path.suffix in (".npy", ".npz") else _json(path)
    if "logits" in content:
        return SoftmaxPolicy(real_array("logits", content["logits"], InvalidPolicy))
    if "features" in content and "weights" in content:
        weights = real_array("weights", content["weights"], InvalidPolicy)
        return LinearSoftmaxPolicy(content["features"], weights)
    raise InvalidFile(f"{path} holds {', '.join(sorted(map(str, content))) or 'nothing'}, {ALLOWED}")


def _arrays(path: Path) -> Mapping[str, Any]:
    try:
        require_regular(path)
        held = np.load(path, allow_pickle=False)
        return {"logits": held} if isinstance(held, np.ndarray) else {name: held[name] for name in held.files}
    except (OSError, ValueError, EOFError, MemoryError, BadZipFile) as reason:
        why = "it holds pickled objects, which may run code and are never loaded" if "pickle" in str(reason) else reason
        raise InvalidFile(f"{path} cannot be read ({why}), {ALLOWED}") from None


def _json(path: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(text_of(path), object_pairs_hook=unique_fields)
    except (OSError, ValueError, RecursionError) as reason:
        raise InvalidFile(f"{path} cannot be read ({reason}), {ALLOWED}") from None
    if not isinstance(content, dict):
        raise InvalidFile(f"{path} holds a {type(content).__name__}, {ALLOWED}")
    return content
