"""examples/mixed_precision.py: it learns in both precisions, accumulates, and recovers from too large a scale."""

from __future__ import annotations

import math

import pytest
from example_program import load, runner

import nnlite

run = runner("mixed_precision")


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_both_precisions_learn(run, device, capsys, dtype):
    results = run(device, "--dtype", dtype, "--epochs", "2", "--batch-size", "32", "--accumulate", "2")
    (exact, _), (mixed, _) = results["float32"], results[dtype]
    assert exact.dtypes == (nnlite.float32, nnlite.float32)
    assert mixed.dtypes == (getattr(nnlite, dtype), nnlite.float32)
    assert len(exact.losses) == len(mixed.losses) == 40 and len(mixed.scales) == 20
    for history in (exact, mixed):
        assert all(map(math.isfinite, history.losses))
        assert sum(history.losses[-5:]) < 0.75 * sum(history.losses[:5])
    if dtype == "float16":
        first = load("mixed_precision").FIRST_SCALE
        assert mixed.skipped > 0 and mixed.scales[-1] == first / 2**mixed.skipped
    else:
        assert mixed.skipped == 0 and set(mixed.scales) == {1.0}
    printed = capsys.readouterr().out
    assert printed.count("held-out accuracy") == 2 and ("steps left out" in printed) == (dtype == "float16")


def test_accumulation_is_one_large_batch(device):
    """The gradients of two halves, each divided by two, are those of the whole."""
    program = load("mixed_precision")
    nnlite.manual_seed(1)
    model = program.network().eval().to(device)
    images, labels = nnlite.rand(8, 1, 8, 8, device=device), nnlite.arange(8, device=device)
    loss = nnlite.nn.functional.cross_entropy
    loss(model(images), labels).backward()
    whole = [p.grad for p in model.parameters()]
    model.zero_grad()
    for rows in (slice(0, 4), slice(4, 8)):
        (loss(model(images[rows]), labels[rows]) / 2).backward()
    for p, g in zip(model.parameters(), whole, strict=True):
        assert nnlite.allclose(p.grad, g, atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "text"), [(["--dtype", "int8"], "bfloat16 or float16"), (["--accumulate", "0"], "at least 1")]
)
def test_wrong_arguments(run, arguments, text):
    with pytest.raises(SystemExit, match=text):
        run("cpu", *arguments)
