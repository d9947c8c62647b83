"""``nn.utils`` gives what PyTorch's gives: values, gradients, names in ``state_dict``, printed text, errors."""

from __future__ import annotations

import copy
import warnings
from typing import Any

import numpy as np
import pytest

import nnlite

torch = pytest.importorskip("torch")
pytest.importorskip("torch.nn.utils.prune")  # a module that `import torch` leaves out


def pair(make: Any, device: str = "cpu", dtype: str = "float64") -> tuple[Any, Any]:
    """A module of PyTorch and the same of nnlite, with the same values."""
    theirs = make(torch).to(getattr(torch, dtype))
    ours = make(nnlite).to(getattr(nnlite, dtype))
    load(ours, theirs)
    return theirs, ours.to(device)


def load(ours: Any, theirs: Any) -> None:
    ours.load_state_dict({k: nnlite.tensor(v.numpy()) for k, v in theirs.state_dict().items()})


def same(ours: Any, theirs: Any) -> None:
    np.testing.assert_allclose(ours.detach().cpu().numpy(), theirs.detach().numpy(), rtol=1e-7, atol=1e-9)


def same_state(ours: Any, theirs: Any) -> None:
    a, b = ours.state_dict(), theirs.state_dict()
    assert list(a) == list(b)
    for name in a:
        same(a[name], b[name])


def same_step(ours: Any, theirs: Any, device: str, *shape: int) -> None:
    """Output, gradients of the input and of all parameters."""
    x = np.random.default_rng(0).standard_normal(shape)
    xa, xb = nnlite.tensor(x, device=device).requires_grad_(), torch.tensor(x).requires_grad_()
    a, b = ours(xa), theirs(xb)
    same(a, b)
    (a * a).sum().backward()
    (b * b).sum().backward()
    same(xa.grad, xb.grad)
    for (name, p), (other, q) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
        assert name == other
        same(p.grad, q.grad)


GRADIENTS = [np.array([[3.0, -4.0], [0.5, 0.0]]), np.array([12.0, 1.0, -2.0])]


def parameters(library: Any, device: str) -> list[Any]:
    made = []
    for g in [*GRADIENTS, None]:
        p = library.nn.Parameter(library.zeros(2 if g is None else g.shape, dtype=library.float64, device=device))
        p.grad = None if g is None else library.tensor(g, device=device)
        made.append(p)
    return made


@pytest.mark.parametrize("p", [2.0, 1, 3.5, 0.5, 0, float("inf"), float("-inf")])
@pytest.mark.parametrize("limit", [1.0, 100])
def test_clip_grad_norm(p, limit, device):
    ours, theirs = parameters(nnlite, device), parameters(torch, "cpu")
    a = nnlite.nn.utils.clip_grad_norm_(ours, limit, p)
    same(a, torch.nn.utils.clip_grad_norm_(theirs, limit, p))
    for x, y in zip(ours[:2], theirs[:2], strict=True):
        same(x.grad, y.grad)


def test_clip_grad_value_and_total_norm(device):
    ours, theirs = parameters(nnlite, device), parameters(torch, "cpu")
    same(
        nnlite.nn.utils.get_total_norm([p.grad for p in ours[:2]]),
        torch.nn.utils.get_total_norm([p.grad for p in theirs[:2]]),
    )
    nnlite.nn.utils.clip_grad_value_(ours, 2)
    torch.nn.utils.clip_grad_value_(theirs, 2)
    for x, y in zip(ours[:2], theirs[:2], strict=True):
        same(x.grad, y.grad)


@pytest.mark.parametrize("library", [torch, nnlite])
def test_clip_grad_edges(library):
    clip = library.nn.utils.clip_grad_norm_
    p = library.nn.Parameter(library.zeros(2))
    assert clip([p], 1.0).item() == 0
    p.grad = library.tensor([float("inf"), 1.0])
    with pytest.raises(RuntimeError, match=r"The total norm of order 2\.0 for gradients"):
        clip(p, 1.0, error_if_nonfinite=True)
    assert p.grad[1] == 1
    clip(p, 1.0)
    assert p.grad[1] == 0 and p.grad[0].isnan()
    with pytest.warns(UserWarning, match="empty generator"):
        clip((p for p in ()), 1.0)
    with pytest.warns(FutureWarning, match="clip_grad_norm_"):
        library.nn.utils.clip_grad_norm(p, 1.0)


