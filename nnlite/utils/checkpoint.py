"""Less memory for more time: forward again in backward, in place of keeping what forward computed.

Source: Chen et al., "Training Deep Nets with Sublinear Memory Cost", https://arxiv.org/abs/1604.06174
"""

from __future__ import annotations

import contextlib
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from .._core.grad_mode import enable_grad, mode, no_grad
from .._core.op import TensorBase
from .._core.rng import _generators
from .._core.views import node_of
from ..autograd import Function, backward
from ..autograd.graph import saved_tensors_hooks

__all__ = [
    "CheckpointError",
    "checkpoint",
    "checkpoint_sequential",
    "get_device_states",
    "noop_context_fn",
    "set_checkpoint_early_stop",
    "set_device_states",
]


class CheckpointError(RuntimeError):
    """The second forward kept other tensors than the first."""


class _Settings(threading.local):
    early_stop = True


_settings = _Settings()


class set_checkpoint_early_stop(contextlib.ContextDecorator):
    """Whether the second forward of checkpoints made inside stops once it has what backward needs (the default).

    Example:
        >>> import nnlite
        >>> from nnlite.utils.checkpoint import checkpoint, set_checkpoint_early_stop
        >>> x = nnlite.ones(2, requires_grad=True)
        >>> with set_checkpoint_early_stop(False):
        ...     y = checkpoint(nnlite.sin, x, use_reentrant=False)
    """

    def __init__(self, enable: bool) -> None:
        self.enable = enable

    def __enter__(self) -> None:
        self.before, _settings.early_stop = _settings.early_stop, self.enable

    def __exit__(self, *exc: Any) -> None:
        _settings.early_stop = self.before


def noop_context_fn() -> tuple[Any, Any]:
    """Two contexts that do nothing: for the first and the second forward."""
    return contextlib.nullcontext(), contextlib.nullcontext()


def get_device_states(*args: Any) -> tuple[list[Any], list[Any]]:
    """The devices other than the CPU on which tensors of ``args`` lie, and the states of their generators."""
    found = {}
    for a in args:
        if isinstance(a, TensorBase) and a.device.type != "cpu":
            key = (a.device.type, a.device.index)
            if key in _generators:
                found[key] = _generators[key].get_state()
    return list(found), list(found.values())


def set_device_states(devices: list[Any], states: list[Any]) -> None:
    """Set the generators that :func:`get_device_states` named to their states."""
    for key, state in zip(devices, states, strict=True):
        _generators[key].set_state(state)


class _RandomState:
    """The states of all generators, to run a function with the same random numbers again."""

    def __init__(self) -> None:
        self.states = {key: generator.get_state() for key, generator in _generators.items()}

    @contextlib.contextmanager
    def again(self) -> Iterator[None]:
        now = {key: generator.get_state() for key, generator in _generators.items()}
        for key, state in self.states.items():
            _generators[key].set_state(state)
        try:
            yield
        finally:
            for key, state in now.items():
                _generators[key].set_state(state)


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    context_fn: Callable[[], tuple[Any, Any]] = noop_context_fn,
    determinism_check: str = "default",
    debug: bool = False,
    early_stop: bool = True,
    **kwargs: Any,
) -> Any:
    """Call ``function(*args, **kwargs)`` and keep its arguments only; backward calls it again for what it needs.

    Args:
        use_reentrant: False (recommended) replaces each tensor that operations keep by a place holder and fills these
            in backward. True, the older way, runs a whole backward inside backward: it needs an argument that requires
            grad, takes no keyword arguments, and does not work with ``grad(inputs=...)`` of inner tensors.
        preserve_rng_state: (keyword) the second call draws the same random numbers as the first; on unless False.
        context_fn: returns two contexts, for the first and for the second call.
        determinism_check: ``"default"`` compares shapes, dtypes and devices of what is kept; ``"none"`` does not.
        early_stop: the second call stops as soon as backward has what it needs.

    Raises:
        CheckpointError: (in backward) the second call kept other tensors than the first.
        ValueError: arguments that do not fit ``use_reentrant``.

    Example:
        >>> import nnlite
        >>> from nnlite.utils.checkpoint import checkpoint
        >>> x = nnlite.tensor([1.0, 2.0], requires_grad=True)
        >>> checkpoint(lambda t: (t * t).exp(), x, use_reentrant=False).sum().backward()
        >>> x.grad
        tensor([  5.4366, 218.3926])
    """
    if use_reentrant is None:
        warnings.warn(
            "torch.utils.checkpoint: the use_reentrant parameter should be passed explicitly. use_reentrant=False is "
            "recommended, but if you need to preserve the current default behavior, you can pass use_reentrant=True.",
            stacklevel=2,
        )
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if use_reentrant:
        if kwargs:
            raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
        if context_fn is not noop_context_fn or debug:
            raise ValueError("Passing `context_fn` or `debug` is only supported when use_reentrant=False.")
        return _Reentrant.apply(function, preserve, *args)
    if determinism_check not in ("default", "none"):
        raise ValueError(f"determinism_check should be one of ['default', 'none'], but got {determinism_check}")
    return _without_reentrance(
        function, args, kwargs, preserve, context_fn, determinism_check, early_stop and _settings.early_stop
    )


