"""Every operator of PyTorch's database that nnlite has gives what PyTorch gives, for all samples of the database.

On the CPU all samples that ``op_db.LIMIT`` lets through; on other devices a few of each operator, which is what the
array expressions need to be known to run there.
"""

from __future__ import annotations

import warnings

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest", reason="the database of PyTorch imports the package expecttest")

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from parity import op_db

KNOWN = {
    "norm_nuc": "the nuclear norm needs the singular value decomposition, which nnlite does not have yet",
    "nn_functional_batch_norm": "training with one value per channel of an empty batch raises; PyTorch returns nothing",
}
"""Operators of which some sample does not pass, and why. What passes has to be taken out."""

FEW = 4
"""Samples of each dtype on devices other than the CPU."""

OPERATORS = {op.formatted_name: op for op in op_db.operators()}


@pytest.mark.parametrize("name", OPERATORS)
def test_operator(name, device):
    result = op_db.run(OPERATORS[name], device, op_db.LIMIT if device == "cpu" else FEW)
    if name not in KNOWN:
        assert not result.failures, f"{name}: {result.failures}"
    elif device == "cpu":
        assert result.failures, f"{name} passes: take it out of KNOWN"


def test_known_are_operators_that_nnlite_has():
    assert not set(KNOWN) - set(OPERATORS)
    assert all(KNOWN.values())


def test_differences_are_found():
    """The comparison fails for another value, dtype, shape, gradient or exception."""
    (op,) = (op for op in op_db.database() if op.formatted_name == "sin")
    import nnlite

    assert not op_db.run(op).failures
    kept = nnlite.sin, nnlite.Tensor.sin, nnlite.Tensor.sin_
    wrong = {
        "value": lambda x: kept[0](x) + 1e-3,
        "dtype": lambda x: kept[0](x).double(),
        "shape": lambda x: kept[0](x).unsqueeze(0),
        "gradient": lambda x: kept[0](x.detach()) + 0 * x,
    }
    try:
        for what, function in wrong.items():
            nnlite.sin = nnlite.Tensor.sin = nnlite.Tensor.sin_ = function
            found = op_db.run(op).failures
            assert set(found) >= ({"gradient"} if what == "gradient" else {"forward", "method", "in-place"}), what
    finally:
        nnlite.sin, nnlite.Tensor.sin, nnlite.Tensor.sin_ = kept


def test_errors_are_found():
    """An exception of another type, or none, is a failure."""
    (op,) = (op for op in op_db.database() if op.formatted_name == "trace")
    import nnlite

    kept = nnlite.trace
    try:
        nnlite.trace = lambda x: kept(x.reshape(-1, 1))
        assert "errors" in op_db.run(op).failures
    finally:
        nnlite.trace = kept
