"""Discrete Fourier transforms: three operations, and the functions of ``nnlite.fft`` made of them.

A transform of n points without a factor is F with F[k, m] = e^(-2 pi i k m / n); ``scale`` names the factor:
``"none"``, ``"ortho"`` (1 / sqrt n) or ``"full"`` (1 / n). The adjoint of F is its conjugate, so the derivatives are
transforms too.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..._core import dtypes
from ..._core.op import TensorBase, cast, not_a_tensor, op
from .._public import put
from ..image.pad import pad
from ..index.indexing import narrow
from ..pointwise.complex import conj

_FORWARD = {"none": "backward", "ortho": "ortho", "full": "forward"}
_INVERSE = {"none": "forward", "ortho": "ortho", "full": "backward"}


@op("fft_c2c", title="FftC2CBackward0")
def _c2c(xp: Any, x: Any, *, axes: tuple[int, ...], scale: str, forward: bool) -> Any:
    norm = (_FORWARD if forward else _INVERSE)[scale]
    if len(axes) == 1:
        return (xp.fft.fft if forward else xp.fft.ifft)(x, axis=axes[0], norm=norm)
    return (xp.fft.fftn if forward else xp.fft.ifftn)(x, axes=axes, norm=norm)


@_c2c.vjp
def _(f: Any, g: Any, node: Any) -> tuple[Any, ...]:
    return (f.fft_c2c(g, **{**node.attrs, "forward": not node.attrs["forward"]}),)


@op("fft_r2c", title="FftR2CBackward0")
def _r2c(xp: Any, x: Any, *, axis: int, scale: str) -> Any:
    """The first n // 2 + 1 of n coefficients; the others are their conjugates."""
    return xp.fft.rfft(x, axis=axis, norm=_FORWARD[scale])


@_r2c.vjp
def _(f: Any, g: Any, node: Any) -> tuple[Any, ...]:
    """Re(F^H g) with g filled up with zeros: the transform back counts the inner coefficients twice."""
    axis, n = node.attrs["axis"], node.shapes[0][node.attrs["axis"]]
    return (f.fft_c2r(f.fft_inner(g, axis=axis, n=n, factor=0.5), axis=axis, n=n, scale=node.attrs["scale"]),)


@op("fft_c2r", title="FftC2RBackward0")
def _c2r(xp: Any, x: Any, *, axis: int, n: int, scale: str) -> Any:
    """The n real numbers whose coefficients are ``x``, their conjugates in place of the missing ones, transformed with
    e^(+2 pi i k m / n)."""
    return xp.fft.irfft(x, n, axis=axis, norm=_INVERSE[scale])


@_c2r.vjp
def _(f: Any, g: Any, node: Any) -> tuple[Any, ...]:
    axis, n = node.attrs["axis"], node.attrs["n"]
    return (f.fft_inner(f.fft_r2c(g, axis=axis, scale=node.attrs["scale"]), axis=axis, n=n, factor=2.0),)


@op("fft_inner")
def _inner(xp: Any, x: Any, *, axis: int, n: int, factor: float) -> Any:
    """The coefficients times ``factor``, except those that are their own conjugates: the first, and the last of an even
    number."""
    out = x * factor
    for where in (slice(0, 1), slice(n // 2, n // 2 + 1) if n % 2 == 0 else slice(0, 0)):
        part = (slice(None),) * axis + (where,)
        out[part] = x[part]
    return out


@_inner.vjp
def _(f: Any, g: Any, node: Any) -> tuple[Any, ...]:
    return (f.fft_inner(g, **node.attrs),)


# ---------------------------------------------------------------------------------------------------------------------
# Arguments


def _input(name: str, input: Any, real: bool | None, text: str = "real") -> Any:
    """The input in a dtype that can be transformed; complex unless ``real`` (None: as it is).

    Raises:
        RuntimeError: it is complex where it has to be real, or of 16 bits.
    """
    if not isinstance(input, TensorBase):
        raise not_a_tensor(f"fft_{name}", 0, input)
    kind = dtypes.from_numpy[input._a.dtype]
    if real and kind.is_complex:
        raise RuntimeError(
            f"{name} expects a {text} input tensor, but got {dtypes.TITLES[kind.name]} (take its .real or .imag)"
        )
    if kind.category < dtypes.FLOAT:
        kind = dtypes.default.float
    if kind.itemsize == 2:
        raise RuntimeError(f"Unsupported dtype {dtypes.TITLES[kind.name]} ({name}: convert the tensor with .float())")
    if real is False:
        kind = kind.to_complex()
    return input if input._a.dtype == kind.np else cast(input, kind.np)


def _scale(norm: str | None, forward: bool, name: str) -> str:
    if norm is not None and not isinstance(norm, str):
        raise TypeError(f"fft_{name}(): argument 'norm' must be str, not {type(norm).__name__}")
    if norm == "ortho":
        return "ortho"
    if norm not in (None, "backward", "forward"):
        raise RuntimeError(f'Invalid normalization mode: "{norm}" (backward, forward or ortho)')
    return "full" if (norm == "forward") == forward else "none"


def _axis(dim: int, ndim: int) -> int:
    if not ndim:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    if not -ndim <= dim < ndim:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-ndim}, {ndim - 1}], but got {dim})")
    return dim % ndim


