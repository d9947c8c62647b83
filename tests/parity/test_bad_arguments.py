"""Wrong arguments raise what PyTorch raises: the type of the exception, never an internal one.

Good arguments are taken from PyTorch's operator database (the smallest sample of each operator); each of them is
replaced in turn by what it cannot be, one is left out, one is added. Where PyTorch refuses, nnlite has to refuse with
the same type of exception; where PyTorch takes an argument that nnlite does not, the error has to be one that speaks of
the argument.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from parity import op_db  # noqa: E402

import nnlite  # noqa: E402

INTERNAL = (
    AttributeError, KeyError, AssertionError, UnboundLocalError, NameError, ZeroDivisionError, RecursionError,
    MemoryError, SystemError, StopIteration, np.exceptions.AxisError, np._core._exceptions.UFuncTypeError,
)  # fmt: skip
"""What says that nnlite did not look at its arguments."""


INTERNAL_NAMES = frozenset(kind.__name__ for kind in INTERNAL)


class Odd:
    """An object that is nothing else."""


BAD: dict[str, Callable[[Any], Any]] = {
    "None": lambda t: None,
    "text": lambda t: "a",
    "object": lambda t: Odd(),
    "dict": lambda t: {},
    "list": lambda t: [1.5, 2.5],
    "list of text": lambda t: ["a"],
    "fraction": lambda t: 2.5,
    "large": lambda t: 20,
    "negative": lambda t: -20,
    "huge": lambda t: 2**70,
    "bools": lambda t: t.ones(2, dtype=t.bool),
    "complex": lambda t: t.ones(2, dtype=t.complex64),
    "integers": lambda t: t.ones(2, 3, dtype=t.int64),
    "nothing": lambda t: t.ones(0),
    "many dims": lambda t: t.ones(1, 2, 1, 2, 1, 2),
    "dtype": lambda t: t.int64,
}  # fmt: skip
"""What arguments are replaced by, of either library."""


def sample_of(op: Any) -> Any:
    """The smallest sample of an operator that PyTorch itself takes."""
    found = op_db.samples_of(op, torch.float32, False, 12) if torch.float32 in op.dtypes else []
    best = None
    for sample in found:
        size = sum(t.numel() for t in op_db.tensors_in((sample.input, sample.args))) - 5 * len(sample.args)
        if best is None or 0 < size < best[0]:
            best = (size, sample)
    return best and best[1]


def changes(sample: Any) -> Iterator[tuple[str, Callable[[Any, list[Any], dict[str, Any]], None]]]:
    """What can be done to the arguments: a title, and a function that changes a list and a dictionary of them."""
    places: list[Any] = [*range(1 + len(sample.args)), *(k for k in sample.kwargs if k not in ("device", "reduction"))]

    def replace(place: Any, bad: Any) -> Any:
        def change(t: Any, args: list[Any], kwargs: dict[str, Any]) -> None:
            (args if isinstance(place, int) else kwargs)[place] = bad(t)

        return change

    for place in places:
        for title, bad in BAD.items():
            yield f"{place} {title}", replace(place, bad)
    if sample.args:
        yield "the last left out", lambda t, args, kwargs: args.__delitem__(-1)
    yield "all left out", lambda t, args, kwargs: args.clear()
    yield "9 more", lambda t, args, kwargs: args.extend([1] * 9)
    yield "unknown keyword", lambda t, args, kwargs: kwargs.update(no_such_argument=1)


def outcome(function: Any, args: Any, kwargs: Any) -> Any:
    """The exception, or None."""
    try:
        function(*args, **kwargs)
    except Exception as error:
        return error
    return None


def compared(op: Any) -> Iterator[tuple[str, str]]:
    """For each change that goes wrong its title and what is wrong."""
    sample = sample_of(op)
    mine = op_db.function_of(op)
    if sample is None or mine is None or op_db._own(op.op) or op.name.startswith("__"):
        return
    for title, change in changes(sample):
        theirs = [sample.input, *sample.args], dict(sample.kwargs)
        convert = op_db.Converter("cpu")
        ours = convert(theirs[0]), convert(theirs[1])
        change(torch, *theirs)
        change(nnlite, *ours)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            wanted, found = outcome(op.op, *theirs), outcome(mine, *ours)
        problem = difference(title, wanted, found)
        if problem:
            yield title, problem


TYPES = ("None", "text", "object", "dict", "list of text", "fraction", "dtype", "left out", "more", "unknown keyword")
"""What is wrong by its type alone: PyTorch's TypeError has to be one here. Tensors of another shape or dtype and
numbers out of range may be wrong in several ways, of which each library names the one that it sees first."""

KINDS = (TypeError, RuntimeError, ValueError, IndexError, OverflowError)
"""The exceptions that PyTorch's own functions raise (NotImplementedError is a RuntimeError)."""


def difference(title: str, wanted: Any, found: Any) -> str:
    """What is wrong with nnlite's exception.

    A TypeError, which names the argument, is right also where PyTorch's function is written in Python and fails later,
    by an accident of what it does with the argument. What nnlite takes and PyTorch does not is not wrong.
    """
    if found is None:
        return ""
    if isinstance(found, INTERNAL) or not isinstance(found, KINDS):
        return f"{type(found).__name__}: {found}, not {type(wanted).__name__}: {str(wanted)[:80]}"
    if isinstance(wanted, TypeError) and title.endswith(TYPES) and not isinstance(found, TypeError):
        return f"{type(found).__name__}: {str(found)[:100]}, not {type(wanted).__name__}: {str(wanted)[:80]}"
    return ""


