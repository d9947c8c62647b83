"""``compile_step``: a whole training step as one graph."""

from __future__ import annotations

import functools
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from ..._core.autocast import autocast
from ..._core.grad_mode import no_grad
from ..._core.tensor_base import TensorBase, wrap
from ...backends import backend_of
from ...backends.capture import capturing, current
from ._touched import Memory, Touched
from .graph import place_of

__all__ = ["CompiledStep", "compile_step"]

_PLAIN = (int, float, complex, str, bytes, bool, type(None), slice, type(Ellipsis))


class CompiledStep:
    """A step that is captured and replayed; see `compile_step`.

    Attributes:
        captures: how often a graph was captured.
    """

    def __init__(self, step: Callable[..., Any], device: Any, warmup: int, max_graphs: int) -> None:
        functools.update_wrapper(self, step)
        self._step = step
        self._place = None if device is None else place_of(device)
        self._warmup, self._max_graphs = warmup, max_graphs
        self.reset()

    def reset(self) -> None:
        """Let go of all graphs, and begin anew with the next call."""
        self.captures = 0
        self._touched = Touched()
        self._calls: dict[Any, int] = {}
        self._graphs: OrderedDict[Any, _Graph] = OrderedDict()
        self._pool: Any = None

    def __len__(self) -> int:
        """How many graphs are kept."""
        return len(self._graphs)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        leaves: list[Any] = []
        form = _form((args, kwargs), leaves)
        place = self._place_for(leaves)
        if place is None or current.capture is not None:
            return self._step(*args, **kwargs)
        if self._touched.look():
            self._graphs.clear()
        warm = (form, self._touched.number)
        if self._calls.get(warm, 0) < self._warmup or not self._touched.ready:
            return self._warm_up(form, args, kwargs)
        key = (*warm, self._touched.gradients())
        found = self._graphs.get(key)
        if found is None or not found.is_current():
            if not self._touched.is_settled():  # a state was loaded, a module was moved
                self._calls.clear()
                return self._warm_up(form, args, kwargs)
            found = self._capture(place, key, args, kwargs, leaves)
        self._graphs.move_to_end(key)
        self._touched.bring()
        return found.run(leaves)

    def _place_for(self, leaves: list[Any]) -> tuple[Any, int | None] | None:
        """The device of the step; None for the CPU."""
        if self._place is not None:
            return None if self._place[0].name == "cpu" else self._place
        for tensor in (*leaves, *self._touched.parameters[:1]):
            backend = backend_of(tensor._a)
            if backend.name != "cpu":
                return backend, backend.index_of(tensor._a)
        return None

    def _warm_up(self, form: Any, args: Any, kwargs: Any) -> Any:
        """A step as it is, in which is seen what it uses."""
        touched = self._touched
        counts = touched.host_counts()
        options = touched.options() if touched.optimizers else None
        rates = _rates(touched)
        with touched.watching():
            result = self._step(*args, **kwargs)
        if rates is not None and options is not None and _rates(touched) != rates:
            raise NotImplementedError(
                "compile_step: the step changes the options of an optimizer, such as the learning rate, on the host, "
                "which a graph cannot repeat; call the scheduler's step() after the compiled step"
            )
        touched.feed()
        touched.settle()
        if touched.all_stepped():
            touched.look()
            warm = (form, touched.number)
            self._calls[warm] = self._calls.get(warm, 0) + 1
            self._check_counts(counts, touched.host_counts(), self._calls[warm])
        return result

    def _check_counts(self, before: dict[str, Any], after: dict[str, Any], calls: int) -> None:
        changed = [name for name, value in after.items() if before.get(name, value) != value]
        if changed and calls >= self._warmup:
            raise NotImplementedError(
                f"compile_step: {changed[0].rpartition(' ')[0]} is counted on the host in every step, which a graph "
                "cannot repeat; use an optimizer that takes capturable=True, or call this step as it is"
            )

    def _capture(self, place: Any, key: Any, args: Any, kwargs: Any, leaves: list[Any]) -> _Graph:
        made = _Graph(self._step, place, self._touched, self._pool)
        made.capture(args, kwargs, leaves)
        self._pool = made.pool
        self.captures += 1
        self._graphs[key] = made
        while len(self._graphs) > self._max_graphs:
            self._graphs.popitem(last=False)
        return made


