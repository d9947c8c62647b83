"""One forward pass, noted call by call."""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .._core.grad_mode import no_grad
from .._core.node import caller, location
from .._core.operation import OPS, Op
from .._core.rng import get_rng_state, set_rng_state
from .._core.tensor_base import TensorBase, wrap
from .._core.views import base_of
from .._core.warn import warn
from .._lazy import load_all
from ..autograd._pytree import flatten
from ..backends.kernels import GENERIC
from ..backends.registry import backend_of, tables
from . import _traced
from ._traced import Source, TracedArray, TracedTable, Value, destination, make, plain, traced_in
from .errors import TracerWarning

in_place: Any = importlib.import_module("nnlite._core.in_place")  # the package has a function of that name


class Constant:
    """An array that the forward pass did not compute from inputs or parameters."""

    __slots__ = ("array",)

    def __init__(self, array: np.ndarray) -> None:
        self.array = array


class Call:
    """One operation: its name, operands (values, constants, numbers), attributes and results.

    Attributes:
        where: the user's line.
        scope: the names of the modules that were running, from the outside in.
    """

    __slots__ = ("args", "attrs", "name", "outs", "scope", "where")

    def __init__(self, name: str, args: tuple[Any, ...], attrs: dict[str, Any], where: Any, scope: Any) -> None:
        self.name, self.args, self.attrs, self.where, self.scope = name, args, attrs, where, scope
        self.outs: tuple[Value, ...] = ()

    def place(self) -> str:
        """Where the program asked for it."""
        kind, name = self.scope[-1] if self.scope else ("the model", "")
        inside = f"{kind} {name!r}" if name else str(kind)
        return f"in {inside}, at {location(self.where)}"


