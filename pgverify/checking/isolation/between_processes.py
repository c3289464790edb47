"""What the two processes of a check agree on: imported by both, so it imports nothing."""

from __future__ import annotations

MARK = "PGVERIFY_ISOLATED"
"""The environment variable by which what a check started is known, wherever it went."""

REQUEST, ANSWER, NOTE = "request.json", "answer.json", "note"
"""The files in the folder that they share."""
