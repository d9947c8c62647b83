"""The layers as modules: parameters, initial values, printed text, modes; and a training step that does not wait."""

from __future__ import annotations

import copy
import math
import pickle

import numpy as np
import pytest

import nnlite
from nnlite import nn
from nnlite.autograd import gradcheck
from nnlite.backends.strict import forbid_synchronize

PRINTED = {
    "Linear(in_features=2, out_features=3, bias=True)": lambda: nn.Linear(2, 3),
    "Linear(in_features=2, out_features=3, bias=False)": lambda: nn.Linear(2, 3, bias=False),
    "Identity()": lambda: nn.Identity(3, unused=1),
    "ReLU()": lambda: nn.ReLU(),
    "ReLU(inplace=True)": lambda: nn.ReLU(True),
    "Sigmoid()": lambda: nn.Sigmoid(),
    "Tanh()": lambda: nn.Tanh(),
    "Softmax(dim=1)": lambda: nn.Softmax(1),
    "Softmax(dim=None)": lambda: nn.Softmax(),
    "LogSoftmax(dim=-1)": lambda: nn.LogSoftmax(dim=-1),
    "MSELoss()": lambda: nn.MSELoss(reduction="sum"),
    "L1Loss()": lambda: nn.L1Loss(),
    "CrossEntropyLoss()": lambda: nn.CrossEntropyLoss(nnlite.ones(2), label_smoothing=0.1),
    "NLLLoss()": lambda: nn.NLLLoss(ignore_index=0),
    "Embedding(4, 3)": lambda: nn.Embedding(4, 3),
    "Embedding(4, 3, padding_idx=3, max_norm=2.0, norm_type=1.0, scale_grad_by_freq=True, sparse=True)": lambda: (
        nn.Embedding(4, 3, -1, 2.0, 1.0, True, True)
    ),
    "Dropout(p=0.5, inplace=False)": lambda: nn.Dropout(),
    "Dropout2d(p=0.3, inplace=True)": lambda: nn.Dropout2d(0.3, True),
    "Flatten(start_dim=1, end_dim=-1)": lambda: nn.Flatten(),
    "Unflatten(dim=1, unflattened_size=(2, 3))": lambda: nn.Unflatten(1, (2, 3)),
}


@pytest.mark.parametrize("text", PRINTED)
def test_printed_and_copied(text):
    layer = PRINTED[text]()
    assert repr(layer) == text
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert type(twin) is type(layer) and repr(twin) == text
        assert [k for k, _ in twin.named_parameters()] == [k for k, _ in layer.named_parameters()]
    assert layer.__class__.__name__ in dir(nn)
    assert all(hasattr(layer, name) for name in getattr(layer, "__constants__", ()))


# ---------------------------------------------------------------------------------------------------------------------


def test_linear(device):
    layer = nn.Linear(3, 2, device=device)
    assert list(layer.state_dict()) == ["weight", "bias"]
    x = nnlite.randn(5, 4, 3, device=device)
    want = x.cpu().numpy() @ layer.weight.detach().cpu().numpy().T + layer.bias.detach().cpu().numpy()
    np.testing.assert_allclose(layer(x).detach().cpu().numpy(), want, rtol=1e-5, atol=1e-6)
    plain = nn.Linear(3, 2, bias=False, device=device, dtype=nnlite.float64)
    assert plain.bias is None and list(plain.state_dict()) == ["weight"]
    assert plain.weight.dtype is nnlite.float64 and plain.weight.device.type == device.partition(":")[0]
    assert plain(x.double()[0, 0]).shape == (2,)


def test_linear_initial_values(device):
    layer = nn.Linear(100, 400, device=device)
    for values in (layer.weight, layer.bias):
        a = values.detach().cpu().numpy().ravel() * 10  # uniform on [-1, 1) then
        assert np.abs(a).max() <= 1
        assert abs(a.mean()) < 4 / math.sqrt(3 * a.size)
        assert abs(a.std() - 1 / math.sqrt(3)) < 0.1
    before = layer.weight.detach().clone()
    layer.reset_parameters()
    assert not (layer.weight == before).any()