def _check_points(n: int) -> int:
    if n < 1:
        raise RuntimeError(f"Invalid number of data points ({n}) specified")
    return n


def _fitted(x: Any, axis: int, n: int) -> Any:
    """``x`` cut off or filled up with zeros to n elements along an axis."""
    size = x._a.shape[axis]
    if size > n:
        return narrow(x, axis, 0, n)
    if size < n:
        return pad(x, [0, 0] * (x._a.ndim - 1 - axis) + [0, n - size])
    return x


def _axes_and_sizes(x: Any, s: Any, dim: Any) -> tuple[list[int], list[int | None]]:
    """The axes to transform and the number of points along each (None: as many as there are)."""
    ndim = x._a.ndim
    sizes = None if s is None else [s] if isinstance(s, int) else [int(n) for n in s]
    if dim is not None:
        axes = [_axis(int(d), ndim) for d in ([dim] if isinstance(dim, int) else dim)]
        if len(set(axes)) < len(axes):
            raise RuntimeError("FFT dims must be unique")
        if sizes is not None and len(sizes) != len(axes):
            raise RuntimeError("When given, dim and shape arguments must have the same length")
    elif sizes is not None:
        if len(sizes) > ndim:
            raise RuntimeError(f"Got shape with {len(sizes)} values but input tensor only has {ndim} dimensions.")
        axes = list(range(ndim - len(sizes), ndim))
    else:
        axes = list(range(ndim))
    points: list[int | None] = (
        [None if n == -1 else _check_points(n) for n in sizes] if sizes is not None else [None] * len(axes)
    )
    return axes, points


def _put(name: str, result: Any, out: Any) -> Any:
    if out is None:
        return result
    wanted, given = result._a.dtype.kind == "c", out._a.dtype.kind == "c"
    if wanted != given:
        title = dtypes.TITLES[dtypes.from_numpy[out._a.dtype].name]
        raise RuntimeError(
            f"{name} expects a {'complex' if wanted else 'floating point'} output tensor, but got {title}"
        )
    return put(result, out)


# ---------------------------------------------------------------------------------------------------------------------
# The transforms, each for one axis and for several


def _complex_transform(name: str, forward: bool) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """(``fft``, ``fftn``) or their inverses."""

    def one(input: Any, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Any = None) -> Any:
        x = _input(name, input, False)
        axis, scale = _axis(dim, x._a.ndim), _scale(norm, forward, name)
        x = _fitted(x, axis, _check_points(x._a.shape[axis] if n is None else n))
        return _put(name, _c2c(x, axes=(axis,), scale=scale, forward=forward), out)

    def several(input: Any, s: Any = None, dim: Any = None, norm: str | None = None, *, out: Any = None) -> Any:
        x = _input(name + "n", input, False)
        axes, sizes = _axes_and_sizes(x, s, dim)
        scale = _scale(norm, forward, name + "n")
        for axis, n in zip(axes, sizes, strict=True):
            x = _fitted(x, axis, _check_points(x._a.shape[axis] if n is None else n))
        return _put(name + "n", _c2c(x, axes=tuple(axes), scale=scale, forward=forward) if axes else x.clone(), out)

    return one, several


