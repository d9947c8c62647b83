"""``LRScheduler``, the base class of learning rate schedules."""

from __future__ import annotations

import functools
import warnings
import weakref
from typing import Any

from ..._core.grad_mode import no_grad
from ...tensor import Tensor
from ..optimizer import Optimizer

_EPOCH = (
    "The epoch parameter in `scheduler.step()` was not necessary and is being deprecated where possible. Please use "
    "`scheduler.step()` to step the scheduler."
)


class LRScheduler:
    """Sets the learning rates of an optimizer's groups, once at each `step`.

    A schedule of one's own defines ``get_lr``, which gives the rates at ``last_epoch`` from those of the groups.

    Args:
        optimizer: whose groups are changed.
        last_epoch: the step before the first; -1 begins a schedule, anything else goes on with one, and the groups
            must then have ``"initial_lr"``.

    Raises:
        TypeError: ``optimizer`` is none.
        KeyError: a group has no ``"initial_lr"`` to go on from.

    Example:
        >>> import nnlite
        >>> class Halving(nnlite.optim.lr_scheduler.LRScheduler):
        ...     def get_lr(self):
        ...         return [rate / 2**self.last_epoch for rate in self.base_lrs]
        >>> optimizer = nnlite.optim.SGD([nnlite.ones(1, requires_grad=True)], lr=1.0)
        >>> schedule = Halving(optimizer)
        >>> for epoch in range(2):
        ...     optimizer.step()
        ...     schedule.step()
        >>> schedule.get_last_lr()
        [0.25]
    """

    _is_initial: bool = False
    _get_lr_called_within_step: bool = False
    _last_lr: list[Any]
    _step_count: int

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        self.optimizer = checked(optimizer)
        for number, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", _copied(group["lr"]))
            elif "initial_lr" not in group:
                raise KeyError(
                    f"param 'initial_lr' is not specified in param_groups[{number}] when resuming scheduler with "
                    "last_epoch >= 0; load the optimizer's state first, or leave last_epoch at -1"
                )
        self.base_lrs: list[Any] = [_copied(group["initial_lr"]) for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        _watch(optimizer)
        self._initial_step()

    def _initial_step(self) -> None:
        self._step_count = 0
        self._is_initial = True
        try:
            self.step()
        finally:
            self._is_initial = False

    def get_last_lr(self) -> list[Any]:
        """The learning rates that the last step set, one for each group."""
        return self._last_lr

    def get_lr(self) -> list[Any]:
        """The learning rates at ``last_epoch``. Subclasses define it; `get_last_lr` reads the rates."""
        raise NotImplementedError(f"{type(self).__name__} does not define get_lr()")

    def step(self, epoch: int | None = None) -> None:
        """Go one step on. Call it after the optimizer's step.

        Args:
            epoch: go to this step; deprecated.
        """
        if self._step_count == 1:
            self._check_order()
        self._step_count += 1
        if epoch is not None:
            warn_of_epoch()
        self._update_lr(epoch)

    def _check_order(self) -> None:
        if not hasattr(self.optimizer.step, "_wrapped_by_lr_sched"):
            warnings.warn(
                "Seems like `optimizer.step()` has been overridden after learning rate scheduler initialization. "
                "Please, make sure to call `optimizer.step()` before `lr_scheduler.step()`.",
                stacklevel=3,
            )
        elif not getattr(self.optimizer, "_opt_called", False):
            warnings.warn(
                "Detected call of `lr_scheduler.step()` before `optimizer.step()`: call `optimizer.step()` first, or "
                "the first value of the learning rate schedule is skipped.",
                stacklevel=3,
            )

    def _update_lr(self, epoch: int | None = None) -> None:
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        closed = getattr(self, "_get_closed_form_lr", None)
        self._set(closed if epoch is not None and closed else self.get_lr)

    def _set(self, compute: Any) -> None:
        """Give the groups the rates that ``compute`` returns."""
        self._get_lr_called_within_step = True
        try:
            rates = compute()
        finally:
            self._get_lr_called_within_step = False
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            set_rate(group, rate)
        self._last_lr = rates_of(self.optimizer)

    def _warn_outside(self) -> None:
        """For ``get_lr``: it gives the rates of the next step, not the last ones, unless `step` calls it."""
        if not self._get_lr_called_within_step:
            warnings.warn(
                "To get the last learning rate computed by the scheduler, please use `get_last_lr()`.", stacklevel=3
            )

    def state_dict(self) -> dict[str, Any]:
        """All attributes but the optimizer."""
        return {key: value for key, value in self.__dict__.items() if key != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` gave, here or in PyTorch."""
        self.__dict__.update(state_dict)


_LRScheduler = LRScheduler


def checked(optimizer: Any) -> Optimizer:
    """Raise TypeError unless this is an optimizer."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")
    return optimizer


def warn_of_epoch() -> None:
    warnings.warn(_EPOCH, stacklevel=3)


def set_rate(group: dict[str, Any], rate: Any, key: str = "lr") -> None:
    """Set an option of a group; a tensor is filled."""
    if isinstance(group[key], Tensor):
        with no_grad():
            group[key].copy_(rate) if isinstance(rate, Tensor) else group[key].fill_(rate)
    else:
        group[key] = rate


def rates_of(optimizer: Optimizer, key: str = "lr") -> list[Any]:
    """An option of all groups; tensors are copied."""
    return [_copied(group[key]) for group in optimizer.param_groups]


def for_each_group(name: str, optimizer: Optimizer, value: Any) -> list[Any]:
    """A value, or a list of values for the groups, as a list."""
    groups = len(optimizer.param_groups)
    if isinstance(value, list | tuple):
        if len(value) != groups:
            raise ValueError(
                f"{name} must have the same length as optimizer.param_groups. {name} has {len(value)} values, "
                f"param_groups has {groups}."
            )
        return list(value)
    return [value] * groups


def _copied(value: Any) -> Any:
    return value.clone() if isinstance(value, Tensor) else value


def _watch(optimizer: Optimizer) -> None:
    """Make the optimizer remember that its step was called."""
    if hasattr(optimizer.step, "_wrapped_by_lr_sched"):
        return
    function, reference = optimizer.step.__func__, weakref.ref(optimizer)  # type: ignore[attr-defined]

    @functools.wraps(function)
    def step(*args: Any, **kwargs: Any) -> Any:
        owner: Any = reference()
        owner._opt_called = True
        return function(owner, *args, **kwargs)

    step._wrapped_by_lr_sched = True  # type: ignore[attr-defined]
    optimizer.step = step  # type: ignore[method-assign]
