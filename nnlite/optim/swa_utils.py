"""Averages of a model's parameters over training."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Callable, Iterable
from typing import Any

from .._core.grad_mode import no_grad
from ..creation import tensor
from ..nn.modules import Module
from ..nn.modules.batchnorm import _BatchNorm
from ..tensor import Tensor
from .lr_scheduler.base import LRScheduler, for_each_group
from .optimizer import Optimizer

__all__ = [
    "SWALR",
    "AveragedModel",
    "get_ema_avg_fn",
    "get_ema_multi_avg_fn",
    "get_swa_avg_fn",
    "get_swa_multi_avg_fn",
    "update_bn",
]


def get_ema_avg_fn(decay: float = 0.999) -> Callable[[Tensor, Tensor, Any], Tensor]:
    """The function ``decay * average + (1 - decay) * value``, for `AveragedModel`.

    Raises:
        ValueError: ``decay`` is not in [0, 1].

    Example:
        >>> import nnlite
        >>> average = nnlite.optim.swa_utils.get_ema_avg_fn(0.5)
        >>> average(nnlite.tensor(1.0), nnlite.tensor(3.0), 1)
        tensor(2.)
    """
    _check_decay(decay)

    @no_grad()
    def ema_update(ema_param: Tensor, current_param: Tensor, num_averaged: Any) -> Tensor:
        return decay * ema_param + (1 - decay) * current_param

    return ema_update


def get_ema_multi_avg_fn(decay: float = 0.999) -> Callable[[list[Tensor], list[Tensor], Any], None]:
    """As `get_ema_avg_fn`, for lists of tensors, in place.

    Raises:
        ValueError: ``decay`` is not in [0, 1].
    """
    _check_decay(decay)

    @no_grad()
    def ema_update(ema_param_list: list[Tensor], current_param_list: list[Tensor], _: Any) -> None:
        for average, value in zip(ema_param_list, current_param_list, strict=True):
            if average.is_floating_point() or average.is_complex():
                average += (1 - decay) * (value - average)
            else:
                average.copy_(average * decay + value * (1 - decay))

    return ema_update


def get_swa_avg_fn() -> Callable[[Tensor, Tensor, Any], Tensor]:
    """The function ``average + (value - average) / (n + 1)``, the mean of all values, for `AveragedModel`."""

    @no_grad()
    def swa_update(averaged_param: Tensor, current_param: Tensor, num_averaged: Any) -> Tensor:
        return averaged_param + (current_param - averaged_param) / (num_averaged + 1)

    return swa_update


def get_swa_multi_avg_fn() -> Callable[[list[Tensor], list[Tensor], Any], None]:
    """As `get_swa_avg_fn`, for lists of tensors, in place."""
    average_of = get_swa_avg_fn()

    @no_grad()
    def swa_update(averaged_param_list: list[Tensor], current_param_list: list[Tensor], num_averaged: Any) -> None:
        for average, value in zip(averaged_param_list, current_param_list, strict=True):
            average.copy_(average_of(average, value, num_averaged))

    return swa_update


def _check_decay(decay: float) -> None:
    if not 0.0 <= decay <= 1.0:
        raise ValueError(f"Invalid decay value {decay} provided. Please provide a value in [0,1] range.")


class AveragedModel(Module):
    """A copy of a model whose parameters are averages of the model's over the calls of `update_parameters`.

    By default the mean of all, ``a <- a + (p - a) / (n + 1)``; with `get_ema_avg_fn` an exponential average.

    Args:
        model: the model.
        device: where the averages are kept; by default where the model is.
        avg_fn: a function of the average, the new value and the number of values so far.
        multi_avg_fn: the same for lists of them, in place.
        use_buffers: average the buffers too; otherwise they are copied from the model.

    Raises:
        AssertionError: both functions are given.

    Source: P. Izmailov et al., "Averaging weights leads to wider optima and better generalization", UAI 2018.

    Example:
        >>> import nnlite
        >>> model = nnlite.nn.Linear(1, 1, bias=False)
        >>> average = nnlite.optim.swa_utils.AveragedModel(model)
        >>> for value in (1.0, 2.0, 6.0):
        ...     with nnlite.no_grad():
        ...         _ = model.weight.fill_(value)
        ...     average.update_parameters(model)
        >>> average.module.weight.item()
        3.0
    """

    n_averaged: Tensor

    def __init__(
        self,
        model: Module,
        device: Any = None,
        avg_fn: Callable[[Tensor, Tensor, Any], Tensor] | None = None,
        multi_avg_fn: Callable[[list[Tensor], list[Tensor], Any], None] | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = copy.deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", tensor(0, device=device))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The averaged model's output."""
        return self.module(*args, **kwargs)

    @no_grad()
    def update_parameters(self, model: Module) -> None:
        """Take the present parameters of ``model`` into the averages."""
        ours, theirs = (
            [t.detach() for t in itertools.chain(m.parameters(), m.buffers() if self.use_buffers else ())]
            for m in (self.module, model)
        )
        theirs = [value.to(average.device) for average, value in zip(ours, theirs, strict=True)]
        if self.n_averaged == 0:
            for average, value in zip(ours, theirs, strict=True):
                average.copy_(value)
        elif self.avg_fn is not None:
            for average, value in zip(ours, theirs, strict=True):
                average.copy_(self.avg_fn(average, value, self.n_averaged.to(average.device)))
        else:
            update = self.multi_avg_fn or get_swa_multi_avg_fn()
            groups: dict[Any, tuple[list[Tensor], list[Tensor]]] = {}
            for average, value in zip(ours, theirs, strict=True):
                averages, values = groups.setdefault((average.device, average.dtype), ([], []))
                averages.append(average)
                values.append(value)
            for (device, _), (averages, values) in groups.items():
                update(averages, values, self.n_averaged.to(device))
        if not self.use_buffers:
            for mine, its in zip(self.module.buffers(), model.buffers(), strict=True):
                mine.detach().copy_(its.detach().to(mine.device))
        self.n_averaged += 1


