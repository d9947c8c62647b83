"""Custom functions: a forward and a backward that the user writes."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable
from typing import Any, NamedTuple

from .._core import saved
from .._core.batched.crossing import batched_tensor, enter, leave
from .._core.batched.levels import running
from .._core.grad_mode import mode
from .._core.node import Node, OutputNode, caller, next_seq
from .._core.op import TensorBase, recorded, unbroadcast
from .._core.tensor_base import wrap
from .._core.views import check_in_place, detached, node_of, rebase
from ..backends import backend_of
from ._pytree import flatten, leaves_of, map_tree, spread


class FunctionCtx:
    """What ``forward`` leaves for ``backward``. Other attributes may be set freely."""

    needs_input_grad: tuple[bool, ...] = ()

    def __init__(self) -> None:
        self._to_save: tuple[Any, ...] = ()
        self._restored: tuple[Any, ...] | None = None
        self._dirty: tuple[Any, ...] = ()
        self._no_grad: tuple[Any, ...] = ()
        self._materialize = True

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep inputs or outputs for ``backward``, which finds them in ``saved_tensors``."""
        for t in tensors:
            if t is not None and not isinstance(t, TensorBase):
                raise TypeError(
                    f"save_for_backward can only save variables, but argument is of type {type(t).__name__}"
                )
        self._to_save = tensors

    def save_for_forward(self, *tensors: Any) -> None:
        """Accepted: forward mode uses ``backward`` here, so that nothing more has to be kept."""
        for t in tensors:
            if t is not None and not isinstance(t, TensorBase):
                raise TypeError(f"save_for_forward expects all arguments to be tensors; you should save non-tensors as "
                                f"attributes on ctx, got {type(t).__name__}.")  # fmt: skip

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """What ``save_for_backward`` kept."""
        return self._to_save if self._restored is None else self._restored

    def mark_dirty(self, *tensors: Any) -> None:
        """Say which inputs ``forward`` wrote to in place."""
        self._dirty = tensors

    def mark_non_differentiable(self, *tensors: Any) -> None:
        """Say which outputs have no gradient."""
        self._no_grad = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Whether ``backward`` gets zeros (the default) or None for outputs that were not used."""
        self._materialize = value


class _FunctionOp:
    """One call of a custom function, as the engine sees it."""

    composite = None

    def __init__(self, cls: Any, ctx: FunctionCtx) -> None:
        self.cls = cls
        self.ctx = ctx
        self.zeros: list[Callable[[], Any]] = []
        self.origins: list[Callable[[], Any]] = []

    def display(self, node: Node) -> str:
        return f"{self.cls.__name__}Backward"

    def origin(self, node: Node, position: int) -> Any:
        return self.origins[position]()

    def backward(self, f: Any, g: Any, node: Node, saved: Any) -> tuple[Any, ...]:
        ctx, recording = self.ctx, mode.grad
        grads = list(g) if type(g) is list else [g]
        for i, part in enumerate(grads):
            if part is not None:
                grads[i] = part if isinstance(part, TensorBase) else wrap(part)
            elif ctx._materialize:
                grads[i] = self.zeros[i]()
        ctx._restored = tuple(v if v is None or isinstance(v, TensorBase) else wrap(v) for v in saved)
        try:
            results = self.cls.backward(ctx, *grads)
        finally:
            ctx._restored = None
        results = results if isinstance(results, tuple | list) else (results,)
        name, want = self.display(node), len(node.edges)
        if len(results) < want or any(r is not None for r in results[want:]):
            raise RuntimeError(
                f"function {name} returned an incorrect number of gradients (expected {want}, got {len(results)})"
            )
        checked = [self._checked(name, i, r, node.shapes[i]) for i, r in enumerate(results[:want])]
        return tuple(r if r is None or recording else r._a for r in checked)

    def _checked(self, name: str, i: int, r: Any, shape: Any) -> Any:
        """A gradient in the shape of its input."""
        if r is None or shape is None:
            return None
        if not isinstance(r, TensorBase):
            raise TypeError(f"{name}: expected Variable or None for gradient {i} (got {type(r).__name__})")
        mine = tuple(r._a.shape)
        if mine == tuple(shape):
            return r
        lead = len(mine) - len(shape)
        if lead >= 0 and all(n in (1, m) for n, m in zip(shape, mine[lead:], strict=True)):
            return unbroadcast(recorded, r, shape)
        raise RuntimeError(
            f"Function {name} returned an invalid gradient at index {i} - got {list(mine)} but expected shape "
            f"compatible with {list(shape)}"
        )


class Function:
    """An operation with its own derivative. Subclass it, write ``forward`` and ``backward``, call ``apply``.

    Source: https://docs.pytorch.org/docs/stable/notes/extending.html

    Example:
        >>> import nnlite
        >>> class Cube(nnlite.autograd.Function):
        ...     @staticmethod
        ...     def forward(ctx, x):
        ...         ctx.save_for_backward(x)
        ...         return x**3
        ...     @staticmethod
        ...     def backward(ctx, grad):
        ...         (x,) = ctx.saved_tensors
        ...         return 3 * x**2 * grad
        >>> x = nnlite.tensor(2.0, requires_grad=True)
        >>> Cube.apply(x).backward()
        >>> x.grad
        tensor(12.)
    """

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """Compute the outputs: ``forward(ctx, *inputs)``, or ``forward(*inputs)`` beside ``setup_context``."""
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        """Save for ``backward`` what ``forward(*inputs)`` computed."""
        raise NotImplementedError("setup_context is not implemented.")

    generate_vmap_rule = False
    """Whether ``forward`` and ``backward`` are made of operations that ``vmap`` knows, so that it needs no rule."""

    @staticmethod
    def vmap(info: Any, in_dims: Any, *args: Any) -> Any:
        """A rule for :func:`nnlite.vmap`: returns outputs and their batch dimensions.

        ``info.batch_size`` and ``info.randomness`` tell of the ``vmap``, ``in_dims`` of the batch in each argument.
        """
        raise NotImplementedError("To use autograd.Function with vmap, you must either override the vmap staticmethod "
                                  "or set generate_vmap_rule=True.")  # fmt: skip

    @staticmethod
    def jvp(ctx: Any, *grad_inputs: Any) -> Any:
        """A forward-mode formula; not needed here, since forward mode uses ``backward``."""
        raise NotImplementedError(
            "You must implement the jvp function for custom autograd.Function to use it with forward mode AD."
        )

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """The gradients of the inputs, given those of the outputs."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom autograd.Function to use it with "
            "backward mode AD."
        )

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Run ``forward`` and record it.

        Raises:
            RuntimeError: inside ``vmap``, without ``setup_context`` or a rule for it.
        """
        if running.stack:
            level = _batched_level(args)
            if level is not None and not (cls.generate_vmap_rule and level.active):
                return _through_vmap(cls, level, args)
        ctx = FunctionCtx()
        edges = tuple(node_of(a) if isinstance(a, TensorBase) else None for a in args)
        ctx.needs_input_grad = tuple(edge is not None for edge in edges)
        recording, mode.grad = mode.grad, False
        try:
            if cls.setup_context is not Function.setup_context:
                result = cls.forward(*args, **kwargs)
                cls.setup_context(ctx, args, result)
            else:
                result = cls.forward(ctx, *args, **kwargs)
        finally:
            mode.grad = recording
        outs = result if isinstance(result, tuple) else (result,)
        if recording and any(edge is not None for edge in edges):
            outs = _record(cls, ctx, args, edges, outs)
        ctx._to_save = ctx._dirty = ctx._no_grad = ()
        return outs if isinstance(result, tuple) else outs[0]


class FunctionNode(Node):
    """The node of a custom function, which has the attributes of its context as well."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        if name in Node.__slots__ or name.startswith("__"):  # a slot that was not filled
            raise AttributeError(name)
        return saved.saved_tensors(self) if name == "saved_tensors" else getattr(self.op.ctx, name)


