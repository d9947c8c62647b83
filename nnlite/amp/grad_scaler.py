"""``GradScaler``: losses times a factor, so that small float16 gradients do not become zero."""

from __future__ import annotations

import enum
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from .. import cuda
from .._core.device import device as _Device
from .._core.dtypes import int32
from .._core.grad_mode import no_grad
from .._core.warn import warn
from ..backends.capture import current
from ..creation import full
from ..nn.utils._gradients import unscale
from ..ops.pointwise.arithmetic import where
from ..tensor import Tensor

__all__ = ["GradScaler", "OptState"]


watchers: list[Callable[[Any], None]] = []
"""Told of the optimizer of each step."""


class OptState(enum.Enum):
    """Where an optimizer stands between two calls of ``update``."""

    READY = 0
    UNSCALED = 1
    STEPPED = 2


class _PerOptimizer:
    """What is known of one optimizer since the last ``update``: its stage, and for each device a tensor that is 1 where
    a gradient was infinite or not a number."""

    def __init__(self) -> None:
        self.stage = OptState.READY
        self.found_inf: dict[_Device, Tensor] = {}
        self._found: bool | None = None

    def found(self) -> bool:
        """Whether any gradient was; waits for the device the first time."""
        if self._found is None:
            self._found = any(each.item() for each in self.found_inf.values())
        return self._found


_MISSING = "This may indicate your script did not use scaler.scale(loss or outputs) earlier in the iteration."


