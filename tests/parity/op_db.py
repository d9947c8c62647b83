"""PyTorch's operator database run against nnlite (``op_report.py``: the report, and ``docs/parity.md``).

The database (``torch.testing._internal.common_methods_invocations.op_db``) has sample inputs for each operator of
PyTorch. Every sample goes through both; values, dtypes, shapes and gradients have to agree.

    python tests/parity/op_db.py                    the report on standard output
    python tests/parity/op_db.py add nn.functional.relu     of these operators, with the first difference of each kind
    python tests/parity/op_db.py --write docs/parity.md
"""

from __future__ import annotations

import contextlib
import functools
import random
import types
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch

import nnlite
from nnlite._unavailable import Unavailable
from nnlite.backends import backend_of

try:
    from parity.op_values import Converter, Difference, compare, leaves, tensors_in
    from parity.tallies import Result, Tally
except ImportError:
    from op_values import Converter, Difference, compare, leaves, tensors_in
    from tallies import Result, Tally

LIMIT = 40
"""Samples of one operator and dtype that are run at most, evenly spread over those in the database."""

ASPECTS = ("forward", "gradient", "method", "in-place", "integers", "errors", "complex", "half")
"""What is counted: float32 samples as a function, its gradients, as a method, in place; int64 and bool samples as a
function; inputs that have to raise; complex64 samples, forward and gradient; float16 and bfloat16 samples likewise."""

WRONG_GRADIENTS = {
    "as_strided_scatter": "PyTorch's gradient of the input is 0 where the input was kept, not where it was replaced",
}
"""Operators whose gradients are not compared, and why."""

MINOR_LIMIT = 10
"""Samples of one operator in complex64, in float16 and in bfloat16 that are run at most."""

RANDOM = frozenset((
    "bernoulli", "cauchy", "empty", "empty_like", "empty_permuted", "empty_strided", "exponential", "geometric",
    "log_normal", "multinomial", "new_empty", "new_empty_strided", "nn.functional.alpha_dropout",
    "nn.functional.dropout", "nn.functional.dropout2d", "nn.functional.dropout3d",
    "nn.functional.feature_alpha_dropout", "nn.functional.fractional_max_pool2d",
    "nn.functional.fractional_max_pool3d", "nn.functional.multi_head_attention_forward", "nn.functional.rrelu",
    "normal", "rand_like", "randint", "randint_like",
    "randn", "randn_like", "resize_", "resize_as_", "uniform",
))  # fmt: skip
"""Operators whose values are random or undefined: only dtypes and shapes are compared."""

EXCLUDED: dict[str, dict[str, str]] = {
    "complex": {
        "logsumexp": "PyTorch's gradient, exp(x - out), loses the phase of numbers with large imaginary parts",
        "istft": "PyTorch gives no gradient to some complex windows",
        "chalf": "array libraries have no complex32",
    },
    "half": {
        **dict.fromkeys(("chalf", "complex", "view_as_complex"), "array libraries have no complex32"),
        **dict.fromkeys(("argsort", "mode", "msort", "sort", "topk"), "the order of equal elements is not defined"),
    },
}
"""Operators that are left out of an aspect, and why."""


def slack(op: Any, dtype: torch.dtype) -> float:
    """Operators whose results are small differences of large numbers get some of the tolerance more."""
    return 5.0 if op.name.startswith("fft.") or (dtype.itemsize == 2 and op.name in ("addbmm", "baddbmm")) else 1.0


@functools.cache
def database() -> list[Any]:
    """PyTorch's operators."""
    torch.set_num_threads(1)  # the samples are small, and threads wait for each other on a machine that is in use
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch.testing._internal.common_methods_invocations import op_db
    return op_db


# ---------------------------------------------------------------------------------------------------------------------
# What the database calls, in nnlite


def at(root: Any, path: str) -> Any:
    """``root.a.b`` for the path "a.b"; None where there is none."""
    for part in path.split("."):
        root = getattr(root, part, None)
        if root is None:
            return None
    return root


NOT_OFFERED = ("native_", "sparse.")
"""PyTorch's own layers below the public functions, and what takes sparse tensors."""


def named(name: str) -> Any:
    """nnlite's function or method of a name in the database, None where there is none or only one that refuses."""
    name = name.removeprefix("Tensor.")
    found = None if name.startswith(NOT_OFFERED) else at(nnlite, name)
    if isinstance(found, Unavailable):
        return None
    return found if callable(found) else getattr(nnlite.Tensor, name, None)


