"""How many times as long as usual the engine may take: set by scripts/sanitize, whose builds are slow."""

from __future__ import annotations

import os

PATIENCE = float(os.environ.get("SAMESAY_TEST_PATIENCE", "1"))
