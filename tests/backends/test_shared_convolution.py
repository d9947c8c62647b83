"""Convolution whose images are shared out to threads, beside the generic body."""

from __future__ import annotations

import numpy as np
import pytest

from nnlite.backends.kernels import GENERIC
from nnlite.backends.numpy import convolution
from nnlite.backends.numpy.namespace import xp

GEOMETRY = {"stride": (2, 1), "padding": ((1, 1), (0, 2)), "dilation": (1, 2), "groups": 2}


@pytest.fixture(params=[2, 3])
def several(request, thread_count, monkeypatch):
    monkeypatch.setattr(convolution, "LEAST", 0)
    thread_count(request.param)


@pytest.mark.parametrize("images", [2, 5])
def test_parts_make_the_whole(images, several):
    draw = np.random.default_rng(0).standard_normal
    x, weight, bias = draw((images, 4, 9, 12)), draw((6, 2, 3, 3)), draw(6)
    out = GENERIC["convolution"](xp, x, weight, bias, **GEOMETRY)
    assert convolution._takes_convolution(x, weight, bias, **GEOMETRY)
    np.testing.assert_array_equal(convolution.convolution(x, weight, bias, **GEOMETRY), out)
    g = draw(out.shape)
    sizes = {"sizes": x.shape[2:], **GEOMETRY}
    assert convolution._takes_input(g, weight, **sizes)
    np.testing.assert_allclose(
        convolution.convolution_input(g, weight, **sizes),
        GENERIC["convolution_input"](xp, g, weight, **sizes),
        rtol=1e-13,
    )
    kernel = {"kernel": (3, 3), **GEOMETRY}
    assert convolution._takes_weight(x, g, **kernel)
    np.testing.assert_allclose(
        convolution.convolution_weight(x, g, **kernel), GENERIC["convolution_weight"](xp, x, g, **kernel), rtol=1e-12
    )


def test_one_thread_and_one_image_stay_with_the_generic_body(several, thread_count):
    x, weight = np.zeros((1, 4, 9, 12)), np.zeros((6, 2, 3, 3))
    assert not convolution._takes_convolution(x, weight, None, **GEOMETRY)
    thread_count(1)
    assert not convolution._takes_convolution(np.zeros((8, 4, 9, 12)), weight, None, **GEOMETRY)
