"""``xp.linalg`` of the backends: when it raises, and when it is silent."""

from __future__ import annotations

import contextlib
import sys
import types
import warnings
from types import SimpleNamespace

import numpy as np

from nnlite.backends.cupy.linear_algebra import LinearAlgebra as CudaLinearAlgebra
from nnlite.backends.numpy.linear_algebra import LinearAlgebra


def test_determinants_do_not_warn_on_the_cpu():
    linalg = LinearAlgebra()
    x = np.full((2, 2), np.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(linalg.det(x))
        assert np.isnan(linalg.slogdet(x)[1])
    assert linalg.inv is np.linalg.inv


def test_cuda_raises_where_there_is_no_result(monkeypatch):
    """CuPy is told to raise around the functions that can fail, and not around determinants, which would wait."""
    states = []
    inside = [None]

    @contextlib.contextmanager
    def errstate(*, linalg):
        inside[0] = linalg
        yield
        inside[0] = None

    cupyx = types.ModuleType("cupyx")
    cupyx.errstate = errstate
    monkeypatch.setitem(sys.modules, "cupyx", cupyx)
    note = SimpleNamespace(inv=lambda a: states.append(inside[0]), det=lambda a: states.append(inside[0]))
    linalg = CudaLinearAlgebra(SimpleNamespace(linalg=note))
    linalg.inv(0)
    linalg.det(0)
    assert states == ["raise", None]
    assert linalg.LinAlgError is np.linalg.LinAlgError
