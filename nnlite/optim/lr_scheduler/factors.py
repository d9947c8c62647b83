"""Schedules that multiply the learning rate by a factor at each step."""

from __future__ import annotations

import types
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from ..optimizer import Optimizer
from .base import LRScheduler


class _Factor(LRScheduler):
    """A schedule that multiplies all rates by `_factor`, and in closed form is `_closed` times the initial rates."""

    def _factor(self) -> float:
        raise NotImplementedError(f"{type(self).__name__} does not define _factor()")

    def _closed(self) -> float:
        raise NotImplementedError(f"{type(self).__name__} does not define _closed()")

    def get_lr(self) -> list[Any]:
        """The learning rates at ``last_epoch``, from those before."""
        self._warn_outside()
        factor = self._factor()
        return [group["lr"] * factor for group in self.optimizer.param_groups]

    def _get_closed_form_lr(self) -> list[Any]:
        return [rate * self._closed() for rate in self.base_lrs]


def _as_list(optimizer: Optimizer, given: Any) -> list[Any]:
    functions = list(given) if isinstance(given, list | tuple) else [given] * len(optimizer.param_groups)
    if len(functions) != len(optimizer.param_groups):
        raise ValueError(f"Expected {len(optimizer.param_groups)} lr_lambdas, but got {len(functions)}")
    for function in functions:
        if not callable(function):
            raise TypeError(f"lr_lambda should be a function, but got {type(function).__name__}")
    return functions


