"""Resizing, looking up at positions, windows and padding next to PyTorch: values, gradients, errors, printed text."""

from __future__ import annotations

import random
import warnings
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import nnlite  # noqa: E402

DIMS = {
    "nearest": (1, 2, 3),
    "nearest-exact": (1, 2, 3),
    "linear": (1,),
    "bilinear": (2,),
    "bicubic": (2,),
    "trilinear": (3,),
    "area": (1, 2, 3),
    "lanczos": (2,),
}


def both(array: np.ndarray, device: str) -> tuple[Any, Any]:
    return nnlite.tensor(array, device=device, requires_grad=True), torch.tensor(array, requires_grad=True)


def close(mine: Any, theirs: Any, factor: float = 1.0) -> None:
    tolerance = (1e-10 if theirs.dtype is torch.float64 else 2e-4) * factor
    np.testing.assert_allclose(
        mine.detach().cpu().numpy(), theirs.detach().numpy(), rtol=tolerance, atol=tolerance, strict=True
    )


def resizing(seed: int) -> tuple[list[int], dict[str, Any], str]:
    """A shape, arguments and a dtype, drawn.

    Left out is where PyTorch does not agree with itself: smooth resizing to a width of 1, and gradients for a factor
    that leaves a size as it is or doubles it without being 1 or 2.
    """
    draw = random.Random(seed)
    mode = draw.choice(list(DIMS))
    dims = draw.choice(DIMS[mode])
    most = (60, 25, 9)[dims - 1]
    sizes = [draw.randint(2, most) for _ in range(dims)]
    options: dict[str, Any] = {"mode": mode}
    if draw.random() < 0.5:
        options["size"] = [draw.randint(2, most) for _ in range(dims)]
    else:
        options["scale_factor"] = [draw.choice([2, 0.5, 3, 1.5, 1, draw.uniform(2.6, 3.3)]) for _ in range(dims)]
        if draw.random() < 0.3:
            options["recompute_scale_factor"] = True
    if mode in ("linear", "bilinear", "bicubic", "trilinear"):
        options["align_corners"] = draw.random() < 0.5
    if mode == "lanczos" or (mode in ("bilinear", "bicubic") and draw.random() < 0.5):
        options["antialias"] = True
        sizes = [max(n, 4) for n in sizes]
    return [draw.choice([1, 2]), draw.choice([1, 3]), *sizes], options, draw.choice(["float32", "float64"])


@pytest.mark.parametrize("seed", range(150))
def test_interpolate(seed, device):
    shape, options, dtype = resizing(seed)
    rng = np.random.default_rng(seed)
    mine, theirs = both(rng.standard_normal(shape).astype(dtype), device)
    out = nnlite.nn.functional.interpolate(mine, **options)
    want = torch.nn.functional.interpolate(theirs, **options)
    close(out, want)
    g = rng.standard_normal(want.shape).astype(dtype)
    out.backward(nnlite.tensor(g, device=device))
    want.backward(torch.tensor(g))
    close(mine.grad, theirs.grad, 3)
    if options["mode"] != "area":
        assert out.grad_fn.name() == want.grad_fn.name()


@pytest.mark.parametrize("mode", ["nearest", "nearest-exact", "bilinear", "bicubic", "lanczos"])
@pytest.mark.parametrize("antialias", [False, True])
def test_bytes(mode, antialias, device):
    """PyTorch rounds weights to 16 bits, so a result may differ by one where it is rounded."""
    if (mode == "lanczos") != antialias and mode not in ("bilinear", "bicubic"):
        return
    x = np.random.default_rng(0).integers(0, 256, (2, 3, 17, 23)).astype(np.uint8)
    options = {"size": (11, 31), "mode": mode, "antialias": antialias}
    mine = nnlite.nn.functional.interpolate(nnlite.tensor(x, device=device), **options)
    theirs = torch.nn.functional.interpolate(torch.tensor(x), **options)
    assert mine.dtype is nnlite.uint8
    difference = np.abs(mine.cpu().numpy().astype(int) - theirs.numpy().astype(int))
    assert difference.max() <= (0 if mode.startswith("nearest") else 2)
    assert (difference > 0).mean() < 0.05


@pytest.mark.parametrize("mode", ["nearest", "bilinear", "bicubic"])
def test_nan_stays_where_it_is(mode, device):
    """A NaN reaches the same outputs, and a NaN in the gradient the same inputs, as in PyTorch."""
    x = np.ones((1, 1, 12, 9), np.float32)
    x[0, 0, 5, 4] = np.nan
    mine, theirs = both(x, device)
    out = nnlite.nn.functional.interpolate(mine, (7, 20), mode=mode)
    want = torch.nn.functional.interpolate(theirs, (7, 20), mode=mode)
    np.testing.assert_array_equal(out.isnan().cpu().numpy(), want.isnan().numpy())
    g = np.ones(want.shape, np.float32)
    g[0, 0, 3, 11] = np.nan
    out.backward(nnlite.tensor(g, device=device))
    want.backward(torch.tensor(g))
    np.testing.assert_array_equal(mine.grad.isnan().cpu().numpy(), theirs.grad.isnan().numpy())


