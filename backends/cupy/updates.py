"""Steps of optimizers: one launch for up to 64 parameters, all of which change in place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..kernels import kernel
from .geometry import FLOATS
from .launch import THREADS
from .overrides import OVERRIDES
from .tensors import Numbers, Row, in_one_order, launches

_AVERAGES = ("t", "lr", "beta1", "beta2", "eps", "weight_decay", "decoupled", "maximize")

NUMBERS = {
    "sgd_update": ("lr", "momentum", "dampening", "weight_decay", "nesterov", "maximize"),
    "adam_update": _AVERAGES,
    "nadam_update": ("t", "mu", "mu_next", "mu_product", *_AVERAGES[1:]),
    "radam_update": _AVERAGES,
    "adamax_update": ("t", "lr", "beta1", "beta2", "eps", "weight_decay", "maximize"),
    "rmsprop_update": ("lr", "momentum", "alpha", "eps", "weight_decay", "maximize"),
    "adagrad_update": ("t", "lr", "lr_decay", "eps", "weight_decay", "maximize"),
    "adadelta_update": ("lr", "rho", "eps", "weight_decay", "maximize"),
    "rprop_update": ("shrink", "grow", "smallest", "largest", "maximize"),
    "asgd_update": ("eta", "mu", "lambd", "weight_decay", "maximize"),
}
"""The numbers of each rule in the order in which its kernel takes them."""


def _row(xp: Any, arrays: Row, state: Any) -> Row | None:
    """The arrays of a parameter as a kernel takes them; None if it cannot."""
    first, gradient = arrays[0], arrays[-1]
    shape = first.shape
    if gradient.shape != shape or gradient.dtype != first.dtype:
        return None
    for a in arrays[1:-1]:
        if a is not None and (a.dtype != state or a.shape != shape):
            return None
    straight = in_one_order(arrays)
    if straight is None:
        return None
    for a in straight[1:-1]:
        if a is not None and not a.flags.c_contiguous:
            return None
    if straight[-1].flags.c_contiguous:
        return straight
    return *straight[:-1], xp.ascontiguousarray(straight[-1])


def _single(number: Any) -> Any:
    return None if number is None else number.astype("float32", copy=False)


@kernel("multi_update", table=OVERRIDES)
def multi_update(
    gpu: Any,
    rule: str,
    parameters: Sequence[Row],
    *,
    numbers: dict[str, Any],
    grad_scale: Any = None,
    found_inf: Any = None,
) -> bool:
    """Parameters with gaps, of complex numbers, or with a gradient of another dtype are left to the caller."""
    first = parameters[0]
    kind = first[0].dtype
    if rule not in NUMBERS or kind.name not in FLOATS:
        return False
    state = next((a.dtype for a in first[1:-1] if a is not None), kind)
    if state != kind and state.name != "float32":
        return False
    rows = [_row(gpu.xp, arrays, state) for arrays in parameters]
    if any(row is None for row in rows):
        return False
    given = Numbers([numbers[name] for name in NUMBERS[rule]]), _single(grad_scale), _single(found_inf)
    types = {"T": kind, "RULE": rule.removesuffix("_update"), "S": state}
    for some in launches([row for row in rows if row is not None]):
        gpu.launch("updates", "update", some.blocks, THREADS, some, *given, **types)
    return True
