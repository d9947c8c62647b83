"""Settings of PyTorch's compiler front end: any can be made, none changes anything."""

from __future__ import annotations

cache_size_limit = 8
recompile_limit = 8
capture_scalar_outputs = False
suppress_errors = False
verbose = False