class _Reentrant(Function):
    """Forward without a graph, and in backward forward with one and its whole backward."""

    @staticmethod
    def forward(ctx: Any, function: Any, preserve: bool, *args: Any) -> Any:
        if not any(isinstance(a, TensorBase) and node_of(a) is not None for a in args):
            warnings.warn("None of the inputs have requires_grad=True. Gradients will be None", stacklevel=3)
        ctx.function = function
        ctx.state = _RandomState() if preserve else None
        ctx.places = [i for i, a in enumerate(args) if isinstance(a, TensorBase)]
        ctx.others = [None if isinstance(a, TensorBase) else a for a in args]
        ctx.save_for_backward(*(args[i] for i in ctx.places))
        with no_grad():
            return function(*args)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        args = list(ctx.others)
        for i, t in zip(ctx.places, ctx.saved_tensors, strict=True):
            own = t.detach()
            if ctx.needs_input_grad[i + 2]:
                own.requires_grad_()
            args[i] = own
        with ctx.state.again() if ctx.state is not None else contextlib.nullcontext(), enable_grad():
            out = ctx.function(*args)
        outs = out if isinstance(out, tuple) else (out,)
        pairs = [
            (o, g) for o, g in zip(outs, grads, strict=True)
            if isinstance(o, TensorBase) and node_of(o) is not None
        ]  # fmt: skip
        if not pairs:
            raise RuntimeError("none of output has requires_grad=True, this checkpoint() is not necessary")
        backward([o for o, _ in pairs], [g for _, g in pairs])
        return (None, None, *(a._grad if isinstance(a, TensorBase) else None for a in args))


# ---------------------------------------------------------------------------------------------------------------------
# Without reentrance: place holders


class _Enough(Exception):
    """The second forward has everything that backward needs."""


class _Holder:
    """Stands for one tensor that an operation kept."""

    __slots__ = ("index",)

    def __init__(self, index: int) -> None:
        self.index = index