def test_linear_without_inputs_or_outputs():
    with pytest.warns(UserWarning, match="Initializing zero-element tensors is a no-op"):
        layer = nn.Linear(0, 3)
    assert layer(nnlite.zeros(2, 0)).tolist() == [[0.0] * 3] * 2
    with pytest.warns(UserWarning, match="Initializing zero-element tensors is a no-op"):
        assert nn.Linear(3, 0)(nnlite.zeros(2, 3)).shape == (2, 0)
    with pytest.raises(RuntimeError, match=r"negative dimension -1"):
        nn.Linear(-1, 3)


def test_linear_weight_that_is_no_parameter():
    """What weight norm and parametrisations do: the parameter is taken out and a tensor put in its place."""
    layer = nn.Linear(2, 2)
    w = layer.weight
    del layer.weight
    layer.weight = w * 2
    x = nnlite.randn(3, 2)
    assert nnlite.allclose(layer(x), x @ (w * 2).T + layer.bias)
    layer(x).sum().backward()
    assert w.grad is not None

    class Scaled(nn.Linear):
        weight = property(lambda self: self.raw * 3)

    twin = Scaled.__new__(Scaled)
    nn.Module.__init__(twin)
    twin.raw = nn.Parameter(nnlite.ones(1, 2))
    twin.register_parameter("bias", None)
    assert twin(nnlite.ones(2)).tolist() == [6.0]


def test_linear_errors(device):
    layer = nn.Linear(2, 3, device=device)
    for shape, text in (((4, 5), "4x5 and 2x3"), ((4, 5, 6), "20x6 and 2x3"), ((5,), "1x5 and 2x3")):
        with pytest.raises(RuntimeError, match=f"mat1 and mat2 shapes cannot be multiplied \\({text}\\)"):
            layer(nnlite.ones(shape, device=device))
    with pytest.raises(RuntimeError, match="same dtype"):
        layer(nnlite.ones(1, 2, device=device).double())
    with pytest.raises(TypeError, match="must be Tensor, not list"):
        layer([1.0, 2.0])
    if device != "cpu":
        with pytest.raises(RuntimeError, match="Expected all tensors to be on the same device"):
            layer(nnlite.ones(1, 2))


def test_linear_derivatives(device):
    layer = nn.Linear(3, 2, device=device).double()
    x = nnlite.randn(4, 3, dtype=nnlite.float64, device=device, requires_grad=True)
    assert gradcheck(lambda a, w, b: nn.functional.linear(a, w, b), (x, layer.weight, layer.bias))


# ---------------------------------------------------------------------------------------------------------------------


def test_identity(device):
    x = nnlite.ones(2, device=device)
    assert nn.Identity(54, a=3)(x) is x


@pytest.mark.parametrize("make, want", [
    (nn.ReLU, lambda a: np.maximum(a, 0)),
    (nn.Sigmoid, lambda a: 1 / (1 + np.exp(-a))),
    (nn.Tanh, np.tanh),
    (lambda: nn.Softmax(1), lambda a: np.exp(a) / np.exp(a).sum(1, keepdims=True)),
    (lambda: nn.LogSoftmax(1), lambda a: a - np.log(np.exp(a).sum(1, keepdims=True))),
])  # fmt: skip
def test_activations(make, want, device):
    x = nnlite.randn(3, 4, device=device)
    np.testing.assert_allclose(make()(x).cpu().numpy(), want(x.cpu().numpy()), rtol=1e-5, atol=1e-6)


def test_relu_in_place(device):
    x = nnlite.tensor([-1.0, 1.0], device=device)
    assert nn.ReLU(inplace=True)(x) is x and x.tolist() == [0.0, 1.0]
    assert nn.ReLU()(x) is not x


@pytest.mark.parametrize("make, name", [(nn.Softmax, "softmax"), (nn.LogSoftmax, "log_softmax")])
def test_softmax_without_dim_warns_of_the_callers_line(make, name):
    layer = make()
    with pytest.warns(UserWarning, match=f"Implicit dimension choice for {name}") as caught:
        layer(nnlite.zeros(2, 2))
    assert caught[0].filename == __file__
    del layer.__dict__["dim"]  # as in files of old
    assert pickle.loads(pickle.dumps(layer)).dim is None


# ---------------------------------------------------------------------------------------------------------------------


