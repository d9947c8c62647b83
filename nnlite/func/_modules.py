"""Modules as functions of their parameters."""

from __future__ import annotations

from typing import Any

from ..ops.shape import stack


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
    arguments = () if args is None else args if isinstance(args, tuple) else (args,)
    with _Replaced(module, tensors, tie_weights, strict):
        return module(*arguments, **(kwargs or {}))


class _Replaced:
    """The module with other tensors in its places, and afterwards with its own again."""

    def __init__(self, module: Any, tensors: dict[str, Any], tie_weights: bool, strict: bool) -> None:
        places: dict[str, tuple[dict[str, Any], str]] = {}
        for prefix, part in module.named_modules(remove_duplicate=False):
            for group in (part._parameters, part._buffers):
                for name, value in group.items():
                    if value is not None or f"{prefix}{'.' if prefix else ''}{name}" in tensors:
                        places[f"{prefix}{'.' if prefix else ''}{name}"] = (group, name)
        given = dict(tensors)
        if tie_weights:
            by_tensor: dict[int, list[str]] = {}
            for name, (group, key) in places.items():
                by_tensor.setdefault(id(group[key]), []).append(name)
            for names in by_tensor.values():
                values = [tensors[name] for name in names if name in tensors]
                if any(v is not values[0] for v in values[1:]):
                    raise ValueError(f"functional_call got multiple values for keys {sorted(names)}, which are tied. "
                                     "Consider using tie_weights=False")  # fmt: skip
                if values:
                    given.update(dict.fromkeys(names, values[0]))
        if strict:
            missing, unknown = sorted(places.keys() - given.keys()), sorted(given.keys() - places.keys())
            if missing or unknown:
                raise RuntimeError(
                    f"Error(s) in loading state_dict for {type(module).__name__}: missing keys {missing}, unexpected "
                    f"keys {unknown}"
                )
        unknown = sorted(given.keys() - places.keys())
        if unknown:
            raise AttributeError(f"{type(module).__name__} has no parameter or buffer {unknown[0]!r}")
        self.writes = [(*places[name], value) for name, value in given.items()]
        self.before: list[Any] = []

    def __enter__(self) -> None:
        self.before = [group[key] for group, key, _ in self.writes]
        for group, key, value in self.writes:
            group[key] = value

    def __exit__(self, *exc: Any) -> None:
        for (group, key, _), value in zip(self.writes, self.before, strict=True):
            group[key] = value


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
