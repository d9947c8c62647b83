"""batch_norm: statistics, what is updated, what is recorded, dtypes, errors. (op_specs has the formula.)"""

from __future__ import annotations

import numpy as np
import pytest

import nnlite
import nnlite.nn.functional as F
from nnlite.autograd import gradcheck, gradgradcheck
from nnlite.backends.strict import forbid_synchronize
from nnlite.ops.normalization import batch as norm


def host(t):
    return t.detach().cpu().double().numpy()


def draw(device, *shape, dtype=nnlite.float64, **options):
    array = np.random.default_rng(0).standard_normal(shape) * 2 + 1
    return nnlite.tensor(array, dtype=dtype, device=device, **options)


@pytest.mark.parametrize("shape", [(5, 3), (4, 3, 2), (2, 3, 4, 2), (2, 3, 2, 2, 2)])
def test_running_statistics(shape, device):
    """They move towards mean and unbiased variance of the batch; the buffers notice, the graph does not."""
    x = draw(device, *shape, requires_grad=True)
    mean, var = (
        nnlite.zeros(3, dtype=nnlite.float64, device=device),
        nnlite.ones(3, dtype=nnlite.float64, device=device),
    )
    out = F.batch_norm(x, mean, var, training=True, momentum=0.25)
    a = np.moveaxis(host(x), 1, 0).reshape(3, -1)
    np.testing.assert_allclose(host(mean), 0.25 * a.mean(1))
    np.testing.assert_allclose(host(var), 0.75 + 0.25 * a.var(1, ddof=1))
    assert mean._version == var._version == 1
    assert not mean.requires_grad and not var.requires_grad
    normal = np.moveaxis(host(out), 1, 0).reshape(3, -1)
    np.testing.assert_allclose(normal.mean(1), 0, atol=1e-12)
    np.testing.assert_allclose(normal.var(1), a.var(1) / (a.var(1) + 1e-5))
    before = host(mean), host(var)
    F.batch_norm(x, mean, var)
    assert mean._version == 1 and (host(mean) == before[0]).all() and (host(var) == before[1]).all()


def test_momentum_as_a_tensor(device):
    x = draw(device, 4, 3)
    results = []
    for momentum in (0.5, nnlite.tensor(0.5, device=device)):
        mean, var = draw(device, 3), draw(device, 3).abs()
        F.batch_norm(x, mean, var, training=True, momentum=momentum)
        results.append((host(mean), host(var)))
    np.testing.assert_array_equal(results[0], results[1])


def test_an_empty_batch_leaves_the_statistics(device):
    mean, var = nnlite.zeros(3, device=device), nnlite.ones(3, device=device)
    x = nnlite.zeros(0, 3, 2, 2, device=device, requires_grad=True)
    weight = nnlite.ones(3, device=device, requires_grad=True)
    out = F.batch_norm(x, mean, var, weight, training=True)
    assert out.shape == (0, 3, 2, 2) and mean.tolist() == [0] * 3 and var.tolist() == [1] * 3
    out.sum().backward()
    assert x.grad.shape == x.shape and weight.grad.tolist() == [0] * 3