class GradScaler:
    r"""Multiplies losses by a scale, divides the gradients by it, and adapts it to what float16 can hold.

    After each step in which no gradient was infinite or not a number, a count goes up; at ``growth_interval`` the scale
    is multiplied by ``growth_factor``. A step with such a gradient is left out, and the scale is multiplied by
    ``backoff_factor``::

        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)                            # only where gradients are looked at, to clip them
        nnlite.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        scaler.step(optimizer)                                # unscales unless that was done, and skips bad steps
        scaler.update()

    ``step`` waits for the device once, to know whether the gradients are finite. In a step that is captured in a CUDA
    graph nothing waits: the optimizer takes that from the device and leaves everything as it was.

    Args:
        device: the type of the device on which the scale is.
        init_scale: the scale at first.
        growth_factor: the factor after ``growth_interval`` good steps in succession, over 1.
        backoff_factor: the factor after a bad step, under 1.
        growth_interval: how many good steps.
        enabled: False lets every method do nothing but what it would without scaling.

    Raises:
        AssertionError: a factor on the wrong side of 1.

    Source: Micikevicius et al., "Mixed precision training", ICLR 2018.

    Example:
        >>> import nnlite
        >>> w = nnlite.ones(1, requires_grad=True)
        >>> optimizer, scaler = nnlite.optim.SGD([w], lr=0.5), nnlite.amp.GradScaler("cpu", init_scale=8.0)
        >>> scaler.scale((3 * w).sum()).backward()
        >>> w.grad
        tensor([24.])
        >>> _ = scaler.step(optimizer)
        >>> scaler.update()
        >>> w
        tensor([-0.5000], requires_grad=True)
    """

    def __init__(
        self,
        device: str = "cuda",
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        self._device = device
        self._enabled = enabled
        if device == "cuda" and enabled and not cuda.is_available():
            warn("torch.cuda.amp.GradScaler is enabled, but CUDA is not available.  Disabling.")
            self._enabled = False
        if not self._enabled:
            return
        if not growth_factor > 1.0:
            raise AssertionError("The growth factor must be > 1.0.")
        if not backoff_factor < 1.0:
            raise AssertionError("The backoff factor must be < 1.0.")
        self._init_scale = init_scale
        self._growth_factor = growth_factor
        self._backoff_factor = backoff_factor
        self._growth_interval = growth_interval
        self._init_growth_tracker = 0
        self._scale: Tensor | None = None
        self._growth_tracker: Tensor | None = None
        self._forget_optimizers()

    def _forget_optimizers(self) -> None:
        self._per_optimizer: defaultdict[int, _PerOptimizer] = defaultdict(_PerOptimizer)

    def _made_scale(self, method: str) -> Tensor:
        if self._scale is None:
            raise AssertionError(f"Attempted {method} but _scale is None.  {_MISSING}")
        return self._scale

    def scale(self, outputs: Any) -> Any:
        """A tensor, or all tensors in lists, tuples and other iterables, times the scale.

        Raises:
            ValueError: something else is among them.
        """
        if not self._enabled:
            return outputs
        if isinstance(outputs, Tensor):
            if self._scale is None:
                self._scale = full((), self._init_scale, device=outputs.device)
                self._growth_tracker = full((), self._init_growth_tracker, dtype=int32, device=outputs.device)
            return outputs * self._scale.to(outputs.device)
        if isinstance(outputs, list | tuple):
            return type(outputs)([self.scale(each) for each in outputs])
        if isinstance(outputs, Iterable) and not isinstance(outputs, str | bytes):
            return map(self.scale, outputs)
        raise ValueError(f"outputs must be a Tensor or an iterable of Tensors, got {type(outputs).__name__}")

    @no_grad()
    def _unscale_grads_(self, optimizer: Any, inverse: Tensor, allow_fp16: bool = False) -> dict[_Device, Tensor]:
        """Multiply an optimizer's gradients by ``inverse``; for each device whether one was not finite (0 or 1)."""
        groups: defaultdict[tuple[_Device, Any], list[Tensor]] = defaultdict(list)
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                gradient = parameter.grad
                if gradient is None:
                    continue
                if gradient._a.dtype == "float16" and not allow_fp16:
                    raise ValueError("Attempting to unscale FP16 gradients.")
                groups[gradient.device, gradient.dtype].append(gradient)
        found: dict[_Device, Tensor] = {}
        for (device, _), gradients in groups.items():
            bad = _unscaled(gradients, inverse.to(device))
            found[device] = bad if device not in found else found[device].maximum(bad)
        return found

    def unscale_(self, optimizer: Any) -> None:
        """Divide an optimizer's gradients by the scale, once between two calls of `update`; before clipping them.

        Raises:
            RuntimeError: it was called already, or after `step`.
            ValueError: a gradient is of float16: the parameters themselves have to be of float32.
            AssertionError: nothing was scaled yet.
        """
        if not self._enabled:
            return
        scale = self._made_scale("unscale_")
        state = self._per_optimizer[id(optimizer)]
        if state.stage is OptState.UNSCALED:
            raise RuntimeError("unscale_() has already been called on this optimizer since the last update().")
        if state.stage is OptState.STEPPED:
            raise RuntimeError("unscale_() is being called after step().")
        state.found_inf = self._unscale_grads_(optimizer, scale.double().reciprocal().float())
        state.stage = OptState.UNSCALED

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """``optimizer.step(*args, **kwargs)`` with the gradients divided by the scale; nothing if one is not finite.

        Returns:
            what the optimizer's step returns; None where it was left out.

        Raises:
            RuntimeError: it was called already since the last `update`, or a closure is given.
            AssertionError: no parameter of the optimizer has a gradient.
        """
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if "closure" in kwargs:
            raise RuntimeError("Closure use is not currently supported if GradScaler is enabled.")
        scale = self._made_scale("step")
        for watch in watchers:
            watch(optimizer)
        state = self._per_optimizer[id(optimizer)]
        if state.stage is OptState.STEPPED:
            raise RuntimeError("step() has already been called since the last update().")
        if getattr(optimizer, "_step_supports_amp_scaling", False):
            result = self._scaled_step(optimizer, state, scale, args, kwargs)
        else:
            if state.stage is OptState.READY:
                self.unscale_(optimizer)
            _expect_checks(state.found_inf, "for this optimizer.")
            result = None
            if current.capture is not None and getattr(optimizer, "_minds_found_inf", False):
                optimizer.found_inf = _sum(state.found_inf.values(), scale.device)
                try:
                    result = optimizer.step(*args, **kwargs)
                finally:
                    del optimizer.found_inf
            elif not state.found():
                result = optimizer.step(*args, **kwargs)
        state.stage = OptState.STEPPED
        return result

    def _scaled_step(self, optimizer: Any, state: _PerOptimizer, scale: Tensor, args: Any, kwargs: Any) -> Any:
        """The step of an optimizer that divides by ``grad_scale`` and minds ``found_inf`` itself."""
        if state.stage is OptState.READY:
            self._check_inf_per_device(optimizer)
        _expect_checks(state.found_inf, "for this optimizer.")
        optimizer.grad_scale = None if state.stage is OptState.UNSCALED else scale
        optimizer.found_inf = _sum(state.found_inf.values(), scale.device)
        try:
            return optimizer.step(*args, **kwargs)
        finally:
            del optimizer.grad_scale, optimizer.found_inf

    def _check_inf_per_device(self, optimizer: Any) -> dict[_Device, Tensor]:
        state = self._per_optimizer[id(optimizer)]
        one = full((), 1.0, device=self._made_scale("_check_inf_per_device").device)
        state.found_inf = self._unscale_grads_(optimizer, one, allow_fp16=True)
        return state.found_inf

    def _found_inf_per_device(self, optimizer: Any) -> dict[_Device, Tensor]:
        return self._per_optimizer[id(optimizer)].found_inf

    def update(self, new_scale: float | Tensor | None = None) -> None:
        """Adapt the scale; once at the end of each iteration, after the steps of all optimizers.

        Args:
            new_scale: the scale from now on, in place of the rule.

        Raises:
            AssertionError: nothing was scaled yet, no optimizer has been unscaled or stepped, or ``new_scale`` is no
                number.
        """
        if not self._enabled:
            return
        scale = self._made_scale("update")
        if new_scale is None:
            checked = [state for state in self._per_optimizer.values() if state.found_inf]
            _expect_checks(checked, "prior to update.")
            self._adapt(scale, _sum((each for state in checked for each in state.found_inf.values()), scale.device))
        elif isinstance(new_scale, Tensor):
            if new_scale.numel() != 1 or new_scale.requires_grad or not new_scale.is_floating_point():
                raise AssertionError(
                    "new_scale should be a float or a 1-element torch.cuda.FloatTensor or torch.FloatTensor with "
                    "requires_grad=False."
                )
            scale.fill_(float(new_scale.item()))
        elif isinstance(new_scale, int | float):
            scale.fill_(float(new_scale))
        else:
            raise AssertionError(f"new_scale should be a float or a 1-element tensor, got {type(new_scale).__name__}")
        self._forget_optimizers()

    @no_grad()
    def _adapt(self, scale: Tensor, found_inf: Tensor) -> None:
        """The rule for the scale, worked out on the device, so that it can be captured and nothing waits."""
        tracker: Any = self._growth_tracker
        bad, good = found_inf > 0, tracker + 1
        grow = good == self._growth_interval
        grown = (scale.double() * self._growth_factor).float()
        kept = where(grow & grown.isfinite(), grown, scale)
        scale.copy_(where(bad, (scale.double() * self._backoff_factor).float(), kept))
        tracker.copy_(good.masked_fill(bad | grow, 0))

    def get_scale(self) -> float:
        """The scale; waits for the device. 1 where scaling is not enabled."""
        if not self._enabled:
            return 1.0
        return float(self._init_scale) if self._scale is None else float(self._scale.item())

    def get_growth_factor(self) -> float:
        """The factor after ``growth_interval`` good steps."""
        return self._growth_factor

    def set_growth_factor(self, new_factor: float) -> None:
        """Set the factor after ``growth_interval`` good steps."""
        self._growth_factor = new_factor

    def get_backoff_factor(self) -> float:
        """The factor after a bad step."""
        return self._backoff_factor

    def set_backoff_factor(self, new_factor: float) -> None:
        """Set the factor after a bad step."""
        self._backoff_factor = new_factor

    def get_growth_interval(self) -> int:
        """How many good steps in succession let the scale grow."""
        return self._growth_interval

    def set_growth_interval(self, new_interval: int) -> None:
        """Set how many good steps in succession let the scale grow."""
        self._growth_interval = new_interval

    def _get_growth_tracker(self) -> int:
        tracker = self._growth_tracker if self._enabled else None
        return self._init_growth_tracker if tracker is None else int(tracker.item())

    def is_enabled(self) -> bool:
        """Whether anything is scaled."""
        return self._enabled

    def state_dict(self) -> dict[str, Any]:
        """The scale, the settings and the count of good steps; an empty dict where scaling is not enabled.

        Call it after `update`, at the end of an iteration.
        """
        if not self._enabled:
            return {}
        return {
            "scale": self.get_scale(),
            "growth_factor": self._growth_factor,
            "backoff_factor": self._backoff_factor,
            "growth_interval": self._growth_interval,
            "_growth_tracker": self._get_growth_tracker(),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over a state that `state_dict` gave, PyTorch's too.

        Raises:
            RuntimeError: it is empty, as that of a scaler that is not enabled.
            KeyError: an entry is missing. The scaler stays as it was.
        """
        if not self._enabled:
            return
        if not state_dict:
            raise RuntimeError(
                "The source state dict is empty, possibly because it was saved from a disabled instance of GradScaler."
            )
        scale, growth, backoff, interval, tracker = (
            state_dict[key] for key in ("scale", "growth_factor", "backoff_factor", "growth_interval",
                                        "_growth_tracker")
        )  # fmt: skip
        self._init_scale = scale
        if self._scale is not None and self._growth_tracker is not None:
            self._scale.fill_(scale)
            self._growth_tracker.fill_(tracker)
        self._growth_factor, self._backoff_factor, self._growth_interval = growth, backoff, interval
        self._init_growth_tracker = tracker

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        if self._enabled:
            if self._per_optimizer:
                raise AssertionError(
                    "A GradScaler instance may only be pickled at the beginning of an iteration, or at the end after "
                    "scaler.update()."
                )
            state["_init_scale"] = self.get_scale()
            state["_init_growth_tracker"] = self._get_growth_tracker()
            state["_scale"] = state["_growth_tracker"] = None
            del state["_per_optimizer"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if self._enabled:
            self._forget_optimizers()


def _unscaled(gradients: list[Tensor], factor: Tensor) -> Tensor:
    """Multiply gradients of one device by ``factor``, in place; whether one was not finite (0 or 1)."""
    found = unscale(gradients, factor)
    if found is not None:
        return found
    finite = gradients[0].isfinite().all()
    for gradient in gradients[1:]:
        finite = finite & gradient.isfinite().all()
    for gradient in gradients:
        gradient.mul_(factor)
    return (~finite).to(dtype=factor.dtype)


def _expect_checks(found: Any, where: str) -> None:
    if not found:
        raise AssertionError(f"No inf checks were recorded {where}")


def _sum(found: Iterable[Tensor], where: _Device) -> Any:
    """The sum of checks, on one device."""
    first, *others = (each.to(where) for each in found)
    for each in others:
        first = first + each
    return first
