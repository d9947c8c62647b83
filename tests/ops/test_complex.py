"""Complex tensors: views of their parts, PyTorch's convention for gradients, what is refused."""

from __future__ import annotations

import numpy as np
import pytest

import nnlite
from nnlite.autograd import gradcheck, gradgradcheck


def host(t):
    return t.detach().cpu().numpy()


def random(device, *shape):
    parts = nnlite.randn(*shape, 2, dtype=nnlite.float64, device=device)
    return nnlite.view_as_complex(parts).clone()


def test_parts_are_views(device):
    z = random(device, 2, 3)
    z.real.zero_()
    z.imag[0] = 5
    assert (host(z).real == 0).all() and (host(z).imag[0] == 5).all()
    pairs = nnlite.view_as_real(z.t())
    assert tuple(pairs.shape) == (3, 2, 2)
    pairs[..., 0] = 7
    assert (host(z).real == 7).all()
    assert pairs._version == z._version == 3
    again = nnlite.view_as_complex(nnlite.view_as_real(z))
    again.mul_(1j)
    assert (host(z).imag == 7).all()


def test_parts_are_assigned(device):
    z = random(device, 3)
    z.real = nnlite.ones(3, device=device)
    z.imag = 2
    np.testing.assert_array_equal(host(z), np.full(3, 1 + 2j))
    x = nnlite.zeros(3, device=device)
    x.real = 4
    assert x.real is x
    assert x.tolist() == [4, 4, 4]
    with pytest.raises(RuntimeError, match="non-complex"):
        x.imag = 1


def test_writes_to_a_part_are_recorded(device):
    z = random(device, 4).requires_grad_()
    w = z * 1
    w.real.mul_(3)
    w.imag = w.real
    w.abs().square().sum().backward()
    # |3x + 3xi|^2 = 18 x^2
    np.testing.assert_allclose(host(z.grad), 36 * host(z).real, atol=1e-12)


@pytest.mark.parametrize(
    "function, gradient",
    [
        (lambda z: (z * z).real, lambda z: 2 * z.conj()),
        (lambda z: (z * z).imag, lambda z: 2j * z.conj()),
        (lambda z: z.abs(), lambda z: z / np.abs(z)),
        (lambda z: (z * z.conj()).real, lambda z: 2 * z),
        (lambda z: z.exp().real, lambda z: np.exp(z).conj()),
        (lambda z: z.angle(), lambda z: 1j * z / np.abs(z) ** 2),
    ],
    ids=["square.real", "square.imag", "abs", "square of abs", "exp", "angle"],
)
def test_gradients_are_conjugate(function, gradient, device):
    """dL/dx + i dL/dy for L real."""
    z = random(device, 5).requires_grad_()
    function(z).sum().backward()
    np.testing.assert_allclose(host(z.grad), gradient(host(z)), rtol=1e-12)


def test_real_inputs_get_real_gradients(device):
    x = nnlite.tensor([1.0, 2.0], dtype=nnlite.float64, device=device, requires_grad=True)
    y = x * (3 + 4j) + nnlite.ones(2, dtype=nnlite.complex128, device=device)
    nnlite.view_as_real(y).sum().backward()
    assert x.grad.dtype is nnlite.float64
    assert x.grad.tolist() == [7.0, 7.0]
    m = nnlite.ones(2, 2, device=device, requires_grad=True)
    (m.to(nnlite.complex64) @ (1j * nnlite.ones(2, 2, device=device))).imag.sum().backward()
    assert m.grad.tolist() == [[2, 2], [2, 2]]


