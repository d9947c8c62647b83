"""PyTorch's module database run against nnlite: a report, and ``docs/modules.md``.

The database (``torch.testing._internal.common_modules.module_db``) has constructor arguments and inputs for each layer
of PyTorch. Every sample goes through both, with the same parameters, in float32 and float64, training and evaluating;
outputs, gradients of inputs and parameters, state and printed text have to agree.

    python tests/parity/module_db.py                the report on standard output
    python tests/parity/module_db.py nn.ReLU Conv2d         of these modules, with the first difference of each kind
    python tests/parity/module_db.py --write docs/modules.md
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import inspect
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

import nnlite

try:
    from parity.op_db import (
        Converter,
        Difference,
        compare,
        drawn,
        leaves,
        seeded,
        settle,
        tensors_in,
        translated,
    )
    from parity.tallies import Result, Tally, table
except ImportError:  # run as a script
    from op_db import Converter, Difference, compare, drawn, leaves, seeded, settle, tensors_in, translated
    from tallies import Result, Tally, table

LIMIT = 40
"""Samples of one module, dtype and mode that are run at most, evenly spread over those in the database."""

ASPECTS = ("forward", "gradient", "second gradient", "state_dict", "repr", "in-place", "errors")
"""What is counted: outputs; gradients of inputs and parameters; gradients of these (float64); names, shapes and dtypes
of the state, and its values after the call; the printed text; the module with ``inplace=True``; samples that have to
raise, when made or when called."""

DTYPES = (torch.float32, torch.float64)


@functools.cache
def database() -> list[Any]:
    """PyTorch's modules."""
    torch.set_num_threads(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch.testing._internal.common_modules import module_db
    return module_db


def class_of(info: Any) -> Any:
    """nnlite's class, None where it has none."""
    return getattr(nnlite.nn, info.name.removeprefix("nn."), None)


def modules() -> list[Any]:
    """The modules of the database that nnlite has."""
    return [info for info in database() if class_of(info) is not None]


# ---------------------------------------------------------------------------------------------------------------------
# PyTorch's constructor arguments as nnlite's


@contextlib.contextmanager
def noted_arguments() -> Iterator[None]:
    """Every module of PyTorch made meanwhile keeps its constructor's arguments as ``_made_with``."""
    kept: list[tuple[type, Any]] = []

    def note(cls: type) -> None:
        init = cls.__init__  # type: ignore[misc]
        kept.append((cls, init))

        @functools.wraps(init)
        def noting(self: Any, *args: Any, **kwargs: Any) -> None:
            init(self, *args, **kwargs)
            self.__dict__["_made_with"] = args, kwargs  # the outermost constructor ends last

        cls.__init__ = noting  # type: ignore[misc]

    for cls in {c for c in vars(torch.nn).values() if isinstance(c, type) and issubclass(c, torch.nn.Module)}:
        if "__init__" in vars(cls) and cls is not torch.nn.Module:
            note(cls)
    try:
        yield
    finally:
        for cls, init in kept:
            cls.__init__ = init  # type: ignore[misc]


class Arguments(Converter):
    """Arguments of a module or its call: also functions, modules and packed sequences."""

    def __call__(self, value: Any) -> Any:
        if isinstance(value, torch.nn.Module):
            args, kwargs = value.__dict__["_made_with"]
            made = getattr(nnlite.nn, type(value).__name__)(*self(args), **self(kwargs))
            return made.to(self.device)
        if isinstance(value, torch.nn.utils.rnn.PackedSequence):
            parts = [self(part) for part in value]
            return nnlite.nn.utils.rnn.PackedSequence(*parts)  # type: ignore[attr-defined]
        if callable(value) and not isinstance(value, type | torch.dtype | torch.device):
            found = translated(value)
            if found is None:
                raise Difference(f"nnlite has no {value}")
            return found
        return super().__call__(value)


def samples_of(info: Any, dtype: torch.dtype, training: bool, limit: int) -> list[Any]:
    """The database's samples, made again from the same seed at each call."""
    seeded()
    with noted_arguments():
        found = drawn(lambda device, **options: info.module_inputs_func(info, device=device, **options),
                      dtype=dtype, requires_grad=True, training=training)  # fmt: skip
    return found if len(found) <= limit else [found[i * len(found) // limit] for i in range(limit)]


def errors_of(info: Any) -> list[Any]:
    seeded()
    with noted_arguments():
        return drawn(lambda device, **options: info.module_error_inputs_func(info, device=device, **options),
                     dtype=torch.float32, requires_grad=False, training=True)  # fmt: skip


@dataclass
class Given:
    """Constructor or call arguments in the form that ``tallies.shown`` prints."""

    made: Any
    called: Any = None
    input: Any = "made with"
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.args = (*self.made.args, *(f"{k}={v!r:.60}" for k, v in self.made.kwargs.items()))
        if self.called is not None:
            self.args = (*self.args, "called with", *self.called.args)
            self.kwargs = self.called.kwargs


# ---------------------------------------------------------------------------------------------------------------------
# One sample


class Pair:
    """A module of PyTorch and the same of nnlite."""

    def __init__(self, info: Any, sample: Any, dtype: torch.dtype, training: bool, device: str, **more: Any) -> None:
        made = sample.constructor_input
        self.sample, self.device, self.dtype = sample, device, str(dtype).split(".")[1]
        self.lazy = info.is_lazy
        seeded()
        self.theirs = info.module_cls(*made.args, **made.kwargs, **more).to(dtype).train(training)
        convert = Arguments(device)
        mine = class_of(info)(*convert(made.args), **convert(made.kwargs), **more)
        self.mine = mine.to(device).to(getattr(nnlite, self.dtype)).train(training)
        if self.lazy:
            self.call_theirs()
            self.call_mine()

    def call_theirs(self, change: Any = None) -> tuple[Any, Any]:
        """PyTorch's output and the arguments."""
        given = self.sample.forward_input
        change = change or (lambda value: value)
        args, kwargs = change((given.args, given.kwargs))
        return self.theirs(*args, **kwargs), (args, kwargs)

    def call_mine(self, change: Any = None) -> tuple[Any, Any]:
        """nnlite's output and the arguments."""
        given = self.sample.forward_input
        args, kwargs = Arguments(self.device)((given.args, given.kwargs))
        if change is not None:
            args, kwargs = change((args, kwargs))
        out = self.mine(*args, **kwargs)
        settle(self.device)
        return out, (args, kwargs)

    def same_state(self) -> None:
        """Names, order, shapes and dtypes of the state; then nnlite's module gets PyTorch's values."""
        mine, theirs = self.mine.state_dict(), self.theirs.state_dict()
        if list(mine) != list(theirs):
            raise Difference(f"names {list(mine)}, not {list(theirs)}")
        if [n for n, _ in self.mine.named_parameters()] != [n for n, _ in self.theirs.named_parameters()]:
            raise Difference(f"parameters {list(self.mine.named_parameters())!r:.200}")
        for name, value in theirs.items():
            compare(mine[name], value, values=False, what=name)
        self.copy_state()

    def copy_state(self) -> None:
        """Give nnlite's module PyTorch's values, where they have one name."""
        convert = Converter(self.device)
        with torch.no_grad():
            state = {name: convert(value) for name, value in self.theirs.state_dict().items()}
        self.mine.load_state_dict(state)


def _gradients(space: Any, outs: list[Any], wanted: list[Any], incoming: list[Any], again: bool) -> list[Any]:
    """The gradients, and with ``again`` those of their sum with fixed weights."""
    first = space.autograd.grad(outs, wanted, incoming, allow_unused=True, create_graph=again)
    if not again:
        return list(first)
    connected = [g for g in first if g is not None and g.requires_grad]
    if not connected:
        return []
    total = sum((g * g).sum() for g in connected)
    return list(space.autograd.grad(total, [*wanted, *incoming], allow_unused=True))


def _differentiated(pair: Pair, theirs: Any, mine: Any, again: bool) -> None:
    """Compare gradients of both modules by inputs and parameters; ``theirs``, ``mine``: output and arguments."""
    generator = torch.Generator().manual_seed(5)
    outs = [t for t in tensors_in(theirs[0]) if t.requires_grad]
    own = [t for t in tensors_in(mine[0]) if t.requires_grad]
    if len(own) != len(outs):
        raise Difference(f"{len(own)} outputs require grad, not {len(outs)}")
    incoming = [torch.randn(t.shape, dtype=t.dtype, generator=generator).requires_grad_(again) for t in outs]
    wanted = [*leaves(theirs[1]), *pair.theirs.parameters()]
    own_wanted = [*leaves(mine[1]), *pair.mine.parameters()]
    try:
        expected = _gradients(torch, outs, wanted, incoming, again)
    except RuntimeError:
        if again:
            return  # PyTorch has no second gradient of this
        raise
    found = _gradients(nnlite, own, own_wanted, [Converter(pair.device)(g) for g in incoming], again)
    if len(found) != len(expected):
        raise Difference(f"{len(found)} gradients, not {len(expected)}")
    for i, (one, other) in enumerate(zip(found, expected, strict=True)):
        if one is None and other is not None and (again and bool((other == 0).all())):
            continue
        if other is None and one is not None and (again or bool((one == 0).all().item())):
            continue  # zeros for what does not matter are as right as None; second gradients may be PyTorch's gap
        compare(one, other, factor=10, what=f"gradient {i}")


def _sample(info: Any, sample: Any, dtype: torch.dtype, training: bool, device: str, tallies: dict[str, Tally]) -> None:
    described = Given(sample.constructor_input, sample.forward_input)
    try:
        seeded()
        made = sample.constructor_input
        theirs = info.module_cls(*made.args, **made.kwargs).to(dtype).train(training)
        theirs(*sample.forward_input.args, **sample.forward_input.kwargs)
    except Exception:
        return  # PyTorch refuses its own sample
    state: dict[str, Any] = {}

    def prepared() -> Pair:
        pair = Pair(info, sample, dtype, training, device)
        pair.copy_state()
        return pair

    def forward() -> None:
        state["pair"] = pair = prepared()
        state["theirs"], state["mine"] = pair.call_theirs(), pair.call_mine()
        compare(state["mine"][0], state["theirs"][0])

    def after() -> None:
        pair = Pair(info, sample, dtype, training, device)
        pair.same_state()
        pair.call_theirs(), pair.call_mine()
        mine = pair.mine.state_dict()
        for name, value in pair.theirs.state_dict().items():
            compare(mine[name], value, what=f"{name} after the call")

    def gradient() -> None:
        _differentiated(state["pair"], state["theirs"], state["mine"], False)

    def second() -> None:
        pair = prepared()
        with sdpa_kernel(SDPBackend.MATH):  # PyTorch's other kernels have no second derivative
            theirs = pair.call_theirs()
        _differentiated(pair, theirs, pair.call_mine(), True)

    def text() -> None:
        pair = Pair(info, sample, dtype, training, device)
        mine, theirs = repr(pair.mine), repr(pair.theirs)
        if mine != theirs:
            raise Difference(f"{mine}, not {theirs}")

    tallies["forward"].count(forward, described)
    if "theirs" not in state or any(t.requires_grad for t in tensors_in(state["theirs"][0])):
        tallies["gradient"].count(gradient if "mine" in state else _no_forward, described)
        if dtype is torch.float64 and info.supports_gradgrad:
            tallies["second gradient"].count(second, described)
    tallies["state_dict"].count(after, described)
    tallies["repr"].count(text, described)
    if "inplace" in inspect.signature(info.module_cls).parameters and "inplace" not in made.kwargs:
        _in_place(info, sample, dtype, training, device, tallies["in-place"], described)


def _no_forward() -> None:
    raise Difference("the forward failed")


def _cloned(value: Any) -> Any:
    """Arguments whose first tensor is a copy that may be written to, and still leads to the leaf."""
    (first, *rest), kwargs = value
    return (first.clone(), *rest), kwargs


def _in_place(
    info: Any, sample: Any, dtype: torch.dtype, training: bool, device: str, tally: Tally, described: Given
) -> None:
    if len(sample.constructor_input.args) >= len(inspect.signature(info.module_cls).parameters):
        return  # already given by position

    def check() -> None:
        pair = Pair(info, sample, dtype, training, device, inplace=True)
        (theirs, given), (mine, own) = pair.call_theirs(_cloned), pair.call_mine(_cloned)
        compare(mine, theirs)
        if (own[0][0] is mine) != (given[0][0] is theirs):
            raise Difference("the result is not the input" if own[0][0] is not mine else "the result is the input")
        outs, weights = theirs.sum(), mine.sum()
        leaf, own_leaf = next(iter(leaves(given))), next(iter(leaves(own)))
        compare(nnlite.autograd.grad(weights, own_leaf)[0], torch.autograd.grad(outs, leaf)[0], what="gradient")
        if repr(pair.mine) != repr(pair.theirs):
            raise Difference(f"{pair.mine!r}, not {pair.theirs!r}")

    tally.count(check, described)


def _error(info: Any, bad: Any, device: str, tally: Tally) -> None:
    sample = bad.module_error_input
    made, called = sample.constructor_input, sample.forward_input
    on_construction = bad.error_on.name == "CONSTRUCTION_ERROR"

    def check() -> None:
        convert = Arguments(device)
        try:
            mine = class_of(info)(*convert(made.args), **convert(made.kwargs)).to(device)
            if not on_construction:
                mine(*convert(called.args), **convert(called.kwargs))
                settle(device)
        except Exception as error:
            if not isinstance(error, bad.error_type):
                raise Difference(f"{type(error).__name__} ({error}), not {bad.error_type.__name__}") from error
            # A device that works on its own finds a wrong index later, with its own words.
            if device == "cpu" and not re.search(bad.error_regex, str(error)):
                raise Difference(f"message {error}, not {bad.error_regex}") from error
            return
        raise Difference(f"no {bad.error_type.__name__}")

    tally.count(check, Given(made, called))


# ---------------------------------------------------------------------------------------------------------------------
# One module, and the report


def run(info: Any, device: str = "cpu", limit: int = LIMIT) -> Result:
    """All samples of a module through PyTorch and nnlite."""
    result = Result(info.name, ASPECTS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for dtype in DTYPES:
            for training in (True, False):
                if dtype in info.dtypes:
                    for sample in samples_of(info, dtype, training, limit):
                        _sample(info, sample, dtype, training, device, result.tallies)
        if info.module_error_inputs_func is not None:
            for bad in errors_of(info):
                _error(info, bad, device, result.tallies["errors"])
    return result


def summary(results: list[Result]) -> str:
    """The totals in one paragraph."""
    whole = sum(not r.failures for r in results)
    return (
        f"nnlite has {len(modules())} of the {len(database())} modules of the database. Of the {len(results)} run here "
        f"{whole} pass everything in the table."
    )


def document(results: list[Result]) -> str:
    """The text of docs/modules.md."""
    lacking = [f"`{info.name}`" for info in database() if class_of(info) is None]
    lines = [
        "# Parity with PyTorch's module database",
        "",
        f"Written by `python tests/parity/module_db.py --write docs/modules.md`, {date.today()}: "
        f"nnlite {nnlite.version.nnlite}, PyTorch {torch.__version__.split('+')[0]}, NumPy {np.__version__}.",
        "",
        "Each sample of `torch.testing._internal.common_modules.module_db` goes through PyTorch and through nnlite on "
        "the CPU with the same parameters, in float32 and float64, training and evaluating. Second gradients are "
        "float64; state_dict is names, shapes and dtypes, and values after the call; in-place is the module with "
        "`inplace=True`; errors have PyTorch's exception type and the message that its tests look for. At most "
        f"{LIMIT} samples of a module, dtype and mode are run, evenly spread.",
        "",
        summary(results),
        "",
        *table("module", ASPECTS, results),
        "",
        *([f"Not there yet ({len(lacking)}): {', '.join(lacking)}.", ""] if lacking else []),
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="Run PyTorch's module database against nnlite.")
    parser.add_argument("names", nargs="*", help="modules, as nn.ReLU or ReLU; all that nnlite has by default")
    parser.add_argument("--write", metavar="FILE", type=Path, help="write the report as Markdown")
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    names = {name.removeprefix("nn.") for name in options.names}
    results = []
    for info in modules():
        if names and info.name.removeprefix("nn.") not in names:
            continue
        results.append(run(info, options.device))
        for aspect, first in results[-1].failures.items():
            tally = results[-1].tallies[aspect]
            print(f"{results[-1].name} {aspect} {tally.passed}/{tally.total}: {first}"[:600])
    if options.names:
        print("\n".join(table("module", ASPECTS, results)))
        for name in names - {info.name.removeprefix("nn.") for info in modules()}:
            print(f"{name}: nnlite has no nnlite.nn.{name}, or the database has none")
    print(summary(results))
    if options.write:
        options.write.write_text(document(results), encoding="utf-8")


if __name__ == "__main__":
    main()