def _real_transform(name: str, hermitian: bool) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """(``rfft``, ``rfftn``), or (``ihfft``, ``ihfftn``): the conjugates."""

    def finish(x: Any, axis: int, scale: str, others: tuple[int, ...]) -> Any:
        y = _r2c(x, axis=axis, scale=scale)
        y = _c2c(y, axes=others, scale=scale, forward=True) if others else y
        return conj(y) if hermitian else y

    def one(input: Any, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Any = None) -> Any:
        x = _input(name, input, True)
        axis, scale = _axis(dim, x._a.ndim), _scale(norm, not hermitian, name)
        x = _fitted(x, axis, _check_points(x._a.shape[axis] if n is None else n))
        return _put(name, finish(x, axis, scale, ()), out)

    def several(input: Any, s: Any = None, dim: Any = None, norm: str | None = None, *, out: Any = None) -> Any:
        x = _input(name + "n", input, True, "real-valued")
        axes, sizes = _axes_and_sizes(x, s, dim)
        scale = _scale(norm, not hermitian, name + "n")
        if not axes:
            raise RuntimeError(f"{name}n must transform at least one axis")
        for axis, n in zip(axes, sizes, strict=True):
            x = _fitted(x, axis, _check_points(x._a.shape[axis] if n is None else n))
        return _put(name + "n", finish(x, axes[-1], scale, tuple(axes[:-1])), out)

    return one, several