@pytest.mark.parametrize("aligned", [False, True])
@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize(
    "mode, dims", [("bilinear", 2), ("bilinear", 3), ("nearest", 2), ("nearest", 3), ("bicubic", 2)]
)
def test_grid_sample(mode, dims, padding, aligned, device):
    rng = np.random.default_rng(dims)
    for sizes in ((5, 3, 4), (1, 6, 1)):
        x, theirs = both(rng.standard_normal((2, 3, *sizes[:dims])), device)
        grid, their_grid = both(rng.standard_normal((2, *(4, 3, 2)[:dims], dims)) * 1.5, device)
        out = nnlite.nn.functional.grid_sample(x, grid, mode, padding, aligned)
        want = torch.nn.functional.grid_sample(theirs, their_grid, mode, padding, aligned)
        close(out, want)
        assert out.grad_fn.name() == want.grad_fn.name()
        g = rng.standard_normal(want.shape)
        mine = nnlite.autograd.grad(out, (x, grid), nnlite.tensor(g, device=device))
        for one, other in zip(mine, torch.autograd.grad(want, (theirs, their_grid), torch.tensor(g)), strict=True):
            close(one, other)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30, -1e30])
@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("mode", ["bilinear", "nearest"])
def test_positions_far_away(mode, padding, value, device):
    x = np.arange(1.0, 17.0).reshape(1, 1, 4, 4)
    grid = np.array([[[[value, 0.3], [0.1, 0.2]]]])
    if padding == "reflection" and abs(value) == 1e30:
        return  # the remainder of a number of this size is one of rounding errors
    out = nnlite.nn.functional.grid_sample(
        nnlite.tensor(x, device=device), nnlite.tensor(grid, device=device), mode, padding, False
    )
    close(out, torch.nn.functional.grid_sample(torch.tensor(x), torch.tensor(grid), mode, padding, False))


@pytest.mark.parametrize("aligned", [False, True])
@pytest.mark.parametrize("size", [(2, 1, 3, 4), (2, 1, 1, 5), (2, 3, 2, 3, 4)])
def test_affine_grid(size, aligned, device):
    dims = len(size) - 2
    mine, theirs = both(np.random.default_rng(0).standard_normal((2, dims, dims + 1)), device)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        out = nnlite.nn.functional.affine_grid(mine, size, aligned)
        want = torch.nn.functional.affine_grid(theirs, size, aligned)
    close(out, want)
    out.square().sum().backward()
    want.square().sum().backward()
    close(mine.grad, theirs.grad)