class _Frame:
    """One call of a checkpointed function: how to make it again, and what it kept."""

    def __init__(self, run: Callable[[], Any], check: bool, early_stop: bool) -> None:
        self.run = run
        self.check = check
        self.early_stop = early_stop
        self.kept: list[Any] = []
        """Shape, dtype and device of each tensor that the first call kept."""
        self.made: dict[int, Any] = {}
        """What the second call kept and backward has not asked for yet."""

    def pack(self, t: Any) -> _Holder:
        self.kept.append((t.shape, t.dtype, t.device))
        return _Holder(len(self.kept) - 1)

    def unpack(self, holder: _Holder) -> Any:
        if holder.index not in self.made:
            self.again()
        return self.made.pop(holder.index)

    def again(self) -> None:
        """Run the function again and keep what its operations keep."""
        made: dict[int, Any] = {}
        count = 0

        def pack(t: Any) -> Any:
            nonlocal count
            plain = t.detach()
            made[count] = plain
            count += 1
            if self.early_stop and count == len(self.kept):
                raise _Enough
            return plain

        with contextlib.suppress(_Enough), saved_tensors_hooks(pack, lambda t: t), enable_grad():
            self.run()
        self.compare(made)
        self.made = made

    def compare(self, made: dict[int, Any]) -> None:
        if len(made) != len(self.kept):
            raise CheckpointError(
                "torch.utils.checkpoint: A different number of tensors was saved during the original forward and "
                f"recomputation.\nNumber of tensors saved during forward: {len(self.kept)}\nNumber of tensors saved "
                f"during recomputation: {len(made)}."
            )
        if not self.check:
            return
        lines = []
        for i, (shape, dtype, device) in enumerate(self.kept):
            t = made[i]
            if (shape, dtype, device) != (t.shape, t.dtype, t.device):
                first = {"shape": shape, "dtype": dtype, "device": device}
                second = {"shape": t.shape, "dtype": t.dtype, "device": t.device}
                lines.append(f"tensor at position {i}:\nsaved metadata: {first}\nrecomputed metadata: {second}")
        if lines:
            raise CheckpointError(
                "torch.utils.checkpoint: Recomputed values for the following tensors have different metadata than "
                "during the forward pass.\n" + "\n".join(lines) + "\nThe function has to do the same in both calls; "
                "determinism_check='none' turns this check off."
            )


def _without_reentrance(
    function: Any, args: Any, kwargs: Any, preserve: bool, context_fn: Any, check: str, early_stop: bool
) -> Any:
    first, second = context_fn()
    state = _RandomState() if preserve else None
    if not mode.grad:
        with first:
            return function(*args, **kwargs)

    def run() -> None:
        with state.again() if state is not None else contextlib.nullcontext(), second:
            function(*args, **kwargs)

    frame = _Frame(run, check == "default", early_stop)
    with saved_tensors_hooks(frame.pack, frame.unpack), first:
        return function(*args, **kwargs)


def checkpoint_sequential(
    functions: Any, segments: int, input: Any, use_reentrant: bool | None = None, **kwargs: Any
) -> Any:
    """Call modules one behind the other in ``segments`` checkpoints; the last segment is kept as usual.

    Args:
        functions: a ``Sequential`` or a list of modules or functions.
        kwargs: ``preserve_rng_state`` only.

    Example:
        >>> import nnlite
        >>> from nnlite.utils.checkpoint import checkpoint_sequential
        >>> model = nnlite.nn.Sequential(*(nnlite.nn.Linear(4, 4) for _ in range(6)))
        >>> checkpoint_sequential(model, 3, nnlite.ones(1, 4, requires_grad=True), use_reentrant=False).shape
        torch.Size([1, 4])
    """
    if use_reentrant is None:
        warnings.warn(
            "torch.utils.checkpoint.checkpoint_sequential: the use_reentrant parameter should be passed explicitly. "
            "use_reentrant=False is recommended.",
            stacklevel=2,
        )
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    parts = list(functions.children()) if hasattr(functions, "children") else list(functions)
    size = len(parts) // segments

    def run(start: int, stop: int) -> Callable[[Any], Any]:
        def forward(x: Any) -> Any:
            for part in parts[start:stop]:
                x = part(x)
            return x

        return forward

    at = 0
    for _ in range(segments - 1):
        input = checkpoint(run(at, at + size), input, use_reentrant=use_reentrant, preserve_rng_state=preserve)
        at += size
    return run(at, len(parts))(input)
