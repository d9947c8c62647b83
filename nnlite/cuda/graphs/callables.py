"""``make_graphed_callables``: the forward and the backward of functions and modules as graphs."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..._core.grad_mode import enable_grad, no_grad
from ..._core.tensor_base import TensorBase
from ...backends.capture import capturing
from .graph import place_of

__all__ = ["make_graphed_callables"]


def make_graphed_callables(
    callables: Any, sample_args: Any, num_warmup_iters: int = 3, allow_unused_input: bool = False, pool: Any = None
) -> Any:
    """Functions or modules whose forward and backward are each one graph.

    Forward copies its arguments to where the samples were and replays; so does backward with the gradients. Results are
    written over by the next call.

    Args:
        callables: a function or module of tensors, or a tuple of them in the order in which they will run.
        sample_args: for each a tuple of tensors of the shapes and dtypes, and with the ``requires_grad``, of the real
            arguments.
        num_warmup_iters: how often each runs before it is captured.
        allow_unused_input: whether arguments and parameters may be of no consequence to the results.
        pool: memory to share with other graphs.

    Returns:
        A function for a function; for a module the module itself, with another ``forward`` that is used while it is in
        the mode (training or evaluation) that it is in now. A tuple for a tuple.

    Raises:
        RuntimeError: a module has hooks, or buffers that require gradients; autocast keeps cast parameters.
        CaptureError: what is captured makes the host wait or needs data of the host.

    Example:
        >>> import nnlite
        >>> x = nnlite.ones(2, 3, device="strict")
        >>> layer = nnlite.cuda.make_graphed_callables(nnlite.nn.Linear(3, 4, device="strict"), (x,))
        >>> y = layer(2 * x)
        >>> y.sum().backward()
        >>> layer.weight.grad[0]
        tensor([4., 4., 4.], device='strict')
    """
    from ..._core.autocast import autocast

    if autocast.on and autocast.cache_enabled:
        raise RuntimeError(
            "make_graphed_callables does not support the autocast caching. Please set `cache_enabled=False`."
        )
    if not isinstance(callables, tuple):
        return _graphed(callables, tuple(sample_args), num_warmup_iters, allow_unused_input, pool)
    return tuple(
        _graphed(each, tuple(args), num_warmup_iters, allow_unused_input, pool)
        for each, args in zip(callables, sample_args, strict=True)
    )


def _graphed(function: Any, samples: tuple[Any, ...], warmup: int, allow_unused: bool, pool: Any) -> Any:
    from ...nn import Module

    is_module = isinstance(function, Module)
    if is_module:
        _check_module(function)
    if not all(isinstance(sample, TensorBase) for sample in samples):
        raise TypeError(
            "In the beta API, sample_args for each callable must contain only Tensors. Other types are not allowed."
        )
    parameters = tuple(p for p in function.parameters() if p.requires_grad) if is_module else ()
    made = _Pair(function, samples, parameters, allow_unused)
    made.warm_up(warmup)
    made.capture(pool)
    graphed = made.function()
    if not is_module:
        return graphed
    plain, training = function.forward, function.training

    @functools.wraps(plain)
    def forward(*args: Any) -> Any:
        return graphed(*args) if function.training == training else plain(*args)

    function.forward = forward
    return function


def _check_module(module: Any) -> None:
    if module._backward_hooks or module._forward_hooks or module._forward_pre_hooks:
        raise RuntimeError(
            "Modules must not have hooks registered at the time they are passed. However, registering hooks on modules "
            "after passing them through make_graphed_callables is allowed."
        )
    if any(buffer.requires_grad for buffer in module.buffers()):
        raise RuntimeError(
            "In any :class:`~torch.nn.Module` passed to :func:`~make_graphed_callables`, only parameters may be "
            "trainable. All buffers must have ``requires_grad=False``."
        )


class _Pair:
    """The graphs of forward and backward, with the tensors that they read and write."""

    def __init__(
        self, function: Callable[..., Any], samples: tuple[Any, ...], parameters: tuple[Any, ...], allow_unused: bool
    ) -> None:
        self._call = function
        self._samples, self._parameters, self._allow_unused = samples, parameters, allow_unused
        self._wanted = [t for t in (*samples, *parameters) if t.requires_grad]
        first = (*samples, *parameters)[0]
        self._backend, self._index = place_of(first.device)
        self._gradients: list[Any] = []

    def _run(self) -> tuple[Any, list[Any]]:
        """The results as the function gives them, and in a list."""
        with enable_grad():
            result = self._call(*self._samples)
        outputs = list(result) if isinstance(result, tuple | list) else [result]
        return result, outputs

    def _back(self, outputs: list[Any], gradients: list[Any]) -> list[Any]:
        from ...autograd import grad

        tracked = [t for t in outputs if t.requires_grad]
        if not tracked or not self._wanted:
            return [None] * len(self._wanted)
        return list(grad(tracked, self._wanted, gradients, allow_unused=self._allow_unused))

    def warm_up(self, times: int) -> None:
        """Run forward and backward as they are."""
        for _ in range(times):
            _, outputs = self._run()
            self._back(outputs, [t.detach().clone() for t in outputs if t.requires_grad])

    def capture(self, pool: Any) -> None:
        """Capture both."""
        backend, index = self._backend, self._index
        self._forward = backend.make_capture(index, pool)
        with backend.on_side_stream(index), capturing(self._forward):
            result, self._outputs = self._run()
        self._many = type(result) if isinstance(result, tuple | list) else None
        with no_grad():
            self._gradients = [t.detach().clone() for t in self._outputs if t.requires_grad]
        self._backward = backend.make_capture(index, self._forward.pool)
        with backend.on_side_stream(index), capturing(self._backward):
            self._found = self._back(self._outputs, self._gradients)
        self._results = [t.detach() for t in self._outputs]
        self._tracked = [t.requires_grad for t in self._outputs]

    def function(self) -> Callable[..., Any]:
        """The function that replays."""
        from ...autograd import Function

        pair = self

        class Graphed(Function):
            @staticmethod
            def forward(ctx: Any, *inputs: Any) -> Any:
                pair._check(inputs)
                for static, given in zip(pair._samples, inputs, strict=False):
                    if static._a is not given._a:
                        static.detach().copy_(given)
                pair._forward.replay()
                results = tuple(t.detach() for t in pair._results)
                ctx.mark_non_differentiable(*(t for t, on in zip(results, pair._tracked, strict=True) if not on))
                return results

            @staticmethod
            def backward(ctx: Any, *gradients: Any) -> Any:
                given = [g for g, on in zip(gradients, pair._tracked, strict=True) if on]
                for static, g in zip(pair._gradients, given, strict=True):
                    static.copy_(g)
                pair._backward.replay()
                found = iter(pair._found)
                return tuple(
                    next(found) if t.requires_grad else None for t in (*pair._samples, *pair._parameters)
                )  # fmt: skip

        def graphed(*args: Any) -> Any:
            results = Graphed.apply(*args, *pair._parameters)
            if pair._many is None:
                return results[0]
            return results if pair._many is tuple else list(results)

        return graphed

    def _check(self, inputs: tuple[Any, ...]) -> None:
        for number, (static, given) in enumerate(zip(self._samples, inputs, strict=False)):
            if tuple(static.shape) != tuple(given.shape) or static.dtype != given.dtype:
                raise RuntimeError(
                    f"make_graphed_callables: argument {number} was captured with shape {tuple(static.shape)} and "
                    f"{static.dtype}, got {tuple(given.shape)} and {given.dtype}; graph another callable for it"
                )
