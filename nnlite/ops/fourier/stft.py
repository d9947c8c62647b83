"""The short-time Fourier transform and its inverse: transforms of overlapping pieces of a signal.

Source of the inverse: D. W. Griffin, J. S. Lim, "Signal estimation from modified short-time Fourier transform", IEEE
Transactions on Acoustics, Speech, and Signal Processing 32 (1984), 236-243.
"""

from __future__ import annotations

from typing import Any

from ..._core import dtypes
from ..._core.op import TensorBase, not_a_tensor
from ..._core.tensor_base import wrap
from ..._core.warn import warn
from ...backends import backend_of
from .._public import public
from ..image.pad import pad
from ..pointwise.complex import view_as_real
from ..shape.strides import added_windows, unfold
from ..shape.views import reshape, squeeze, transpose, unsqueeze
from . import fft


def _named(name: str, input: Any, **settings: Any) -> str:
    """The call in PyTorch's words, for errors."""
    title = dtypes.TITLES[dtypes.from_numpy[input._a.dtype].name]
    parts = [f"torch.{title}Tensor[{', '.join(map(str, input._a.shape))}]"]
    for key, value in settings.items():
        if isinstance(value, TensorBase):
            shape = ", ".join(map(str, value._a.shape))
            value = f"torch.{dtypes.TITLES[dtypes.from_numpy[value._a.dtype].name]}Tensor{{[{shape}]}}"
        parts.append(f"{key}={int(value) if isinstance(value, bool) else value}")
    return f"{name}({', '.join(parts)})"


def _window_of(window: Any, win_length: int, n_fft: int, like: Any) -> Any:
    """The window with zeros on both sides up to ``n_fft``; None for one of ones."""
    if window is None:
        if win_length == n_fft:
            return None
        a = like._a
        real = dtypes.from_numpy[a.dtype].to_real().np
        window = wrap(backend_of(a).xp.ones((win_length,), dtype=real))
    left = (n_fft - win_length) // 2
    return window if win_length == n_fft else pad(window, [left, n_fft - win_length - left])


def _is_complex(value: Any) -> bool:
    return value is not None and value._a.dtype.kind == "c"