def _transform_to_real(name: str, hermitian: bool) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """(``irfft``, ``irfftn``), or (``hfft``, ``hfftn``): of the conjugates."""

    def finish(x: Any, axis: int, n: int | None, scale: str, others: tuple[int, ...]) -> Any:
        n = _check_points(2 * (x._a.shape[axis] - 1) if n is None else n)
        x = _fitted(x, axis, n // 2 + 1)
        x = conj(x) if hermitian else x
        x = _c2c(x, axes=others, scale=scale, forward=False) if others else x
        return _c2r(x, axis=axis, n=n, scale=scale)

    def one(input: Any, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Any = None) -> Any:
        x = _input(name, input, False)
        axis, scale = _axis(dim, x._a.ndim), _scale(norm, hermitian, name)
        return _put(name, finish(x, axis, n, scale, ()), out)

    def several(input: Any, s: Any = None, dim: Any = None, norm: str | None = None, *, out: Any = None) -> Any:
        x = _input(name + "n", input, False)
        axes, sizes = _axes_and_sizes(x, s, dim)
        scale = _scale(norm, hermitian, name + "n")
        if not axes:
            raise RuntimeError(f"{name}n must transform at least one axis")
        for axis, n in zip(axes[:-1], sizes[:-1], strict=True):
            x = _fitted(x, axis, _check_points(x._a.shape[axis] if n is None else n))
        return _put(name + "n", finish(x, axes[-1], sizes[-1], scale, tuple(axes[:-1])), out)

    return one, several


fft, fftn = _complex_transform("fft", True)
ifft, ifftn = _complex_transform("ifft", False)
rfft, rfftn = _real_transform("rfft", False)
ihfft, ihfftn = _real_transform("ihfft", True)
irfft, irfftn = _transform_to_real("irfft", False)
hfft, hfftn = _transform_to_real("hfft", True)


def _of_two(several: Callable[..., Any]) -> Callable[..., Any]:
    def two(input: Any, s: Any = None, dim: Any = (-2, -1), norm: str | None = None, *, out: Any = None) -> Any:
        return several(input, s, dim, norm, out=out)

    return two


fft2, ifft2, rfft2, irfft2, hfft2, ihfft2 = (
    _of_two(several) for several in (fftn, ifftn, rfftn, irfftn, hfftn, ihfftn)
)

_FORMULAS = {
    "fft": ("The Fourier transform: y_k = sum_m x_m e^(-2 pi i k m / n)", "complex", "fft(nnlite.tensor([1.0, 0.0]))",
            "tensor([1.+0.j, 1.+0.j])"),
    "ifft": ("The inverse Fourier transform: y_m = 1/n sum_k x_k e^(2 pi i k m / n)", "complex",
             "ifft(nnlite.tensor([2.0, 0.0]))", "tensor([1.+0.j, 1.+0.j])"),
    "rfft": ("The first n // 2 + 1 coefficients of the Fourier transform of real numbers; the others are conjugates of "
             "these", "complex, n // 2 + 1 along the (last) dimension", "rfft(nnlite.tensor([1.0, 0.0, 0.0]))",
             "tensor([1.+0.j, 1.+0.j])"),
    "irfft": ("The inverse of ``rfft``", "real, n along the (last) dimension", "irfft(nnlite.tensor([2.0, 0.0]))",
              "tensor([1., 1.])"),
    "hfft": ("The Fourier transform of numbers with x_(n - m) = conj(x_m), of which the first n // 2 + 1 are given",
             "real, n along the (last) dimension", "hfft(nnlite.tensor([1.0, 0.0]))", "tensor([1., 1.])"),
    "ihfft": ("The first n // 2 + 1 numbers of the inverse of ``hfft``",
              "complex, n // 2 + 1 along the (last) dimension", "ihfft(nnlite.tensor([2.0, 0.0]))",
              "tensor([1.-0.j, 1.-0.j])"),
}  # fmt: skip


def _document(name: str, function: Callable[..., Any], extent: str) -> None:
    formula, result, example, shown = _FORMULAS[name.rstrip("n2")]
    one = extent == "along dimension ``dim``"
    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"""{formula}; {extent}.

    Args:
        {"n: the number of points" if one else "s: the numbers of points"}; the input is cut off or filled with zeros.
        norm: the factor: ``"backward"`` (1 for the transform, 1 / n for its inverse; also None), ``"ortho"``
            (1 / sqrt n for both) or ``"forward"`` (1 / n, 1).

    Shape: any; the result is {result}.

    Raises:
        RuntimeError: no point, 16-bit numbers, an unknown ``norm``, or complex numbers where real ones are expected.
        IndexError: there is no such dimension.

    Example:
        >>> import nnlite
        >>> nnlite.fft.{example}
        {shown}
    """


for _extent, _functions in (
    ("along dimension ``dim``",
     {"fft": fft, "ifft": ifft, "rfft": rfft, "irfft": irfft, "hfft": hfft, "ihfft": ihfft}),
    ("along two dimensions, the last two unless given",
     {"fft2": fft2, "ifft2": ifft2, "rfft2": rfft2, "irfft2": irfft2, "hfft2": hfft2, "ihfft2": ihfft2}),
    ("along several dimensions, all unless given",
     {"fftn": fftn, "ifftn": ifftn, "rfftn": rfftn, "irfftn": irfftn, "hfftn": hfftn, "ihfftn": ihfftn}),
):  # fmt: skip
    for _name, _function in _functions.items():
        _document(_name, _function, _extent)


def _shifted(name: str, input: Any, dim: Any, sign: int) -> Any:
    if not isinstance(input, TensorBase):
        raise not_a_tensor(f"fft_{name}", 0, input)
    shape = input._a.shape
    if not shape:
        return input.clone()
    axes = (
        range(len(shape)) if dim is None else [_axis(d, len(shape)) for d in ([dim] if isinstance(dim, int) else dim)]
    )
    steps = [shape[a] // 2 if sign > 0 else math.ceil(shape[a] / 2) for a in axes]
    return input.roll(steps, tuple(axes))


def fftshift(input: Any, dim: Any = None) -> Any:
    """The coefficients in the order of their frequencies, 0 in the middle.

    Example:
        >>> import nnlite
        >>> nnlite.fft.fftshift(nnlite.fft.fftfreq(4))
        tensor([-0.5000, -0.2500,  0.0000,  0.2500])
    """
    return _shifted("fftshift", input, dim, 1)


def ifftshift(input: Any, dim: Any = None) -> Any:
    """The inverse of :func:`fftshift`: frequency 0 at the beginning.

    Example:
        >>> import nnlite
        >>> nnlite.fft.ifftshift(nnlite.tensor([-2, -1, 0, 1]))
        tensor([ 0,  1, -2, -1])
    """
    return _shifted("ifftshift", input, dim, -1)