class _Functions(LRScheduler):
    """A schedule by functions. Its state holds those that are objects with attributes, not plain functions."""

    lr_lambdas: list[Any]

    def state_dict(self) -> dict[str, Any]:
        """All attributes but the optimizer and plain functions."""
        state = {key: value for key, value in super().state_dict().items() if key != "lr_lambdas"}
        state["lr_lambdas"] = [
            None if isinstance(function, types.FunctionType) else function.__dict__.copy()
            for function in self.lr_lambdas
        ]
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` gave."""
        super().load_state_dict({key: value for key, value in state_dict.items() if key != "lr_lambdas"})
        for function, saved in zip(self.lr_lambdas, state_dict["lr_lambdas"], strict=True):
            if saved is not None:
                function.__dict__.update(saved)


class LambdaLR(_Functions):
    """The initial rate times a function of the step.

    At step t::

        lr = initial_lr * lr_lambda(t)

    Args:
        optimizer: whose groups are changed.
        lr_lambda: a function of t, or a list of one for each group.
        last_epoch: the step before the first (see `LRScheduler`).

    Raises:
        ValueError: there are not as many functions as groups.

    Example:
        >>> import nnlite
        >>> optimizer = nnlite.optim.SGD([nnlite.ones(1, requires_grad=True)], lr=1.0, momentum=0.9)
        >>> schedule = nnlite.optim.lr_scheduler.LambdaLR(optimizer, lambda t: 0.5**t)
        >>> for epoch in range(4):
        ...     print(round(schedule.get_last_lr()[0], 4))
        ...     optimizer.step()
        ...     schedule.step()
        1.0
        0.5
        0.25
        0.125
    """

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | list[Callable[[int], float]],
        last_epoch: int = -1,
    ) -> None:
        self.lr_lambdas = _as_list(optimizer, lr_lambda)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        """The learning rates at ``last_epoch``."""
        self._warn_outside()
        return [rate * f(self.last_epoch) for rate, f in zip(self.base_lrs, self.lr_lambdas, strict=True)]


class MultiplicativeLR(_Functions):
    """The last rate times a function of the step.

    At step t::

        lr <- lr * lr_lambda(t)

    Args:
        optimizer: whose groups are changed.
        lr_lambda: a function of t, or a list of one for each group.
        last_epoch: the step before the first (see `LRScheduler`).

    Raises:
        ValueError: there are not as many functions as groups.

    Example:
        >>> import nnlite
        >>> optimizer = nnlite.optim.SGD([nnlite.ones(1, requires_grad=True)], lr=1.0, momentum=0.9)
        >>> schedule = nnlite.optim.lr_scheduler.MultiplicativeLR(optimizer, lambda t: 0.5)
        >>> for epoch in range(4):
        ...     print(round(schedule.get_last_lr()[0], 4))
        ...     optimizer.step()
        ...     schedule.step()
        1.0
        0.5
        0.25
        0.125
    """

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | list[Callable[[int], float]],
        last_epoch: int = -1,
    ) -> None:
        self.lr_lambdas = _as_list(optimizer, lr_lambda)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        """The learning rates at ``last_epoch``, from those before."""
        self._warn_outside()
        groups = self.optimizer.param_groups
        if self._is_initial:
            return [group["lr"] for group in groups]
        return [group["lr"] * f(self.last_epoch) for group, f in zip(groups, self.lr_lambdas, strict=True)]


class StepLR(_Factor):
    """A factor every so many steps.

    At step t::

        lr = initial_lr * gamma**(t // step_size)

    Args:
        optimizer: whose groups are changed.
        step_size: steps between two changes.
        gamma: the factor.
        last_epoch: the step before the first (see `LRScheduler`).

    Example:
        >>> import nnlite
        >>> optimizer = nnlite.optim.SGD([nnlite.ones(1, requires_grad=True)], lr=1.0, momentum=0.9)
        >>> schedule = nnlite.optim.lr_scheduler.StepLR(optimizer, step_size=2)
        >>> for epoch in range(4):
        ...     print(round(schedule.get_last_lr()[0], 4))
        ...     optimizer.step()
        ...     schedule.step()
        1.0
        1.0
        0.1
        0.1
    """

    def __init__(
        self,
        optimizer: Optimizer,
        step_size: int,
        gamma: float = 0.1,
        last_epoch: int = -1,
    ) -> None:
        self.step_size = step_size
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def _factor(self) -> float:
        return 1.0 if self.last_epoch == 0 or self.last_epoch % self.step_size else self.gamma

    def _closed(self) -> float:
        return self.gamma ** (self.last_epoch // self.step_size)


class MultiStepLR(_Factor):
    """A factor at given steps.

    At step t::

        lr = initial_lr * gamma**(number of milestones up to t)

    Args:
        optimizer: whose groups are changed.
        milestones: the steps.
        gamma: the factor.
        last_epoch: the step before the first (see `LRScheduler`).

    Example:
        >>> import nnlite
        >>> optimizer = nnlite.optim.SGD([nnlite.ones(1, requires_grad=True)], lr=1.0, momentum=0.9)
        >>> schedule = nnlite.optim.lr_scheduler.MultiStepLR(optimizer, milestones=[1, 3])
        >>> for epoch in range(4):
        ...     print(round(schedule.get_last_lr()[0], 4))
        ...     optimizer.step()
        ...     schedule.step()
        1.0
        0.1
        0.1
        0.01
    """

    def __init__(
        self,
        optimizer: Optimizer,
        milestones: Iterable[int],
        gamma: float = 0.1,
        last_epoch: int = -1,
    ) -> None:
        self.milestones = Counter(milestones)
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def _factor(self) -> float:
        return self.gamma ** self.milestones[self.last_epoch]

    def _closed(self) -> float:
        return self.gamma ** bisect_right(sorted(self.milestones.elements()), self.last_epoch)


class ConstantLR(_Factor):
    """A factor until a given step.

    At step t::

        lr = initial_lr * (factor if t < total_iters else 1)

    Args:
        optimizer: whose groups are changed.
        factor: the factor.
        total_iters: the step at which it ends.
        last_epoch: the step before the first (see `LRScheduler`).

    Raises:
        ValueError: ``factor`` is not in [0, 1].

    Example:
        >>> import nnlite
        >>> optimizer = nnlite.optim.SGD([nnlite.ones(1, requires_grad=True)], lr=1.0, momentum=0.9)
        >>> schedule = nnlite.optim.lr_scheduler.ConstantLR(optimizer, factor=0.5, total_iters=2)
        >>> for epoch in range(4):
        ...     print(round(schedule.get_last_lr()[0], 4))
        ...     optimizer.step()
        ...     schedule.step()
        0.5
        0.5
        1.0
        1.0
    """

    def __init__(
        self,
        optimizer: Optimizer,
        factor: float = 1.0 / 3,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        if not 0 <= factor <= 1:
            raise ValueError("Constant multiplicative factor expected to be between 0 and 1.")
        self.factor = factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def _factor(self) -> float:
        if self.last_epoch == 0:
            return self.factor
        return 1.0 / self.factor if self.last_epoch == self.total_iters else 1.0

    def _closed(self) -> float:
        return self.factor + (self.last_epoch >= self.total_iters) * (1 - self.factor)


class LinearLR(_Factor):
    """A factor that changes linearly, such as a warm-up.

    At step t::

        lr = initial_lr * (start_factor + (end_factor - start_factor) * min(t, total_iters) / total_iters)

    Args:
        optimizer: whose groups are changed.
        start_factor: the factor at first.
        end_factor: the factor in the end.
        total_iters: the step at which it is reached.
        last_epoch: the step before the first (see `LRScheduler`).

    Raises:
        ValueError: a factor is not in [0, 1], or ``start_factor`` is 0.

    Example:
        >>> import nnlite
        >>> optimizer = nnlite.optim.SGD([nnlite.ones(1, requires_grad=True)], lr=1.0, momentum=0.9)
        >>> schedule = nnlite.optim.lr_scheduler.LinearLR(optimizer, start_factor=0.25, total_iters=3)
        >>> for epoch in range(4):
        ...     print(round(schedule.get_last_lr()[0], 4))
        ...     optimizer.step()
        ...     schedule.step()
        0.25
        0.5
        0.75
        1.0
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        if not 0 < start_factor <= 1:
            raise ValueError("Starting multiplicative factor expected to be greater than 0 and less or equal to 1.")
        if not 0 <= end_factor <= 1:
            raise ValueError("Ending multiplicative factor expected to be between 0 and 1.")
        self.start_factor = start_factor
        self.end_factor = end_factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def _factor(self) -> float:
        if self.last_epoch == 0:
            return self.start_factor
        if self._is_initial or self.last_epoch > self.total_iters:
            return 1.0
        change = self.end_factor - self.start_factor
        return 1.0 + change / (self.total_iters * self.start_factor + (self.last_epoch - 1) * change)

    def _closed(self) -> float:
        part = min(self.total_iters, self.last_epoch) / self.total_iters
        return self.start_factor + (self.end_factor - self.start_factor) * part


class ExponentialLR(_Factor):
    """A factor at every step.

    At step t::

        lr = initial_lr * gamma**t

    Args:
        optimizer: whose groups are changed.
        gamma: the factor.
        last_epoch: the step before the first (see `LRScheduler`).

    Example:
        >>> import nnlite
        >>> optimizer = nnlite.optim.SGD([nnlite.ones(1, requires_grad=True)], lr=1.0, momentum=0.9)
        >>> schedule = nnlite.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.5)
        >>> for epoch in range(4):
        ...     print(round(schedule.get_last_lr()[0], 4))
        ...     optimizer.step()
        ...     schedule.step()
        1.0
        0.5
        0.25
        0.125
    """

    def __init__(
        self,
        optimizer: Optimizer,
        gamma: float,
        last_epoch: int = -1,
    ) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def _factor(self) -> float:
        return 1.0 if self._is_initial else self.gamma

    def _closed(self) -> float:
        return self.gamma**self.last_epoch


class PolynomialLR(_Factor):
    """A fall to 0 by a power of the steps that are left.

    At step t::

        lr = initial_lr * (1 - min(t, total_iters) / total_iters)**power

    Args:
        optimizer: whose groups are changed.
        total_iters: the step at which the rate is 0.
        power: the power.
        last_epoch: the step before the first (see `LRScheduler`).

    Example:
        >>> import nnlite
        >>> optimizer = nnlite.optim.SGD([nnlite.ones(1, requires_grad=True)], lr=1.0, momentum=0.9)
        >>> schedule = nnlite.optim.lr_scheduler.PolynomialLR(optimizer, total_iters=4, power=2.0)
        >>> for epoch in range(4):
        ...     print(round(schedule.get_last_lr()[0], 4))
        ...     optimizer.step()
        ...     schedule.step()
        1.0
        0.5625
        0.25
        0.0625
    """

    def __init__(
        self,
        optimizer: Optimizer,
        total_iters: int = 5,
        power: float = 1.0,
        last_epoch: int = -1,
    ) -> None:
        self.total_iters = total_iters
        self.power = power
        super().__init__(optimizer, last_epoch)

    def _factor(self) -> float:
        if self._is_initial or self.last_epoch > self.total_iters:
            return 1.0
        left, before = (1.0 - t / self.total_iters for t in (self.last_epoch, self.last_epoch - 1))
        return (left / before) ** self.power

    def _closed(self) -> float:
        return (1.0 - min(self.total_iters, self.last_epoch) / self.total_iters) ** self.power
