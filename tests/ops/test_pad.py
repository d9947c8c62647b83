"""pad: where the numbers come from, what is refused. (op_specs compares values and gradients with NumPy's.)"""

from __future__ import annotations

import pytest

import nnlite
import nnlite.nn.functional as F


@pytest.mark.parametrize(
    "pad, options, want",
    [
        ((2, 1), {}, [0, 0, 1, 2, 3, 4, 0]),
        ((0, 2), {"value": 7}, [1, 2, 3, 4, 7, 7]),
        ((-1, -2), {}, [2]),
        ((-2, -2), {}, []),
        ((3, 3), {"mode": "reflect"}, [4, 3, 2, 1, 2, 3, 4, 3, 2, 1]),
        ((2, -1), {"mode": "reflect"}, [3, 2, 1, 2, 3]),
        ((6, 1), {"mode": "replicate"}, [1] * 6 + [1, 2, 3, 4, 4]),
        ((4, 2), {"mode": "circular"}, [1, 2, 3, 4, 1, 2, 3, 4, 1, 2]),
        ((-1, 2), {"mode": "circular"}, [2, 3, 4, 2, 3]),
    ],
)
def test_modes(pad, options, want, device):
    x = nnlite.tensor([[1.0, 2.0, 3.0, 4.0]], device=device)
    assert F.pad(x, pad, **options).tolist() == [want]


def test_dimensions_from_the_last_one_on(device):
    x = nnlite.ones(1, 2, 3, 4, device=device)
    assert F.pad(x, (1, 2)).shape == (1, 2, 3, 7)
    assert F.pad(x, [0, 0, 1, 2, 3, 0, 0, 1]).shape == (2, 5, 6, 4)
    assert F.pad(x, (), value=1).tolist() == x.tolist()
    assert F.pad(nnlite.tensor(2.0, device=device), ()).item() == 2


@pytest.mark.parametrize("kind", [nnlite.bool, nnlite.int64, nnlite.float16, nnlite.bfloat16, nnlite.complex64])
def test_dtypes(kind, device):
    x = nnlite.ones(2, 3, device=device).to(kind)
    for mode in ("constant", "reflect"):
        out = F.pad(x, (1, 0), mode)
        assert out.dtype is kind and out[0, 1:].tolist() == x[0].tolist()
    assert F.pad(x, (1, 0), value=1).tolist() == [x[0].tolist() + x[0, :1].tolist()] * 2


def test_nodes(device):
    x = nnlite.ones(1, 2, 3, 4, device=device, requires_grad=True)
    names = [F.pad(x, (1, 1, 1, 1), mode).grad_fn.name() for mode in ("constant", "reflect", "replicate")]
    assert names == ["ConstantPadNdBackward0", "ReflectionPad2DBackward0", "ReplicationPad2DBackward0"]
    assert F.pad(x[0], (1, 1), "reflect").grad_fn.name() == "ReflectionPad1DBackward0"


@pytest.mark.parametrize(
    "error, shape, pad, options, message",
    [
        (RuntimeError, (2, 3), (1,), {}, "Padding length must be divisible by 2"),
        (RuntimeError, (2, 3), (1,) * 6, {}, "padding length 6 and input of dimension 2"),
        (RuntimeError, (2, 3), (-2, -2), {}, r"length must be non-negative.* \(-2, -2\) cuts off more than the 3"),
        (NotImplementedError, (2, 3), (1, 1), {"mode": "edge"}, "Unrecognised padding mode edge"),
        (NotImplementedError, (2, 3), (1,) * 4, {"mode": "reflect"}, "Padding size 4 is not supported for 2D input"),
        (RuntimeError, (2, 3), (1, 1), {"mode": "reflect", "value": 1}, "doesn't take in value argument"),
        (RuntimeError, (2, 3), (3, 1), {"mode": "reflect"}, "Padding size should be less than .* dimension 1"),
        (RuntimeError, (2, 3), (4, 1), {"mode": "circular"}, "wrapping around more than once"),
        (RuntimeError, (2, 0), (1, 1), {"mode": "replicate"}, "other non-zero dimensions"),
    ],
)
def test_refused(error, shape, pad, options, message, device):
    with pytest.raises(error, match=message):
        F.pad(nnlite.ones(*shape, device=device), pad, **options)
    with pytest.raises(TypeError, match="must be Tensor, not list"):
        F.pad([1.0], (1, 1))