@pytest.mark.parametrize("library", [torch, nnlite])
def test_vectors(library):
    utils = library.nn.utils
    layer = library.nn.Linear(2, 3)
    vector = utils.parameters_to_vector(layer.parameters())
    assert vector.requires_grad and vector.tolist() == [*layer.weight.flatten().tolist(), *layer.bias.tolist()]
    new = library.arange(9.0)
    weight = layer.weight
    utils.vector_to_parameters(new, layer.parameters())
    assert layer.weight is weight and layer.weight.tolist() == [[0, 1], [2, 3], [4, 5]]
    new[0] = 7
    assert layer.weight[0, 0] == 7
    with pytest.raises(TypeError, match=r"expected torch.Tensor, but got: list"):
        utils.vector_to_parameters([1.0], layer.parameters())
    with pytest.raises(RuntimeError):
        utils.vector_to_parameters(new[:4], layer.parameters())


LAYERS = {
    "linear": (lambda t: t.nn.Linear(3, 4), (5, 3)),
    "square": (lambda t: t.nn.Linear(3, 3), (5, 3)),
    "wide": (lambda t: t.nn.Linear(4, 2), (5, 4)),
    "conv": (lambda t: t.nn.Conv2d(2, 3, 2), (1, 2, 4, 4)),
    "transposed": (lambda t: t.nn.ConvTranspose1d(2, 3, 2), (1, 2, 4)),
}


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("dim", [0, 1, -1, None])
def test_weight_norm(layer, dim, device):
    make, shape = LAYERS[layer]
    theirs, ours = pair(make, device)
    for library, module in ((torch, theirs), (nnlite, ours)):
        library.nn.utils.parametrizations.weight_norm(module, dim=dim)
    assert repr(ours) == repr(theirs)
    same_state(ours, theirs)
    same_step(ours, theirs, device, *shape)
    for library, module in ((torch, theirs), (nnlite, ours)):
        library.nn.utils.parametrize.remove_parametrizations(module, "weight")
    assert repr(ours) == repr(theirs)
    same_state(ours, theirs)


@pytest.mark.parametrize("layer", ["linear", "conv"])
def test_old_weight_norm(layer, device):
    make, shape = LAYERS[layer]
    theirs, ours = pair(make, device)
    for library, module in ((torch, theirs), (nnlite, ours)):
        with pytest.warns(FutureWarning, match="deprecated"):
            library.nn.utils.weight_norm(module)
        with pytest.raises(RuntimeError, match="Cannot register two"), warnings.catch_warnings(action="ignore"):
            library.nn.utils.weight_norm(module)
    same_state(ours, theirs)
    same_step(ours, theirs, device, *shape)
    new = nnlite.nn.utils.parametrizations.weight_norm(make(nnlite).to(device).double())
    new.load_state_dict(ours.state_dict())
    same(new.weight, theirs.weight)
    for library, module in ((torch, theirs), (nnlite, ours)):
        library.nn.utils.remove_weight_norm(module)
        with pytest.raises(ValueError, match="weight_norm of 'weight' not found in"):
            library.nn.utils.remove_weight_norm(module)
    same_state(ours, theirs)


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("new", [True, False])
@pytest.mark.parametrize("training", [True, False])
def test_spectral_norm(layer, new, training, device):
    make, shape = LAYERS[layer]
    theirs, ours = pair(make, device)
    for library, module in ((torch, theirs), (nnlite, ours)):
        (library.nn.utils.parametrizations if new else library.nn.utils).spectral_norm(module, n_power_iterations=2)
    assert repr(ours) == repr(theirs)
    load(ours, theirs)  # the vectors are random
    ours.train(training), theirs.train(training)
    same_step(ours, theirs, device, *shape)
    same_state(ours, theirs)
    for library, module in ((torch, theirs), (nnlite, ours)):
        if new:
            library.nn.utils.parametrize.remove_parametrizations(module, "weight")
        else:
            library.nn.utils.remove_spectral_norm(module)
    same_state(ours, theirs)


def test_old_spectral_norm_loads_states_without_v():
    ours = nnlite.nn.utils.spectral_norm(nnlite.nn.Linear(3, 4).double())
    x = nnlite.randn(2, 3, dtype=nnlite.float64)
    want = ours.eval()(x)
    state = ours.state_dict()
    state["weight"] = ours.weight
    del state["weight_v"]
    state._metadata.clear()
    other = nnlite.nn.utils.spectral_norm(nnlite.nn.Linear(3, 4).double())
    other.load_state_dict(state)
    np.testing.assert_allclose(other.eval()(x).tolist(), want.tolist(), rtol=1e-7)


