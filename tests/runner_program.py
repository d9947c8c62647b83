"""Runs of `python` and of `python -m nnlite.torch` for the tests of tests/runner."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def python(*arguments, cwd, env=None):
    """Run python with nnlite importable from anywhere, as it is when installed."""
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1", **(env or {})},
        timeout=120,
    )
    return done


def nnlite_torch(*arguments, cwd, env=None):
    return python("-m", "nnlite.torch", *arguments, cwd=cwd, env=env)
