"""Operations on a million float32 numbers, beside the plain NumPy expression and PyTorch in the same process.

    python benchmarks/operations.py [NAME ...] [--rounds N] [--json FILE] [--check]

Each figure is the smallest processor time of several rounds in which the libraries take turns, in milliseconds for one
call, with one thread. The limit is 1.5 times NumPy's time; what is above it is listed at the end, and ``--check`` makes
the exit status say whether there is any. PyTorch is left out where it is not installed.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

import nnlite

LIMIT = 1.5
N = 1_000_000
SIDE = 1000
_rng = np.random.default_rng(0)

ARRAYS = {
    "x": _rng.standard_normal((SIDE, SIDE)).astype("float32"),
    "y": _rng.standard_normal((SIDE, SIDE)).astype("float32"),
    "p": (_rng.random((SIDE, SIDE)) * 0.98 + 0.01).astype("float32"),
    "row": _rng.standard_normal(SIDE).astype("float32"),
    "i": _rng.integers(1, 100, (SIDE, SIDE)),
    "j": _rng.integers(1, 100, (SIDE, SIDE)),
    "b": _rng.random((SIDE, SIDE)) < 0.5,
    "c": _rng.random((SIDE, SIDE)) < 0.5,
    "small": _rng.standard_normal((256, 256)).astype("float32"),
    "batch": _rng.standard_normal((64, 64, 64)).astype("float32"),
    "where": _rng.integers(0, SIDE, SIDE),
}
"""The operands by the names that the calls below give to their parameters."""

Call = Callable[..., Any]

_SAME = (
    "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sqrt", "square", "sin", "cos", "tan", "sinh", "cosh",
    "tanh", "floor", "ceil", "trunc", "abs", "negative", "sign", "isnan", "isinf", "isfinite", "reciprocal",
    "deg2rad", "rad2deg", "signbit", "positive", "logical_not",
)  # fmt: skip
"""Functions of one operand that have one name in all libraries."""

_PAIRS = {
    "add": "add", "sub": "subtract", "mul": "multiply", "div": "divide", "maximum": "maximum", "minimum": "minimum",
    "fmax": "fmax", "fmin": "fmin", "atan2": "arctan2", "hypot": "hypot", "copysign": "copysign", "eq": "equal",
    "ne": "not_equal", "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal",
    "logaddexp": "logaddexp", "nextafter": "nextafter", "fmod": "fmod", "remainder": "remainder",
    "floor_divide": "floor_divide", "logical_and": "logical_and", "logical_or": "logical_or",
    "logical_xor": "logical_xor",
}  # fmt: skip
"""Functions of two operands: name here and in NumPy."""

_POSITIVE = frozenset(("log", "log2", "log10", "log1p", "sqrt"))

_REDUCTIONS = {
    "sum": np.sum, "prod": np.prod, "mean": np.mean, "amax": np.max, "amin": np.min, "var": lambda x, **k: np.var(
        x, ddof=1, **k), "std": lambda x, **k: np.std(x, ddof=1, **k), "any": np.any, "all": np.all,
    "argmax": np.argmax, "argmin": np.argmin, "count_nonzero": np.count_nonzero, "nansum": np.nansum,
    "cumsum": np.cumsum, "cumprod": np.cumprod,
}  # fmt: skip


def _softmax(x: Any) -> Any:
    e = np.exp(x - x.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def _logsumexp(x: Any) -> Any:
    m = x.max(1, keepdims=True)
    return np.log(np.exp(x - m).sum(1)) + m[:, 0]


OPERATIONS: dict[str, tuple[Call, Call]] = {
    **{
        name: (
            (lambda L, p, name=name: getattr(L, name)(p)) if name in _POSITIVE
            else (lambda L, x, name=name: getattr(L, name)(x)),
            (lambda p, name=name: getattr(np, name)(p)) if name in _POSITIVE
            else (lambda x, name=name: getattr(np, name)(x)),
        )
        for name in _SAME
    },
    **{
        name: (lambda L, x, y, name=name: getattr(L, name)(x, y), lambda x, y, other=other: getattr(np, other)(x, y))
        for name, other in _PAIRS.items()
    },
    **{
        f"{name} of {what}": (
            lambda L, x, name=name, k=k: getattr(L, name)(x, **k),
            lambda x, f=f, k=k: f(x, **{"axis": k["dim"]} if k else {}),
        )
        for name, f in _REDUCTIONS.items()
        for what, k in (("all", {}), ("rows", {"dim": 1}), ("columns", {"dim": 0}))
        if not (name.startswith("cum") and not k)
    },
    "add a number": (lambda L, x: x + 2.5, lambda x: x + np.float32(2.5)),
    "mul a row": (lambda L, x, row: x * row, lambda x, row: x * row),
    "rsub": (lambda L, x: 1 - x, lambda x: np.float32(1) - x),
    "pow 2": (lambda L, x: x**2, lambda x: x**2),
    "pow 3": (lambda L, x: x**3, lambda x: x * x * x),
    "pow 0.5": (lambda L, p: p**0.5, lambda p: np.sqrt(p)),
    "pow 2.5": (lambda L, p: p**2.5, lambda p: np.power(p, np.float32(2.5))),
    "pow tensor": (lambda L, p, x: p**x, lambda p, x: p**x),
    "add alpha": (lambda L, x, y: L.add(x, y, alpha=2.5), lambda x, y: x + np.float32(2.5) * y),
    "addcmul": (lambda L, x, y, p: L.addcmul(x, y, p, value=0.5), lambda x, y, p: x + np.float32(0.5) * y * p),
    "addcdiv": (lambda L, x, y, p: L.addcdiv(x, y, p, value=0.5), lambda x, y, p: x + np.float32(0.5) * y / p),
    "lerp": (lambda L, x, y: L.lerp(x, y, 0.3), lambda x, y: x + np.float32(0.3) * (y - x)),
    "rsqrt": (lambda L, p: L.rsqrt(p), lambda p: 1 / np.sqrt(p)),
    "sigmoid": (lambda L, x: L.sigmoid(x), lambda x: 1 / (1 + np.exp(-x))),
    "relu": (lambda L, x: L.relu(x), lambda x: np.maximum(x, np.float32(0))),
    "round": (lambda L, x: L.round(x), lambda x: np.round(x)),
    "frac": (lambda L, x: L.frac(x), lambda x: x - np.trunc(x)),
    "asin": (lambda L, p: L.asin(p), lambda p: np.arcsin(p)),
    "acos": (lambda L, p: L.acos(p), lambda p: np.arccos(p)),
    "atan": (lambda L, x: L.atan(x), lambda x: np.arctan(x)),
    "asinh": (lambda L, x: L.asinh(x), lambda x: np.arcsinh(x)),
    "acosh": (lambda L, p: L.acosh(p + 1), lambda p: np.arccosh(p + 1)),
    "atanh": (lambda L, p: L.atanh(p), lambda p: np.arctanh(p)),
    "logit": (lambda L, p: L.logit(p), lambda p: np.log(p / (1 - p))),
    "clamp": (lambda L, x: L.clamp(x, -1, 1), lambda x: np.clip(x, np.float32(-1), np.float32(1))),
    "where": (lambda L, b, x, y: L.where(b, x, y), lambda b, x, y: np.where(b, x, y)),
    "where a number": (lambda L, b, x: L.where(b, x, 0.0), lambda b, x: np.where(b, x, np.float32(0))),
    "masked_fill": (lambda L, x, b: x.masked_fill(b, 0.0), lambda x, b: np.where(b, np.float32(0), x)),
    "nan_to_num": (lambda L, x: L.nan_to_num(x), lambda x: np.nan_to_num(x)),
    "isclose": (lambda L, x, y: L.isclose(x, y), lambda x, y: np.isclose(x, y)),
    "equal": (lambda L, x: L.equal(x, x + 0), lambda x: np.array_equal(x, x + 0)),
    "sinc": (lambda L, x: L.sinc(x), lambda x: np.sinc(x)),
    "heaviside": (lambda L, x, y: L.heaviside(x, y), lambda x, y: np.heaviside(x, y)),
    "xlogy": (lambda L, x, p: L.xlogy(x, p), lambda x, p: np.where(x == 0, np.float32(0), x * np.log(p))),
    "logical_not of bools": (lambda L, b: L.logical_not(b), lambda b: np.logical_not(b)),
    "bitwise_and": (lambda L, i, j: i & j, lambda i, j: i & j),
    "bitwise_or of bools": (lambda L, b, c: b | c, lambda b, c: b | c),
    "shift": (lambda L, i: i << 2, lambda i: i << 2),
    "add of integers": (lambda L, i, j: i + j, lambda i, j: i + j),
    "floor_divide of integers": (lambda L, i, j: i // j, lambda i, j: i // j),
    "remainder of integers": (lambda L, i, j: i % j, lambda i, j: i % j),
    "gcd": (lambda L, i, j: L.gcd(i, j), lambda i, j: np.gcd(i, j)),
    "to double": (lambda L, x: x.double(), lambda x: x.astype("float64")),
    "to half": (lambda L, x: x.half(), lambda x: x.astype("float16")),
    "to integers": (lambda L, x: x.long(), lambda x: x.astype("int64")),
    "integers to float": (lambda L, i: i.float(), lambda i: i.astype("float32")),
    "clone": (lambda L, x: x.clone(), lambda x: x.copy()),
    "clone of a transpose": (lambda L, x: x.t().contiguous(), lambda x: np.ascontiguousarray(x.T)),
    "add in place": (lambda L, x: x.add_(0.0), lambda x: np.add(x, np.float32(0), out=x)),
    "norm": (lambda L, x: L.linalg.vector_norm(x), lambda x: np.sqrt(np.dot(x.ravel(), x.ravel()))),
    "norm of rows": (lambda L, x: L.linalg.vector_norm(x, dim=1), lambda x: np.sqrt((x * x).sum(1))),
    "norm 1": (lambda L, x: L.linalg.vector_norm(x, 1), lambda x: np.abs(x).sum()),
    "max of rows": (lambda L, x: L.max(x, 1), lambda x: (x.max(1), x.argmax(1))),
    "aminmax": (lambda L, x: L.aminmax(x), lambda x: (x.min(), x.max())),
    "softmax": (lambda L, x: L.softmax(x, 1), _softmax),
    "log_softmax": (lambda L, x: L.log_softmax(x, 1), lambda x: x - _logsumexp(x)[:, None]),
    "logsumexp": (lambda L, x: L.logsumexp(x, 1), _logsumexp),
    "mm": (lambda L, small: small @ small, lambda small: small @ small),
    "mm of a transpose": (lambda L, small: small.t() @ small, lambda small: small.T @ small),
    "mv": (lambda L, x, row: L.mv(x, row), lambda x, row: x @ row),
    "dot": (lambda L, x, y: L.dot(x.view(-1), y.view(-1)), lambda x, y: np.dot(x.ravel(), y.ravel())),
    "bmm": (lambda L, batch: L.bmm(batch, batch), lambda batch: batch @ batch),
    "addmm": (lambda L, small: L.addmm(small, small, small), lambda small: small + small @ small),
    "outer": (lambda L, row: L.outer(row, row), lambda row: np.outer(row, row)),
    "einsum": (lambda L, batch: L.einsum("bij,bjk->bik", batch, batch), lambda batch: batch @ batch),
    "kron": (lambda L, row: L.kron(row, row), lambda row: np.kron(row, row)),
    "cat": (lambda L, x, y: L.cat([x, y]), lambda x, y: np.concatenate([x, y])),
    "cat of columns": (lambda L, x, y: L.cat([x, y], 1), lambda x, y: np.concatenate([x, y], 1)),
    "stack": (lambda L, x, y: L.stack([x, y]), lambda x, y: np.stack([x, y])),
    "flip": (lambda L, x: L.flip(x, (0, 1)), lambda x: np.flip(x, (0, 1)).copy()),
    "roll": (lambda L, x: L.roll(x, 3, 1), lambda x: np.roll(x, 3, 1)),
    "repeat": (lambda L, row: row.repeat(1000, 1), lambda row: np.tile(row, (1000, 1))),
    "repeat_interleave": (lambda L, row: L.repeat_interleave(row, 1000), lambda row: np.repeat(row, 1000)),
    "pad": (lambda L, x: L.nn.functional.pad(x, (1, 1, 1, 1)), lambda x: np.pad(x, 1)),
    "tril": (lambda L, x: L.tril(x), lambda x: np.tril(x)),
    "diff": (lambda L, x: L.diff(x), lambda x: np.diff(x)),
    "index by rows": (lambda L, x, where: x[where], lambda x, where: x[where]),
    "index by a mask": (lambda L, x, b: x[b], lambda x, b: x[b]),
    "index_select": (lambda L, x, where: L.index_select(x, 1, where), lambda x, where: np.take(x, where, 1)),
    "nonzero": (lambda L, b: L.nonzero(b), lambda b: np.argwhere(b)),
    "zeros": (lambda L: L.zeros(SIDE, SIDE).add_(1), lambda: np.zeros((SIDE, SIDE), "float32") + np.float32(1)),
    "full": (lambda L: L.full((SIDE, SIDE), 2.5), lambda: np.full((SIDE, SIDE), np.float32(2.5))),
    "arange": (lambda L: L.arange(N), lambda: np.arange(N)),
    "linspace": (lambda L: L.linspace(0, 1, N), lambda: np.linspace(0, 1, N, dtype="float32")),
    "eye": (lambda L: L.eye(SIDE), lambda: np.eye(SIDE, dtype="float32")),
    "rand": (lambda L: L.rand(N), lambda: _rng.random(N, "float32")),
    "randn": (lambda L: L.randn(N), lambda: _rng.standard_normal(N, "float32")),
    "randint": (lambda L: L.randint(0, 1000, (N,)), lambda: _rng.integers(0, 1000, N)),
    "randperm": (lambda L: L.randperm(100_000), lambda: _rng.permutation(100_000)),
    "bernoulli": (lambda L, p: L.bernoulli(p), lambda p: (_rng.random(p.shape, "float32") < p).astype("float32")),
    "exponential": (lambda L, x: L.empty_like(x).exponential_(), lambda: _rng.standard_exponential(N, "float32")),
    "poisson": (lambda L, p: L.poisson(p), lambda p: _rng.poisson(p)),
    "poisson of large rates": (lambda L, p: L.poisson(p + 50), lambda p: _rng.poisson(p + 50)),
    "gamma": (lambda L, p: L._standard_gamma(p + 1), lambda p: _rng.standard_gamma(p + 1, dtype="float32")),
    "multinomial": (
        lambda L, row: L.multinomial(row.abs(), 100_000, True),
        lambda row: _rng.choice(SIDE, 100_000, p=np.abs(row.astype("f8")) / np.abs(row.astype("f8")).sum()),
    ),
}  # fmt: skip


def _operands(call: Call, kind: Any) -> list[Any]:
    """The operands that a call names, as arrays or as tensors of a library."""
    code = call.__code__
    names = [n for n in code.co_varnames[: code.co_argcount] if n in ARRAYS]
    return [ARRAYS[n] if kind is np else kind.from_numpy(ARRAYS[n].copy()) for n in names]


def _timed(call: Callable[[], Any], repeats: int) -> float:
    start = time.process_time()
    for _ in range(repeats):
        call()
    return (time.process_time() - start) / repeats


def measure(name: str, libraries: list[Any], rounds: int) -> dict[str, float]:
    """Milliseconds for one call in each library, the smallest of the rounds."""
    call, plain = OPERATIONS[name]
    calls: dict[str, Callable[[], Any]] = {}
    operands = _operands(plain, np)
    calls["numpy"] = lambda: plain(*operands)
    for library in libraries:
        tensors = _operands(call, library)
        calls[library.__name__] = lambda library=library, tensors=tensors: call(library, *tensors)
    best: dict[str, float] = {}
    for title, one in calls.items():
        one()
        best[title] = _timed(one, 1)
    repeats = max(1, int(0.004 / max(best["numpy"], 1e-6)))
    for _ in range(rounds):
        for title, one in calls.items():
            best[title] = min(best[title], _timed(one, repeats))
    return {title: seconds * 1e3 for title, seconds in best.items()}


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="operations; all unless given")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    libraries: list[Any] = [nnlite]
    try:
        torch = importlib.import_module("torch")
    except ImportError:
        torch = None
    if torch is not None:
        torch.set_num_threads(1)
        libraries.append(torch)
    results: dict[str, dict[str, float]] = {}
    gc.disable()
    print(f"{'operation':28}{'NumPy':>9}{'nnlite':>9}{'PyTorch':>9}{'of NumPy':>10}   (ms, {N:,} numbers)")
    for name in options.names or OPERATIONS:
        try:
            r = results[name] = measure(name, libraries, options.rounds)
        except AttributeError as error:
            print(f"{name:28} left out: {error}")
            continue
        ratio = r["nnlite"] / r["numpy"]
        mark = " <" if ratio > LIMIT else ""
        print(f"{name:28}{r['numpy']:9.3f}{r['nnlite']:9.3f}{r.get('torch', float('nan')):9.3f}{ratio:10.2f}{mark}")
        sys.stdout.flush()
        gc.collect()
    over = {name: r["nnlite"] / r["numpy"] for name, r in results.items() if r["nnlite"] > LIMIT * r["numpy"]}
    listed = ", ".join(f"{name} ({ratio:.1f})" for name, ratio in sorted(over.items(), key=lambda item: -item[1]))
    print(f"\n{len(results)} operations, {len(over)} above {LIMIT} times NumPy's time: {listed or 'none'}")
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(results, file, indent=1)
    return int(options.check and bool(over))


if __name__ == "__main__":
    sys.exit(main())
