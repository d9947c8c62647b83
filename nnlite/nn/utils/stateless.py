"""Modules called with other tensors in place of their parameters and buffers."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["functional_call"]


def functional_call(
    module: Any,
    parameters_and_buffers: dict[str, Any],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """The old place of :func:`nnlite.func.functional_call`; warns."""
    warnings.warn(
        "This API is deprecated as of PyTorch 2.0 and will be removed in a future version of PyTorch. Please use "
        "torch.func.functional_call instead which is a drop-in replacement.",
        FutureWarning,
        stacklevel=2,
    )
    return _functional_call(module, parameters_and_buffers, args, kwargs, tie_weights=tie_weights, strict=strict)


def _functional_call(
    module: Any,
    parameters_and_buffers: dict[str, Any],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    arguments = () if args is None else args if isinstance(args, tuple) else (args,)
    with _reparametrize_module(module, parameters_and_buffers, tie_weights=tie_weights, strict=strict):
        return module(*arguments, **(kwargs or {}))


@contextmanager
def _reparametrize_module(
    module: Any, parameters_and_buffers: dict[str, Any], tie_weights: bool = False, strict: bool = False
) -> Iterator[None]:
    """The module with other tensors in its places, and afterwards with its own again."""
    places = _places(module, parameters_and_buffers)
    given = dict(parameters_and_buffers)
    if tie_weights:
        _tie(places, given)
    missing, unknown = sorted(places.keys() - given.keys()), sorted(given.keys() - places.keys())
    if strict and (missing or unknown):
        raise RuntimeError(
            f"Error(s) in loading state_dict for {type(module).__name__}: missing keys {missing}, unexpected keys "
            f"{unknown}"
        )
    if unknown:
        raise AttributeError(f"{type(module).__name__} has no parameter or buffer {unknown[0]!r}")
    before = [(group, key, group[key]) for group, key in (places[name] for name in given)]
    try:
        for name, value in given.items():
            group, key = places[name]
            group[key] = value
        yield
    finally:
        for group, key, value in before:
            group[key] = value


def _places(module: Any, wanted: dict[str, Any]) -> dict[str, tuple[dict[str, Any], str]]:
    """Full name -> the dictionary that has the tensor, and its key there."""
    places = {}
    for prefix, part in module.named_modules(remove_duplicate=False):
        for group in (part._parameters, part._buffers):
            for key, value in group.items():
                name = f"{prefix}{'.' if prefix else ''}{key}"
                if value is not None or name in wanted:
                    places[name] = group, key
    return places


def _tie(places: dict[str, tuple[dict[str, Any], str]], given: dict[str, Any]) -> None:
    """Let a tensor that is given for one of several names of a parameter be given for all."""
    names_of: dict[int, list[str]] = {}
    for name, (group, key) in places.items():
        names_of.setdefault(id(group[key]), []).append(name)
    for names in names_of.values():
        values = [given[name] for name in names if name in given]
        if any(value is not values[0] for value in values[1:]):
            raise ValueError(
                f"functional_call got multiple values for keys {sorted(names)}, which are tied. Consider using "
                "tie_weights=False"
            )
        if values:
            given.update(dict.fromkeys(names, values[0]))