BAD = [
    "F.unfold(z(1, 2, 4, 4), 5)", "F.unfold(z(4, 4), 2)", "F.unfold(z(1, 1, 2, 4, 4), 2)", "F.unfold(z(2, 0, 4, 4), 2)",
    "F.unfold(z(1, 2, 4, 4), 0)", "F.unfold(z(1, 2, 4, 4), 2, dilation=0)", "F.unfold(z(1, 2, 4, 4), 2, stride=0)",
    "F.unfold(z(1, 2, 4, 4), 2, padding=-1)", "F.unfold(z(1, 2, 4, 4), (2, 2, 2))", "F.unfold(z(1, 2, 4, 4), 2.0)",
    "F.unfold(3, 2)", "F.unfold(z(1, 2, 4, 4).long(), 2)",
    "F.fold(z(1, 8, 8), (4, 4), 2)", "F.fold(z(1, 7, 9), (4, 4), 2)", "F.fold(z(1, 1, 8, 9), (4, 4), 2)",
    "F.fold(z(1, 8, 9), (1, 1), 2)", "F.fold(z(1, 8, 9), (4, 4, 4), 2)", "F.fold(z(1, 8, 9).long(), (4, 4), 2)",
    *(
        f"F.{name}({args})"
        for name in ("pixel_shuffle", "pixel_unshuffle", "channel_shuffle")
        for args in ("z(4, 4), 2", "z(4, 4, 4), 3", "z(4, 4, 4), 0", "z(4, 4, 4), -1", "z(4, 4, 4), 2.0", "3, 2")
    ),
    *(
        f"F.interpolate(z(1, 2, 4, 4), {args}, mode='{mode}')"
        for mode in (*DIMS, "what")
        for args in (
            "-1", "2.5", "(2, 2.5)", "(2, 2, 2)", "2, 2", "scale_factor='a'", "scale_factor=(2, 2, 2)", "None",
            "scale_factor=-2.0", "2, recompute_scale_factor=True", "True",
        )
        if (mode, args) != ("area", "scale_factor='a'")
        if not (args in ("2.5", "True") and mode in ("linear", "trilinear", "lanczos", "what"))  # two things wrong
    ),
    "F.interpolate(z(1, 2, 4, 4), 0)", "F.interpolate(z(1, 2, 4), 0)", "F.interpolate(z(2, 0, 4, 4), 2)",
    "F.interpolate(z(2, 2, 0, 4), 2)", "F.interpolate(z(1, 2, 4, 4).long(), 2)", "F.interpolate(z(4, 4), 2)",
    "F.interpolate(z(1, 2, 4, 4), 2, align_corners=True)", "F.interpolate(z(1, 2, 4, 4), 2, antialias=True)",
    "F.interpolate(z(1, 2, 4, 4).half(), 2, mode='bilinear', antialias=True)",
    *(
        f"F.grid_sample({args})"
        for args in (
            "z(1, 2, 4, 4), z(1, 3, 3, 2), 'what'", "z(1, 2, 4, 4), z(1, 3, 3, 2), padding_mode='what'",
            "z(1, 2, 4, 4), z(1, 3, 3, 2).double()", "z(1, 2, 4, 4).long(), z(1, 3, 3, 2).long()",
            "z(2, 4, 4), z(1, 3, 3, 2)", "z(1, 2, 4, 4), z(3, 3, 2)", "z(1, 2, 4, 4), z(1, 3, 3, 3)",
            "z(1, 2, 0, 4), z(1, 3, 3, 2)", "z(1, 2, 3, 4, 4), z(1, 3, 3, 3, 3), 'bicubic'", "3, z(1, 3, 3, 2)",
            "z(1, 2, 4, 4), 3", "z(1, 2, 3), z(1, 2, 2)",
        )
    ),
    *(
        f"F.affine_grid({args})"
        for args in (
            "z(1, 2, 3), (2, 1, 2, 2)", "z(1, 2, 3), (1, 1, 2)", "z(1, 2, 3), (1, 1, 2, 2, 2)",
            "z(1, 3, 4), (1, 1, 2, 2)", "z(1, 2, 3).long(), (1, 1, 2, 2)", "z(1, 2, 3), (1, 1, 0, 2)",
            "z(1, 2, 3), [1, 1, 2.5, 2]",
        )
    ),
]  # fmt: skip
"""Calls that raise."""


@pytest.mark.parametrize("text", BAD)
def test_errors(text):
    """The same exception type, and a message that begins as PyTorch's where that is about the argument."""
    found = []
    for library in (torch, nnlite):
        with warnings.catch_warnings(), pytest.raises(Exception) as caught:
            warnings.simplefilter("ignore")
            eval(text, {"F": library.nn.functional, "z": library.zeros})
        found.append(caught)
    theirs, mine = found
    assert mine.type is theirs.type
    if theirs.type is not TypeError and "not implemented for" not in str(theirs.value):
        assert str(mine.value)[:30] == str(theirs.value)[:30]


LAYERS = [
    "Fold((4, 5), (2, 2))", "Fold(4, 2, 1, 0, 2)", "Unfold(3)", "Unfold((3, 2), padding=1)", "PixelShuffle(2)",
    "PixelUnshuffle(2)", "ChannelShuffle(2)", "Upsample(2)", "Upsample((2, 3))",
    "Upsample(scale_factor=2, mode='bilinear', align_corners=True)", "Upsample(scale_factor=(2, 3))",
    "UpsamplingNearest2d(2)", "UpsamplingBilinear2d(scale_factor=2)", "ConstantPad2d((1, 2, 3, 4), 0)",
    "ZeroPad1d(2)", "ReflectionPad3d(1)", "ReplicationPad2d((1, 0, 2, 3))", "CircularPad1d(1)",
]  # fmt: skip


@pytest.mark.parametrize("text", LAYERS)
def test_layers(text, device):
    """Printed text, attributes and results."""
    mine, theirs = (eval(text, vars(library.nn)) for library in (nnlite, torch))
    assert repr(mine) == repr(theirs)
    assert mine.__constants__ == theirs.__constants__
    for name in theirs.__constants__:
        assert getattr(mine, name) == getattr(theirs, name)
    shape = {"Fold": (1, 8, 12) if "5" in text else (1, 8, 4), "ReflectionPad3d": (1, 2, 3, 4, 5),
             "CircularPad1d": (1, 4, 6)}.get(type(mine).__name__, (1, 4, 6, 8))  # fmt: skip
    x = np.random.default_rng(0).standard_normal(shape)
    close(mine(nnlite.tensor(x, device=device)), theirs(torch.tensor(x)))
