"""The globals that a checkpoint may name, and what nnlite makes of each."""

from __future__ import annotations

import _compat_pickle
import contextlib
import functools
import pickle
import re
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from .._core import layout
from .._core.device import device
from .._core.dtypes import BY_NAME, dtype
from .._core.size import Size
from ..nn.parameter import Parameter
from ..tensor import Tensor
from ._tensors import STORAGE_DTYPES, StorageClass, rebuild_tensor
from ._unpickler import DataUnpickler, Function, check_key, plain

_BLOCKED_MODULES = frozenset({"sys", "os", "posix", "nt"})
"""Never allowed, whatever the user lists."""

# Functions that the pickle may call. The first argument is the interpreter.


def _tensor_v1(u: Any, storage: Any, offset: Any, size: Any, stride: Any) -> Any:
    return rebuild_tensor(storage, None, offset, size, stride, False)


def _tensor_v2(
    u: Any, storage: Any, offset: Any, size: Any, stride: Any, requires_grad: Any, hooks: Any, metadata: Any = None
) -> Any:
    return rebuild_tensor(storage, None, offset, size, stride, requires_grad, metadata)


def _tensor_v3(
    u: Any, storage: Any, offset: Any, size: Any, stride: Any, requires_grad: Any, hooks: Any, kind: Any,
    metadata: Any = None,
) -> Any:  # fmt: skip
    if not isinstance(kind, dtype):
        raise pickle.UnpicklingError(f"a tensor of the dtype {kind!r:.100}")
    return rebuild_tensor(storage, kind, offset, size, stride, requires_grad, metadata)


def _parameter(u: Any, data: Any, requires_grad: Any, hooks: Any) -> Any:
    if type(data) is not Tensor:
        raise pickle.UnpicklingError(f"a Parameter of a {type(data)}")
    return Parameter(data, bool(requires_grad))


def _parameter_with_state(u: Any, data: Any, requires_grad: Any, hooks: Any, state: Any) -> Any:
    return _with_attributes(_parameter(u, data, requires_grad, hooks), state)


def _from_type(u: Any, function: Any, kind: Any, arguments: Any, state: Any) -> Any:
    if type(function) is not Function or type(arguments) is not tuple:
        raise pickle.UnpicklingError("a tensor that is not made by a function")
    t = function.call(u, *arguments)
    cls = kind.cls if type(kind) is Function else kind
    if not isinstance(t, Tensor) or not (isinstance(cls, type) and issubclass(cls, Tensor)):
        raise pickle.UnpicklingError(f"a tensor of the type {kind!r:.100}")
    return _with_attributes(t if type(t) is cls else Tensor._make_subclass(cls, t, t.requires_grad), state)


def _with_attributes(t: Any, state: Any) -> Any:
    """Hang the user's attributes on a tensor; none that hides a method."""
    if type(state) is not dict:
        raise pickle.UnpicklingError("the attributes of a tensor are not a dict")
    for name, value in state.items():
        own = type(name) is not str or hasattr(type(t), name) or name[:1] == "_"
        if own and name not in ("_is_buffer", "_is_param"):
            raise pickle.UnpicklingError(f"a tensor cannot have the attribute {name!r:.100}")
        t.__dict__[name] = value
    return t


def _set(kind: type) -> Callable[..., Any]:
    def make(u: Any, items: Any = ()) -> Any:
        if not isinstance(items, list | tuple | set | frozenset):
            raise pickle.UnpicklingError(f"a {kind.__name__} of a {type(items)}")
        u.charge(len(items))
        for item in items:
            check_key(item)
        return kind(items)

    return make


def _ordered_dict(u: Any, pairs: Any = ()) -> Any:
    if not isinstance(pairs, list | tuple):
        raise pickle.UnpicklingError(f"an OrderedDict of a {type(pairs)}")
    u.charge(len(pairs))
    for pair in pairs:
        check_key(pair[0])
    return OrderedDict(pairs)


def _counter(u: Any, counts: Any = ()) -> Any:
    if counts != () and type(counts) is not dict:
        raise pickle.UnpicklingError(f"a Counter of a {type(counts)}")
    u.charge(len(counts))
    return Counter(dict(counts))


def _encode(u: Any, text: Any, encoding: Any = "latin1") -> bytes:
    """How protocol 2 writes bytes."""
    if type(text) is not str or encoding not in ("latin1", "latin-1", "ascii", "utf-8"):
        raise pickle.UnpicklingError(f"bytes of a {type(text)} in the encoding {encoding!r:.50}")
    u.charge(len(text))
    return text.encode(encoding)


def _bytes(kind: type) -> Callable[..., Any]:
    def make(u: Any, data: Any = b"", encoding: Any = None) -> Any:
        if encoding is not None:
            data = _encode(u, data, encoding)
        if not isinstance(data, bytes | bytearray):
            raise pickle.UnpicklingError(f"a {kind.__name__} of a {type(data)}")
        u.charge(len(data))
        return kind(data)

    return make