@pytest.mark.parametrize("layer", ["linear", "square", "wide"])
@pytest.mark.parametrize("kind", [None, "matrix_exp", "cayley", "householder"])
@pytest.mark.parametrize("trivialize", [True, False])
def test_orthogonal(layer, kind, trivialize, device):
    make, shape = LAYERS[layer]
    theirs, ours = pair(make, device)
    for library, module in ((torch, theirs), (nnlite, ours)):
        library.nn.utils.parametrizations.orthogonal(module, orthogonal_map=kind, use_trivialization=trivialize)
    assert repr(ours) == repr(theirs)
    assert sorted(ours.state_dict()) == sorted(theirs.state_dict())
    load(ours, theirs)  # the completion to a basis is random
    ours.to(device)
    same_step(ours, theirs, device, *shape)
    q = ours.weight.detach().cpu().numpy()
    if q.shape[0] < q.shape[1]:
        q = q.T
    np.testing.assert_allclose(q.T @ q, np.eye(q.shape[1]), atol=1e-10)
    if trivialize or kind == "householder":
        value = ours.weight.detach() * -1
        ours.weight = value
        np.testing.assert_allclose(ours.weight.tolist(), value.tolist(), atol=1e-10)


@pytest.mark.parametrize("library", [torch, nnlite])
def test_orthogonal_errors(library):
    orthogonal = library.nn.utils.parametrizations.orthogonal
    with pytest.raises(ValueError, match=r"Expected a matrix or batch of matrices\. Got a tensor of 1 dimensions"):
        orthogonal(library.nn.Linear(2, 2), "bias")
    with pytest.raises(ValueError, match='orthogonal_map has to be one of "matrix_exp", "cayley", "householder"'):
        orthogonal(library.nn.Linear(2, 2), orthogonal_map="qr")
    with pytest.raises(ValueError, match="has no parameter or buffer with name 'kernel'"):
        orthogonal(library.nn.Linear(2, 2), "kernel")
    with pytest.raises(NotImplementedError, match="It is not possible to assign to the matrix exponential"):
        layer = orthogonal(library.nn.Linear(2, 2), orthogonal_map="cayley", use_trivialization=False)
        layer.weight = library.eye(2)
    spectral = library.nn.utils.parametrizations.spectral_norm
    with pytest.raises(ValueError, match="Expected n_power_iterations to be positive"):
        spectral(library.nn.Linear(2, 2), n_power_iterations=0)
    with pytest.raises(IndexError, match="Dimension out of range"):
        spectral(library.nn.Linear(2, 2), dim=2)


def kinds(library: Any) -> Any:
    """Parametrizations of the tests."""

    class Symmetric(library.nn.Module):
        def forward(self, x):
            return x.triu() + x.triu(1).mT

        def right_inverse(self, x):
            return x.triu()

    class Double(library.nn.Module):
        def forward(self, x):
            return 2 * x

    class Sum(library.nn.Module):
        def forward(self, x, y):
            return x + y

        def right_inverse(self, z):
            return z / 4, z * 3 / 4

    class First(library.nn.Module):
        def forward(self, x):
            return x[:1]

    class Half(library.nn.Module):
        def forward(self, x):
            return x.to(library.float16)

    class Nothing(library.nn.Module):
        def forward(self, x):
            return 1.0

    return {cls.__name__: cls for cls in (Symmetric, Double, Sum, First, Half, Nothing)}


@pytest.mark.parametrize("names", [["Symmetric"], ["Symmetric", "Double"], ["Sum", "Symmetric"], ["Double", "Double"]])
def test_register_parametrization(names, device):
    def make() -> tuple[Any, Any]:
        theirs, ours = pair(lambda t: t.nn.Linear(3, 3), device)
        for library, module in ((torch, theirs), (nnlite, ours)):
            for name in names:
                library.nn.utils.parametrize.register_parametrization(module, "weight", kinds(library)[name]())
        return theirs, ours

    theirs, ours = make()
    assert repr(ours) == repr(theirs)
    same_state(ours, theirs)
    same_step(ours, theirs, device, 2, 3)
    for leave in (True, False):
        theirs, ours = make()
        errors = []
        for library, module in ((torch, theirs), (nnlite, ours)):
            try:
                library.nn.utils.parametrize.remove_parametrizations(module, "weight", leave_parametrized=leave)
            except ValueError as error:
                errors.append(str(error))
        assert len(errors) in (0, 2)
        if errors:
            assert errors[0] == errors[1]
        else:
            same_state(ours, theirs)
            assert type(ours) is nnlite.nn.Linear


