"""Fourier transforms. Complex inputs are given as real ones with a last dimension of 2."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import nnlite

from .base import OpSpec, Sample, normal, of


def _call(function: Callable[..., Any], from_complex: bool, to_complex: bool) -> Callable[..., Any]:
    def call(x: Any, **kwargs: Any) -> Any:
        y = function(nnlite.view_as_complex(x.contiguous()) if from_complex else x, **kwargs)
        return nnlite.view_as_real(y) if to_complex else y

    return call


def _reference(function: Callable[..., Any], from_complex: bool, to_complex: bool) -> Callable[..., Any]:
    def reference(x: np.ndarray, s: Any = None, n: Any = None, dim: Any = None, norm: str | None = None) -> Any:
        given = {"n": n} if n is not None else {"s": s} if s is not None else {}
        if dim is not None:
            given["axes" if isinstance(dim, tuple) else "axis"] = dim
        y = function(np.ascontiguousarray(x).view(np.complex128)[..., 0] if from_complex else x, norm=norm, **given)
        return np.stack((y.real, y.imag), -1) if to_complex else y

    return reference


def _one(*shape: int) -> Callable[[np.random.Generator], list[Sample]]:
    def samples(rng: np.random.Generator) -> list[Sample]:
        return [
            of(normal(rng, *shape)),
            of(normal(rng, *shape), n=7, norm="ortho"),
            of(normal(rng, *shape), n=4, dim=0, norm="forward"),
        ]

    return samples


def _several(*shape: int) -> Callable[[np.random.Generator], list[Sample]]:
    def samples(rng: np.random.Generator) -> list[Sample]:
        return [
            of(normal(rng, *shape), dim=(-2, -1)),
            of(normal(rng, *shape), s=(3, 6), dim=(0, 2), norm="ortho"),
            of(normal(rng, *shape), s=(5, 3), dim=(2, 1), norm="forward"),
        ]

    return samples


def _spec(name: str, operation: str, from_complex: bool, to_complex: bool, covers: tuple[str, ...]) -> OpSpec:
    parts = (2,) if from_complex else ()
    several = name.endswith("n")
    host = getattr(np.fft, name, None)
    return OpSpec(
        operation,
        _call(getattr(nnlite.fft, name), from_complex, to_complex),
        (_several(2, 3, 4, *parts) if several else _one(3, 6, *parts)),
        _reference(host or _HERMITIAN[name], from_complex, to_complex),
        title=f"fft.{name}",
        covers=covers,
        dtypes=("float64", "float32"),
        loose=2,
        extreme=False,
    )


def _conjugate_of(function: Callable[..., Any], before: bool) -> Callable[..., Any]:
    swapped = {None: "forward", "forward": "backward", "ortho": "ortho"}

    def call(x: Any, norm: str | None = None, **given: Any) -> Any:
        y = function(np.conj(x) if before else x, norm=swapped[norm], **given)
        return y if before else np.conj(y)

    return call


_HERMITIAN = {"hfftn": _conjugate_of(np.fft.irfftn, True), "ihfftn": _conjugate_of(np.fft.rfftn, False)}

SPECS = [
    _spec("fft", "fft_c2c", True, True, ()),
    _spec("ifft", "fft_c2c", True, True, ()),
    _spec("rfft", "fft_r2c", False, True, ("fft_c2r", "fft_inner")),
    _spec("irfft", "fft_c2r", True, False, ("fft_r2c", "fft_inner")),
    _spec("hfft", "fft_c2r", True, False, ("fft_r2c", "fft_inner")),
    _spec("ihfft", "fft_r2c", False, True, ("fft_c2r", "fft_inner")),
    _spec("fftn", "fft_c2c", True, True, ()),
    _spec("ifftn", "fft_c2c", True, True, ()),
    _spec("rfftn", "fft_r2c", False, True, ("fft_c2c",)),
    _spec("irfftn", "fft_c2r", True, False, ("fft_c2c",)),
    _spec("hfftn", "fft_c2r", True, False, ("fft_c2c",)),
    _spec("ihfftn", "fft_r2c", False, True, ("fft_c2c",)),
]
