"""Weights of which some are held at zero by a mask.

A pruned parameter ``weight`` becomes the parameter ``weight_orig`` and the buffer ``weight_mask``; before each call of
the module their product is assigned to ``weight``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import Any

from ...creation import ones_like, zeros_like
from ...ops.shape.views import cat
from ..modules.module import Module
from ._amounts import check_dim, check_init, check_tensor, count_of, positions, slices

__all__ = [
    "BasePruningMethod",
    "CustomFromMask",
    "Identity",
    "L1Unstructured",
    "LnStructured",
    "PruningContainer",
    "RandomStructured",
    "RandomUnstructured",
    "custom_from_mask",
    "global_unstructured",
    "identity",
    "is_pruned",
    "l1_unstructured",
    "ln_structured",
    "random_structured",
    "random_unstructured",
    "remove",
]


class BasePruningMethod(ABC):
    """A way of choosing the elements that become zero; a subclass defines ``compute_mask`` and ``PRUNING_TYPE``.

    ``PRUNING_TYPE`` is ``"unstructured"`` (single elements), ``"structured"`` (slices), or ``"global"``.
    """

    PRUNING_TYPE: str
    _tensor_name: str

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self._tensor_name, self.apply_mask(module))

    @abstractmethod
    def compute_mask(self, t: Any, default_mask: Any) -> Any:
        """``default_mask`` with zeros for the elements of ``t`` that this method chooses."""

    def apply_mask(self, module: Module) -> Any:
        """The original times the mask."""
        if not getattr(self, "_tensor_name", None):
            raise AssertionError(f"Module {module} has to be pruned")
        mask, original = getattr(module, self._tensor_name + "_mask"), getattr(module, self._tensor_name + "_orig")
        return mask.to(dtype=original.dtype) * original

    @classmethod
    def apply(cls, module: Module, name: str, *args: Any, importance_scores: Any = None, **kwargs: Any) -> Any:
        """Prune a parameter; what was pruned before stays pruned.

        Args:
            module: what has the parameter.
            name: its attribute.
            args, kwargs: of the constructor.
            importance_scores: take these in place of the values to choose by.
        """
        earlier = _method_on(module, name)
        method = cls(*args, **kwargs)
        method._tensor_name = name
        if earlier is not None:
            container = PruningContainer(earlier[1]) if not isinstance(earlier[1], PruningContainer) else earlier[1]
            default = getattr(module, name + "_mask").detach().clone()
            original: Any = getattr(module, name + "_orig")
        else:
            container = None
            original = getattr(module, name)
            default = ones_like(original)
        scores = original if importance_scores is None else importance_scores
        if scores.shape != original.shape:
            raise AssertionError(f"importance_scores should have the same shape as parameter {name} of {module}")
        if container is not None:
            container.add_pruning_method(method)
            method = container
            if importance_scores is None:
                scores = getattr(module, name)
        mask = method.compute_mask(scores, default_mask=default)
        if earlier is None:
            module.register_parameter(name + "_orig", original)
            del module._parameters[name]
        else:
            del module._forward_pre_hooks[earlier[0]]
        module.register_buffer(name + "_mask", mask)
        setattr(module, name, method.apply_mask(module))
        module.register_forward_pre_hook(method)
        return method

    def prune(self, t: Any, default_mask: Any = None, importance_scores: Any = None) -> Any:
        """A tensor with the chosen elements set to zero.

        Args:
            t: the tensor.
            default_mask: of an earlier pruning.
            importance_scores: take these in place of the values to choose by.
        """
        scores = t if importance_scores is None else importance_scores
        if scores.shape != t.shape:
            raise AssertionError("importance_scores should have the same shape as tensor t")
        default = ones_like(t) if default_mask is None else default_mask
        return t * self.compute_mask(scores, default_mask=default)

    def remove(self, module: Module) -> None:
        """Let the parameter be an ordinary one again; what was pruned stays zero."""
        if not getattr(self, "_tensor_name", None):
            raise AssertionError(f"Module {module} has to be pruned before pruning can be removed")
        name = self._tensor_name
        original: Any = module._parameters[name + "_orig"]
        original.data = self.apply_mask(module).detach()
        if hasattr(module, name):
            delattr(module, name)
        del module._parameters[name + "_orig"]
        del module._buffers[name + "_mask"]
        setattr(module, name, original)


def _method_on(module: Module, name: str) -> tuple[int, Any] | None:
    """The hook that prunes this parameter already, and its key."""
    found = [
        (key, hook)
        for key, hook in module._forward_pre_hooks.items()
        if isinstance(hook, BasePruningMethod) and hook._tensor_name == name
    ]
    if len(found) > 1:
        raise AssertionError(f"Avoid adding multiple pruning hooks to the same tensor {name} of module {module}.")
    return found[0] if found else None


class PruningContainer(BasePruningMethod):
    """Several methods on one tensor, each of which chooses among what the ones before have left.

    Args:
        args: one method, or several, or an iterable of them.
    """

    def __init__(self, *args: Any) -> None:
        self._pruning_methods: tuple[BasePruningMethod | None, ...] = ()
        if not isinstance(args[0] if args else None, Iterable):
            self._tensor_name = args[0]._tensor_name if len(args) == 1 else ""
            for method in args:
                self.add_pruning_method(method)
        else:
            self._tensor_name = ""
            for method in args[0]:
                self.add_pruning_method(method)

    def add_pruning_method(self, method: Any) -> None:
        """Put a method at the end."""
        if method is not None and not isinstance(method, BasePruningMethod):
            raise TypeError(f"{type(method)} is not a BasePruningMethod subclass")
        if method is not None and self._tensor_name and self._tensor_name != method._tensor_name:
            raise ValueError(
                "Can only add pruning methods acting on the parameter named "
                f"'{self._tensor_name}' to PruningContainer {self}. Found '{method._tensor_name}'"
            )
        if not self._tensor_name:
            self._tensor_name = getattr(method, "_tensor_name", "")
        self._pruning_methods = (*self._pruning_methods, method)

    def __len__(self) -> int:
        return len(self._pruning_methods)

    def __iter__(self) -> Iterator[BasePruningMethod | None]:
        return iter(self._pruning_methods)

    def __getitem__(self, idx: Any) -> Any:
        return self._pruning_methods[idx]

    def compute_mask(self, t: Any, default_mask: Any) -> Any:
        """``default_mask`` with what the latest method chooses among the elements that are left."""
        method: Any = self._pruning_methods[-1]
        mask = default_mask.to(dtype=t.dtype)
        if method.PRUNING_TYPE == "global":
            left: Any = ...
        elif method.PRUNING_TYPE == "unstructured":
            left = mask == 1
        elif method.PRUNING_TYPE == "structured":
            dim = method.dim % t.dim()
            others = [d for d in range(t.dim()) if d != dim]
            left = (slice(None),) * dim + ((mask.sum(others) != 0) if others else mask != 0,)
        else:
            raise ValueError(f"Unrecognized PRUNING_TYPE {method.PRUNING_TYPE}")
        new = mask.clone()
        new[left] = method.compute_mask(t[left], default_mask=mask[left]).to(new.dtype)
        return new


class Identity(BasePruningMethod):
    """Prunes nothing: a mask of ones."""

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t: Any, default_mask: Any) -> Any:
        """The default mask."""
        return default_mask

    @classmethod
    def apply(cls, module: Module, name: str) -> Any:  # type: ignore[override]
        """Give the parameter its original and mask."""
        return super().apply(module, name)


class _ByAmount(BasePruningMethod):
    """Single elements, a number or a fraction of them."""

    PRUNING_TYPE = "unstructured"

    def __init__(self, amount: Any) -> None:
        check_init(amount)
        self.amount = amount

    def scores(self, t: Any) -> Any:
        """The elements with the lowest are pruned."""
        raise NotImplementedError

    def compute_mask(self, t: Any, default_mask: Any) -> Any:
        """The default mask with zeros at the elements of the lowest scores."""
        count = count_of(self.amount, t.nelement())
        mask = default_mask.clone()
        if count:
            mask.reshape(-1)[positions(self.scores(t).reshape(-1), count)] = 0
        return mask

    @classmethod
    def apply(cls, module: Module, name: str, amount: Any, importance_scores: Any = None) -> Any:  # type: ignore[override]
        """Prune a parameter; see :meth:`BasePruningMethod.apply`."""
        return super().apply(module, name, amount=amount, importance_scores=importance_scores)


class RandomUnstructured(_ByAmount):
    """Prunes elements at random.

    Args:
        amount: how many, an int, or which fraction, a float between 0 and 1.
    """

    def scores(self, t: Any) -> Any:
        """Random numbers."""
        return zeros_like(t).uniform_()


class L1Unstructured(_ByAmount):
    """Prunes the elements of the smallest magnitude.

    Args:
        amount: how many, an int, or which fraction, a float between 0 and 1.
    """

    def scores(self, t: Any) -> Any:
        """The magnitudes."""
        return t.detach().abs()


class _BySlices(BasePruningMethod):
    """Slices along a dimension, a number or a fraction of them."""

    PRUNING_TYPE = "structured"

    def __init__(self, amount: Any, dim: int = -1) -> None:
        check_init(amount)
        self.amount = amount
        self.dim = dim

    def scores(self, t: Any) -> Any:
        """One for each slice; those with the lowest are pruned."""
        raise NotImplementedError

    def compute_mask(self, t: Any, default_mask: Any) -> Any:
        """The default mask with zeros at the slices of the lowest scores."""
        check_tensor(t)
        check_dim(t, self.dim)
        count = count_of(self.amount, t.shape[self.dim])
        mask = default_mask.clone()
        if count:
            mask[slices(t, self.dim, positions(self.scores(t), count))] = 0
        return mask


class RandomStructured(_BySlices):
    """Prunes slices at random.

    Args:
        amount: how many, an int, or which fraction, a float between 0 and 1.
        dim: the dimension along which the slices lie.
    """

    def scores(self, t: Any) -> Any:
        """Random numbers."""
        return t.detach().new_empty(t.shape[self.dim]).uniform_()

    @classmethod
    def apply(cls, module: Module, name: str, amount: Any, dim: int = -1) -> Any:  # type: ignore[override]
        """Prune a parameter; see :meth:`BasePruningMethod.apply`."""
        return super().apply(module, name, amount=amount, dim=dim)


class LnStructured(_BySlices):
    """Prunes the slices of the smallest norm.

    Args:
        amount: how many, an int, or which fraction, a float between 0 and 1.
        n: which norm: p, ``inf``, ``"fro"``, ``"nuc"``.
        dim: the dimension along which the slices lie.
    """

    def __init__(self, amount: Any, n: Any, dim: int = -1) -> None:
        super().__init__(amount, dim)
        self.n = n

    def scores(self, t: Any) -> Any:
        """The norms."""
        t = t.detach()
        others = [d for d in range(t.dim()) if d != self.dim % t.dim()]
        return t.norm(p=self.n, dim=others)

    @classmethod
    def apply(cls, module: Module, name: str, amount: Any, n: Any, dim: int, importance_scores: Any = None) -> Any:  # type: ignore[override]
        """Prune a parameter; see :meth:`BasePruningMethod.apply`."""
        return super().apply(module, name, amount=amount, n=n, dim=dim, importance_scores=importance_scores)


class CustomFromMask(BasePruningMethod):
    """Prunes where a given mask is zero.

    Args:
        mask: of the shape of the parameter.
    """

    PRUNING_TYPE = "global"

    def __init__(self, mask: Any) -> None:
        self.mask = mask

    def compute_mask(self, t: Any, default_mask: Any) -> Any:
        """The product of the masks."""
        if default_mask.shape != self.mask.shape:
            raise AssertionError(
                f"default_mask {list(default_mask.shape)} and mask {list(self.mask.shape)} must have the same shape"
            )
        return default_mask * self.mask.to(dtype=default_mask.dtype)

    @classmethod
    def apply(cls, module: Module, name: str, mask: Any) -> Any:  # type: ignore[override]
        """Prune a parameter; see :meth:`BasePruningMethod.apply`."""
        return super().apply(module, name, mask=mask)


def identity(module: Module, name: str) -> Module:
    """Give a parameter its original and a mask of ones, without pruning anything.

    Example:
        >>> import nnlite
        >>> layer = nnlite.nn.utils.prune.identity(nnlite.nn.Linear(2, 1), "bias")
        >>> layer.bias_mask
        tensor([1.])
    """
    Identity.apply(module, name)
    return module


def random_unstructured(module: Module, name: str, amount: Any) -> Module:
    """Prune elements of a parameter at random.

    Args:
        module, name: the parameter.
        amount: how many, an int, or which fraction, a float between 0 and 1.

    Raises:
        TypeError: ``amount`` is not a number. ValueError: it is out of range.

    Example:
        >>> import nnlite
        >>> layer = nnlite.nn.utils.prune.random_unstructured(nnlite.nn.Linear(2, 3), name="weight", amount=1)
        >>> int((layer.weight_mask == 0).sum())
        1
    """
    RandomUnstructured.apply(module, name, amount)
    return module


def l1_unstructured(module: Module, name: str, amount: Any, importance_scores: Any = None) -> Module:
    """Prune the elements of a parameter with the smallest magnitudes (or scores).

    Args:
        module, name: the parameter.
        amount: how many, an int, or which fraction, a float between 0 and 1.
        importance_scores: choose by these in place of the values.

    Example:
        >>> import nnlite
        >>> layer = nnlite.nn.utils.prune.l1_unstructured(nnlite.nn.Linear(2, 3), "weight", amount=0.5)
        >>> sorted(layer.state_dict())
        ['bias', 'weight_mask', 'weight_orig']
    """
    L1Unstructured.apply(module, name, amount=amount, importance_scores=importance_scores)
    return module


def random_structured(module: Module, name: str, amount: Any, dim: int) -> Module:
    """Prune slices of a parameter along ``dim`` at random.

    Example:
        >>> import nnlite
        >>> layer = nnlite.nn.utils.prune.random_structured(nnlite.nn.Linear(5, 3), "weight", amount=3, dim=1)
        >>> int((layer.weight_mask.sum(0) == 0).sum())
        3
    """
    RandomStructured.apply(module, name, amount, dim)
    return module


def ln_structured(module: Module, name: str, amount: Any, n: Any, dim: int, importance_scores: Any = None) -> Module:
    """Prune the slices of a parameter along ``dim`` with the smallest norm (of the values or the scores).

    Args:
        module, name: the parameter.
        amount: how many, an int, or which fraction, a float between 0 and 1.
        n: which norm: p, ``inf``, ``"fro"``, ``"nuc"``.
        dim: the dimension along which the slices lie.
        importance_scores: choose by these in place of the values.

    Example:
        >>> import nnlite
        >>> layer = nnlite.nn.Conv2d(5, 3, 2)
        >>> layer = nnlite.nn.utils.prune.ln_structured(layer, "weight", amount=0.4, dim=1, n=float("-inf"))
        >>> int((layer.weight_mask.sum((0, 2, 3)) == 0).sum())
        2
    """
    LnStructured.apply(module, name, amount, n, dim, importance_scores=importance_scores)
    return module


def custom_from_mask(module: Module, name: str, mask: Any) -> Module:
    """Prune a parameter where a mask is zero.

    Example:
        >>> import nnlite
        >>> layer = nnlite.nn.Linear(5, 3)
        >>> layer = nnlite.nn.utils.prune.custom_from_mask(layer, "bias", mask=nnlite.tensor([0, 1, 0]))
        >>> layer.bias_mask
        tensor([0., 1., 0.])
    """
    CustomFromMask.apply(module, name, mask)
    return module


def global_unstructured(
    parameters: Iterable[tuple[Module, str]], pruning_method: Any, importance_scores: Any = None, **kwargs: Any
) -> None:
    """Prune elements of several parameters as if they were one.

    Args:
        parameters: pairs of a module and the name of its parameter.
        pruning_method: a class of unstructured pruning, such as :class:`L1Unstructured`.
        importance_scores: (module, name) -> scores to choose by in place of the values.
        kwargs: of the class: ``amount``.

    Raises:
        TypeError: ``parameters`` or the scores are of another form, or the method is not unstructured.

    Example:
        >>> import nnlite
        >>> from nnlite.nn.utils import prune
        >>> net = nnlite.nn.Sequential(nnlite.nn.Linear(10, 4), nnlite.nn.Linear(4, 1))
        >>> prune.global_unstructured([(net[0], "weight"), (net[1], "weight")], prune.L1Unstructured, amount=10)
        >>> int(sum((layer.weight_mask == 0).sum() for layer in net))
        10
    """
    if not isinstance(parameters, Iterable):
        raise TypeError("global_unstructured(): parameters is not an Iterable")
    pairs = list(parameters)
    scores = {} if importance_scores is None else importance_scores
    if not isinstance(scores, dict):
        raise TypeError("global_unstructured(): importance_scores should be of type dict")
    values = cat([scores.get((m, n), getattr(m, n)).detach().reshape(-1) for m, n in pairs])
    masks = [getattr(m, n + "_mask", ones_like(getattr(m, n).detach())) for m, n in pairs]
    default = cat([mask.reshape(-1) for mask in masks])
    container = PruningContainer()
    container._tensor_name = "temp"
    method = pruning_method(**kwargs)
    method._tensor_name = "temp"
    container.add_pruning_method(method)
    if method.PRUNING_TYPE != "unstructured":
        raise TypeError(
            'Only "unstructured" PRUNING_TYPE supported for '
            f"the `pruning_method`. Found method {pruning_method} of type {method.PRUNING_TYPE}"
        )
    final = container.compute_mask(values, default)
    start = 0
    for module, name in pairs:
        parameter = getattr(module, name)
        piece = final[start : start + parameter.numel()].view_as(parameter)
        custom_from_mask(module, name, mask=piece)
        start += parameter.numel()


def remove(module: Module, name: str) -> Module:
    """Let a pruned parameter be an ordinary one again; what was pruned stays zero.

    Raises:
        ValueError: it is not pruned.

    Example:
        >>> import nnlite
        >>> from nnlite.nn.utils import prune
        >>> layer = prune.random_unstructured(nnlite.nn.Linear(5, 7), name="weight", amount=0.2)
        >>> list(prune.remove(layer, "weight").state_dict())
        ['bias', 'weight']
    """
    found = _method_on(module, name)
    if found is None:
        raise ValueError(f"Parameter '{name}' of module {module} has to be pruned before pruning can be removed")
    found[1].remove(module)
    del module._forward_pre_hooks[found[0]]
    return module


def is_pruned(module: Module) -> bool:
    """Whether any parameter of the module or of the modules in it is pruned.

    Example:
        >>> import nnlite
        >>> from nnlite.nn.utils import prune
        >>> layer = nnlite.nn.Linear(5, 7)
        >>> prune.is_pruned(layer)
        False
        >>> prune.is_pruned(prune.identity(layer, "weight"))
        True
    """
    return any(
        isinstance(hook, BasePruningMethod) for part in module.modules() for hook in part._forward_pre_hooks.values()
    )