def _complex(u: Any, real: Any, imaginary: Any) -> complex:
    if type(real) not in (int, float) or type(imaginary) not in (int, float):
        raise pickle.UnpicklingError("a complex number of parts that are not numbers")
    return complex(real, imaginary)


def _size(u: Any, sizes: Any = ()) -> Size:
    if not isinstance(sizes, tuple | list) or not all(type(n) is int for n in sizes):
        raise pickle.UnpicklingError("a torch.Size of something else than ints")
    u.charge(len(sizes))
    return Size(sizes)


def _device(u: Any, kind: Any, index: Any = None) -> device:
    try:
        return device(kind, index)
    except RuntimeError as error:
        raise pickle.UnpicklingError(f"torch.device({kind!r:.50}): {error}") from None


def _layout(u: Any, name: Any) -> Any:
    known = {str(kind): kind for kind in vars(layout).values() if isinstance(kind, layout.layout)}
    if type(name) is not str or name not in known:
        raise pickle.UnpicklingError(f"torch has no layout {name!r:.50}")
    return known[name]


# NumPy. Numbers are allowed, arrays where the user allows them, as in PyTorch.


def _numpy_dtype(u: Any, code: Any, align: Any = False, copy: Any = True) -> np.dtype:
    """A new dtype object: its byte order is set afterwards."""
    if type(code) is not str or not re.fullmatch(r"b1|[iu][1248]|f[248]|c(8|16)|[SU]\d{1,6}", code):
        raise pickle.UnpicklingError(
            f"NumPy's dtype {code!r:.50} is not one of plain numbers or text; convert it with .item() or .tolist()"
        )
    return np.dtype(code, copy=True)


def _numpy_scalar(u: Any, kind: Any, data: Any) -> Any:
    if not isinstance(kind, np.dtype) or type(data) is not bytes or len(data) != kind.itemsize or not data:
        raise pickle.UnpicklingError("a NumPy scalar that is not a plain number")
    return np.frombuffer(data, kind).astype(kind.newbyteorder("="))[0]


def _numpy_empty(u: Any, kind: Any, shape: Any, code: Any) -> Any:
    """An array that gets its shape and values as its state."""
    if type(kind) is not Function or kind.cls is not np.ndarray or shape != (0,):
        raise pickle.UnpicklingError("a NumPy array that is not made as NumPy makes it")
    return np.empty(0, np.uint8)