@pytest.mark.parametrize("names", [["Symmetric"], ["Sum", "Symmetric"]])
def test_assign_to_parametrized(names, device):
    theirs, ours = pair(lambda t: t.nn.Linear(3, 3), device)
    value = np.random.default_rng(4).standard_normal((3, 3))
    value = value + value.T
    for library, module, where in ((torch, theirs, "cpu"), (nnlite, ours, device)):
        for name in names:
            library.nn.utils.parametrize.register_parametrization(module, "weight", kinds(library)[name]())
        module.weight = library.tensor(value, device=where)
    same_state(ours, theirs)
    same(ours.weight, theirs.weight)
    with pytest.raises(RuntimeError, match="does not implement right_inverse"):
        nnlite.nn.utils.parametrize.register_parametrization(ours, "bias", kinds(nnlite)["Double"]())
        ours.bias = nnlite.zeros(3, device=device)


def test_copies_of_parametrized_modules_are_independent(device):
    ours = nnlite.nn.utils.parametrizations.weight_norm(nnlite.nn.Linear(3, 2).to(device))
    copied = copy.deepcopy(ours)
    assert copied.weight.tolist() == ours.weight.tolist()
    nnlite.nn.utils.parametrize.remove_parametrizations(copied, "weight")
    assert type(copied) is nnlite.nn.Linear and copied.weight.tolist() == ours.weight.tolist()


@pytest.mark.parametrize("library", [torch, nnlite])
def test_parametrize_tools(library):
    parametrize = library.nn.utils.parametrize
    layer = library.nn.Linear(3, 3)
    weight = layer.weight
    parametrize.register_parametrization(layer, "weight", kinds(library)["Symmetric"]())
    assert layer.parametrizations.weight.original is weight
    assert parametrize.is_parametrized(layer) and parametrize.is_parametrized(layer, "weight")
    assert not parametrize.is_parametrized(layer, "bias") and not parametrize.is_parametrized(library.nn.Linear(1, 1))
    assert parametrize.type_before_parametrizations(layer) is library.nn.Linear
    assert isinstance(layer, library.nn.Linear) and type(layer).__name__ == "ParametrizedLinear"
    with parametrize.cached():
        first = layer.weight
        assert layer.weight is first
        with parametrize.cached():
            assert layer.weight is first
        assert layer.weight is first
    assert layer.weight is not first
    other = parametrize.transfer_parametrizations_and_params(layer, library.nn.Linear(3, 3))
    assert other.parametrizations.weight.original is weight and (other.weight == layer.weight).all()
    with pytest.raises(RuntimeError, match=r"only supported through state_dict\(\)"):
        layer.__getstate__()
    parametrize.register_parametrization(layer, "bias", kinds(library)["Double"]())
    parametrize.remove_parametrizations(layer, "weight")
    assert type(layer).__name__ == "ParametrizedLinear" and layer.weight is weight
    with pytest.raises(ValueError, match="does not have a parametrization on weight"):
        parametrize.remove_parametrizations(layer, "weight")


@pytest.mark.parametrize(
    "kind, text",
    [
        ("First", "may not change the shape of the tensor"),
        ("Half", "may not change the dtype of the tensor"),
        ("Nothing", "A parametrization must return a tensor. Got float."),
    ],
)
@pytest.mark.parametrize("second", [False, True])
@pytest.mark.parametrize("library", [torch, nnlite])
def test_parametrize_refuses(library, kind, text, second):
    parametrize = library.nn.utils.parametrize
    layer = library.nn.Linear(3, 3)
    if second:
        parametrize.register_parametrization(layer, "weight", kinds(library)["Double"]())
    before = repr(layer)
    with pytest.raises(ValueError, match=text):
        parametrize.register_parametrization(layer, "weight", kinds(library)[kind]())
    assert repr(layer) == before
    with pytest.raises(ValueError, match="does not have a parameter, a buffer, or a parametrized element with name"):
        parametrize.register_parametrization(layer, "kernel", kinds(library)["Double"]())
    if kind != "Nothing":
        parametrize.register_parametrization(layer, "weight", kinds(library)[kind](), unsafe=True)
        assert layer.weight.shape == (1, 3) or layer.weight.dtype == library.float16


