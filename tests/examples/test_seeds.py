"""The programs of the seed documents run, and print what the documents show.

The expected texts are taken from the documents; only the numbers, which are random, may differ, and the
class of a parameter is nnlite's.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys

import pytest
from notebook import SEEDS, normal_form, run_program

import nnlite

PROGRAMS = sorted(path.stem for path in SEEDS.glob("*.py") if path.stem != "d2l")

LINEAR_PARAMETERS = """
Parameter containing:
tensor([[ 0.0504, -0.0203, -0.0573,  ...,  0.0253,  0.0642, -0.0088],
        [-0.0078, -0.0608, -0.0626,  ..., -0.0350, -0.0028, -0.0634],
        [-0.0317, -0.0202, -0.0593,  ..., -0.0280,  0.0571, -0.0114],
        ...,
        [ 0.0582, -0.0471, -0.0236,  ...,  0.0273,  0.0673,  0.0555],
        [ 0.0258, -0.0706,  0.0315,  ..., -0.0663, -0.0133,  0.0078],
        [-0.0062,  0.0544, -0.0280,  ..., -0.0303, -0.0326, -0.0462]],
       requires_grad=True)
Parameter containing:
tensor([ 0.0385, -0.0116,  0.0703,  0.0407, -0.0346, -0.0178,  0.0308, -0.0502,
         0.0616,  0.0114], requires_grad=True)
"""

SMALL_NETWORK = [
    """tensor([[0.1304], [0.0992]], grad_fn=<AddmmBackward0>)
    OrderedDict([('weight', tensor([[ 0.1283, 0.3211, -0.1503, -0.2624, -0.2783, 0.3022, -0.2113, 0.0045]])),
                 ('bias', tensor([0.1943]))])
    <class 'nnlite.nn.parameter.Parameter'>
    Parameter containing:
    tensor([0.1943], requires_grad=True)
    tensor([0.1943])
    True""",
    """('weight', torch.Size([8, 4])) ('bias', torch.Size([8]))
    ('0.weight', torch.Size([8, 4])) ('0.bias', torch.Size([8])) ('2.weight', torch.Size([1, 8]))
    ('2.bias', torch.Size([1]))
    tensor([0.1943])
    tensor([[-0.3050], [-0.3050]], grad_fn=<AddmmBackward0>)
    Sequential(
      (0): Sequential(
        (block0): Sequential(
          (0): Linear(in_features=4, out_features=8, bias=True)
          (1): ReLU()
          (2): Linear(in_features=8, out_features=4, bias=True)
          (3): ReLU()
        )
        (block1): Sequential(""",
    """  )
      (1): Linear(in_features=4, out_features=1, bias=True)
    )""",
    """tensor([-0.3657, 0.6511, 0.6083, -0.0179])
    tensor([[42., 42., 42., 42., 42., 42., 42., 42.]])
    Init weight torch.Size([8, 4])
    Init weight torch.Size([1, 8])""",
    """tensor([[ 0.0000, -8.7143, -6.0006, -0.0000], [ 6.9307, -0.0000, -6.7732, -7.7121]], grad_fn=<SliceBackward0>)
    tensor([42.0000, -6.7143, -4.0006, 2.0000])
    tensor([[0.1304], [0.0992]], grad_fn=<AddmmBackward0>)
    tensor([True, True, True, True, True, True, True, True])
    tensor([True, True, True, True, True, True, True, True])""",
]

DOCUMENT: dict[str, list[str]] = {
    "tinymodel": [
        """The model:
        TinyModel(
          (linear1): Linear(in_features=100, out_features=200, bias=True)
          (activation): ReLU()
          (linear2): Linear(in_features=200, out_features=10, bias=True)
          (softmax): Softmax(dim=None)
        )


        Just one layer:
        Linear(in_features=200, out_features=10, bias=True)


        Model params:
        Parameter containing:
        tensor([[ 0.0765, 0.0830, -0.0234, ..., -0.0337, -0.0355, -0.0968],""",
        LINEAR_PARAMETERS + "\n\nLayer params:\n" + LINEAR_PARAMETERS,
    ],
    "linear": [
        """Input:
        tensor([[0.8790, 0.9774, 0.2547]])


        Weight and Bias parameters:
        Parameter containing:
        tensor([[ 0.1656,  0.4969, -0.4972],
                [-0.2035, -0.2579, -0.3780]], requires_grad=True)
        Parameter containing:
        tensor([0.3768, 0.3781], requires_grad=True)


        Output:
        tensor([[ 0.8814, -0.1492]], grad_fn=<AddmmBackward0>)"""
    ],
    "maxpool_batchnorm_dropout": [
        """[0.2489, 0.8971, 0.7499, 0.1803, 0.9571, 0.6733]]])
        tensor([[[0.7950, 0.9876],
                 [0.9970, 0.9926]]])
        tensor([[[ 7.7375, 23.5649,  6.8452, 16.3517],""",
        """tensor(16.2188)
        tensor([[[-0.8614,  1.4543, -0.9919,  0.3990],
                 [ 0.3160,  0.4274, -1.6834,  0.9400],
                 [ 1.0256,  0.5176,  0.0914, -1.6346],
                 [ 1.6352, -0.0663, -0.5711, -0.9978]]],
               grad_fn=<NativeBatchNormBackward0>)
        tensor(3.3528e-08, grad_fn=<MeanBackward0>)""",
    ],
    "params": [*SMALL_NETWORK, "(tensor([1., 1., 1., 1.]), tensor([0., 0., 0., 0., 0., 0., 0., 0.]))"],
    "parameter_management": [*SMALL_NETWORK, "(tensor([1., 1., 1., 1.]), tensor(0.))"],
    "blocks": [
        """[-0.0021, 0.1729, 0.2095, 0.2067, -0.7153, -0.5767, 0.3187, 0.1717, -0.0333, 0.1438]],
        grad_fn=<AddmmBackward0>)""",
        "tensor(-0.0173, grad_fn=<SumBackward0>) tensor(-0.0561, grad_fn=<SumBackward0>)",
    ],
    "custom_layers": [
        "tensor([-2., -1., 0., 1., 2.]) tensor(-2.7940e-09, grad_fn=<MeanBackward0>)",
        "[-2.9608, -1.0028, 1.3522]], requires_grad=True) tensor([[0.0000, 0.8517, 1.0368], [0.0000, 2.5194, 0.0000]])",
        "tensor([[5.5930], [5.0809]])",
    ],
    "read_write": [
        """tensor([0, 1, 2, 3])
        (tensor([0, 1, 2, 3]), tensor([0., 0., 0., 0.]))
        {'x': tensor([0, 1, 2, 3]), 'y': tensor([0., 0., 0., 0.])}
        <All keys matched successfully>
        MLP(
          (hidden): Linear(in_features=20, out_features=256, bias=True)
          (output): Linear(in_features=256, out_features=10, bias=True)
        )
        tensor([[True, True, True, True, True, True, True, True, True, True],
                [True, True, True, True, True, True, True, True, True, True]])"""
    ],
}


@pytest.fixture(autouse=True)
def on_device(device, tmp_path, monkeypatch):
    """The programs name no device: the default device is the one under test. They write to the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "d2l", raising=False)
    monkeypatch.delenv("FASHION_MNIST", raising=False)
    nnlite.set_default_device(device)
    yield
    nnlite.set_default_device(None)