def _numpy_from_buffer(u: Any, data: Any, kind: Any, shape: Any, order: Any) -> Any:
    if not isinstance(data, bytes | bytearray) or not isinstance(kind, np.dtype) or type(shape) is not tuple:
        raise pickle.UnpicklingError("a NumPy array that is not made of bytes")
    u.charge(len(data) // 8)
    return np.frombuffer(bytearray(data), kind).reshape(shape, order=order)


def _refuse_array() -> Any:
    raise pickle.UnpicklingError("a NumPy array that is not made as NumPy makes it")


def _function(
    module: str, name: str, call: Callable[..., Any], cls: type | None = None, target: Any = None
) -> tuple[Any, Function]:
    return (module, name), Function(f"{module}.{name}", call, cls, target)


TABLE: dict[tuple[str, str], Any] = dict(
    [
        _function("torch._utils", "_rebuild_tensor", _tensor_v1),
        _function("torch._utils", "_rebuild_tensor_v2", _tensor_v2),
        _function("torch._utils", "_rebuild_tensor_v3", _tensor_v3),
        _function("torch._utils", "_rebuild_parameter", _parameter),
        _function("torch._utils", "_rebuild_parameter_with_state", _parameter_with_state),
        _function("torch._tensor", "_rebuild_from_type_v2", _from_type),
        _function("torch.serialization", "_get_layout", _layout),
        _function("torch", "Size", _size, target=Size),
        _function("torch", "device", _device, target=device),
        _function("collections", "OrderedDict", _ordered_dict, target=OrderedDict),
        _function("collections", "Counter", _counter, target=Counter),
        _function("_codecs", "encode", _encode),
        _function("builtins", "set", _set(set), target=set),
        _function("builtins", "frozenset", _set(frozenset), target=frozenset),
        _function("builtins", "bytearray", _bytes(bytearray), target=bytearray),
        _function("builtins", "bytes", _bytes(bytes), target=bytes),
        _function("builtins", "complex", _complex, target=complex),
        _function("numpy", "dtype", _numpy_dtype, target=np.dtype),
        _function("numpy._core.multiarray", "scalar", _numpy_scalar),
    ]
)
"""(module, name) -> what stands for the global."""
ON_REQUEST: dict[tuple[str, str], Function] = dict(
    [
        _function("numpy", "ndarray", lambda u, *arguments: _refuse_array(), np.ndarray),
        _function("numpy._core.multiarray", "_reconstruct", _numpy_empty),
        _function("numpy._core.numeric", "_frombuffer", _numpy_from_buffer),
    ]
)
"""What stands for these globals where the user allows them: what NumPy writes for an array, and no more."""

TABLE["torch", "Tensor"] = Tensor
TABLE["torch.nn.parameter", "Parameter"] = Parameter
TABLE.update({("torch", name): kind for name, kind in BY_NAME.items()})
for _name, _kind in STORAGE_DTYPES.items():
    for _module in ("torch", "torch.storage", "torch.cuda"):
        TABLE[_module, _name] = StorageClass(_kind)

_OTHER_DTYPES = re.compile(r"(uint(16|32|64|[1-7])|int[1-7]|float[48]_\w+|complex32|qu?int\w+|bits\w+)\Z")

_allowed_by_user: dict[tuple[str, str], Any] = {}


def canonical(module: str, name: str) -> tuple[str, str]:
    """The present name of a global; protocol 2 keeps Python 2's (``__builtin__.xrange``), old files NumPy 1's."""
    if (module, name) in _compat_pickle.NAME_MAPPING:
        return _compat_pickle.NAME_MAPPING[module, name]
    module = _compat_pickle.IMPORT_MAPPING.get(module, module)
    return ("numpy._core" + module[len("numpy.core") :] if module.startswith("numpy.core.") else module), name


def find_global(module: str, name: str) -> Any:
    """What stands for a global in a pickle of data.

    Raises:
        pickle.UnpicklingError: it is not allowed; the message names it and says what to do.
    """
    module, name = canonical(module, name)
    found = TABLE.get((module, name))
    if found is not None:
        return found
    full = f"{module}.{name}"
    if module in _BLOCKED_MODULES:
        raise pickle.UnpicklingError(f"Trying to load unsupported GLOBAL {full} whose module {module} is blocked.")
    if module == "torch" and _OTHER_DTYPES.match(name):
        raise pickle.UnpicklingError(
            f"nnlite has no dtype {full}: convert the tensors to one of {', '.join(sorted(BY_NAME))} in PyTorch and "
            "save them again"
        )
    if (module, name) in _allowed_by_user:
        if (module, name) in ON_REQUEST:
            return ON_REQUEST[module, name]
        return _allowed_by_user[module, name]
    raise pickle.UnpicklingError(
        f"Unsupported global: GLOBAL {full} was not an allowed global by default. If you trust this class or function, "
        f"allow it with `nnlite.serialization.add_safe_globals([{full}])`; if you trust the whole file, load it with "
        "`weights_only=False`, which runs whatever code the file names."
    )


def allowed_classes() -> frozenset[type]:
    """The classes that the user allowed."""
    return frozenset(f.cls for f in _allowed_by_user.values() if f.cls is not None)


def _names_of(allowed: Any) -> tuple[tuple[str, str], Any]:
    """The name of a global that a user allows: its own, or the one given beside it."""
    if isinstance(allowed, tuple):
        if len(allowed) != 2:
            raise ValueError(
                "Expected tuple of length 2 (global, str of callable full path), but got tuple of length: "
                f"{len(allowed)}"
            )
        target, path = allowed
        if type(path) is not str:
            raise TypeError(f"Expected second item in tuple to be str of callable full path, but got: {type(path)}")
        module, _, name = path.rpartition(".")
        return canonical(module, name), target
    return canonical(allowed.__module__, allowed.__qualname__), allowed


def add_safe_globals(safe_globals: Iterable[Any]) -> None:
    """Allow ``load(weights_only=True)`` to make objects of these classes and to call these functions.

    Args:
        safe_globals: classes and functions, or pairs of one and the full name that files have for it.

    Example:
        >>> import fractions, io, nnlite
        >>> file = io.BytesIO()
        >>> nnlite.save(fractions.Fraction(1, 3), file)
        >>> with nnlite.serialization.safe_globals([fractions.Fraction]):
        ...     nnlite.load(io.BytesIO(file.getvalue()))
        Fraction(1, 3)
    """
    for allowed in safe_globals:
        key, target = _names_of(allowed)
        call = functools.partial(_call_allowed, target)
        cls = target if isinstance(target, type) else None
        _allowed_by_user[key] = Function(".".join(key), call, cls, target)


def _call_allowed(target: Callable[..., Any], u: DataUnpickler, *arguments: Any) -> Any:
    return target(*map(plain, arguments))


def get_safe_globals() -> list[Any]:
    """What ``add_safe_globals`` has allowed."""
    return [f.target for f in _allowed_by_user.values()]


def clear_safe_globals() -> None:
    """Allow nothing beyond what is allowed by default."""
    _allowed_by_user.clear()


@contextlib.contextmanager
def safe_globals(safe_globals: Iterable[Any]) -> Iterator[None]:
    """A context in which :func:`add_safe_globals` holds."""
    before = dict(_allowed_by_user)
    add_safe_globals(safe_globals)
    try:
        yield
    finally:
        _allowed_by_user.clear()
        _allowed_by_user.update(before)