def _own(function: Any) -> bool:
    """Whether a function was written for the database, to be run with nnlite's names in place of PyTorch's."""
    return isinstance(function, types.FunctionType) and function.__module__.startswith("torch.testing")


def _unseeded(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """In place of the database's function that calls another with a seed."""
    return function(*args, **kwargs)


def translated(function: Any, name: str = "") -> Any:
    """A function of the database that calls nnlite; None where nnlite has it not."""
    if isinstance(function, functools.partial):
        inner = translated(function.func)
        return inner and functools.partial(inner, *function.args, **function.keywords)
    if not _own(function):
        return named(name or path_of(function))
    names = dict(function.__globals__)
    for used in function.__code__.co_names:
        if _own(names.get(used)):
            names[used] = translated(names[used])
    names.update(torch=nnlite, F=nnlite.nn.functional, wrapper_set_seed=_unseeded)
    cells = tuple(
        types.CellType(translated(value) if callable(value) and hasattr(value, "__name__") else value)
        for value in (cell.cell_contents for cell in function.__closure__ or ())
    )
    return types.FunctionType(function.__code__, names, function.__name__, function.__defaults__, cells)


@functools.cache
def _paths() -> dict[int, str]:
    """The object number of PyTorch's functions and the path under which users reach them."""
    spaces = ("", "nn.functional", "linalg", "special", "fft", "Tensor")
    return {
        id(value): f"{space}.{name}".lstrip(".")
        for space in reversed(spaces)
        for name, value in vars(at(torch, space) if space else torch).items()
        if callable(value)
    }


def path_of(function: Any) -> str:
    """Where users find one of PyTorch's functions."""
    return _paths().get(id(function), getattr(function, "__name__", "?"))


def function_of(op: Any) -> Any:
    """The operator as a function of nnlite, None where nnlite has it not."""
    if not _own(op.op) and not isinstance(op.op, functools.partial):
        return named(op.name)
    only_in_place = op.name + "_" in getattr(op.op, "__code__", op.op).co_names
    return translated(op.op) if named(op.name + "_" * only_in_place) is not None else None


def operators() -> list[Any]:
    """The operators of the database that nnlite has."""
    return [op for op in database() if function_of(op) is not None]


# ---------------------------------------------------------------------------------------------------------------------
# One operator


def seeded() -> None:
    """The database draws its samples from these generators."""
    torch.manual_seed(0)
    np.random.seed(0)
    random.seed(0)
    nnlite.manual_seed(0)


def drawn(make: Any, **options: Any) -> list[Any]:
    """Samples of the database, made in a thread: each notes the whole stack, which is deep under pytest."""

    def collect() -> list[Any]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return list(make("cpu", **options))

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(collect).result()


def samples_of(op: Any, dtype: torch.dtype, requires_grad: bool, limit: int) -> list[Any]:
    seeded()
    found = drawn(op.sample_inputs, dtype=dtype, requires_grad=requires_grad)
    return found if len(found) <= limit else [found[i * len(found) // limit] for i in range(limit)]


MINOR = ((torch.complex64, "complex"), (torch.float16, "half"), (torch.bfloat16, "half"))
"""The dtypes of which results and gradients are one check, and the aspect that it counts for."""


def run(op: Any, device: str = "cpu", limit: int = LIMIT, aspects: tuple[str, ...] = ASPECTS) -> Result:
    """All samples of an operator through PyTorch and nnlite. (The first four aspects are run together.)"""
    result = Result(op.formatted_name, ASPECTS)
    function = function_of(op)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if torch.float32 in op.dtypes and "forward" in aspects:
            for sample in samples_of(op, torch.float32, op.supports_autograd, limit):
                _float_sample(op, function, sample, device, result.tallies)
        for dtype, aspect in MINOR:
            if dtype in op.dtypes and aspect in aspects and op.formatted_name not in EXCLUDED[aspect]:
                for sample in samples_of(op, dtype, _has_gradient(op, dtype), min(limit, MINOR_LIMIT)):
                    _both_ways(op, function, sample, device, result.tallies[aspect], slack(op, dtype))
        for dtype in (torch.int64, torch.bool):
            if dtype in op.dtypes and "integers" in aspects:
                for sample in samples_of(op, dtype, False, limit):
                    _forward(op, function, sample, device, result.tallies["integers"])
        if op.error_inputs_func is not None and "errors" in aspects:
            seeded()
            for bad in drawn(op.error_inputs):
                _error(op, function, bad, device, result.tallies["errors"])
    return result


def _call(function: Any, sample: Any, convert: Any = None) -> tuple[Any, Any]:
    """The result for a sample, and the arguments as they were given."""
    given = sample.input, tuple(sample.args), dict(sample.kwargs)
    if convert is not None:
        given = convert(given)
    return function(given[0], *given[1], **given[2]), given


def _expected(op: Any, sample: Any) -> tuple[Any, Any] | None:
    """PyTorch's result and the arguments; None where it refuses its own sample."""
    seeded()
    try:
        return _call(op.op, sample)
    except Exception:
        return None


def _determined(op: Any, sample: Any) -> bool:
    """Whether the values are determined by the arguments."""
    return op.name not in RANDOM and not sample.kwargs.get("dropout_p")


def _forward(op: Any, function: Any, sample: Any, device: str, tally: Tally) -> None:
    expected = _expected(op, sample)
    if expected is None:
        return

    def check() -> None:
        mine, _ = _call(function, sample, Converter(device))
        compare(mine, expected[0], values=_determined(op, sample))

    tally.count(check, sample)


class _Check:
    """One sample of floating-point or complex numbers through PyTorch, to be compared with nnlite's."""

    def __init__(self, op: Any, sample: Any, device: str, expected: tuple[Any, Any]) -> None:
        self.op, self.sample, self.device, self.values = op.op, sample, device, _determined(op, sample)
        self.theirs, given = expected
        self.outs = [t for t in tensors_in(_processed(sample, self.theirs, torch.Tensor)) if t.requires_grad]
        wanted = list(leaves(given))
        self.incoming = [torch.randn_like(t) for t in self.outs]
        self.gradients: Any = None
        self.mine: Any = None
        self.arguments: Any = None
        if self.outs and wanted and op.name not in WRONG_GRADIENTS:
            with contextlib.suppress(Exception):
                self.gradients = torch.autograd.grad(self.outs, wanted, self.incoming, allow_unused=True)

    @functools.cached_property
    def exact(self) -> Any:
        """PyTorch's results and gradients in the next wider dtype; None where there are none."""
        try:
            given = _Widened()((self.sample.input, tuple(self.sample.args), dict(self.sample.kwargs)))
            results = _processed(self.sample, self.op(given[0], *given[1], **given[2]), torch.Tensor)
            if self.gradients is None:
                return results, None
            outs = [t for t in tensors_in(results) if t.requires_grad]
            incoming = [g.to(t.dtype) for g, t in zip(self.incoming, outs, strict=True)]
            return results, torch.autograd.grad(outs, list(leaves(given)), incoming, allow_unused=True)
        except Exception:
            return None, None

    def forward(self, call: Any, factor: float = 1.0) -> None:
        """Compare the results."""
        mine, arguments = _call(call, self.sample, Converter(self.device))
        found = _processed(self.sample, mine, nnlite.Tensor)
        wanted = _processed(self.sample, self.theirs, torch.Tensor)
        try:
            compare(found, wanted, values=self.values, factor=factor)
        except Difference:
            compare(found, wanted, values=self.values, factor=factor, exact=self.exact[0])
        self.mine, self.arguments = mine, arguments

    def gradient(self) -> None:
        """Compare the gradients of the last forward."""
        if self.arguments is None:
            raise Difference("the forward failed")
        mine = [t for t in tensors_in(_processed(self.sample, self.mine, nnlite.Tensor)) if t.requires_grad]
        if len(mine) != len(self.outs):
            raise Difference(f"{len(mine)} results require grad, not {len(self.outs)}")
        given_in = [Converter(self.device)(g) for g in self.incoming]
        found = nnlite.autograd.grad(mine, list(leaves(self.arguments)), given_in, allow_unused=True)
        for i, (one, other) in enumerate(zip(found, self.gradients, strict=True)):
            if one is None and other is not None and bool((other == 0).all()):
                raise Difference(f"gradient {i}: None, not zeros")
            if other is None and one is not None and bool((one == 0).all().item()):
                continue  # zeros for what does not matter are as right as None
            what = f"gradient {i}"
            try:
                compare(one, other, values=self.values, factor=10, what=what)
            except Difference:
                exact = self.exact[1]
                compare(one, other, values=self.values, factor=10, what=what, exact=exact and exact[i])


_WIDER = {
    torch.float16: torch.float32,
    torch.bfloat16: torch.float32,
    torch.float32: torch.float64,
    torch.complex64: torch.complex128,
}


class _Widened:
    """Arguments in wider dtypes; a tensor that stands twice becomes one that stands twice."""

    def __init__(self) -> None:
        self.tensors: dict[int, torch.Tensor] = {}

    def __call__(self, value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            if value.dtype not in _WIDER:
                return value
            if id(value) not in self.tensors:
                self.tensors[id(value)] = value.detach().to(_WIDER[value.dtype]).requires_grad_(value.requires_grad)
            return self.tensors[id(value)]
        if isinstance(value, list | tuple):
            return type(value)(map(self, value))
        if isinstance(value, dict):
            return {key: self(v) for key, v in value.items()}
        return _WIDER.get(value, value) if isinstance(value, torch.dtype) else value


def _float_sample(op: Any, function: Any, sample: Any, device: str, tallies: dict[str, Tally]) -> None:
    expected = _expected(op, sample)
    if expected is None:
        return
    check = _Check(op, sample, device, expected)
    tallies["forward"].count(lambda: check.forward(function, slack(op, torch.float32)), sample)
    if check.gradients is not None:
        tallies["gradient"].count(check.gradient, sample)
    if isinstance(sample.input, torch.Tensor):
        method = _method(op)
        if method is not None:
            tallies["method"].count(lambda: check.forward(method, slack(op, torch.float32)), sample)
        _in_place(op, sample, device, tallies["in-place"])


def _both_ways(op: Any, function: Any, sample: Any, device: str, tally: Tally, factor: float) -> None:
    """Forward and gradient as one check."""
    expected = _expected(op, sample)
    if expected is None:
        return
    check = _Check(op, sample, device, expected)

    def forward_and_gradient() -> None:
        check.forward(function, factor)
        if check.gradients is not None:
            check.gradient()

    tally.count(forward_and_gradient, sample)


def _has_gradient(op: Any, dtype: torch.dtype) -> bool:
    """Whether PyTorch differentiates the operator in this dtype."""
    return op.supports_autograd and dtype in op.supported_backward_dtypes("cpu")


def _processed(sample: Any, result: Any, kind: type) -> Any:
    """What the database says has to be compared of a result (the singular vectors of a matrix have no sign, say)."""
    process = sample.output_process_fn_grad
    return (process if kind is torch.Tensor else translated(process))(result) if _own(process) else result


def _missing(name: str) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        raise Difference(f"there is no Tensor.{name}")

    return call


def _method(op: Any) -> Any:
    """The operator as a method of nnlite's tensors; None where PyTorch's have no other than the function."""
    theirs = op.method_variant
    if theirs is None or theirs is op.op:
        return None
    name = op.name if _own(theirs) else getattr(theirs, "__name__", op.name)
    return getattr(nnlite.Tensor, name, None) or _missing(name)


def _in_place(op: Any, sample: Any, device: str, tally: Tally) -> None:
    theirs = op.inplace_variant
    if theirs is None or sample.broadcasts_input:
        return
    partial = isinstance(theirs, functools.partial)
    mine = translated(theirs) if _own(theirs) or partial else getattr(nnlite.Tensor, theirs.__name__, None)
    mine = mine or _missing(getattr(theirs, "__name__", op.name + "_"))

    def call(function: Any, convert: Any = None) -> Any:
        return _call(lambda x, *args, **kwargs: function(x.clone(), *args, **kwargs), sample, convert)[0]

    seeded()
    try:
        expected = call(theirs)
    except Exception:
        return  # the result does not fit the input
    tally.count(lambda: compare(call(mine, Converter(device)), expected, values=_determined(op, sample)), sample)


def settle(device: str) -> None:
    """Wait for the device, which may see a wrong index later than the CPU does."""
    backend_of(nnlite.empty(0, device=device)._a).synchronize()


def _error(op: Any, function: Any, bad: Any, device: str, tally: Tally) -> None:
    sample = bad.sample_input
    if any(t.dim() > 64 for t in tensors_in((sample.input, sample.args))):
        return  # NumPy makes no such array
    try:
        _call(op.op, sample)
        return
    except Exception as error:
        wanted = type(error)

    def check() -> None:
        try:
            _call(function, sample, Converter(device))
            settle(device)
        except Exception as error:
            if type(error) is not wanted:
                raise Difference(f"{type(error).__name__} ({error}), not {wanted.__name__}") from error
            return
        raise Difference(f"no {wanted.__name__}")

    tally.count(check, sample)


if __name__ == "__main__":
    from op_report import main  # it imports this file under its own name

    main()