PRUNERS = {
    "identity": lambda p, m: p.identity(m, "weight"),
    "l1": lambda p, m: p.l1_unstructured(m, "weight", 5),
    "l1 fraction": lambda p, m: p.l1_unstructured(m, "weight", 0.3),
    "l1 none": lambda p, m: p.l1_unstructured(m, "weight", 0),
    "l1 twice": lambda p, m: p.l1_unstructured(p.l1_unstructured(m, "weight", 2), "weight", 0.5),
    "ln": lambda p, m: p.ln_structured(m, "weight", 1, 2, 0),
    "ln last": lambda p, m: p.ln_structured(m, "weight", 0.5, 1, -1),
    "ln after l1": lambda p, m: p.ln_structured(p.l1_unstructured(m, "weight", 3), "weight", 1, float("inf"), 1),
    "l1 after ln": lambda p, m: p.l1_unstructured(p.ln_structured(m, "weight", 1, 2, 0), "weight", 3),
    "ln twice": lambda p, m: p.ln_structured(p.ln_structured(m, "weight", 1, 2, 0), "weight", 1, 2, 0),
    "bias": lambda p, m: p.l1_unstructured(p.l1_unstructured(m, "bias", 1), "weight", 2),
}  # fmt: skip


@pytest.mark.parametrize("layer", ["linear", "conv"])
@pytest.mark.parametrize("kind", PRUNERS)
def test_prune(layer, kind, device):
    make, shape = LAYERS[layer]
    theirs, ours = pair(make, device)
    assert not nnlite.nn.utils.prune.is_pruned(ours)
    PRUNERS[kind](torch.nn.utils.prune, theirs)
    PRUNERS[kind](nnlite.nn.utils.prune, ours)
    assert nnlite.nn.utils.prune.is_pruned(nnlite.nn.Sequential(ours))
    same_state(ours, theirs)
    same_step(ours, theirs, device, *shape)
    hooks = [[type(h).__name__ for h in m._forward_pre_hooks.values()] for m in (ours, theirs)]
    assert hooks[0] == hooks[1]
    for library, module in ((torch, theirs), (nnlite, ours)):
        library.nn.utils.prune.remove(module, "weight")
    same_state(ours, theirs)


def test_prune_globally(device):
    theirs, ours = pair(lambda t: t.nn.Sequential(t.nn.Linear(4, 5), t.nn.Linear(5, 2)), device)
    for library, net in ((torch, theirs), (nnlite, ours)):
        prune = library.nn.utils.prune
        prune.random_unstructured(net[0], "bias", 2)
        prune.l1_unstructured(net[0], "weight", 4)
        where = [(net[0], "weight"), (net[1], "weight")]
        prune.global_unstructured(where, prune.L1Unstructured, amount=0.4)
    ours[0].bias_mask.copy_(nnlite.tensor(theirs[0].bias_mask.numpy()))
    same_state(ours, theirs)
    same_step(ours, theirs, device, 3, 4)


def test_prune_by_scores_and_masks(device):
    scores = np.random.default_rng(5).standard_normal((4, 3))
    theirs, ours = pair(LAYERS["linear"][0], device)
    for library, module, where in ((torch, theirs, "cpu"), (nnlite, ours, device)):
        prune = library.nn.utils.prune
        given = library.tensor(scores, device=where)
        prune.l1_unstructured(module, "weight", 4, importance_scores=given)
        prune.ln_structured(module, "weight", 1, 2, 1, importance_scores=given)
        prune.custom_from_mask(module, "weight", (given > 0).int())
        t = library.tensor(scores, device=where)
        module.pruned = prune.L1Unstructured(3).prune(t)
    same(ours.pruned, theirs.pruned)
    same_state(ours, theirs)


def test_prune_at_random(device):
    layer = nnlite.nn.Linear(10, 8).to(device)
    nnlite.nn.utils.prune.random_unstructured(layer, "weight", 0.25)
    assert (layer.weight_mask == 0).sum() == 20
    nnlite.nn.utils.prune.random_structured(layer, "weight", 3, 0)
    assert (layer.weight_mask.sum(1) == 0).sum() >= 3


