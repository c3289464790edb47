"""The exit codes of the command line: what a script may rely on."""

from __future__ import annotations

FINE, WORSE, WRONG_CALL, INCONCLUSIVE, INTERRUPTED = 0, 1, 2, 3, 130
"""All well; anything worse; the call itself was wrong; inconclusive; interrupted."""