@public
def stft(
    input: Any, n_fft: int, hop_length: int | None = None, win_length: int | None = None, window: Any = None,
    center: bool = True, pad_mode: str = "reflect", normalized: bool = False, onesided: bool | None = None,
    return_complex: bool | None = None, align_to_window: bool | None = None,
) -> Any:  # fmt: skip
    """The Fourier transforms of pieces of a signal: X[k, m] = sum_t window[t] x[m hop + t] e^(-2 pi i k t / n).

    Args:
        n_fft: the number of points n of a piece.
        hop_length: how far each piece lies behind the one before; n / 4 unless given.
        win_length: the size of the window, which stands in the middle of the piece; n unless given.
        center: pieces are centred on m hop; the signal is padded by n / 2 in ``pad_mode`` on both sides.
        normalized: divide by sqrt n.
        onesided: the first n // 2 + 1 coefficients alone; the others of a real signal are conjugates of these.
        return_complex: False gives real and imaginary parts as a last dimension. Has to be said for real signals.

    Shape: (time) or (batch, time) gives (batch, coefficients, pieces).

    Raises:
        RuntimeError: sizes that do not fit, or ``return_complex`` is not given for a real signal.

    Example:
        >>> import nnlite
        >>> nnlite.stft(nnlite.ones(4), 2, hop_length=2, center=False, return_complex=True)
        tensor([[2.+0.j, 2.+0.j],
                [0.+0.j, 0.+0.j]])
    """
    if not isinstance(input, TensorBase):
        raise not_a_tensor("stft", 0, input)
    hop = n_fft // 4 if hop_length is None else hop_length
    win = n_fft if win_length is None else win_length
    if align_to_window is not None and center:
        raise RuntimeError("stft align_to_window should only be set when center = false")
    is_complex = _is_complex(input) or _is_complex(window)
    if return_complex is None:
        if not is_complex:
            raise RuntimeError(
                "stft requires the return_complex parameter be given for real inputs, and will further require that "
                "return_complex=True in a future PyTorch release."
            )
        return_complex = True
    x, single = input, input._a.ndim == 1
    if center and input._a.ndim:
        x = _padded(input, n_fft // 2, n_fft // 2, pad_mode)
    _check_stft(x, n_fft, hop, win, window, normalized, onesided, return_complex, align_to_window)
    x = unsqueeze(x, 0) if single else x
    if not center and align_to_window:
        left = (n_fft - win) // 2
        x = pad(x, [left, n_fft - win - left])
    length = x._a.shape[-1]
    if not 0 < n_fft <= length:
        raise RuntimeError(f"stft(): expected 0 < n_fft < {length}, but got n_fft={n_fft}")
    pieces = unfold(x, -1, n_fft, hop)
    weights = _window_of(window, win, n_fft, x)
    pieces = pieces if weights is None else pieces * weights
    if onesided is None:
        onesided = not is_complex
    if is_complex and onesided:
        raise RuntimeError("Cannot have onesided output if window or input is complex")
    result = (fft.rfft if onesided else fft.fft)(pieces, norm="ortho" if normalized else None)
    result = transpose(result, -2, -1)
    result = squeeze(result, 0) if single else result
    return result if return_complex else view_as_real(result)


def _padded(x: Any, left: int, right: int, mode: str) -> Any:
    """The signal padded at both ends; the other modes than "constant" want three dimensions."""
    shape = x._a.shape
    wide = reshape(x, (*(1,) * (3 - len(shape)), *shape)) if len(shape) < 3 else x
    wide = pad(wide, [left, right], mode)
    return reshape(wide, (*shape[:-1], wide._a.shape[-1]))


def _check_stft(
    x: Any, n_fft: int, hop: int, win: int, window: Any, normalized: bool, onesided: Any, return_complex: bool,
    align: Any,
) -> None:  # fmt: skip
    def fail(text: str) -> RuntimeError:
        call = _named("stft", x, n_fft=n_fft, hop_length=hop, win_length=win, window=window, normalized=normalized,
                      onesided=onesided, return_complex=return_complex, align_to_window=align)  # fmt: skip
        return RuntimeError(f"{call} : {text}")

    if x._a.dtype.kind not in "fcV":
        raise fail("expected a tensor of floating point or complex values")
    if not 0 < x._a.ndim < 3:
        raise fail("expected a 1D or 2D tensor")
    length = x._a.shape[-1]
    if not 0 < n_fft <= length and not align:
        raise fail(f"expected 0 < n_fft < {length}, but got n_fft={n_fft}")
    if hop <= 0:
        raise fail(f"expected hop_length > 0, but got hop_length={hop}")
    if not 0 < win <= n_fft:
        raise fail(f"expected 0 < win_length <= n_fft, but got win_length={win}")
    if window is not None and tuple(window._a.shape) != (win,):
        raise fail(
            f"expected a 1D window tensor of size equal to win_length={win}, but got window with size "
            f"{list(window._a.shape)}"
        )


@public
def istft(
    input: Any, n_fft: int, hop_length: int | None = None, win_length: int | None = None, window: Any = None,
    center: bool = True, normalized: bool = False, onesided: bool | None = None, length: int | None = None,
    return_complex: bool = False,
) -> Any:  # fmt: skip
    """The signal whose short-time Fourier transform is nearest to ``input``: the overlapping pieces, each times the
    window, are added up and divided by the sum of the squared windows.

    Arguments as :func:`stft`; ``length`` is the length of the signal.

    Shape: (coefficients, pieces) or (batch, coefficients, pieces) gives (time) or (batch, time).

    Raises:
        RuntimeError: sizes that do not fit, a real input, or windows that add up to zero somewhere.

    Example:
        >>> import nnlite
        >>> window = nnlite.hann_window(4)
        >>> x = nnlite.arange(8.0)
        >>> nnlite.istft(nnlite.stft(x, 4, window=window, return_complex=True), 4, window=window).round()
        tensor([0., 1., 2., 3., 4., 5., 6., 7.])
    """
    if not isinstance(input, TensorBase):
        raise not_a_tensor("istft", 0, input)
    hop = n_fft // 4 if hop_length is None else hop_length
    win = n_fft if win_length is None else win_length
    settings = {"n_fft": n_fft, "hop_length": hop, "win_length": win, "window": window, "center": center,
                "normalized": normalized, "onesided": onesided, "length": length,
                "return_complex": return_complex}  # fmt: skip
    onesided = _check_istft(input, n_fft, hop, win, window, onesided, settings)
    if return_complex and onesided:
        raise RuntimeError("Cannot have onesided output if window or input is complex")
    if not return_complex and _is_complex(window):
        raise RuntimeError("Complex windows are incompatible with return_complex=False")
    x = transpose(input if input._a.ndim == 3 else unsqueeze(input, 0), 1, 2)
    norm = "ortho" if normalized else None
    if onesided:
        pieces = fft.irfft(x, n_fft, norm=norm)
    elif return_complex:
        pieces = fft.ifft(x, norm=norm)
    else:
        pieces = fft.irfft(x[..., : n_fft // 2 + 1], n_fft, norm=norm)
    weights = _window_of(window, win, n_fft, pieces)
    total = n_fft + hop * (x._a.shape[1] - 1)
    pieces = pieces if weights is None else pieces * weights
    signal = added_windows(pieces, total, hop)
    envelope = _envelope(weights, x._a.shape[1], n_fft, hop, total, pieces)
    start = n_fft // 2 if center else 0
    end = start + length if length is not None else total - n_fft // 2 if center else total
    signal, envelope = signal[:, start : min(end, total)], envelope[start : min(end, total)]
    if float(envelope.abs().min().item()) <= 1e-11:
        raise RuntimeError(
            f"{_named('istft', input, **settings)} window overlap add min: 1 (the squared windows add up to zero "
            "somewhere: take a smaller hop_length, another window, or center=True)"
        )
    signal = signal / envelope
    if end > total:
        warn(
            "The length of signal is shorter than the length parameter. Result is being padded with zeros in the tail. "
            "Please check your center and hop_length settings."
        )  # fmt: skip
        signal = pad(signal, [0, end - total])
    return signal if input._a.ndim == 3 else squeeze(signal, 0)


def _envelope(weights: Any, count: int, n_fft: int, hop: int, total: int, like: Any) -> Any:
    """The sum of the squared windows at each time."""
    if weights is None:
        a = like._a
        weights = wrap(backend_of(a).xp.ones((n_fft,), dtype=dtypes.from_numpy[a.dtype].to_real().np))
    return added_windows((weights * weights).expand(count, n_fft), total, hop)


def _check_istft(
    input: Any, n_fft: int, hop: int, win: int, window: Any, onesided: bool | None, settings: dict[str, Any]
) -> bool:
    """Raise for what does not fit; whether one half of the coefficients is given."""

    def fail(text: str) -> RuntimeError:
        return RuntimeError(f"{_named('istft', input, **settings)} : {text}")

    if not _is_complex(input):
        raise RuntimeError(
            "istft requires a complex-valued input tensor matching the output from stft with return_complex=True."
        )
    a = input._a
    if a.ndim < 2:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-a.ndim - 1}, {a.ndim}], but got -3)")
    if not a.size:
        raise fail("input tensor cannot be empty.")
    if a.ndim > 3:
        raise fail(f"expected a tensor with 2 or 3 dimensions, but got {a.ndim}")
    half, given = n_fft // 2 + 1, a.shape[-2]
    onesided = given != n_fft if onesided is None else onesided
    if given != (half if onesided else n_fft):
        want = "n_fft / 2 + 1 when onesided=True" if onesided else "n_fft when onesided=False"
        raise fail(
            f"expected the frequency dimension (3rd to the last) of the input tensor to match {want}, but got {given}"
        )
    if not 0 < win <= n_fft:
        raise fail("expected 0 < win_length <= n_fft")
    if not 0 < hop <= win:
        raise fail("expected 0 < hop_length <= win_length")
    if window is not None and tuple(window._a.shape) != (win,):
        raise fail("Invalid window shape. window has to be 1D and length of `win_length`")
    return onesided