class Recording:
    """What one forward pass computed.

    Attributes:
        calls: in order.
        inputs: one value for each tensor of the arguments.
        state: name -> value and raw array of parameters and buffers.
        outputs: the tensors that the model returned: values or constants.
    """

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.inputs: list[Value] = []
        self.state: dict[str, tuple[Value, Any]] = {}
        self.outputs: list[Any] = []
        self.scope: list[tuple[str, str]] = []
        self.inside = 0
        self._constants: dict[int, tuple[Any, Constant]] = {}

    # -- values -------------------------------------------------------------------------------------------------------

    def input(self, array: Any) -> Any:
        value = Value(("input", len(self.inputs)), array.shape, array.dtype)
        self.inputs.append(value)
        return make(self, backend_of(array).xp.array(array), value)

    def parameter(self, name: str, array: Any, fixed: bool) -> Any:
        value = Value(("state", name), array.shape, array.dtype)
        self.state[name] = value, array
        raw = array if fixed else backend_of(array).xp.array(array)
        return make(self, raw, value, fixed=name if fixed else None)

    def as_traced(self, x: Any, dtype: Any) -> Any:
        """A traced array of an array or number; of this dtype unless that is None."""
        if not isinstance(x, TracedArray):
            xp = np if type(x) not in tables else backend_of(x).xp
            x = xp.asarray(x, dtype=dtype) if type(x) not in tables else x
            x = x if dtype is None or x.dtype == dtype else x.astype(dtype)
            return self._noted("constant", (x,), {}, (x.copy(),))[0]
        return x if dtype is None else x.astype(dtype, copy=False)

    def fitted(self, new: Any, like: TracedArray) -> Any:
        """What is written to the whole of an array, in its shape and dtype."""
        new = self.as_traced(new, like.dtype)
        while new.ndim > like.ndim and new.shape[0] == 1:
            new = new.reshape(new.shape[1:])
        if new.shape != like.shape:
            new = self.run("broadcast_to", (new,), {"shape": tuple(like.shape)})
        return new

    def again(self, source: Source) -> Value:
        """The present value of a view."""
        made = self.run(source.name, (source.array,), source.attrs)
        return (made[source.index] if isinstance(made, tuple) else made).value

    def written(self, source: Source, value: Value) -> Value:
        """The value of an array of which a view became ``value``."""
        base = source.array.raw
        places = np.arange(base.size).reshape(base.shape)
        view = getattr(tables[np.ndarray], source.name)(places, **source.attrs)
        places = np.array(view[source.index] if isinstance(view, tuple) else view)
        name, index = source.name, source.attrs.get("index")
        if "where" in source.attrs:  # one of several parts
            name, index = "getitem", source.attrs["where"][source.index]
        attrs = {"view": name, "index": index, "axes": source.attrs.get("axes"), "places": places}
        made = self._noted("write_view", (source.array, value), attrs, (base,))
        return made[0].value

    def place(self) -> str:
        """Where the program is."""
        return Call("", (), {}, caller(), tuple(self.scope)).place()

    # -- calls --------------------------------------------------------------------------------------------------------

    def run(self, name: str, args: tuple[Any, ...], attrs: dict[str, Any], out: Any = None) -> Any:
        """Run an operation and note it."""
        made = self._run(name, args, attrs)
        if out is None:
            return made
        out[...] = made  # an ordinary array refuses it
        return out

    def _run(self, name: str, args: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
        from .translate import TRANSLATIONS

        body = GENERIC[name]
        if name not in OPS and callable(body):  # what writes in place, and has neither a node nor a counterpart
            traced = traced_in((*args, *attrs.values()))
            return body(tables[type(traced)].backend_.xp, *args, **attrs)
        if name not in TRANSLATIONS and callable(body):
            found = self._taken_apart(name, args, attrs)
            if found is not None:
                return found
        raws = [plain(a) for a in args]
        table = tables[type(next(a for a in (*raws, *attrs.values()) if type(a) in tables))]
        result = getattr(table, name)(*raws, **{k: plain(v) for k, v in attrs.items()})
        op = OPS[name]
        several = op.outputs != 1 or op.residuals > 0
        arrays = tuple(result) if several else (result,)
        arrays = tuple(a if type(a) in tables else table.backend_.xp.asarray(a) for a in arrays)
        if not op.view:  # no two arrays may share memory unless one is known to be a view of the other
            arrays = tuple(a.copy() if a.base is not None or any(a is r for r in raws) else a for a in arrays)
        made = self._noted(name, args, attrs, arrays)
        if op.view and isinstance(args[0], TracedArray):
            for i, a in enumerate(made):
                a.source = Source(name, args[0], attrs, i)
        return tuple(made) if several else made[0]

    def _taken_apart(self, name: str, args: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
        """An operation without counterpart by the simpler ones that its definition is made of; None if it cannot be.

        That is the expression that double backward differentiates, where there is one, or the body that computes it.
        """
        traced = traced_in((*args, *attrs.values()))
        assert traced is not None
        composite = OPS[name].composite
        ways: list[Callable[[], Any]] = []
        if composite is not None:
            ways.append(lambda: self._composite(OPS[name], args, attrs))
        ways.append(lambda: GENERIC[name](tables[type(traced)].backend_.xp, *args, **attrs))
        for way in ways:
            mark = len(self.calls)
            self.inside += 1
            try:
                return way()
            except Exception:  # whatever stopped it: the call is noted as it is, and named when the file is written
                del self.calls[mark:]
            finally:
                self.inside -= 1
        return None

    def _composite(self, op: Op, args: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
        """The results as the body of the operation would give them, without what only its derivative needs."""
        assert op.composite is not None
        made = op.composite(*(wrap(a) if type(a) in tables else a for a in args), **attrs)
        if op.outputs == 1 and not op.residuals:
            return made._a
        made = made if isinstance(made, tuple | list) else (made,)
        return *(t._a for t in made), *(None,) * op.residuals

    def _noted(self, name: str, args: Any, attrs: dict[str, Any], arrays: tuple[Any, ...]) -> list[Any]:
        operands = tuple(self._operand(a) for a in args)
        call = Call(
            name, operands, {k: self._operand(v) for k, v in attrs.items()}, caller(), tuple(self.scope)
        )  # fmt: skip
        number = len(self.calls)
        self.calls.append(call)
        call.outs = tuple(Value((number, i), a.shape, a.dtype) for i, a in enumerate(arrays))
        return [make(self, a, value) for a, value in zip(arrays, call.outs, strict=True)]

    def _operand(self, a: Any) -> Any:
        if isinstance(a, TracedArray):
            return a.value
        if type(a) in tables:
            return self._constant(a)
        if type(a) in (tuple, list):
            return tuple(self._operand(v) for v in a)
        return a

    def _constant(self, array: Any) -> Constant:
        host = backend_of(array).to_host(array)
        held = self._constants.get(id(array))
        if held is not None and held[0] is array and np.array_equal(held[1].array, host):
            return held[1]
        constant = Constant(host.copy())
        self._constants[id(array)] = array, constant
        return constant


# ---------------------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _watched() -> Iterator[None]:
    """While it lasts, operations whose first array is an ordinary one look for traced ones among the others."""
    load_all()
    undo: list[Callable[[], None]] = []
    for table in list(tables.values()):
        if isinstance(table, TracedTable):
            continue
        for name in GENERIC:
            kernel = getattr(table, name)
            setattr(table, name, _looking(name, kernel))
            undo.append(lambda table=table, name=name, kernel=kernel: setattr(table, name, kernel))  # type: ignore[misc]
    for op in OPS.values():
        op.impl.clear()
    try:
        yield
    finally:
        for one in undo:
            one()
        for op in OPS.values():
            op.impl.clear()


def _looking(name: str, kernel: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        traced = traced_in((*args, *kwargs.values()))
        if traced is None:
            return kernel(*args, **kwargs)
        out = destination(name, kwargs)
        return traced.recording.run(name, args, kwargs, out)

    return call


@contextlib.contextmanager
def _written_tensors(recording: Recording) -> Iterator[None]:
    """While it lasts, a tensor that the forward pass made without its inputs and writes to becomes a traced one, as
    ``out = zeros(...); out[0] = x`` needs it; afterwards it holds what it held before."""
    held: list[tuple[Any, Any]] = []
    check = in_place.check_write

    def check_write(x: Any) -> None:
        check(x)
        if isinstance(x._a, TracedArray):
            return
        base = x if x._view is None else base_of(x._view)
        old = base._a
        alone = sys.getrefcount(old) - (x._a is not old and x._a.base is old) <= _ALONE
        chain = () if base is x else x._view.chain
        if not alone or old.base is not None or not all(isinstance(op, Op) for op, _ in chain):
            return  # others see its memory: an ordinary write, which refuses traced values
        held.extend((t, t._a) for t in {id(base): base, id(x): x}.values())
        array = base._a = recording.as_traced(old, None)
        if base is not x:
            for op, attrs in chain:
                array = op.impl[type(array)](array, **attrs)
            x._a = array

    in_place.check_write = check_write
    try:
        yield
    finally:
        in_place.check_write = check
        for tensor, array in held:
            tensor._a = array


def _references(holder: Any) -> int:
    """How many references there are to an array that only one tensor holds, seen from ``check_write``."""
    old = holder._a
    return sys.getrefcount(old)


_ALONE = _references(wrap(np.empty(1)))


@contextlib.contextmanager
def _modules(recording: Recording, model: Any) -> Iterator[None]:
    """Note which module is running."""
    handles = []
    for name, module in model.named_modules():
        entry = (type(module).__name__, name)

        def enter(module: Any, args: Any, entry: tuple[str, str] = entry) -> None:
            recording.scope.append(entry)

        def leave(module: Any, args: Any, output: Any) -> None:
            recording.scope.pop()

        handles.append(module.register_forward_pre_hook(enter, prepend=True))
        handles.append(module.register_forward_hook(leave, always_call=True))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextlib.contextmanager
def _traced_state(recording: Recording, model: Any) -> Iterator[None]:
    """Parameters and buffers hold traced arrays; afterwards what they held before."""
    held = []
    try:
        for fixed, named in ((True, model.named_parameters()), (False, model.named_buffers())):
            for name, tensor in named:
                held.append((tensor, tensor._a, tensor._vc[0]))
                tensor._a = recording.parameter(name, tensor._a, fixed)
        yield
    finally:
        for tensor, array, version in held:
            tensor._a = array
            tensor._vc[0] = version


@contextlib.contextmanager
def mode_of(model: Any, training: bool | None) -> Iterator[None]:
    """The whole model in training or evaluation, None leaves it; afterwards as it was."""
    before = [(module, module.training) for module in model.modules()]
    if training is not None:
        model.train(training)
    try:
        yield
    finally:
        for module, flag in before:
            module.training = flag


def record(model: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Recording:
    """Run the model and note what it computes. Nothing that the model or the arguments hold is changed."""
    recording = Recording()
    leaves, rebuild = flatten((args, kwargs))
    random = get_rng_state()
    outer, _traced.current = _traced.current, recording
    try:
        with (
            no_grad(),
            _traced_state(recording, model),
            _written_tensors(recording),
            _modules(recording, model),
            _watched(),
        ):
            given = [wrap(recording.input(x._a)) if isinstance(x, TensorBase) else x for x in leaves]
            args, kwargs = rebuild(given)
            result = model(*args, **kwargs)
            for leaf in flatten(result)[0]:
                if isinstance(leaf, TensorBase):
                    recording.outputs.append(recording._operand(leaf._a))
            drawn = not np.array_equal(get_rng_state().numpy(), random.numpy())
            if drawn and not any(call.name == "dropout" for call in recording.calls):
                warn(
                    "nnlite.onnx.export(): the forward pass draws random numbers; those of this pass become "
                    "constants of the file. Give them to the model as an input",
                    TracerWarning,
                )
    finally:
        _traced.current = outer
        set_rng_state(random)
    return recording