OPERATORS = sorted({op.name: op for op in op_db.operators()}.items())


@pytest.mark.parametrize("name, op", [pytest.param(name, op, id=name) for name, op in OPERATORS])
def test_wrong_arguments_of_operators(name, op):
    problems = [f"{title}: {problem}" for title, problem in compared(op)]
    if name in LATE:
        assert problems and not any(p.split(": ")[1] in INTERNAL_NAMES for p in problems)
    else:
        assert not problems, "\n".join(problems)


LATE = frozenset((
    "as_strided_copy", "clamp_max", "clamp_min", "histogramdd", "meshgrid", "permute", "permute_copy",
    "repeat_interleave", "reshape", "split", "split_with_sizes_copy", "unbind_copy", "unfold_copy", "view_copy",
))  # fmt: skip
"""Operators with a form that takes any number of arguments, so that some of a wrong type are seen only as wrong
values: they raise a RuntimeError or an IndexError of PyTorch's text where PyTorch raises a TypeError."""


CREATION = {
    "zeros": lambda L, v: L.zeros(v),
    "zeros of two": lambda L, v: L.zeros(2, v),
    "zeros dtype": lambda L, v: L.zeros(2, dtype=v),
    "zeros requires_grad": lambda L, v: L.zeros(2, requires_grad=v),
    "ones out": lambda L, v: L.ones(2, out=v),
    "full": lambda L, v: L.full(v, 1.0),
    "full value": lambda L, v: L.full((2,), v),
    "full_like": lambda L, v: L.full_like(L.ones(2), v),
    "zeros_like": lambda L, v: L.zeros_like(v),
    "arange": lambda L, v: L.arange(v),
    "arange step": lambda L, v: L.arange(0, 2, v),
    "linspace": lambda L, v: L.linspace(v, 1, 3),
    "linspace steps": lambda L, v: L.linspace(0, 1, v),
    "logspace base": lambda L, v: L.logspace(0, 1, 3, v),
    "eye": lambda L, v: L.eye(v),
    "eye columns": lambda L, v: L.eye(2, v),
    "scalar_tensor": lambda L, v: L.scalar_tensor(v),
    "from_numpy": lambda L, v: L.from_numpy(v),
    "frombuffer": lambda L, v: L.frombuffer(v, dtype=L.int32),
    "empty_strided": lambda L, v: L.empty_strided((2,), v),
    "rand": lambda L, v: L.rand(v),
    "rand generator": lambda L, v: L.rand(2, generator=v),
    "randint": lambda L, v: L.randint(v, (2,)),
    "randint size": lambda L, v: L.randint(3, v),
    "randint_like": lambda L, v: L.randint_like(L.ones(2), v),
    "randperm": lambda L, v: L.randperm(v),
    "normal": lambda L, v: L.normal(v, 1.0, (2,)),
    "normal std": lambda L, v: L.normal(L.zeros(2), v),
    "bernoulli": lambda L, v: L.bernoulli(v),
    "bernoulli p": lambda L, v: L.bernoulli(L.ones(2), v),
    "multinomial": lambda L, v: L.multinomial(v, 1),
    "multinomial samples": lambda L, v: L.multinomial(L.ones(2), v),
    "poisson": lambda L, v: L.poisson(v),
    "binomial": lambda L, v: L.binomial(L.ones(2), v),
    "uniform_": lambda L, v: L.ones(2).uniform_(v),
    "normal_": lambda L, v: L.ones(2).normal_(0.0, v),
    "random_": lambda L, v: L.ones(2).random_(v),
    "cauchy_": lambda L, v: L.ones(2).cauchy_(0, v),
    "exponential_": lambda L, v: L.ones(2).exponential_(v),
    "geometric_": lambda L, v: L.ones(2).geometric_(v),
    "log_normal_": lambda L, v: L.ones(2).log_normal_(0, v),
    "set_num_threads": lambda L, v: L.set_num_threads(v) if not isinstance(v, int) or v < 1 else None,
    "set_default_dtype": lambda L, v: L.set_default_dtype(v),
    "Generator.manual_seed": lambda L, v: L.Generator().manual_seed(v),
    "set_rng_state": lambda L, v: L.set_rng_state(v),
}


@pytest.mark.parametrize("name", CREATION)
@pytest.mark.parametrize("bad", [title for title in BAD if title != "large"])
def test_wrong_arguments_of_factories(name, bad):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted, found = (outcome(CREATION[name], (L, BAD[bad](L)), {}) for L in (torch, nnlite))
    assert not difference(bad, wanted, found)
    if wanted is not None and bad in TYPES and (name, bad) not in TAKEN:
        assert found is not None, f"taken, not {wanted!r:.100}"


TAKEN = {(name, "None") for name in ("rand generator", "random_", "normal std", "eye columns", "bernoulli p",
                                    "ones out", "zeros dtype", "zeros requires_grad")}  # fmt: skip
"""What nnlite's factories take and PyTorch's do not."""
