"""The nodes of the graph, for users who look at it, and hooks on what it keeps."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from .._core import engine, saved
from .._core.node import GraphNode as Node
from .._core.node import OutputNode
from .._core.op import TensorBase
from .._core.views import node_of
from ..utils.hooks import RemovableHandle

__all__ = [
    "GradientEdge",
    "Node",
    "allow_mutation_on_saved_tensors",
    "disable_saved_tensors_hooks",
    "get_gradient_edge",
    "increment_version",
    "register_multi_grad_hook",
    "save_on_cpu",
    "saved_tensors_hooks",
]


class saved_tensors_hooks:
    """Run hooks on the tensors that operations keep for backward.

    Args:
        pack_hook: called with each tensor when it is kept; what it returns, of any kind, is kept instead.
        unpack_hook: called with that in backward; returns the tensor.

    Raises:
        RuntimeError: a pack hook writes to its tensor in place. TypeError: an unpack hook returns no tensor.

    Example:
        >>> import nnlite
        >>> x = nnlite.tensor([1.0, 2.0], requires_grad=True)
        >>> seen = []
        >>> with nnlite.autograd.graph.saved_tensors_hooks(lambda t: seen.append(t.shape) or t, lambda t: t):
        ...     y = x.exp()
        >>> seen
        [torch.Size([2])]
    """

    def __init__(self, pack_hook: Callable[[Any], Any], unpack_hook: Callable[[Any], Any]) -> None:
        self.pack_hook = pack_hook
        self.unpack_hook = unpack_hook

    def __enter__(self) -> None:
        saved.push((self.pack_hook, self.unpack_hook))

    def __exit__(self, *exc: Any) -> None:
        saved.pop()


class save_on_cpu(saved_tensors_hooks):
    """Keep tensors in the host's memory until backward, so that the device has room for other things.

    Args:
        pin_memory: accepted; host memory is as the array library allocates it.
        device_type: accepted for PyTorch's sake.

    Example:
        >>> import nnlite
        >>> x = nnlite.ones(2, requires_grad=True, device="strict")
        >>> with nnlite.autograd.graph.save_on_cpu():
        ...     y = (x * x).sum()
        >>> y.backward()
        >>> x.grad
        tensor([2., 2.], device='strict')
    """

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda") -> None:
        super().__init__(lambda t: (t.device, t.detach().cpu()), lambda kept: kept[1].to(kept[0]))


@contextlib.contextmanager
def disable_saved_tensors_hooks(error_message: str) -> Iterator[None]:
    """Inside, setting saved-tensor hooks raises RuntimeError with this message."""
    outer, saved.hooks.refusal = saved.hooks.refusal, error_message
    try:
        yield
    finally:
        saved.hooks.refusal = outer


class _Kept:
    """The copies that ``allow_mutation_on_saved_tensors`` made."""

    def __init__(self) -> None:
        self.tensors: dict[int, Any] = {}

    def clear(self) -> None:
        """Forget them; backward is not possible afterwards."""
        self.tensors.clear()


@contextlib.contextmanager
def allow_mutation_on_saved_tensors() -> Iterator[_Kept]:
    """Inside, tensors that backward needs may be written to in place: a copy is kept of each.

    PyTorch copies when the write comes; here each tensor that is kept is copied at once, which takes more memory and
    gives the same gradients. Backward has to run inside as well.

    Example:
        >>> import nnlite
        >>> with nnlite.autograd.graph.allow_mutation_on_saved_tensors():
        ...     a = nnlite.ones(2, requires_grad=True)
        ...     b = a.clone()
        ...     c = (b**2).sum()
        ...     _ = b.mul_(10)
        ...     c.backward()
        >>> a.grad
        tensor([2., 2.])
    """
    kept = _Kept()
    inside = [True]

    def pack(t: Any) -> int:
        number = len(kept.tensors)
        kept.tensors[number] = t.detach().clone()
        return number

    def unpack(number: int) -> Any:
        if not inside[0] or number not in kept.tensors:
            raise AssertionError(
                "Trying to backward outside of the 'allow_mutation_on_saved_tensors' context in which the graph was "
                "originally recorded."
            )
        return kept.tensors[number]

    try:
        with saved_tensors_hooks(pack, unpack):
            yield kept
    finally:
        inside[0] = False
        kept.clear()


class GradientEdge(NamedTuple):
    """A place in the graph to which a gradient flows: output ``output_nr`` of ``node``."""

    node: Any
    output_nr: int
    ownership_token: Any = None


def get_gradient_edge(tensor: Any) -> GradientEdge:
    """The edge to which the tensor's gradient flows; ``grad`` takes it in place of the tensor.

    Raises:
        RuntimeError: the tensor does not require grad.

    Example:
        >>> import nnlite
        >>> x = nnlite.ones(2, requires_grad=True)
        >>> edge = nnlite.autograd.graph.get_gradient_edge(x)
        >>> nnlite.autograd.grad(x.sum(), edge)
        (tensor([1., 1.]),)
    """
    node = node_of(tensor)
    if node is None:
        raise RuntimeError("It is not possible to get the gradient edge for a Tensor that does not require gradients")
    if isinstance(node, OutputNode):
        return GradientEdge(node.parent, node.index, node)
    return GradientEdge(node, 0)


def increment_version(tensor: Any) -> None:
    """Say that a tensor, or each of several, was written to by other means, so that backward notices."""
    for t in (tensor,) if isinstance(tensor, TensorBase) else tuple(tensor):
        t._vc[0] += 1


def register_multi_grad_hook(tensors: Any, fn: Callable[..., Any], *, mode: str = "all") -> RemovableHandle:
    """Call ``fn`` in backward when the gradients of several tensors are known.

    Args:
        mode: ``"all"``: ``fn(grads)`` once all of them that this backward reaches have come, None for the others;
            ``"any"``: ``fn(grad)`` with the first that comes.

    Example:
        >>> import nnlite
        >>> a, b = nnlite.ones(1, requires_grad=True), nnlite.ones(1, requires_grad=True)
        >>> handle = nnlite.autograd.graph.register_multi_grad_hook((a, b), print)
        >>> (a * 2 + b * 3).sum().backward()
        (tensor([2.]), tensor([3.]))
    """
    if mode not in ("all", "any"):
        raise ValueError(f"Expects mode to be one of ('all', 'any') but got {mode}")
    tensors = tuple(tensors)
    lock = threading.Lock()
    # By the backward that runs, which is not to be kept when it has ended.
    state: WeakKeyDictionary[Any, tuple[list[Any], int]] = WeakKeyDictionary()
    nodes = [node_of(t) for t in tensors]

    def seen(index: int, g: Any) -> None:
        run = engine.running()
        with lock:
            if mode == "any":
                first = run not in state
                state.clear()
                state[run] = ([], 0)
                if first:
                    fn(g)
                return
            if run not in state:
                reached = engine.reachable(run)
                state.clear()
                state[run] = ([None] * len(tensors), sum(node is not None and node.seq in reached for node in nodes))
            grads, left = state[run]
            grads[index] = g
            state[run] = (grads, left - 1)
            if left == 1:
                del state[run]
                fn(tuple(grads))

    handles = [t.register_hook(lambda g, i=i: seen(i, g)) for i, t in enumerate(tensors)]
    return _Handles(handles)


class _Handles(RemovableHandle):
    """The handles of several hooks as one."""

    def __init__(self, handles: list[RemovableHandle]) -> None:
        self.handles = tuple(handles)

    def remove(self) -> None:
        for handle in self.handles:
            handle.remove()

    def __getstate__(self) -> Any:
        return self.handles

    def __setstate__(self, state: Any) -> None:
        self.handles = state
