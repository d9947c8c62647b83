"""Tensors and gradients beside PyTorch's: the same one-line programs, dtypes and random programs run on both."""

from __future__ import annotations

import contextlib
import itertools
import warnings
from typing import Any

import numpy as np
import programs
import pytest
import snippets
import snippets_autograd
from hypothesis import given

import nnlite

torch = pytest.importorskip("torch")

GROUPS = {
    "reductions": snippets.reductions,
    "indexing": snippets.indexing,
    "shapes": snippets.shapes,
    "products": snippets.products,
    "autograd": snippets_autograd.autograd,
    "numbers": snippets_autograd.numbers,
}

KNOWN = {
    "x = torch.zeros(0, 3); x.index_select(0, T([0]))": "IndexError, as for other indices out of range",
    "x = T(3.); x['a']": "TypeError, as for tensors with dimensions",
    "x = T(5.); x.unflatten(1, (5, 2))": "RuntimeError: there is nothing to unflatten",
    "x = torch.arange(24.).reshape(2, 3, 4); x.reshape(-2, 12)": "any negative size is worked out, as NumPy does it",
    "x = torch.zeros(0, 3); x.reshape(-2, 12)": "any negative size is worked out, as NumPy does it",
}
"""Where nnlite differs on purpose, and how."""


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def plain(value: Any) -> Any:
    """A value that can be compared: tensors as (dtype, shape, numbers, flag)."""
    if isinstance(value, torch.Tensor | nnlite.Tensor):
        t = value.detach()
        numbers = (t.double() if str(t.dtype) == "torch.bfloat16" else t).tolist()
        return ("tensor", str(value.dtype), tuple(value.shape), numbers, value.requires_grad)
    if isinstance(value, tuple | list):
        return [plain(v) for v in value]
    return value if isinstance(value, int | float | complex | bool | str | None) else repr(value)


def evaluate(library: Any, code: str) -> tuple[Any, ...]:
    if library is nnlite:
        with contextlib.suppress(IndexError, RuntimeError):
            nnlite.zeros(1).cpu()  # raises what the last program left to be raised at the next synchronisation
    names = {"torch": library, "T": library.tensor}
    *statements, last = (part.strip() for part in code.split(";"))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exec("\n".join(statements), names)
            try:
                value = eval(last, names)
            except SyntaxError:
                exec(last, names)
                value = None
            return "value", plain(value)
    except Exception as error:
        return "error", type(error).__name__, str(error).split("\n")[0]


def same(a: Any, b: Any) -> bool:
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, float | complex) and type(a) is type(b):
        return a == b or (a != a and b != b) or abs(a - b) <= 2e-6 * (1 + abs(b))
    return type(a) is type(b) and a == b


@pytest.mark.parametrize("group", list(GROUPS))
def test_one_line_programs(group, device):
    codes = GROUPS[group]()
    assert len(set(codes)) == len(codes)
    wrong = []
    for code in codes:
        theirs = evaluate(torch, code)
        with nnlite.device(device):
            ours = evaluate(nnlite, code)
        if theirs[0] == "error":
            if ours[:2] != theirs[:2] and code not in KNOWN:
                wrong.append(f"{code}\n    PyTorch {theirs[1:]}\n    nnlite  {ours[1:]}")
        elif not same(ours, theirs) and code not in KNOWN:
            wrong.append(f"{code}\n    PyTorch {theirs[1:]}\n    nnlite  {ours[1:]}")
    assert not wrong, f"{len(wrong)} of {len(codes)} differ\n" + "\n".join(wrong[:20])


NAMES = [
    "bool",
    "uint8",
    "int8",
    "int16",
    "int32",
    "int64",
    "float16",
    "bfloat16",
    "float32",
    "float64",
    "complex64",
    "complex128",
]
OPERATORS = ["a + b", "a * b", "a / b", "a == b", "torch.where(a == a, a, b)"]


def dtype_of(library: Any, operation: str, a: Any, b: Any) -> str:
    try:
        return str(eval(operation, {"a": a, "b": b, "torch": library}).dtype)
    except Exception as error:
        return type(error).__name__


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("operation", OPERATORS)
def test_promotion(operation, device):
    """Every pair of dtypes, of tensors with dimensions, without, and numbers."""
    wrong = []
    numbers = [True, 2, 2.5, 1j]
    for a, b in itertools.product(NAMES, NAMES):
        for shape_a, shape_b in itertools.product(((2,), ()), repeat=2):
            made = [[L.ones(s, dtype=getattr(L, n)) for n, s in ((a, shape_a), (b, shape_b))] for L in (torch, nnlite)]
            made[1] = [t.to(device) for t in made[1]]
            theirs, ours = dtype_of(torch, operation, *made[0]), dtype_of(nnlite, operation, *made[1])
            if (
                theirs != ours
                and "complex32" not in theirs
                and not (theirs == "NotImplementedError" and "float16" in (a, b))
            ):
                wrong.append((a, shape_a, b, shape_b, theirs, ours))
    for a, shape, number in itertools.product(NAMES, ((2,), ()), numbers):
        theirs = dtype_of(torch, operation, torch.ones(shape, dtype=getattr(torch, a)), number)
        ours = dtype_of(nnlite, operation, nnlite.ones(shape, dtype=getattr(nnlite, a), device=device), number)
        if theirs != ours and "complex32" not in theirs and not (theirs == "NotImplementedError" and a == "float16"):
            wrong.append((a, shape, number, theirs, ours))
    assert not wrong, wrong[:20]


def numbers_of(t: Any) -> np.ndarray:
    return np.array(t.detach().cpu().numpy())


@given(programs.programs)
def test_random_programs(program):
    """Views, in-place writes and retained graphs: values, flags, versions, gradients, refusals as in PyTorch."""
    theirs, ours = programs.run(torch, program), programs.run(nnlite, program)
    for (kind, source, *_), their_error, our_error in zip(program, theirs.errors, ours.errors, strict=True):
        if their_error is RuntimeError and our_error is None and kind in ("write", "no_grad"):
            return  # PyTorch refuses operands that overlap with what is written to; here they are copied first
        if our_error is RuntimeError and their_error is None and "[[0]]" in source:
            return  # PyTorch only warns of index writes to expanded tensors
        assert our_error is their_error, (kind, source)
    assert len(theirs.pool) == len(ours.pool)
    for their, our in zip(theirs.pool, ours.pool, strict=True):
        assert (tuple(our.shape), our.requires_grad, our.is_leaf) == (
            tuple(their.shape),
            their.requires_grad,
            their.is_leaf,
        )
        assert our._version == their._version
        np.testing.assert_allclose(numbers_of(our), numbers_of(their), rtol=1e-9, atol=1e-12)
    assert (theirs.gradients is None) == (ours.gradients is None)
    leaves = zip(theirs.pool[:2], ours.pool[:2], strict=True)
    pairs = [*zip(theirs.gradients or (), ours.gradients or (), strict=True), *((t.grad, o.grad) for t, o in leaves)]
    for their, our in pairs:
        assert (their is None) == (our is None)
        if their is not None and np.isfinite(numbers_of(their)).all():
            np.testing.assert_allclose(numbers_of(our), numbers_of(their), rtol=1e-7, atol=1e-9)
