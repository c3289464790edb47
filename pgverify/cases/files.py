"""The golden cases as a file: written whole or not at all, refused in one sentence when damaged."""

from __future__ import annotations

import json
import os
from os import PathLike
from pathlib import Path
from typing import Any

from pgverify.cases.document import golden
from pgverify.cases.shapes import require_document
from pgverify.errors import InvalidFile
from pgverify.kinds import accepts
from pgverify.mdps.files import refuse_constant
from pgverify.regular_files import RepeatedField, text_of, unique_fields


@accepts()
def export(path: str | PathLike[str], seed: int = 1) -> None:
    """Write the golden cases to a JSON file, numbers with the digits that give back every float64 exactly.

    The file is written beside its final place and renamed, so that nobody ever reads half of it. The same seed, version
    and machine give the same bytes.

    Parameters
    ----------
    path : str or path
        Overwritten if it exists; its folder must exist.
    seed : int
        Of the batches.

    Raises
    ------
    InvalidFile
        When the file cannot be written.
    InvalidSampling
        When the seed is no integer of at least 0.
    """
    text = _text(golden(seed)) + "\n"
    final = Path(path)
    temporary = final.with_name(f".{final.name}.{os.getpid()}.part")
    try:
        temporary.write_text(text, encoding="utf-8", newline="\n")
        temporary.replace(final)
    except OSError as reason:
        raise InvalidFile(f"{path} cannot be written: {reason.strerror}") from None
    finally:
        temporary.unlink(missing_ok=True)


@accepts()
def load(path: str | PathLike[str]) -> dict[str, Any]:
    """Return the document that `export` wrote, checked: schema, version, fields, shapes, finite numbers.

    Parameters
    ----------
    path : str or path

    Raises
    ------
    InvalidFile
        When the file is missing, is not JSON, is of another schema or version, or is damaged.
    """
    try:
        text = text_of(path)
    except (OSError, ValueError) as reason:
        raise InvalidFile(f"{path} cannot be read: {reason}") from None
    try:
        document = json.loads(text, parse_constant=refuse_constant, object_pairs_hook=unique_fields)
        require_document(document)
    except json.JSONDecodeError as reason:
        raise InvalidFile(f"{path}: line {reason.lineno} is not JSON: {reason.msg}") from None
    except RecursionError:
        raise InvalidFile(f"{path}: is nested too deeply, must be golden cases") from None
    except InvalidFile as reason:
        raise InvalidFile(f"{path}: {reason}") from None
    except RepeatedField as reason:
        raise InvalidFile(f"{path}: {reason}") from None
    except (ValueError, OverflowError) as reason:  # integers beyond the largest float, or of thousands of digits
        raise InvalidFile(f"{path}: holds a number that cannot be read: {reason}") from None
    assert isinstance(document, dict)
    return document


def _text(value: Any, margin: str = "") -> str:
    """Write one field a line, and every array on one line, so that files compare well."""
    inner = margin + " "
    if isinstance(value, dict):
        fields = [f"{inner}{json.dumps(name)}: {_text(item, inner)}" for name, item in value.items()]
        return "{\n" + ",\n".join(fields) + f"\n{margin}}}"
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[\n" + ",\n".join(inner + _text(item, inner) for item in value) + f"\n{margin}]"
    return json.dumps(value, allow_nan=False, separators=(",", ":"), ensure_ascii=False)