def test_losses(device):
    x, y = nnlite.randn(4, 3, device=device), nnlite.randn(4, 3, device=device)
    t = nnlite.tensor([0, 2, 1, 1], device=device)
    w = nnlite.tensor([1.0, 2.0, 3.0], device=device)
    F = nn.functional
    for reduction in ("none", "sum", "mean"):
        for layer, function in ((nn.MSELoss, F.mse_loss), (nn.L1Loss, F.l1_loss)):
            assert (layer(reduction=reduction)(x, y) == function(x, y, reduction=reduction)).all()
        for layer, function in ((nn.NLLLoss, F.nll_loss), (nn.CrossEntropyLoss, F.cross_entropy)):
            options = {"weight": w, "ignore_index": 2, "reduction": reduction}
            assert (layer(**options)(x, t) == function(x, t, **options)).all()
    made = nn.CrossEntropyLoss(label_smoothing=0.3)(x, t)
    assert made == F.cross_entropy(x, t, label_smoothing=0.3) != F.cross_entropy(x, t)


def test_weights_of_losses_are_buffers(device):
    for layer in (nn.CrossEntropyLoss, nn.NLLLoss):
        made = layer(nnlite.ones(3)).to(device)
        assert list(made.state_dict()) == ["weight"] and made.weight.device == nnlite.zeros(0, device=device).device
        assert layer().state_dict() == {} and layer()._buffers == {"weight": None}
        with pytest.raises(TypeError, match="cannot assign 'list' object to buffer 'weight'"):
            layer([1.0, 2.0])


def test_losses_with_the_arguments_of_old():
    with pytest.warns(UserWarning, match="please use reduction='sum' instead"):
        assert nn.MSELoss(size_average=False).reduction == "sum"
    with pytest.warns(UserWarning, match="please use reduction='none' instead"):
        assert nn.CrossEntropyLoss(reduce=False).reduction == "none"
    assert nn.CrossEntropyLoss(None, None, -1, None, "sum", 0.3).label_smoothing == 0.3
    with pytest.raises(ValueError, match="bad is not a valid value for reduction"):
        nn.L1Loss(reduction="bad")(nnlite.ones(1), nnlite.ones(1))


# ---------------------------------------------------------------------------------------------------------------------


def test_embedding(device):
    layer = nn.Embedding(5, 3, padding_idx=-2, device=device)
    assert layer.padding_idx == 3 and layer.weight[3].tolist() == [0.0] * 3
    i = nnlite.tensor([[0, 3], [4, 4]], device=device)
    made = layer(i)
    assert made.shape == (2, 2, 3) and made[0, 1].tolist() == [0.0] * 3
    made.sum().backward()
    assert layer.weight.grad[:, 0].tolist() == [1.0, 0.0, 0.0, 0.0, 2.0]


def test_embedding_initial_values(device):
    a = nn.Embedding(200, 100, device=device).weight.detach().cpu().numpy()
    assert abs(a.mean()) < 0.03 and abs(a.std() - 1) < 0.03
    layer = nn.Embedding(2, 3, dtype=nnlite.float64, device=device)
    assert layer.weight.dtype is nnlite.float64
    assert nn.Embedding(0, 3)(nnlite.zeros(0, dtype=nnlite.int64)).shape == (0, 3)


def test_embedding_options(device):
    i = nnlite.tensor([0, 1, 1], device=device)
    layer = nn.Embedding(2, 3, max_norm=0.5, device=device)
    assert (layer(i).norm(dim=1) <= 0.5 + 1e-6).all()
    layer = nn.Embedding(2, 3, scale_grad_by_freq=True, device=device)
    layer(i).sum().backward()
    assert layer.weight.grad.tolist() == [[1.0] * 3] * 2


def test_embedding_from_pretrained(device):
    table = nnlite.randn(4, 2, device=device)
    layer = nn.Embedding.from_pretrained(table)
    assert not layer.weight.requires_grad and (layer.num_embeddings, layer.embedding_dim) == (4, 2)
    table[1] = 7
    assert layer(nnlite.tensor([1], device=device)).tolist() == [[7.0, 7.0]]  # the memory is shared
    layer = nn.Embedding.from_pretrained(table, freeze=False, padding_idx=1)
    assert layer.weight.requires_grad and layer.weight[1].tolist() == [7.0, 7.0]  # and left as it is
    with pytest.raises(AssertionError, match="Embeddings parameter is expected to be 2-dimensional"):
        nn.Embedding.from_pretrained(table[0])

    class Own(nn.Embedding):
        pass

    assert type(Own.from_pretrained(table)) is Own


