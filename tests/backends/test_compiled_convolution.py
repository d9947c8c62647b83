"""Compiled convolution beside the generic bodies: values, gradients, numbers of threads, what is not a number."""

from __future__ import annotations

import numpy as np
import pytest

import nnlite
from nnlite.backends.kernels import KernelTable
from nnlite.backends.numpy import first_use, threads
from nnlite.backends.registry import tables

pytest.importorskip("numba")
compiled = pytest.importorskip("nnlite.backends.numpy.compiled")

SHAPES = [
    # images, channels, outputs, height, width, kernel, stride, padding, dilation, groups
    (2, 32, 32, 32, 32, (3, 3), 1, 1, 1, 1),
    (3, 16, 20, 9, 13, (3, 3), 1, 1, 1, 1),
    (2, 17, 19, 8, 7, (3, 3), 1, 0, 1, 1),
    (5, 64, 64, 4, 4, (3, 3), 1, 2, 1, 1),
    (4, 3, 32, 32, 32, (3, 3), 1, 1, 1, 1),
    (4, 32, 64, 31, 32, (3, 3), 2, 1, 1, 1),
    (6, 10, 20, 12, 12, (5, 5), 1, 0, 1, 1),
    (2, 8, 12, 15, 17, (3, 5), (2, 1), (1, 3), (2, 1), 4),
    (2, 32, 32, 14, 14, (3, 3), 1, 1, 1, 32),
    (2, 16, 32, 14, 15, (3, 3), 2, 1, 1, 16),
    (2, 64, 32, 16, 16, (1, 1), 2, 0, 1, 1),
    (1, 3, 4, 200, 300, (7, 7), 3, 3, 1, 1),
    (2, 16, 16, 5, 5, (5, 5), 1, 9, 2, 1),
    (2, 70, 130, 6, 5, (3, 3), 2, 1, 1, 1),  # fewer numbers in the images than in the kernels
    (3, 66, 132, 7, 6, (2, 3), (2, 3), 1, (1, 2), 2),
    (2, 20, 18, 9, 11, (2, 2), (3, 4), 0, 1, 1),  # some of the input meets nothing
    (1, 40, 70, 90, 80, (3, 3), (2, 1), 1, 1, 1),  # rows of an image are shared out
    (2, 3, 5, 4, 5, (3, 2), 2, 4, 1, 1),
    (2, 130, 70, 9, 9, (3, 3), 1, 1, 1, 1),
]


@pytest.fixture
def every_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_use, "EVERY_SIZE", True)


def arrays(shape, seed=0):
    images, channels, outputs, height, width, kernel, *_, groups = shape
    draw = np.random.default_rng(seed).standard_normal
    x = draw((images, channels, height, width), np.float32)
    weight = draw((outputs, channels // groups, *kernel), np.float32) / (channels // groups * np.prod(kernel)) ** 0.5
    return x, weight.astype(np.float32), draw(outputs, np.float32)


def results(shape, x, weight, bias):
    """Output and gradients."""
    *_, stride, padding, dilation, groups = shape
    leaves = [nnlite.tensor(a, requires_grad=True) for a in (x, weight, bias)]
    out = nnlite.nn.functional.conv2d(*leaves, stride, padding, dilation, groups)
    gradient = np.random.default_rng(1).standard_normal(out.shape, np.float32)
    out.backward(nnlite.tensor(gradient.astype(x.dtype)))
    return [out.detach().numpy(), *(leaf.grad.numpy() for leaf in leaves)]


def generic(shape, x, weight, bias, monkeypatch):
    """The same without compiled kernels, in float64."""
    with monkeypatch.context() as patch:
        patch.setattr(first_use, "EVERY_SIZE", False)
        return results(shape, *(a.astype(np.float64) for a in (x, weight, bias)))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_agrees_with_the_generic_bodies(shape, number_of_threads, every_size, monkeypatch):
    """Within 1e-5 of the largest result: tiles round about seven times as coarsely as sums as they stand."""
    given = arrays(shape)
    expected = generic(shape, *given, monkeypatch)
    found = results(shape, *given)
    for mine, other in zip(found, expected, strict=True):
        assert mine.dtype == np.float32
        np.testing.assert_allclose(mine, other, rtol=1e-5, atol=1e-5 * np.abs(other).max())


def test_these_kernels_ran(every_size, monkeypatch):
    """The table takes them: otherwise the tests above compare the generic bodies with themselves."""
    called = []
    for name in ("winograd", "direct", "depthwise"):
        module = first_use.load(name)
        real = module.convolve
        monkeypatch.setattr(module, "convolve", lambda *a, name=name, real=real: called.append(name) or real(*a))
    for shape in (SHAPES[0], SHAPES[5], SHAPES[8]):
        results(shape, *arrays(shape))
    assert called == ["winograd", "direct", "depthwise"] or set(called) == {"winograd", "direct", "depthwise"}


def test_not_a_number_stays_in_its_neighbourhood(every_size):
    """A tile spreads what is not a number over its 4x4 outputs, and no further."""
    shape = SHAPES[0]
    x, weight, bias = arrays(shape)
    x[1, 5, 16, 16] = np.nan
    out = results(shape, x, weight, bias)[0]
    assert np.isnan(out[1, :, 15:18, 15:18]).all()
    assert not np.isnan(out[0]).any()
    far = np.ones((32, 32), bool)
    far[10:24, 10:24] = False
    assert not np.isnan(out[1][:, far]).any()


@pytest.mark.parametrize("layout", ["transposed", "sliced"])
def test_strided_inputs(layout, every_size, monkeypatch):
    shape = SHAPES[0]
    x, weight, bias = arrays(shape)
    strided = x.transpose(0, 1, 3, 2) if layout == "transposed" else np.repeat(x, 2, axis=3)[..., ::2]
    found = results(shape, np.ascontiguousarray(strided), weight, bias)
    again = nnlite.nn.functional.conv2d(nnlite.from_numpy(strided), *map(nnlite.tensor, (weight, bias)), 1, 1)
    np.testing.assert_array_equal(again.numpy(), found[0])


def test_an_error_in_a_thread_reaches_the_caller(thread_count):
    def body(start: int, stop: int) -> None:
        if start:
            raise ValueError("in a part")

    thread_count(3)
    with pytest.raises(ValueError, match="in a part"):
        threads.share(9, body)
    seen: list[tuple[int, int]] = []
    threads.share(9, lambda start, stop: seen.append((start, stop)))
    assert sorted(seen) == [(0, 3), (3, 6), (6, 9)]


def test_small_convolutions_stay_with_numpy(monkeypatch):
    monkeypatch.setattr(first_use, "EVERY_SIZE", False)
    table: KernelTable = tables[np.ndarray]
    override = table.overrides_["convolution"]
    x, weight = np.zeros((1, 1, 4, 4), np.float32), np.zeros((1, 1, 3, 3), np.float32)
    geometry = {"stride": (1, 1), "padding": ((0, 0), (0, 0)), "dilation": (1, 1), "groups": 1}
    assert not override.when(x, weight, None, **geometry)
