"""What hostile functions are made of: a right estimate, the C library, a number that nobody counts to."""

from __future__ import annotations

import ctypes

import pgverify as pgv

RIGHT = pgv.estimators.RewardToGo()
C = ctypes.CDLL(None)
FOREVER = 10**12