def test_embedding_errors():
    for padding in (4, -5):
        with pytest.raises(AssertionError, match="Padding_idx must be within num_embeddings"):
            nn.Embedding(4, 3, padding_idx=padding)
    with pytest.raises(AssertionError, match="Shape of weight does not match num_embeddings and embedding_dim"):
        nn.Embedding(4, 3, _weight=nnlite.zeros(3, 3))
    assert not nn.Embedding(2, 3, _freeze=True).weight.requires_grad


# ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [nn.Dropout, nn.Dropout2d])
def test_dropout_in_both_modes(make, device):
    x = nnlite.ones(4, 30, 2, 2, device=device)
    layer = make(0.5)
    assert set(layer(x).flatten().tolist()) == {0.0, 2.0}
    assert layer.eval()(x) is x
    assert set(layer.train()(x).flatten().tolist()) == {0.0, 2.0}
    assert make(0.5, inplace=True)(x) is x
    for p in (-1, 1.1):
        with pytest.raises(ValueError, match=f"dropout probability has to be between 0 and 1, but got {p}"):
            make(p)


def test_flatten_and_unflatten(device):
    x = nnlite.arange(24, device=device).reshape(2, 3, 4)
    assert nn.Flatten()(x).shape == (2, 12)
    assert nn.Flatten(0, 1)(x).shape == (6, 4)
    assert nn.Flatten(0)(x).tolist() == list(range(24))
    assert (nn.Unflatten(1, (3, -1))(nn.Flatten()(x)) == x).all()
    with pytest.raises(IndexError, match="Dimension out of range"):
        nn.Flatten()(x[0, 0])
    with pytest.raises(RuntimeError, match="start_dim cannot come after end_dim"):
        nn.Flatten(2, 1)(x)
    with pytest.raises(RuntimeError, match=r"Provided sizes \[2, 5\] don't multiply up to the size of dim 1 \(3\)"):
        nn.Unflatten(1, (2, 5))(x)
    for size, text in (
        (6, "must be a tuple of ints, but found type int"),
        ((2.0, 3), "must be tuple of ints, but found element of type float at pos 0"),
        ((2, "a"), "must be tuple of ints, but found element of type str at pos 1"),
    ):
        with pytest.raises(TypeError, match=f"unflattened_size {text}"):
            nn.Unflatten(1, size)


# ---------------------------------------------------------------------------------------------------------------------


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(11, 6, padding_idx=0)
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(24, 16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 5))

    def forward(self, words):
        return self.body(self.table(words))


def test_a_training_step_does_not_wait_for_the_device():
    model = Tagger().to("strict")
    words = nnlite.from_numpy(np.random.default_rng(0).integers(0, 11, (8, 4))).to("strict")
    labels = nnlite.from_numpy(np.random.default_rng(1).integers(0, 5, 8)).to("strict")
    loss_of = nn.CrossEntropyLoss(label_smoothing=0.1)
    optimizer = nnlite.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    with forbid_synchronize():
        for _ in range(3):
            loss = loss_of(model(words), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    assert math.isfinite(loss.item())


def test_training_is_the_same_on_both_devices():
    """The same seeds give the same weights and the same dropout, so the same losses."""

    def losses(device):
        nnlite.manual_seed(0)
        model = Tagger()
        model.to(device)
        words = nnlite.from_numpy(np.random.default_rng(0).integers(0, 11, (64, 4))).to(device)
        labels = (words.sum(1) % 5).long()
        optimizer = nnlite.optim.Adam(model.parameters(), lr=0.01)
        nnlite.manual_seed(1)
        out = []
        for _ in range(60):
            loss = nn.functional.cross_entropy(model(words), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            out.append(loss.item())
        return out

    a, b = losses("cpu"), losses("strict")
    np.testing.assert_allclose(a, b, rtol=1e-3)
    assert a[-1] < 0.6 * a[0]
