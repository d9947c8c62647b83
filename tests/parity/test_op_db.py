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

_TIES = "the positions of equal numbers: PyTorch's choice among them is not stable, nnlite's is"
_ROUNDING = "float32 sums of numbers that cancel: PyTorch's result is as far from the exact one as nnlite's"
_DENSE = "nnlite's tensors are dense"
_HALF = "complex32 is no dtype of the array libraries"

KNOWN = {
    "nn_functional_batch_norm": "training with one value per channel of an empty batch raises; PyTorch returns nothing",
    "argsort": _TIES,
    "kthvalue": _TIES,
    "mode": _TIES,
    "sort": _TIES,
    "topk": _TIES,
    "gradient": "an error sample holds tensors of the meta device, which have no numbers to convert",
    "matrix_exp": "float32: PyTorch's result is 2.4e-3 from the exact one, nnlite's 3.6e-4",
    "nn_functional_conv3d": _ROUNDING,
    "special_hermite_polynomial_he": _ROUNDING,
    "as_strided_partial_views": "samples with a leaf that is a view, which conversion cannot make",
    "nn_functional_scaled_dot_product_attention": "float16 gradients: nnlite rounds once, PyTorch after each product",
    "nn_functional_poisson_nll_loss": "bfloat16: PyTorch's gradient overflows to nan where nnlite computes in float32",
    "svd_lowrank": "the result depends on the random projection where the matrix has a larger rank",
    "polygamma_polygamma_n_0": "in place, trigamma(-7.95): PyTorch's result is 2e-5 from the exact one, nnlite's 1e-8",
    "chalf": _HALF,
    "to_sparse": _DENSE,
    "logcumsumexp": "float32 gradients of numbers up to 1e4: PyTorch's are 2e-3 from the exact ones, nnlite's 2e-7",
}
KNOWN |= {f"polygamma_polygamma_n_{n}": KNOWN["polygamma_polygamma_n_0"] for n in range(1, 5)}
"""Operators of which some sample does not pass, and why. What passes has to be taken out."""

ON_THE_CPU = {"multinomial": "too few weights other than 0 are noticed on the CPU alone; a device would have to wait"}
"""Operators of which some sample passes on the CPU only, and why."""

FEW = 4
"""Samples of each dtype on devices other than the CPU."""

OPERATORS = {op.formatted_name: op for op in op_db.operators()}


@pytest.mark.parametrize("name", OPERATORS)
def test_operator(name, device):
    result = op_db.run(OPERATORS[name], device, op_db.LIMIT if device == "cpu" else FEW)
    if name not in KNOWN and (device == "cpu" or name not in ON_THE_CPU):
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
