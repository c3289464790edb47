"""Files that are there whole or not at all."""

from __future__ import annotations

from pathlib import Path

from pgverify.errors import InvalidFile


def write_whole(path: Path, text: str) -> None:
    """Write a text beside its place and put it there when it is complete.

    Raises
    ------
    InvalidFile
        When it cannot be written; what was there before is then unchanged.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError as reason:
        part.unlink(missing_ok=True)
        raise InvalidFile(f"{path} cannot be written: {reason.strerror or reason}") from None
