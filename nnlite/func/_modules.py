"""Modules as functions of their parameters."""

from __future__ import annotations

from typing import Any

from ..nn.utils.stateless import _functional_call
from ..ops.shape.views import stack


def functional_call(
    module: Any,
    parameter_and_buffer_dicts: Any,
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """Call a module with other tensors in place of its parameters and buffers.

    Args:
        parameter_and_buffer_dicts: name -> tensor, or several such dictionaries with different names.
        args: the module's arguments; a tuple, or one tensor.
        tie_weights: a tensor for one of several names of a tied parameter stands in for all of them.
        strict: every parameter and buffer has to be given, and nothing else.

    Raises:
        ValueError: a name is in several dictionaries. RuntimeError: with ``strict``, names are missing or unknown.

    Example:
        >>> import nnlite
        >>> from nnlite.func import functional_call
        >>> layer = nnlite.nn.Linear(2, 1)
        >>> functional_call(layer, {"weight": nnlite.ones(1, 2), "bias": nnlite.zeros(1)}, nnlite.ones(2))
        tensor([2.])
    """
    if isinstance(parameter_and_buffer_dicts, dict):
        tensors = parameter_and_buffer_dicts
    elif isinstance(parameter_and_buffer_dicts, list | tuple):
        tensors = {}
        for part in parameter_and_buffer_dicts:
            if not isinstance(part, dict):
                raise ValueError("Expected all elements of parameter_and_buffer_dicts to be dictionaries")
            repeated = sorted(tensors.keys() & part.keys())
            if repeated:
                raise ValueError(f"{repeated[0]} appears in multiple dictionaries; behavior of functional call is "
                                 "ambiguous")  # fmt: skip
            tensors = {**tensors, **part}
    else:
        raise ValueError(
            "Expected parameter_and_buffer_dicts to be a dict, or a list/tuple of dicts, but got "
            f"{type(parameter_and_buffer_dicts)}"
        )
    return _functional_call(module, tensors, args, kwargs, tie_weights=tie_weights, strict=strict)


def stack_module_state(models: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The parameters and the buffers of modules of one kind, stacked: what ``vmap`` over an ensemble takes.

    Raises:
        RuntimeError: there is no module, they are of different classes, or some train and others do not.

    Example:
        >>> import nnlite
        >>> params, buffers = nnlite.func.stack_module_state([nnlite.nn.Linear(2, 3) for _ in range(4)])
        >>> params["weight"].shape
        torch.Size([4, 3, 2])
    """
    models = list(models)
    if not models:
        raise RuntimeError("stack_module_state: Expected at least one model, got 0.")
    if not (all(m.training for m in models) or all(not m.training for m in models)):
        raise RuntimeError("stack_module_state: Expected all models to have the same training/eval mode.")
    if any(type(m) is not type(models[0]) for m in models):
        raise RuntimeError("stack_module_state: Expected all models to be of the same class.")

    def stacked(rows: list[dict[str, Any]]) -> dict[str, Any]:
        out = {}
        for name, first in rows[0].items():
            tensors = [row[name] for row in rows]
            if not all(t.requires_grad == first.requires_grad for t in tensors):
                raise RuntimeError(f"Expected {name!r} to have consistent .requires_grad state in all models")
            leaf = all(t.is_leaf for t in tensors)
            whole = stack([t.detach() for t in tensors] if leaf else tensors)
            out[name] = whole.requires_grad_(first.requires_grad) if leaf and first.requires_grad else whole
        return out

    return stacked([dict(m.named_parameters()) for m in models]), stacked([dict(m.named_buffers()) for m in models])


def replace_all_batch_norm_modules_(root: Any) -> Any:
    """Let batch normalisation use the batch's own statistics alone: the running ones cannot be written in ``vmap``.

    Changes the module in place and returns it.
    """
    for module in root.modules():
        if "BatchNorm" in type(module).__name__:
            module.running_mean = module.running_var = module.num_batches_tracked = None
            module.track_running_stats = False
    return root


def functionalize(func: Any, *, remove: str = "mutations") -> Any:
    """Not offered: there is no tracing that would need functions without writes.

    ``vmap`` and ``grad`` handle writes in place as they are.
    """
    raise NotImplementedError(
        "functionalize() is not implemented: there is no graph capture that needs it. grad, vmap and the others take "
        "functions that write in place as they are; call the function directly"
    )
