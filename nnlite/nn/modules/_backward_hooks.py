"""Full backward hooks of a module: one identity node around its inputs and one around its outputs.

A hook on a tensor would see the gradient of everything that uses the tensor. The identity nodes belong to this module
alone, and a node gets the gradients of all inputs, or all outputs, at once.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

from ..._core.grad_mode import is_grad_enabled
from ...creation import zeros
from ...tensor import Tensor

_Gradients = tuple[Any, ...]


class BackwardHook:
    """The backward hooks of one call of a module.

    Args:
        module: the module, given to the hooks.
        user_hooks: called with the module, the gradients of its inputs and those of its outputs.
        user_pre_hooks: called with the module and the gradients of its outputs, before these go through the module.
    """

    def __init__(self, module: Any, user_hooks: list[Callable[..., Any]], user_pre_hooks: list[Callable[..., Any]]):
        self.module = module
        self.user_hooks = user_hooks
        self.user_pre_hooks = user_pre_hooks
        self.grad_outputs: _Gradients | None = None
        self.inputs = _Slots(())
        self.outputs = _Slots(())

    def setup_input_hook(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """``args`` with its tensors behind the node that calls the hooks."""
        self.inputs = _Slots(args)
        return self.inputs.behind_node(self._at_inputs, args, materialize=True)

    def setup_output_hook(self, result: Any) -> Any:
        """``result`` with its tensors behind the node that calls the pre-hooks."""
        outputs = result if isinstance(result, tuple) else (result,)
        self.outputs = _Slots(outputs)
        outputs = self.outputs.behind_node(self._at_outputs, outputs, materialize=False)
        return outputs if isinstance(result, tuple) else outputs[0]

    def _at_outputs(self, gradients: _Gradients) -> _Gradients:
        """Called in backward with the gradients of the output tensors; returns those that go on."""
        grad_outputs: Any = self.outputs.spread(gradients)
        count = len(grad_outputs)
        for pre_hook in self.user_pre_hooks:
            changed = pre_hook(self.module, grad_outputs)
            if changed is None:
                continue
            if len(changed) != count:
                raise RuntimeError(
                    "Backward pre hook returned an invalid number of grad_output, "
                    f"got {len(changed)}, but expected {count}"
                )
            grad_outputs = changed
        if self.inputs.differentiable:
            self.grad_outputs = grad_outputs
        else:
            self._without_inputs(grad_outputs)
        return self.outputs.collect(grad_outputs)

    def _without_inputs(self, grad_outputs: _Gradients) -> None:
        """Call the hooks where no gradient will ever come to the inputs."""
        if not self.user_hooks:
            return
        warnings.warn(
            "Full backward hook is firing when gradients are computed with respect to module outputs since no inputs "
            "require gradients. See https://docs.pytorch.org/docs/main/generated/torch.nn.Module.html"
            "#torch.nn.Module.register_full_backward_hook for more details.",
            stacklevel=2,
        )
        for hook in self.user_hooks:
            changed = hook(self.module, (None,) * self.inputs.count, grad_outputs)
            if changed is not None and not (isinstance(changed, tuple) and all(g is None for g in changed)):
                raise RuntimeError(
                    "Backward hook for Modules where no input requires gradient should always return None or None for "
                    "all gradients."
                )

    def _at_inputs(self, gradients: _Gradients) -> _Gradients:
        """Called in backward with the gradients of the input tensors; returns those that go on."""
        if self.grad_outputs is None:
            # The gradient did not come through the module's outputs, as happens in a double backward.
            return gradients
        grad_inputs: Any = self.inputs.spread(gradients, self.inputs.zeros())
        count = len(grad_inputs)
        for hook in self.user_hooks:
            changed = hook(self.module, grad_inputs, self.grad_outputs)
            if changed is None:
                continue
            if len(changed) != count:
                raise RuntimeError(
                    f"Backward hook returned an invalid number of grad_input, got {len(changed)}, but expected {count}"
                )
            grad_inputs = changed
        self.grad_outputs = None
        return self.inputs.collect(grad_inputs)


class _Slots:
    """Which of a tuple of values are tensors, and which of these take part in the graph."""

    def __init__(self, values: tuple[Any, ...]) -> None:
        self.count = len(values)
        self.differentiable: list[int] = []
        self._constant: dict[int, tuple[Any, ...]] = {}
        """Position -> shape, dtype and device of a tensor that requires no gradient."""
        enabled = is_grad_enabled()
        for position, value in enumerate(values):
            if isinstance(value, Tensor):
                if enabled and value.requires_grad:
                    self.differentiable.append(position)
                else:
                    self._constant[position] = value.shape, value.dtype, value.device

    def behind_node(
        self, callback: Callable[[_Gradients], _Gradients], values: tuple[Any, ...], materialize: bool
    ) -> tuple[Any, ...]:
        """``values`` with the tensors that require a gradient replaced by the outputs of an identity node."""
        if not self.differentiable:
            return values
        tensors = [values[position] for position in self.differentiable]
        new = list(values)
        for position, output in zip(
            self.differentiable, _identity().apply(callback, materialize, *tensors), strict=True
        ):
            new[position] = output
        return tuple(new) if type(values) is tuple else type(values)(*new)

    def zeros(self) -> dict[int, Tensor]:
        """Gradients for the tensors that require none."""
        return {
            position: zeros(shape, dtype=dtype, device=device)
            for position, (shape, dtype, device) in self._constant.items()
        }

    def spread(self, gradients: _Gradients, others: Mapping[int, Tensor] = MappingProxyType({})) -> _Gradients:
        """One entry for each value: its gradient, or what ``others`` has for it, or None."""
        spread: list[Any] = [others.get(position) for position in range(self.count)]
        for position, gradient in zip(self.differentiable, gradients, strict=True):
            spread[position] = gradient
        return tuple(spread)

    def collect(self, spread: Any) -> _Gradients:
        return tuple(spread[position] for position in self.differentiable)


@cache
def _identity() -> Any:
    # Loaded at the first hook: the layers above need no Function.
    from ...autograd import Function

    class BackwardHookFunction(Function):
        """Pass tensors on unchanged; in backward, pass their gradients to a callable and on."""

        @staticmethod
        def forward(ctx: Any, callback: Any, materialize: bool, *tensors: Any) -> tuple[Any, ...]:
            ctx.set_materialize_grads(materialize)
            ctx.callback = callback
            return tuple(t.view_as(t) for t in tensors)

        @staticmethod
        def backward(ctx: Any, *gradients: Any) -> tuple[Any, ...]:
            return (None, None, *ctx.callback(gradients))

    return BackwardHookFunction