class _Graph:
    """One captured step: its inputs, its outputs, and what has to be as it was for it to be right."""

    def __init__(self, step: Callable[..., Any], place: Any, touched: Touched, pool: Any) -> None:
        self._step = step
        self._touched = touched
        self._backend, self._index = place
        self._graph = self._backend.make_capture(self._index, pool)

    @property
    def pool(self) -> Any:
        """The memory of the graph."""
        return self._graph.pool

    def capture(self, args: Any, kwargs: Any, leaves: list[Any]) -> None:
        """Capture the step with these arguments; it is not done yet."""
        touched = self._touched
        device = _device_name(self._backend, self._index)
        with no_grad():
            self._inputs = [leaf.detach().to(device).contiguous().clone() for leaf in leaves]
        static = iter(self._inputs)
        args, kwargs = _with_leaves((args, kwargs), static)
        versions = [t._vc[0] for t in self._inputs]
        memory = Memory(touched.held(), touched.owners())
        self._memory = Memory(touched.held_shortly(), touched.owners())
        before = [p._grad for p in touched.parameters]
        autocast.cache.clear()
        try:
            with self._backend.on_side_stream(self._index), capturing(self._graph):
                self._output = self._step(*args, **kwargs)
                memory.check()
        except BaseException:
            for p, gradient in zip(touched.parameters, before, strict=True):
                p._grad = gradient
            raise
        finally:
            autocast.cache.clear()
        self._written = [i for i, t in enumerate(self._inputs) if t._vc[0] != versions[i]]
        # Gradients that were added to, and those that the step leaves behind.
        after = [p._grad for p in touched.parameters]
        triples = list(zip(touched.parameters, before, after, strict=True))
        self._added = [(p, b, b._a) for p, b, a in triples if b is not None and b is a]
        self._left = [(p, a) for p, b, a in triples if a is not b or b is None]
        for p, b, _ in triples:  # nothing has been computed yet
            p._grad = b

    def is_current(self) -> bool:
        """Whether all memory that the graph uses is still that of the program's tensors."""
        return self._memory.is_same() and all(p._grad is b and b._a is a for p, b, a in self._added)

    def run(self, leaves: list[Any]) -> Any:
        """The step with these arguments."""
        with no_grad(), self._backend.use(self._index):
            for static, given in zip(self._inputs, leaves, strict=True):
                if type(given._a) is self._backend.array_type:
                    static._a[...] = given._a
                else:
                    static.copy_(given)
            self._graph.replay()
            for i in self._written:
                leaves[i].copy_(self._inputs[i])
            for p, gradient in self._left:
                p._grad = gradient
            return _copied(self._output)


def _rates(touched: Touched) -> Any:
    """The options that may be fed, as they are on the host."""
    return [
        {name: value for name, value in group.items() if name in ("lr", "momentum", "betas") and not _is_tensor(value)}
        for optimizer in touched.optimizers.values()
        for group in optimizer.param_groups
    ]


def _is_tensor(value: Any) -> bool:
    return isinstance(value, TensorBase)


def _form(value: Any, leaves: list[Any]) -> Any:
    """What has to be equal for one graph to serve: containers, numbers, shapes and dtypes. Tensors are put in
    ``leaves``."""
    if isinstance(value, TensorBase):
        if value._node is not None:
            raise NotImplementedError(
                "compile_step: an argument requires gradients; make it a parameter, or detach() it before the call"
            )
        leaves.append(value)
        return TensorBase, value._a.shape, value._a.dtype
    if isinstance(value, tuple | list):
        return type(value), tuple([_form(item, leaves) for item in value])
    if isinstance(value, dict):
        return type(value), tuple([(key, _form(item, leaves)) for key, item in value.items()])
    if isinstance(value, _PLAIN) or callable(value):
        return type(value), repr(value) if isinstance(value, slice) else value
    raise TypeError(
        f"compile_step: an argument is a {type(value).__name__}; expected tensors, numbers, strings, and tuples, lists "
        "and dicts of them: make a tensor of it"
    )


