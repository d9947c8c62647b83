"""The one-cycle schedule."""

from __future__ import annotations

import math
from typing import Any

from ..optimizer import Optimizer
from .base import LRScheduler, checked, for_each_group
from .cycles import _momentum_key, _set_momentum


class OneCycleLR(LRScheduler):
    """One rise of the rate to ``max_lr`` and one fall far below the first, with the momentum the other way.

    From ``max_lr / div_factor`` to ``max_lr`` over the first ``pct_start`` of the steps, then down to
    ``max_lr / (div_factor * final_div_factor)``; with a part s of a phase from a to b done::

        lr = b + (a - b) * (1 + cos(pi * s)) / 2       (linear: a + (b - a) * s)

    Step it after each batch.

    Args:
        optimizer: whose groups are changed.
        max_lr: the largest rate, or a list of them for the groups.
        total_steps: the number of steps; or
        epochs, steps_per_epoch: its factors.
        pct_start: the part of the steps in which the rate rises.
        anneal_strategy: "cos" or "linear".
        cycle_momentum: change the momentum too.
        base_momentum, max_momentum: its bounds.
        div_factor, final_div_factor: how far below ``max_lr`` it begins, and below that ends.
        three_phase: go down to the first rate as fast as up, then on to the last.
        last_epoch: the step before the first (see `LRScheduler`).

    Raises:
        ValueError: an option is out of range, the optimizer has no momentum to cycle, or too many steps.

    Source: L. N. Smith and N. Topin, "Super-convergence: very fast training of neural networks using large learning
    rates", arXiv:1708.07120.

    Example:
        >>> import nnlite
        >>> optimizer = nnlite.optim.SGD([nnlite.ones(1, requires_grad=True)], lr=1.0, momentum=0.9)
        >>> schedule = nnlite.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1.0, total_steps=5, pct_start=0.4)
        >>> for epoch in range(4):
        ...     print(round(schedule.get_last_lr()[0], 4))
        ...     optimizer.step()
        ...     schedule.step()
        0.04
        1.0
        0.75
        0.25
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | list[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.85,
        max_momentum: float | list[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        self.optimizer = checked(optimizer)
        self.total_steps = _total(total_steps, epochs, steps_per_epoch)
        self._schedule_phases = _phases(self.total_steps, pct_start, three_phase)
        if not isinstance(pct_start, float) or not 0 <= pct_start <= 1:
            raise ValueError(f"Expected float between 0 and 1 pct_start, but got {pct_start}")
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        self._anneal_func_type = anneal_strategy
        rates = for_each_group("max_lr", optimizer, max_lr)
        if last_epoch == -1:
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                first = rate / div_factor
                group.update(initial_lr=first, max_lr=rate, min_lr=first / final_div_factor)
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self.use_beta1 = _momentum_key(optimizer) == "betas"
            high = for_each_group("max_momentum", optimizer, max_momentum)
            low = for_each_group("base_momentum", optimizer, base_momentum)
            if last_epoch == -1:
                for group, most, least in zip(optimizer.param_groups, high, low, strict=True):
                    _set_momentum(group, most, self.use_beta1)
                    group.update(max_momentum=most, base_momentum=least)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        """The learning rates at ``last_epoch``; the momentum is set on the way."""
        self._warn_outside()
        t = self.last_epoch
        if t > self.total_steps:
            raise ValueError(f"Tried to step {t} times. The specified number of total steps is {self.total_steps}")
        start = 0.0
        phase = self._schedule_phases[-1]
        for candidate in self._schedule_phases:
            if t <= candidate["end_step"]:
                phase = candidate
                break
            if candidate is not phase:
                start = candidate["end_step"]
        part = (t - start) / (phase["end_step"] - start)
        rates = []
        for group in self.optimizer.param_groups:
            rates.append(self._between(group[phase["start_lr"]], group[phase["end_lr"]], part))
            if self.cycle_momentum:
                momentum = self._between(group[phase["start_momentum"]], group[phase["end_momentum"]], part)
                _set_momentum(group, momentum, self.use_beta1)
        return rates

    def _between(self, a: float, b: float, part: float) -> float:
        if self._anneal_func_type == "cos":
            return b + (a - b) / 2.0 * (math.cos(math.pi * part) + 1)
        return (b - a) * part + a


def _total(total_steps: int | None, epochs: int | None, steps_per_epoch: int | None) -> int:
    if total_steps is None and (epochs is None or steps_per_epoch is None):
        raise ValueError("You must define either total_steps OR (epochs AND steps_per_epoch)")
    named: dict[str, Any] = {"epochs": epochs, "steps_per_epoch": steps_per_epoch}
    if total_steps is not None:
        named = {"total_steps": total_steps}
    for name, value in named.items():
        if not isinstance(value, int) or value <= 0:
            raise ValueError(f"Expected positive integer {name}, but got {value}")
    return math.prod(named.values())


def _phases(total: int, part: float, three: bool) -> list[dict[str, Any]]:
    """Where each phase ends, and between which options of a group the rate and the momentum go in it."""
    names = [("initial_lr", "max_lr", "max_momentum", "base_momentum")]
    ends: list[float] = [float(part * total) - 1]
    if three:
        names += [("max_lr", "initial_lr", "base_momentum", "max_momentum")]
        names += [("initial_lr", "min_lr", "max_momentum", "max_momentum")]
        ends.append(float(2 * part * total) - 2)
    else:
        names += [("max_lr", "min_lr", "base_momentum", "max_momentum")]
    ends.append(total - 1)
    keys = ("start_lr", "end_lr", "start_momentum", "end_momentum")
    return [{"end_step": end, **dict(zip(keys, values, strict=True))} for end, values in zip(ends, names, strict=True)]