@pytest.mark.parametrize(
    "function",
    [
        lambda a, b: a @ b.mH,
        lambda a, b: a.matmul(b.transpose(-1, -2).conj()),
        lambda a, b: nnlite.vdot(a.flatten(), b.flatten()),
        lambda a, b: a / (b * b + 3),
        lambda a, b: (a * a + 5) ** b,
        lambda a, b: nnlite.where(a.real > 0, a, b.conj()),
        lambda a, b: nnlite.cat([a, b])[[0, 3, 3], 1:],
        lambda a, b: nnlite.prod(a * b, 0) + a.mean() - b.var(0),
        lambda a, b: nnlite.sgn(a) * nnlite.linalg.vector_norm(b),
        lambda a, b: nnlite.fft.fft2(a) * nnlite.fft.hfft(b, 3),
        lambda a, b: nnlite.polar(a.real.exp(), b.imag).tanh(),
        lambda a, b: nnlite.nn.functional.linear(a, b, a[:, 0]),
    ],
)
def test_first_and_second_gradients(function, device):
    def of_parts(x, y):
        out = function(nnlite.view_as_complex(x), nnlite.view_as_complex(y))
        return nnlite.view_as_real(out) if out.is_complex() else out

    rng = np.random.default_rng(1)
    inputs = [
        nnlite.tensor(rng.standard_normal((3, 3, 2)) * 0.5 + 0.1, device=device, requires_grad=True) for _ in range(2)
    ]
    assert gradcheck(of_parts, inputs)
    assert gradgradcheck(of_parts, inputs)


def test_transposed_conjugates(device):
    z = random(device, 2, 3)
    np.testing.assert_array_equal(host(z.H), host(z).T.conj())
    np.testing.assert_array_equal(host(random(device, 4, 2, 3).mH).shape, (4, 3, 2))
    for name, shape in (("H", (2, 2, 2)), ("mH", (3,)), ("H", (3,))):
        with pytest.raises(RuntimeError, match=name):
            getattr(random(device, *shape), name)


def test_conjugates_of_reals_are_themselves(device):
    x = nnlite.ones(2, device=device)
    assert x.conj() is x and x.resolve_conj() is x and nnlite.real(x) is x
    assert not x.is_conj() and not random(device, 2).conj().is_conj()
    z = random(device, 2)
    want = host(z).conj()
    assert z.conj_physical_() is z
    np.testing.assert_array_equal(host(z), want)


def test_what_is_refused(device):
    x = nnlite.ones(2, device=device)
    for call, error, text in (
        (lambda: nnlite.complex(x, x.double()), RuntimeError, "Double"),
        (lambda: nnlite.complex(x.int(), x.int()), RuntimeError, "Half, Float or Double"),
        (lambda: nnlite.view_as_real(x), RuntimeError, "complex"),
        (lambda: nnlite.view_as_complex(nnlite.ones(2, 3, device=device)), RuntimeError, "size 2"),
        (lambda: nnlite.view_as_complex(nnlite.ones(2, 4, device=device)[:, ::2]), RuntimeError, "stride 1"),
        (lambda: nnlite.view_as_complex(nnlite.ones(3, 3, device=device)[:, :2]), RuntimeError, "divisible by 2"),
        (lambda: x.chalf(), NotImplementedError, "complex64"),
        (lambda: nnlite.zeros(2, dtype=nnlite.complex32), NotImplementedError, "complex64"),
        (lambda: nnlite.conj(3), TypeError, "must be Tensor"),
    ):
        with pytest.raises(error, match=text):
            call()


@pytest.mark.parametrize(
    "name", ["max", "min", "amax", "amin", "sign", "round", "floor", "trunc", "relu", "lt", "sort"]
)
def test_complex_numbers_have_no_order(name, device):
    z = random(device, 3)
    error = RuntimeError if name == "sort" else NotImplementedError
    with pytest.raises(error, match=r"complex|Complex"):
        getattr(z, name)(z) if name == "lt" else getattr(z, name)()
    for which in (z.argmax, z.argmin):
        with pytest.raises(RuntimeError, match="complex input"):
            which()


def test_half_precision_widens_to_complex64(device):
    x = nnlite.ones(2, dtype=nnlite.float16, device=device)
    assert (x * 1j).dtype is nnlite.complex64


def test_conversion_to_python_numbers(device):
    z = nnlite.tensor(3 + 0j, device=device)
    assert (int(z), float(z), complex(z)) == (3, 3.0, 3 + 0j)
    with pytest.raises(RuntimeError, match="without overflow"):
        float(z + 1j)
