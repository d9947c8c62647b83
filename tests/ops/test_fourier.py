"""Fourier transforms of pieces, window functions, and what the operator database does not ask."""

from __future__ import annotations

import numpy as np
import pytest

import nnlite
from nnlite.autograd import gradcheck, gradgradcheck


def host(t):
    return t.detach().cpu().numpy()


def signal(device, *shape, dtype=nnlite.float64):
    return nnlite.randn(*shape, dtype=dtype, device=device, requires_grad=True)


def test_stft_is_the_transform_of_each_piece(device):
    x = signal(device, 2, 20)
    window = nnlite.hann_window(6, dtype=nnlite.float64, device=device)
    found = host(nnlite.stft(x, 8, 3, 6, window, center=False, return_complex=True))
    weights = np.pad(host(window), 1)
    pieces = [np.fft.rfft(host(x)[:, start : start + 8] * weights) for start in range(0, 13, 3)]
    np.testing.assert_allclose(found, np.stack(pieces, -1), atol=1e-12)


@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("normalized", [True, False])
def test_istft_is_the_inverse(center, normalized, device):
    x = signal(device, 3, 32)
    window = nnlite.hamming_window(8, dtype=nnlite.float64, device=device)
    settings = {"hop_length": 2, "window": window, "center": center, "normalized": normalized}
    back = nnlite.istft(nnlite.stft(x, 8, return_complex=True, **settings), 8, length=32, **settings)
    np.testing.assert_allclose(host(back), host(x), atol=1e-12)


def test_gradients_of_stft(device):
    window = nnlite.hann_window(6, dtype=nnlite.float64, device=device).requires_grad_()

    def transform(x, window):
        return nnlite.view_as_real(nnlite.stft(x, 8, 3, 6, window, return_complex=True))

    assert gradcheck(transform, (signal(device, 20), window))
    assert gradgradcheck(transform, (signal(device, 20), window))

    def inverse(x, y, window):
        return nnlite.istft(nnlite.complex(x, y), 8, 2, 6, window)

    assert gradcheck(inverse, (signal(device, 5, 7), signal(device, 5, 7), window))


def test_float32_is_transformed_in_float32(device):
    """NumPy would take the loop for float64: its results would be nearer to the exact ones than float32 can compute."""
    x = nnlite.randn(64, 4099, device=device)
    exact = np.fft.rfft(host(x).astype(np.float64))
    found = host(nnlite.fft.rfft(x))
    assert found.dtype == np.complex64
    error = np.abs(found - exact).max() / np.abs(exact).max()
    assert error < 1e-6
    if device == "cpu":
        assert np.abs(found - exact.astype(np.complex64)).max() > 0


@pytest.mark.parametrize("name", nnlite.signal.windows.__all__)
def test_windows_are_symmetric_or_the_beginning_of_one(name, device):
    window = getattr(nnlite.signal.windows, name)
    options = {"a": [0.5, 0.3, 0.2]} if name == "general_cosine" else {}
    for n in (2, 5, 8):
        whole = window(n + 1, device=device, dtype=nnlite.float64, **options)
        assert str(whole.device).split(":")[0] == device.split(":")[0]
        np.testing.assert_allclose(host(whole), host(whole)[::-1], atol=1e-15)
        periodic = window(n, sym=False, device=device, dtype=nnlite.float64, **options)
        np.testing.assert_array_equal(host(periodic), host(whole)[:-1])
    assert window(1, **options).tolist() == [1.0]
    assert window(0, **options).tolist() == []
    assert window(4, dtype=nnlite.float32, **options).dtype is nnlite.float32
    with pytest.raises(ValueError, match="non-negative"):
        window(-1, **options)


@pytest.mark.parametrize("name", ["bartlett", "blackman", "hamming", "hann", "kaiser"])
def test_windows_of_the_top_level_are_periodic(name):
    old, new = getattr(nnlite, name + "_window"), getattr(nnlite.signal.windows, name)
    np.testing.assert_array_equal(old(7).numpy(), new(7, sym=False).numpy())
    np.testing.assert_array_equal(old(7, False).numpy(), new(7).numpy())
    assert old(7, dtype=nnlite.bfloat16).dtype is nnlite.bfloat16
    assert old(3, requires_grad=True).requires_grad
    with pytest.raises(RuntimeError, match="floating point"):
        old(3, dtype=nnlite.int64)


def test_bad_arguments(device):
    x = nnlite.ones(2, 10, device=device)
    with pytest.raises(RuntimeError, match="return_complex"):
        nnlite.stft(x, 4)
    with pytest.raises(RuntimeError, match="expected 0 < n_fft < 10"):
        nnlite.stft(x, 11, center=False, return_complex=True)
    with pytest.raises(RuntimeError, match="onesided output"):
        nnlite.stft(nnlite.complex(x, x), 4, onesided=True)
    with pytest.raises(RuntimeError, match="window overlap add min"):
        nnlite.istft(nnlite.stft(x, 4, return_complex=True), 4, window=nnlite.zeros(4, device=device))
    with pytest.raises(RuntimeError, match="complex-valued"):
        nnlite.istft(x, 4)
    with pytest.raises(RuntimeError, match="Unsupported dtype Half"):
        nnlite.fft.fft(x.half())
    with pytest.raises(RuntimeError, match="Invalid number of data points"):
        nnlite.fft.fft(x, n=0)
    with pytest.raises(TypeError, match="norm"):
        nnlite.fft.fft(x, norm=1)