@pytest.mark.parametrize("training", [True, False])
def test_the_statistics_may_change_before_backward(training, device):
    """As when a discriminator sees two batches before one backward."""
    x, weight = draw(device, 4, 3, requires_grad=True), draw(device, 3, requires_grad=True)
    mean, var = draw(device, 3), draw(device, 3).abs() + 1
    grads = []
    for again in (False, True):
        m, v = mean.clone(), var.clone()
        out = F.batch_norm(x, m, v, weight, training=training)
        if again:
            F.batch_norm(x * 2, m, v, weight, training=True)
        grads.append([host(g) for g in nnlite.autograd.grad((out**2).sum(), (x, weight))])
    for one, other in zip(*grads, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("training", [True, False])
def test_one_node(training, device):
    x, one = draw(device, 4, 3, requires_grad=True), draw(device, 3, requires_grad=True)
    out = F.batch_norm(x, one.detach(), one.detach().abs(), one, one, training=training)
    assert out.grad_fn.name() == "NativeBatchNormBackward0"
    assert out.is_contiguous() and out.is_leaf is False
    sources = [edge[0].variable for edge in out.grad_fn.next_functions if edge[0] is not None]
    assert sources[0] is x and all(source is one for source in sources[1:])


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("affine", [(), (1,), (0, 1)], ids=["plain", "bias", "both"])
@pytest.mark.parametrize("shape", [(4, 2), (2, 2, 3), (2, 2, 2, 2)])
def test_derivatives(shape, affine, training, device):
    x = draw(device, *shape, requires_grad=True)
    inputs = [x, *(draw(device, 2).abs().requires_grad_() for _ in affine)]
    mean, var = draw(device, 2), draw(device, 2).abs() + 0.5

    def function(x, *given):
        options = dict(zip((("weight", "bias")[i] for i in affine), given, strict=True))
        return F.batch_norm(x, None if training else mean, None if training else var, training=training, **options)

    assert gradcheck(function, inputs)
    assert gradgradcheck(function, inputs, atol=1e-4)


def test_second_gradient_of_16_bits(device):
    x = draw(device, 6, 2, dtype=nnlite.float16, requires_grad=True)
    weight = nnlite.ones(2, device=device, requires_grad=True)
    (g,) = nnlite.autograd.grad((F.batch_norm(x, None, None, weight, training=True) ** 3).sum(), x, create_graph=True)
    assert g.dtype is nnlite.float16
    (g.float() ** 2).sum().backward()
    assert x.grad.dtype is nnlite.float16 and weight.grad.dtype is nnlite.float32
    assert bool(x.grad.isfinite().all()) and bool((x.grad != 0).any())


@pytest.mark.parametrize("parameters", ["float32", "same"])
@pytest.mark.parametrize("kind", [nnlite.float16, nnlite.bfloat16])
@pytest.mark.parametrize("training", [True, False])
def test_16_bits(training, kind, parameters, device):
    """Statistics are those of the numbers, not what 16-bit sums would make of them."""
    x = draw(device, 4096, 2, dtype=kind, requires_grad=True)
    other = nnlite.float32 if parameters == "float32" else kind
    mean, var, weight = (nnlite.ones(2, dtype=other, device=device) for _ in range(3))
    out = F.batch_norm(x, mean, var, weight.requires_grad_(), training=training, momentum=1.0)
    assert out.dtype is kind and mean.dtype is other
    a = host(x)
    if training:
        step = 2.0 ** (-9 if kind is nnlite.float16 else -6)
        np.testing.assert_allclose(host(mean), a.mean(0), rtol=1e-5 if other is nnlite.float32 else step)
        np.testing.assert_allclose(host(var), a.var(0, ddof=1), rtol=1e-5 if other is nnlite.float32 else step)
        np.testing.assert_allclose(host(out).std(0), 1, rtol=step)
    out.sum().backward()
    assert x.grad.dtype is kind and weight.grad.dtype is other


def test_a_large_mean_does_not_drown_the_variance(device):
    """Squares of 10^4 less their mean would leave nothing of a variance of 1 in float32."""
    x = nnlite.tensor(np.tile([[9999.0], [10001.0]], (500, 2)), dtype=nnlite.float32, device=device)
    out = F.batch_norm(x, None, None, training=True, eps=1e-9)
    np.testing.assert_allclose(host(out), np.tile([[-1.0], [1.0]], (500, 2)), rtol=1e-5)


def test_long_sums_keep_their_digits(device):
    """Sums are taken in pieces: one after the other, 10^6 products in float32 lose two digits."""
    array = np.random.default_rng(0).standard_normal((1, 2, 1 << 20)) + 1
    x = nnlite.tensor(array, dtype=nnlite.float32, device=device)
    mean, var = nnlite.zeros(2, device=device), nnlite.zeros(2, device=device)
    F.batch_norm(x, mean, var, training=True, momentum=1.0)
    np.testing.assert_allclose(host(mean), host(x).mean((0, 2)), rtol=1e-6)
    np.testing.assert_allclose(host(var), host(x).var((0, 2), ddof=1), rtol=3e-6)


def test_pieces(device, monkeypatch):
    x = draw(device, 3, 2, 7, requires_grad=True)
    seed = draw(device, 3, 2, 7)
    results = []
    for size in (4096, 2):
        monkeypatch.setattr(norm, "PIECE", size)
        out = F.batch_norm(x, None, None, training=True)
        results.append([host(out), host(nnlite.autograd.grad(out, x, seed)[0])])
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other)


