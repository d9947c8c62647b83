"""Parts of complex tensors, and tensors of parts."""

from __future__ import annotations

import numpy as np

import nnlite

from .base import OpSpec, Sample, normal, of


def _pairs(rng: np.random.Generator) -> list[Sample]:
    return [of(normal(rng, 3, 4, 2)), of(normal(rng, 2))]


def _no_pairs(rng: np.random.Generator) -> list[Sample]:
    return [of(np.zeros((0, 2)))]


def _parts(rng: np.random.Generator) -> list[Sample]:
    return [of(normal(rng, 3, 4), normal(rng, 3, 4)), of(normal(rng, 4), normal(rng, 3, 1))]


def _of_parts(function):
    """A function of the complex tensor whose parts are the last dimension."""
    return lambda x: function(nnlite.view_as_complex(x.contiguous()))


def _host(function):
    return lambda x: function(np.ascontiguousarray(x).view(np.complex128)[..., 0])


SPECS = [
    OpSpec(
        "complex",
        lambda x, y: nnlite.view_as_real(nnlite.complex(x, y)),
        _parts,
        lambda x, y: np.stack(np.broadcast_arrays(x, y), -1),
        covers=("view_as_real",),
        dtypes=("float64", "float32"),
        edges=lambda rng: [of(np.array(1.0), np.array(2.0)), of(np.zeros((0, 2)), np.zeros((0, 2)))],
    ),
    OpSpec(
        "view_as_complex",
        _of_parts(lambda z: (z.real + 2 * z.imag) * z.real),
        _pairs,
        _host(lambda z: (z.real + 2 * z.imag) * z.real),
        covers=("real", "imag", "complex", "view_as_real"),
        dtypes=("float64", "float32"),
        edges=_no_pairs,
    ),
    OpSpec(
        "conj",
        _of_parts(lambda z: (z.conj() * z * z).real),
        _pairs,
        _host(lambda z: (np.conj(z) * z * z).real),
        dtypes=("float64", "float32"),
        edges=_no_pairs,
        extreme=False,
    ),
    OpSpec(
        "angle",
        _of_parts(nnlite.angle),
        _pairs,
        _host(np.angle),
        dtypes=("float64", "float32"),
        edges=_no_pairs,
        extreme=False,
    ),
    OpSpec(
        "angle",
        nnlite.angle,
        lambda rng: [of(normal(rng, 3, 4))],
        np.angle,
        title="angle_of_reals",
        elementwise=True,
        extreme=False,
    ),
    OpSpec(
        "sgn",
        _of_parts(lambda z: z.sgn().imag),
        _pairs,
        _host(lambda z: np.sign(z).imag),
        title="sgn_of_complex",
        dtypes=("float64", "float32"),
        edges=_no_pairs,
        extreme=False,
    ),
]