def run(program: str) -> str:
    with pytest.warns(UserWarning, match="Implicit dimension") if program == "mnist_net" else contextlib.nullcontext():
        return run_program(SEEDS / f"{program}.py")[0]


def test_every_program_is_tested():
    assert set(PROGRAMS) == set(DOCUMENT) | {
        "dropout", "house_prices", "lenet", "lstm_tagger", "mnist_net", "transformer", "weight_decay",
    }  # fmt: skip


@pytest.mark.parametrize("program", sorted(DOCUMENT))
def test_prints_what_the_document_shows(program, device):
    shown = run(program)
    if device != "cpu":
        where = re.escape(str(nnlite.zeros(1).device))
        assert re.search(f"device='{where}'", shown)
        shown = re.sub(rf",\s+device='{where}'", "", shown)
    shown = normal_form(shown)
    for text in DOCUMENT[program]:
        assert normal_form(text) in shown


def test_numbers_of_the_documents(device):
    suffix = "" if device == "cpu" else f", device='{nnlite.zeros(1).device}'"
    shown = run("dropout")
    assert shown.startswith(
        "tensor([[ 0.,  1.,  2.,  3.,  4.,  5.,  6.,  7.],\n"
        f"        [ 8.,  9., 10., 11., 12., 13., 14., 15.]]{suffix})\n" * 2
    )
    assert f"tensor([[0., 0., 0., 0., 0., 0., 0., 0.],\n        [0., 0., 0., 0., 0., 0., 0., 0.]]{suffix})\n" in shown
    accuracies = [float(value) for value in re.findall(r"epoch 10: .*train acc ([\d.]+)", shown)]
    assert accuracies[0] > 0.7  # the network with the dropout layer that is written out
    assert accuracies[1] > 0.15  # begins at weights of 0.01, and learns slowly


def test_weight_decay(device):
    norms = [float(value) for value in re.findall(r"L2 norm of w: ([\d.]+)", run("weight_decay"))]
    without, with_penalty, concise_without, concise_with = norms
    assert without > 10 > 1 > with_penalty
    assert concise_without > 10 > 1 > concise_with


def test_house_prices(device):
    shown = run("house_prices")
    assert len(re.findall(r"fold \d, train log rmse", shown)) == 5
    assert float(re.search(r"5-fold validation: .* avg valid rmse ([\d.]+)", shown)[1]) < 0.25
    assert float(re.search(r"log rmse of the predictions: ([\d.]+)", shown)[1]) < 0.25


def test_lenet(device):
    shown = run("lenet")
    assert "(conv1): Conv2d(1, 6, kernel_size=(5, 5), stride=(1, 1))" in shown
    assert float(re.search(r"tensor\((\d\.\d+), .*grad_fn=<NllLossBackward0>\)", shown)[1]) < 4
    assert shown.endswith("torch.Size([4, 10])\n")


def test_mnist_net(device):
    shown = run("mnist_net")
    assert "(conv2_drop): Dropout2d(p=0.5, inplace=False)" in shown
    assert "tensor([1.0000, " in shown or "tensor([1., " in shown
    assert "\n0\n18\n['LocalConvPart1', 'LocalConvPart2', 'LocalConvPart3', 'LocalConvPart4', 'GlobalFullConn" in shown


def test_lstm_tagger(device):
    shown = run("lstm_tagger")
    assert "(lstm): LSTM(8, 8)" in shown
    assert float(re.search(r"last epoch: ([\d.]+)", shown)[1]) < 0.2
    assert "the/determiner cat/noun sees/verb a/determiner small/adjective dog/noun" in shown


def test_transformer(device):
    shown = run("transformer")
    assert "[[3, 5, 8, 7, 1, 2]] -> [[2, 1, 7, 8, 5, 3]]" in shown
    assert float(re.search(r"numbers right: ([\d.]+)%", shown)[1]) > 95


def test_runs_as_a_script():
    done = subprocess.run([sys.executable, SEEDS / "linear.py"], capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    assert normal_form(DOCUMENT["linear"][0]) in normal_form(done.stdout)
