"""CUDA kernels on the CPU beside the generic bodies that they stand for."""

from __future__ import annotations

import functools
import shutil
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import nnlite  # noqa: F401 - the operations register themselves
from nnlite.backends.cupy.launch import Gpu
from nnlite.backends.cupy.overrides import bound
from nnlite.backends.kernels import GENERIC
from nnlite.backends.strict import xp
from nnlite.backends.strict.array import StrictArray, wrap
from nnlite.backends.strict.emulator.build import Module

needs_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="g++ is not installed")

KINDS = {"float16": np.float16, "bfloat16": ml_dtypes.bfloat16, "float32": np.float32, "float64": np.float64}

ROUNDING = {"float16": 2e-3, "bfloat16": 1.6e-2, "float32": 4e-6, "float64": 1e-12}
"""A few units in the last place, relative to numbers of about 1."""

ANY_KIND = pytest.mark.parametrize("kind", list(KINDS))


@functools.cache
def kernels(backwards: bool) -> dict[str, Any]:
    """The kernels of CUDA by operation; ``backwards`` runs the last thread and the last block first."""
    return bound(Gpu(xp, lambda text, label: Module(text, label, backwards)))


def device(value: Any) -> Any:
    return wrap(value) if isinstance(value, np.ndarray) else value


def host(value: Any) -> Any:
    return value.get() if isinstance(value, StrictArray) else value


def several(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, tuple | list) else (value,)


def run(name: str, *arrays: Any, backwards: bool = False, **attributes: Any) -> tuple[Any, ...]:
    """The results of a kernel; it is an error if it does not take these arguments."""
    override, given = kernels(backwards)[name], [device(a) for a in arrays]
    while override.when is not None and not override.when(*given, **attributes):
        override = override.beneath
        assert override is not None, f"no kernel of {name} takes these arguments"
    return tuple(host(r) for r in several(override.function(*given, **attributes)))


def taken(name: str, *arrays: Any, **attributes: Any) -> bool:
    """Whether there is a kernel for these arguments."""
    override, given = kernels(False)[name], [device(a) for a in arrays]
    return override.when is None or bool(override.when(*given, **attributes))


def generic(name: str, *arrays: Any, **attributes: Any) -> tuple[Any, ...]:
    """The results of the generic body."""
    body = GENERIC[name]
    function = getattr(xp, body) if isinstance(body, str) else functools.partial(body, xp)
    return tuple(host(r) for r in several(function(*[device(a) for a in arrays], **attributes)))


def close(results: Any, wanted: Any, kind: str, loose: float = 1.0) -> None:
    """Fail unless dtypes and shapes are the same and the numbers near: relative to themselves and to the largest."""
    assert len(results) == len(wanted)
    for result, want in zip(results, wanted, strict=True):
        if want is None or result is None:
            assert result is want
            continue
        assert (result.dtype, result.shape) == (want.dtype, want.shape)
        result, want = (a.astype(np.float64) for a in (result, want))
        finite = np.abs(want[np.isfinite(want)])
        limit = ROUNDING[kind] * loose
        np.testing.assert_allclose(result, want, rtol=limit, atol=limit * (finite.max() if finite.size else 0))


def check(name: str, *arrays: Any, kind: str, loose: float = 1.0, **attributes: Any) -> tuple[Any, ...]:
    """The kernel's results: those of the generic body, and the same bits in both orders of threads."""
    results = run(name, *arrays, **attributes)
    for one, other in zip(results, run(name, *arrays, backwards=True, **attributes), strict=True):
        if one is not None:
            assert one.tobytes() == other.tobytes()
    close(results, generic(name, *arrays, **attributes), kind, loose)
    return results


def numbers(kind: str, *shape: int, seed: int = 0) -> np.ndarray:
    """Normal numbers."""
    return np.asarray(np.random.default_rng(seed).standard_normal(shape)).astype(KINDS[kind])