class HookedFunctionNode(FunctionNode, saved.HookedNode):
    """The same while saved-tensor hooks are set."""

    __slots__ = ()


class VmapInfo(NamedTuple):
    """What a custom function's ``vmap`` learns of the batch."""

    batch_size: int
    randomness: str


def _batched_level(args: tuple[Any, ...]) -> Any:
    """The innermost ``vmap`` whose examples differ in one of the tensors."""
    found = [
        a._a.level for leaf in args for a in leaves_of(leaf) if isinstance(a, TensorBase) and hasattr(a._a, "level")
    ]
    return max(found, key=lambda level: level.id) if found else None


def _through_vmap(cls: Any, level: Any, args: tuple[Any, ...]) -> Any:
    """Call the custom function's own rule with the whole batch."""
    if cls.setup_context is Function.setup_context:
        raise RuntimeError(
            "In order to use an autograd.Function with functorch transforms (vmap, grad, jvp, jacrev, ...), it must "
            "override the setup_context staticmethod. For more details, please see "
            "https://pytorch.org/docs/main/notes/extending.func.html"
        )
    if cls.vmap is Function.vmap:
        raise RuntimeError(
            f"You tried to vmap over {cls.__name__}, but it does not have vmap support. Please override and implement "
            "the vmap staticmethod or set generate_vmap_rule=True. For more details, please see "
            "https://pytorch.org/docs/main/notes/extending.func.html"
        )
    if cls.generate_vmap_rule:
        raise RuntimeError(f"You tried to vmap over {cls.__name__}, but it has both generate_vmap_rule=True and an "
                           "overriden vmap staticmethod. Please set generate_vmap_rule=False or delete the overriden "
                           "vmap staticmethod to avoid ambiguity.")  # fmt: skip

    def whole(a: Any) -> tuple[Any, Any]:
        inside = isinstance(a, TensorBase) and batched_tensor(a, level)
        return (leave(a, level=level, axis=0), 0) if inside else (a, None)

    given = [map_tree(lambda x: whole(x)[0], a) for a in args]
    dims = tuple(map_tree(lambda x: whole(x)[1], a) for a in args)
    with level.paused():
        out, out_dims = cls.vmap(VmapInfo(level.size, level.randomness), dims, *given)
    leaves, rebuild = flatten(out)
    places = spread(out_dims, out)
    if places is None:
        raise ValueError(f"{cls.__name__}.vmap: the out_dims {out_dims} do not have the form of the outputs")
    return rebuild([
        x if d is None or not isinstance(x, TensorBase) else enter(x, level=level, axis=d % x._a.ndim)
        for x, d in zip(leaves, places, strict=True)
    ])  # fmt: skip


