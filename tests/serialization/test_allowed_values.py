"""Functions and classes that stand as values in a file, after the program has allowed them."""

from __future__ import annotations

import fractions
import io

import pytest

import nnlite
from nnlite.nn.functional import relu

VALUES = {
    "itself": relu,
    "in a dict": {"f": relu, "c": fractions.Fraction},
    "in a list": [relu, relu],
    "in a tuple in a list": [fractions.Fraction(1, 2), [relu]],
}


@pytest.mark.parametrize("name", VALUES)
def test_allowed_names_come_back_as_what_they_name(name):
    file = io.BytesIO()
    nnlite.save(VALUES[name], file)
    with nnlite.serialization.safe_globals([relu, fractions.Fraction]):
        assert nnlite.load(io.BytesIO(file.getvalue())) == VALUES[name]
    with pytest.raises(Exception, match="Weights only load failed"):
        nnlite.load(io.BytesIO(file.getvalue()))


def test_whole_model_whose_classes_are_allowed_runs_again():
    model = nnlite.nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0).eval()
    file = io.BytesIO()
    nnlite.save(model, file)
    parts = {type(module) for module in model.modules()}
    with nnlite.serialization.safe_globals([relu, *parts]):
        again = nnlite.load(io.BytesIO(file.getvalue()))
    x = nnlite.randn(3, 1, 4)
    assert again.activation is relu
    assert nnlite.equal(again(x), model(x))