@no_grad()
def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Compute the running statistics of a model's batch normalization layers anew from data.

    Args:
        loader: gives batches; of a list or tuple the first item is the input.
        model: the model. It is left in the mode that it was in.
        device: where batches go first.

    Example:
        >>> import nnlite
        >>> layer = nnlite.nn.BatchNorm1d(1)
        >>> nnlite.optim.swa_utils.update_bn([nnlite.tensor([[1.0], [3.0]])], layer)
        >>> layer.running_mean
        tensor([2.])
    """
    momenta: dict[Any, Any] = {}
    for layer in model.modules():
        if isinstance(layer, _BatchNorm):
            layer.reset_running_stats()
            momenta[layer] = layer.momentum
    if not momenta:
        return
    was_training = model.training
    model.train()
    try:
        for layer in momenta:
            layer.momentum = None  # the mean over all batches
        for batch in loader:
            given = batch[0] if isinstance(batch, list | tuple) else batch
            model(given if device is None else given.to(device))
    finally:
        for layer, momentum in momenta.items():
            layer.momentum = momentum
        model.train(was_training)


class SWALR(LRScheduler):
    """A schedule that goes from the present rates to a constant one.

    At step t, with ``s = min(1, t / anneal_epochs)``::

        lr = swa_lr * f(s) + initial_lr * (1 - f(s)),   f(s) = (1 - cos(pi * s)) / 2   (linear: s)

    Args:
        optimizer: whose groups are changed.
        swa_lr: the rate in the end, or a list of them for the groups.
        anneal_epochs: steps until then.
        anneal_strategy: "cos" or "linear".
        last_epoch: the step before the first (see `LRScheduler`).

    Raises:
        ValueError: the strategy is unknown, or ``anneal_epochs`` negative.

    Example:
        >>> import nnlite
        >>> optimizer = nnlite.optim.SGD([nnlite.ones(1, requires_grad=True)], lr=1.0)
        >>> schedule = nnlite.optim.swa_utils.SWALR(optimizer, 0.5, anneal_epochs=2, anneal_strategy="linear")
        >>> for epoch in range(3):
        ...     print(round(schedule.get_last_lr()[0], 4))
        ...     optimizer.step()
        ...     schedule.step()
        1.0
        0.75
        0.5
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float | list[float],
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:
        for rate, group in zip(for_each_group("swa_lr", optimizer, swa_lr), optimizer.param_groups, strict=True):
            group["swa_lr"] = rate
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        self._anneal_strategy = anneal_strategy
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        """The learning rates of this step, from those before."""
        self._warn_outside()
        t = self._step_count - 1
        if self.anneal_epochs == 0:
            t = max(1, t)
        before, now = self._part(t - 1), self._part(t)
        rates = []
        for group in self.optimizer.param_groups:
            last = group["swa_lr"]
            first = last if before == 1 else (group["lr"] - before * last) / (1 - before)
            rates.append(last * now + first * (1 - now))
        return rates

    def _part(self, t: int) -> float:
        s = max(0.0, min(1.0, t / max(1, self.anneal_epochs)))
        return s if self._anneal_strategy == "linear" else (1 - math.cos(math.pi * s)) / 2