def test_no_synchronisation():
    x, one = (nnlite.randn(*s, device="strict", requires_grad=True) for s in ((4, 3, 2, 2), (3,)))
    mean, var = nnlite.zeros(3, device="strict"), nnlite.ones(3, device="strict")
    with forbid_synchronize():
        F.batch_norm(x, mean, var, one, one, training=True).sum().backward()
        F.batch_norm(x, mean, var, one, one).sum().backward()


@pytest.mark.parametrize(
    "kind, given, message",
    [
        (ValueError, {"x": (1, 3), "training": True},
         r"Expected more than 1 value per channel when training, got input size torch.Size\(\[1, 3\]\)"),
        (ValueError, {"x": (1, 3, 1, 1), "training": True}, r"got input size torch.Size\(\[1, 3, 1, 1\]\)"),
        (ValueError, {"running_var": None, "training": True}, "must either both be None or neither be None"),
        (ValueError, {"eps": -1.0}, "batch_norm eps must be non-negative, but got -1.0"),
        (ValueError, {"eps": 0.0, "training": True}, "batch_norm eps must be positive during training, but got 0.0"),
        (RuntimeError, {"running_mean": None}, "running_mean must be defined in evaluation mode"),
        (RuntimeError, {"running_var": None}, "running_var must be defined in evaluation mode"),
        (RuntimeError, {"running_mean": (4,)}, "running_mean should contain 3 elements not 4"),
        (RuntimeError, {"running_var": (2,), "training": True}, "running_var should contain 3 elements not 2"),
        (RuntimeError, {"weight": (4,)}, "weight should contain 3 elements not 4"),
        (RuntimeError, {"bias": (2,)}, "bias should contain 3 elements not 2"),
        (RuntimeError, {"x": (3,)}, "running_mean should contain 0 elements not 3"),
    ],
)  # fmt: skip
def test_sizes_that_do_not_fit(kind, given, message, device):
    full = {"x": (2, 3), "running_mean": (3,), "running_var": (3,)} | given
    tensors = {k: nnlite.ones(*v, device=device) if isinstance(v, tuple) else v for k, v in full.items()}
    with pytest.raises(kind, match=message):
        F.batch_norm(tensors.pop("x"), **tensors)


def test_types_that_do_not_fit(device):
    x, one = nnlite.ones(2, 3, device=device), nnlite.ones(3, device=device)
    with pytest.raises(TypeError, match=r"argument .\w+. \(position 1\) must be Tensor, not list"):
        F.batch_norm([1.0], one, one)
    with pytest.raises(TypeError, match="argument 4 must be Tensor, not float"):
        F.batch_norm(x, one, one, 1.0)
    with pytest.raises(NotImplementedError, match="\"batch_norm\" not implemented for 'Long'"):
        F.batch_norm(x.long(), one, one)
    with pytest.raises(RuntimeError, match=r"mixed dtype .* expect running_mean to have scalar type of Double"):
        F.batch_norm(x.double(), one, one)
    with pytest.raises(RuntimeError, match="expect weight to have scalar type of Float, but got Half"):
        F.batch_norm(x, one, one, one.half())
    with pytest.raises(RuntimeError, match="not differentiable with respect to argument 'running_mean'"):
        F.batch_norm(x, one.clone().requires_grad_(), one)


def test_devices_that_do_not_fit():
    x, one = nnlite.ones(2, 3, device="strict"), nnlite.ones(3)
    with pytest.raises(RuntimeError, match="same device"):
        F.batch_norm(x, one, one, training=True)
    assert one.tolist() == [1] * 3