def _record(cls: Any, ctx: FunctionCtx, args: tuple[Any, ...], edges: tuple[Any, ...], outs: tuple[Any, ...]) -> Any:
    """Put one call into the graph; returns the outputs with their nodes."""
    op = _FunctionOp(cls, ctx)
    node = HookedFunctionNode() if saved.hooks.stack else FunctionNode()
    node.op, node.edges, node.attrs, node.hooks = op, edges, None, None
    node.shapes = tuple(a._a.shape if isinstance(a, TensorBase) else None for a in args)
    node.outputs, node.where = len(outs), caller()
    node.seq = next_seq()
    made = []
    written = []
    for i, out in enumerate(outs):
        if not isinstance(out, TensorBase):
            made.append(out)
            op.zeros.append(lambda: None)
            continue
        op.zeros.append(functools.partial(_zeros, backend_of(out._a), out._a.shape, out._a.dtype))
        if any(out is t for t in ctx._no_grad) or out._a.dtype.kind not in "fcV":
            made.append(out)
            continue
        if any(out is t for t in ctx._dirty):
            check_in_place(out, cls.__name__)
            if out._view is not None and len(outs) > 1:
                raise NotImplementedError(
                    f"{cls.__name__}: a view that forward writes to can only be the single output; return a clone"
                )
            written.append((out, node if len(outs) == 1 else OutputNode(node, i)))
            made.append(out)
            continue
        new = detached(out) if any(out is a for a in args) or out._node is not None else out
        new._node = node if len(outs) == 1 else OutputNode(node, i)
        made.append(new)
    _save(op, node, ctx, args, edges, outs, made)
    for out, source in written:
        rebase(out, source)
    return tuple(made)


def _zeros(backend: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    return wrap(backend.xp.zeros(shape, dtype))


def _save(op: _FunctionOp, node: Node, ctx: FunctionCtx, args: Any, edges: Any, outs: Any, made: list[Any]) -> None:
    """Keep the raw arrays, and where each came from; a kept output must not keep its own node alive."""
    saved: list[Any] = []
    versions: list[Any] = []
    for t in ctx._to_save:
        saved.append(None if t is None else t._a)
        versions += () if t is None else (t._vc, t._vc[0])
        position = next((i for i, a in enumerate(args) if a is t), None)
        output = next((i for i, o in enumerate(outs) if o is t), None)
        if t is None:
            op.origins.append(lambda: None)
        elif any(t is d for d in ctx._dirty) and t._view is None:
            op.origins.append(weakref.ref(node))  # what forward made of the input
        elif position is not None:
            op.origins.append(functools.partial(lambda edge: edge, edges[position]))
        elif output is not None and made[output]._node is not None:
            op.origins.append(weakref.ref(made[output]._node))
        else:
            op.origins.append(lambda: None)
    node.saved = tuple(saved)
    node.versions = tuple(versions) or None


def once_differentiable(function: Callable[..., Any]) -> Callable[..., Any]:
    """Say that a ``backward`` cannot itself be differentiated; doing so then raises."""

    @functools.wraps(function)
    def backward(ctx: Any, *grads: Any) -> Any:
        recording, mode.grad = mode.grad, False
        try:
            results = function(ctx, *grads)
        finally:
            mode.grad = recording
        if not recording or not any(isinstance(g, TensorBase) and g._node is not None for g in grads):
            return results
        outs = results if isinstance(results, tuple) else (results,)
        return tuple(r if r is None else _Refuse.apply(r, *grads) for r in outs)

    return backward


class _Refuse(Function):
    """The identity of its first input, whose backward raises."""

    @staticmethod
    def forward(ctx: Any, value: Any, *grads: Any) -> Any:
        return value.clone()

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        raise RuntimeError("trying to differentiate twice a function that was marked with @once_differentiable")