@pytest.mark.parametrize("library", [torch, nnlite])
@pytest.mark.parametrize(
    "wrong, kind, text",
    [
        (lambda p, m: p.l1_unstructured(m, "weight", "a"), TypeError, "Invalid type for amount: a"),
        (lambda p, m: p.l1_unstructured(m, "weight", 1.5), ValueError, "amount=1.5 should either be a float in"),
        (lambda p, m: p.l1_unstructured(m, "weight", -1), ValueError, "amount=-1 should either be a float in"),
        (lambda p, m: p.l1_unstructured(m, "weight", 100), ValueError, "amount=100 should be smaller than the number"),
        (lambda p, m: p.ln_structured(m, "bias", 1, 2, 0), ValueError, "can only be applied to multidimensional"),
        (lambda p, m: p.ln_structured(m, "weight", 1, 2, 2), IndexError, "Invalid index 2 for tensor of size"),
        (lambda p, m: p.l1_unstructured(m, "kernel", 1), AttributeError, "has no attribute 'kernel'"),
        (lambda p, m: p.remove(m, "weight"), ValueError, "has to be pruned before pruning can be removed"),
        (lambda p, m: p.global_unstructured([(m, "weight")], p.LnStructured, amount=1, n=2), TypeError, "unstructured"),
    ],
)
def test_prune_refuses(library, wrong, kind, text):
    layer = library.nn.Linear(3, 4)
    with pytest.raises(kind, match=text):
        wrong(library.nn.utils.prune, layer)
    assert sorted(layer.state_dict()) == ["bias", "weight"]


@pytest.mark.parametrize("transpose", [False, True])
@pytest.mark.parametrize("affine", [False, True])
@pytest.mark.parametrize("bias", [False, True])
def test_fuse_convolution(transpose, affine, bias, device):
    def make(t):
        conv = (t.nn.ConvTranspose2d if transpose else t.nn.Conv2d)(2, 3, 2, bias=bias)
        bn = t.nn.BatchNorm2d(3, affine=affine)
        return t.nn.Sequential(conv, bn).eval()

    theirs, ours = pair(make, device)
    rng = np.random.default_rng(6)
    mean, var = rng.standard_normal(3), rng.random(3) + 0.5
    theirs[1].running_mean.copy_(torch.tensor(mean)), theirs[1].running_var.copy_(torch.tensor(var))
    load(ours, theirs)
    a = nnlite.nn.utils.fuse_conv_bn_eval(ours[0], ours[1], transpose)
    b = torch.nn.utils.fuse_conv_bn_eval(theirs[0], theirs[1], transpose)
    same_state(a, b)
    x = nnlite.randn(1, 2, 4, 4, dtype=nnlite.float64, device=device)
    assert nnlite.allclose(a(x), ours(x))


def test_fuse_linear(device):
    theirs, ours = pair(lambda t: t.nn.Sequential(t.nn.Linear(2, 3), t.nn.BatchNorm1d(3)).eval(), device)
    same_state(nnlite.nn.utils.fuse_linear_bn_eval(*ours), torch.nn.utils.fuse_linear_bn_eval(*theirs))
    with pytest.raises(AssertionError, match="Fusion only for eval"):
        nnlite.nn.utils.fuse_linear_bn_eval(ours[0].train(), ours[1])


def test_skip_init():
    for library in (torch, nnlite):
        library.manual_seed(3)
        want = library.rand(1)
        library.manual_seed(3)
        layer = library.nn.utils.skip_init(library.nn.Conv2d, 2, 3, 4, dtype=library.float64)
        assert layer.weight.shape == (3, 2, 4, 4) and layer.weight.dtype == library.float64
        assert library.rand(1) == want
        with pytest.raises(RuntimeError, match="Module must support a 'device' arg"):
            library.nn.utils.skip_init(library.nn.ReLU)
        with pytest.raises(RuntimeError, match="Expected a Module"):
            library.nn.utils.skip_init(int)


def test_memory_format():
    for library in (torch, nnlite):
        net = library.nn.Sequential(library.nn.Conv2d(4, 3, 2), library.nn.Conv1d(2, 2, 2))
        before = net[0].weight.tolist()
        assert library.nn.utils.convert_conv2d_weight_memory_format(net, library.channels_last) is net
        assert net[0].weight.stride() == (16, 1, 8, 4) and net[0].weight.tolist() == before


def test_stateless_functional_call():
    for library in (torch, nnlite):
        layer = library.nn.Linear(2, 1)
        values = {"weight": library.ones(1, 2), "bias": library.zeros(1)}
        with pytest.warns(FutureWarning, match="torch.func.functional_call"):
            out = library.nn.utils.stateless.functional_call(layer, values, library.ones(2))
        assert out.tolist() == [2] and layer.weight.requires_grad
