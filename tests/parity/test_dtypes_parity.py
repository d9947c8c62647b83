"""Data types against PyTorch: their limits, the type of an operation on two of them, conversions between them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import nnlite  # noqa: E402

NAMES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64", "complex32",
         "complex64", "complex128"]  # fmt: skip
STORED = [name for name in NAMES if name != "complex32"]
PAIRS = list(itertools.product(NAMES, NAMES))


def outcome(function, *args):
    """The result as text, or the type of the error."""
    try:
        return repr(function(*args))
    except Exception as error:
        return type(error).__name__


@pytest.mark.parametrize("name", NAMES)
def test_facts_and_limits(name):
    mine, theirs = getattr(nnlite, name), getattr(torch, name)
    for fact in ("itemsize", "is_floating_point", "is_complex", "is_signed"):
        assert getattr(mine, fact) == getattr(theirs, fact), fact
    for limits in ("finfo", "iinfo"):
        found, wanted = outcome(getattr(nnlite, limits), mine), outcome(getattr(torch, limits), theirs)
        assert found == wanted
        if wanted.startswith(limits):
            one, other = getattr(nnlite, limits)(mine), getattr(torch, limits)(theirs)
            fields = ("bits", "max", "min", "dtype")
            if limits == "finfo":
                fields += ("eps", "tiny", "smallest_normal", "resolution")
            for field in fields:
                assert getattr(one, field) == getattr(other, field), field


def test_two_types_promote_as_in_pytorch():
    for a, b in PAIRS:
        mine, theirs = (getattr(nnlite, a), getattr(nnlite, b)), (getattr(torch, a), getattr(torch, b))
        assert str(nnlite.promote_types(*mine)) == str(torch.promote_types(*theirs)), (a, b)
        assert nnlite.can_cast(*mine) == torch.can_cast(*theirs), (a, b)
    for library in (nnlite, torch):
        assert outcome(library.promote_types, 1, 2) == "TypeError"


def test_operands_of_all_ranks_promote_as_in_pytorch():
    numbers = [True, 3, 2.5, 1j]

    def operands(library):
        kinds = [getattr(library, name) for name in STORED]
        return [library.zeros(*shape, dtype=k) for shape in ((2,), ((),)) for k in kinds] + numbers

    mine, theirs = operands(nnlite), operands(torch)
    for i, j in itertools.product(range(len(mine)), repeat=2):
        found, wanted = str(nnlite.result_type(mine[i], mine[j])), str(torch.result_type(theirs[i], theirs[j]))
        # No array holds complex32, so that operations give complex64 in its place.
        assert found == wanted.replace("complex32", "complex64"), (mine[i], mine[j])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", STORED)
def test_conversions(name):
    values = [0, 1, 2, 3] if name != "bool" else [0, 1]
    given = np.array(values, dtype="complex64") * (1 + 2j) if name.startswith("complex") else np.array(values)
    mine = nnlite.tensor(given).to(getattr(nnlite, name))
    theirs = torch.tensor(given).to(getattr(torch, name))
    assert mine.type() == theirs.type()
    assert nnlite.is_complex(mine) == torch.is_complex(theirs)
    for other in STORED:
        found, wanted = mine.to(getattr(nnlite, other)), theirs.to(getattr(torch, other))
        assert repr(found) == repr(wanted)
        assert mine.type(getattr(nnlite, other)).dtype is found.dtype
        assert found.type() == wanted.type()
        assert mine.type(wanted.type()).dtype is found.dtype
