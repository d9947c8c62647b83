"""The models of the seed programs (``examples/seeds``), without the rest of these programs."""

from __future__ import annotations

import ast
import warnings
from pathlib import Path

import pytest
from exported import check

import nnlite
from nnlite.onnx import TracerWarning

SEEDS = Path(__file__).parent.parent.parent / "examples" / "seeds"


def defined(file):
    """What a program imports, its classes and functions, and its constants in capitals."""

    def wanted(node):
        if isinstance(node, ast.Import):
            return all(alias.name.startswith("nnlite") for alias in node.names)
        if isinstance(node, ast.Assign):
            return all(
                name.id.isupper() and len(name.id) > 1 for name in ast.walk(node.targets[0]) if hasattr(name, "id")
            )
        return isinstance(node, ast.ImportFrom | ast.ClassDef | ast.FunctionDef)

    tree = ast.parse((SEEDS / file).read_text("utf-8"))
    tree.body = [node for node in tree.body if wanted(node)]
    names = {}
    exec(compile(tree, str(SEEDS / file), "exec"), names)
    return names


def images(size):
    return [(nnlite.rand(n, 1, size, size),) for n in (2, 5, 1)]


def rows(size):
    return [(nnlite.rand(n, size),) for n in (2, 5, 1)]


def words(limit, *lengths):
    return [(nnlite.randint(0, limit, (length,)),) for length in lengths]


def pairs():
    return [(nnlite.randint(0, 9, (n, 6)), nnlite.randint(0, 9, (n, t))) for n, t in ((2, 6), (3, 2), (1, 5))]


def sequence(names):
    nn = nnlite.nn
    return nn.Sequential(nn.Linear(8, 128), names["CenteredLayer"](), names["MyLinear"](128, 3))


MODELS = {
    "lenet.py LeNet": (lambda names: names["LeNet"](), images(32), {"x": {0: "batch"}}),
    "mnist_net.py Net": (lambda names: names["Net"](), images(28), {"x": {0: "batch"}}),
    "lstm_tagger.py LSTMTagger": (lambda names: names["LSTMTagger"](8, 8, 9, 4), words(9, 4, 7, 1), {"sentence": [0]}),
    "tinymodel.py TinyModel": (lambda names: names["TinyModel"](), rows(100), {"x": {0: "batch"}}),
    "blocks.py MLP": (lambda names: names["MLP"](), rows(20), {"X": {0: "batch"}}),
    "blocks.py NestMLP": (lambda names: names["NestMLP"](), rows(20), {"X": {0: "batch"}}),
    "custom_layers.py layers": (sequence, rows(8), {"input": {0: "batch"}}),
    "dropout.py Net": (lambda names: names["Net"](784, 10, 256, 256), rows(784), {"X": {0: "batch"}}),
    "transformer.py Reverser": (
        lambda names: names["Reverser"](), pairs(), {"source": {0: "batch"}, "target": {0: "batch", 1: "time"}},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_seed_model(name):
    nnlite.manual_seed(0)
    make, calls, axes = MODELS[name]
    model = make(defined(name.split()[0]))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Implicit dimension choice")  # two of the programs leave dim out
        check(model, *calls, dynamic_axes=axes)


def test_loop_until_a_value_is_reached():
    """It is unrolled as often as this input needs it; a warning says so."""
    nnlite.manual_seed(0)
    model = defined("blocks.py")["FixedHiddenMLP"]()
    with pytest.warns(TracerWarning):
        check(model, (nnlite.rand(2, 20),))
