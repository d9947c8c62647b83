"""Hooks on what operations keep for their derivatives.

While hooks are set, operations make :class:`HookedNode` in place of ``Node``: its ``saved`` runs the hooks. Without
them nothing is asked, since the class is what the modules that make nodes find under the name ``Node``.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any

from ..backends.registry import tables
from .node import AccumulateGrad, Node
from .operation import OUT, RECORDABLE
from .tensor_base import TensorBase, wrap

Pair = tuple[Callable[[Any], Any], Callable[[Any], Any]]


class _Hooks(threading.local):
    def __init__(self) -> None:
        self.stack: list[Pair] = []
        self.refusal: str | None = None
        """Why hooks may not be set; None where they may."""


hooks = _Hooks()

_plain: Any = Node.__dict__["saved"]
_versions: Any = Node.__dict__["versions"]
_MAKERS = ("elementwise", "operation", "in_place")
_lock = threading.Lock()
_set = [0]


class Packed:
    """What a hook made of one saved array."""

    __slots__ = ("unpack", "value")

    def __init__(self, value: Any, unpack: Callable[[Any], Any]) -> None:
        self.value = value
        self.unpack = unpack


class HookedNode(Node):
    """A node whose saved arrays went through hooks."""

    __slots__ = ()

    @property
    def saved(self) -> Any:
        values = _plain.__get__(self)
        if values is None:
            return None
        return tuple([unpacked(v) if type(v) is Packed else v for v in values])

    @saved.setter
    def saved(self, values: Any) -> None:
        _plain.__set__(self, values)
        if values and hooks.stack:
            _plain.__set__(self, pack_all(self, values))

    @property
    def versions(self) -> Any:
        return _versions.__get__(self)

    @versions.setter
    def versions(self, values: Any) -> None:
        # What was packed is the hooks' own; writes to the tensor cannot change it unseen by them.
        kept = _plain.__get__(self)
        _versions.__set__(self, None if kept and any(type(v) is Packed for v in kept) else values)


def pack_all(node: Node, values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Saved values with the arrays packed by the innermost hooks."""
    pack, unpack = hooks.stack[-1]
    return tuple([
        Packed(_packed(pack, _shown(node, i, v)), unpack) if type(v) in tables else v for i, v in enumerate(values)
    ])  # fmt: skip


def _shown(node: Node, position: int, array: Any) -> Any:
    """A saved array as the tensor that the hook sees: the leaf itself where it is one."""
    t = wrap(array)
    if array.dtype.kind not in RECORDABLE:
        return t
    origin = node.op.origin(node, position)
    if type(origin) is AccumulateGrad:
        leaf = origin.ref()
        if leaf is not None and leaf._a is array:
            return leaf
    if origin is not node:
        t._node = origin
    return t


def _packed(pack: Callable[[Any], Any], t: Any) -> Any:
    before = t._vc[0]
    value = pack(t)
    if t._vc[0] != before:
        raise RuntimeError(
            "A saved tensor pack hook is modifying its input in place. Tensors provided as input to pack hook cannot "
            "be modified by in-place operations as this can lead to unexpected side-effects. (Write to a clone.)"
        )
    return value


def unpacked(kept: Packed) -> Any:
    """The array that the unpack hook gives back."""
    value = kept.unpack(kept.value)
    if not isinstance(value, TensorBase):
        raise TypeError(
            f"Output of saved tensor unpack_hook expected to be a Tensor but got result of type {type(value).__name__}"
        )
    return value._a


def push(pair: Pair) -> None:
    """Set hooks for this thread.

    Raises:
        RuntimeError: they are disabled.
    """
    if hooks.refusal is not None:
        raise RuntimeError(hooks.refusal)
    hooks.stack.append(pair)
    with _lock:
        _set[0] += 1
        _use(HookedNode)


def pop() -> None:
    """Take away the hooks that were set last."""
    hooks.stack.pop()
    with _lock:
        _set[0] -= 1
        if not _set[0]:
            _use(Node)