def _with_leaves(value: Any, leaves: Any) -> Any:
    """The same containers with other tensors."""
    if isinstance(value, TensorBase):
        return next(leaves)
    if isinstance(value, tuple | list):
        parts = [_with_leaves(item, leaves) for item in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    if isinstance(value, dict):
        return type(value)((key, _with_leaves(item, leaves)) for key, item in value.items())
    return value


def _copied(value: Any) -> Any:
    """The outputs of a graph, which its next replay writes over, in memory of their own."""
    if isinstance(value, TensorBase):
        return wrap(value._a.copy())
    if isinstance(value, tuple | list):
        parts = [_copied(item) for item in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    if isinstance(value, dict):
        return type(value)((key, _copied(item)) for key, item in value.items())
    return value


def _device_name(backend: Any, index: int | None) -> str:
    return backend.name if index is None else f"{backend.name}:{index}"


def compile_step(
    step: Callable[..., Any] | None = None, *, device: Any = None, warmup: int = 2, max_graphs: int = 8
) -> Any:
    """A function that does what ``step`` does, on a GPU as one CUDA graph: the host says it once and starts it then.

    ``step`` is a Python function that takes a batch and computes forward, backward and the optimizer's step::

        @nnlite.cuda.compile_step
        def step(x, y):
            optimizer.zero_grad()
            loss = loss_function(model(x), y)
            loss.backward()
            optimizer.step()
            return loss

        for x, y in loader:
            loss = step(x, y)
            scheduler.step()

    The first calls run ``step`` as it is. Then it is captured, once for each form of its arguments (containers, shapes,
    dtypes, numbers) and for each state of the program that it depends on (modules in training or evaluation, options of
    the optimizers, which parameters require gradients, autocast). Later calls copy the tensors among their arguments
    to where they were in the capture and replay. The results are copies, which the next call leaves alone.

    Replays give what calls of ``step`` would: random numbers go on in their streams, optimizers count their steps on
    the device and take the learning rates of their groups as they are at the call, ``GradScaler`` decides on the
    device. Everything else that ``step`` does on the host (printing, counting, stepping a scheduler) happens in the
    first calls and never again. On the CPU ``step`` is called as it is.

    Args:
        step: the function; without it the result is a decorator.
        device: where the step runs; unless given, where the first tensor that is not on the CPU is. Tensors of the CPU
            among the arguments are copied there.
        warmup: how many calls for each form run as they are. Optimizers take one more than 1.
        max_graphs: how many graphs are kept; the one that was not used for longest goes first.

    Raises:
        CaptureError: (a RuntimeError, when it is called) the step makes the host wait or needs data of the host. The
            message names the line. The program can go on, for example with ``step`` as it is.
        NotImplementedError: the optimizer counts on the host, the step changes learning rates, or an argument requires
            gradients.
        TypeError: an argument is neither a tensor nor a plain value.

    Example:
        >>> import nnlite
        >>> w = nnlite.ones(3, device="strict", requires_grad=True)
        >>> optimizer = nnlite.optim.SGD([w], lr=0.5)
        >>> @nnlite.cuda.compile_step
        ... def step(x):
        ...     optimizer.zero_grad()
        ...     loss = (w * x).sum()
        ...     loss.backward()
        ...     optimizer.step()
        ...     return loss
        >>> losses = [step(nnlite.ones(3, device="strict")) for _ in range(5)]
        >>> [loss.item() for loss in losses]
        [3.0, 1.5, 0.0, -1.5, -3.0]
        >>> step.captures
        1
    """
    if step is None:
        return functools.partial(compile_step, device=device, warmup=warmup, max_graphs=max_graphs)
    if not callable(step):
        raise TypeError(f"compile_step: expected a function, got {type(step).__name__}")
    if warmup < 1 or max_graphs < 1:
        raise ValueError(f"compile_step: expected warmup and max_graphs of at least 1, got {warmup} and {max_graphs}")
    return CompiledStep(step, device, warmup, max_graphs)