def _use(cls: type[Node]) -> None:
    package = __package__
    for name in _MAKERS:
        sys.modules[f"{package}.{name}"].Node = cls  # type: ignore[attr-defined]


# ---------------------------------------------------------------------------------------------------------------------
# What a user sees of a node


_SOURCES = dict.fromkeys(("self", "input", "mat1"), 0) | dict.fromkeys(("other", "mat2", "weight", "exponent"), 1)
_SOURCES["result"] = OUT
_ATTRIBUTES = {"dim": "axis", "keepdim": "keepdims"}
FREED = (
    "Trying to backward through the graph a second time (or directly access saved tensors after they have already been "
    "freed). Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). Specify "
    "retain_graph=True if you need to backward through the graph a second time or if you need to access saved tensors "
    "after calling backward."
)


class SavedTensor:
    """One value that a node keeps, as ``grad_fn._raw_saved_self`` gives it."""

    def __init__(self, node: Node, position: int) -> None:
        self._node = node
        self._position = position

    def register_hooks(self, pack_hook: Callable[[Any], Any], unpack_hook: Callable[[Any], Any]) -> None:
        """Keep what ``pack_hook`` makes of the tensor; ``unpack_hook`` gives the tensor back in backward.

        Raises:
            RuntimeError: hooks were set already, or the tensor was freed.
        """
        values = _plain.__get__(self._node)
        if values is None:
            raise RuntimeError(FREED)
        value = values[self._position]
        if type(value) is Packed:
            raise RuntimeError("Setting hooks on a saved tensor which already has hooks is not allowed.")
        packed = Packed(_packed(pack_hook, _shown(self._node, self._position, value)), unpack_hook)
        _plain.__set__(self._node, (*values[: self._position], packed, *values[self._position + 1 :]))
        self._node.__class__ = HookedNode


def _position(node: Node, name: str) -> int | None:
    """Where in ``saved`` PyTorch's name of a value stands."""
    saves = getattr(node.op, "saves", ())
    source = _SOURCES.get(name)
    return saves.index(source) if source in saves else None


def look_up(node: Node, name: str) -> Any:
    """What a node saved, by PyTorch's name for it: ``_saved_self``, ``_saved_dim``."""
    for prefix in ("_raw_saved_", "_saved_"):
        if not name.startswith(prefix):
            continue
        short = name[len(prefix) :]
        position = _position(node, short)
        if position is not None:
            if node.saved is None:
                raise RuntimeError(FREED)
            if prefix == "_raw_saved_":
                return SavedTensor(node, position)
            value = node.saved[position]
            return _origin_tensor(node, position, value)
        if short == "self_sym_sizes" and getattr(node, "shapes", None):
            return tuple(node.shapes[0])
        attrs = getattr(node, "attrs", None) or {}
        key = _ATTRIBUTES.get(short, short)
        if prefix == "_saved_" and key in attrs:
            return attrs[key]
    raise AttributeError(f"{node.name()!r} object has no attribute {name!r}")


def _origin_tensor(node: Node, position: int, value: Any) -> Any:
    if type(value) not in tables:
        return value
    t = _shown(node, position, value)
    if t._node is None and value.dtype.kind in RECORDABLE and node.op.origin(node, position) is node:
        t._node = node
    return t


def saved_tensors(node: Node) -> tuple[Any, ...]:
    """All that a node saved, as tensors."""
    values = node.saved
    if values is None:
        raise RuntimeError(FREED)
    return tuple(None if v is None else _origin_tensor(node, i, v) for i, v in enumerate(values))


_NAMES = (
    *_SOURCES, "alpha", "beta", "dim", "end", "index", "keepdim", "mask", "max_val", "min_val", "p", "reduction",
    "self_sym_sizes", "start", "step", "target",
)  # fmt: skip


def _named(name: str) -> property:
    return property(lambda node: look_up(node, name))


# One property for each name: a __getattr__ would slow every slot of a node down (0.3 us for each node in backward).
for _name in _NAMES:
    setattr(Node, "_saved_" + _name, _named("_saved_" + _name))
    setattr(Node, "_raw_saved_" + _name, _named("_raw_saved_" + _name))
