"""The ``Tensor`` class: its properties, its place in the graph, its conversions. Operations come from ``_methods``."""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ._core import dtypes
from ._core.device import device, device_of
from ._core.grad_mode import mode
from ._core.inference import is_inference
from ._core.layout import channels_last_3d, contiguous_format, in_format, strided
from ._core.node import AccumulateGrad, add_hook
from ._core.size import Size
from ._core.tensor_base import make_leaf, use_tensor_class, wrap
from ._core.views import detached, node_of
from ._interchange import Interchange
from ._lazy import Late
from ._methods import TensorMethods
from .backends import backend_of
from .utils.hooks import RemovableHandle

if TYPE_CHECKING:
    from . import _printing, creation
    from .autograd import run
    from .ops.pointwise import complex as parts
else:
    _printing = Late(globals(), "_printing", "nnlite._printing")
    creation = Late(globals(), "creation", "nnlite.creation")
    parts = Late(globals(), "parts", "nnlite.ops.pointwise.complex")
    run = Late(globals(), "run", "nnlite.autograd.run")


class Tensor(Interchange, TensorMethods):
    """An array on a device that can record what is computed from it.

    Made by :func:`nnlite.tensor` and the other factories; ``Tensor(2, 3)`` and ``Tensor([1, 2])`` make float tensors.

    Example:
        >>> import nnlite
        >>> x = nnlite.tensor([1.0, 2.0], requires_grad=True)
        >>> (x * x).sum().backward()
        >>> x.grad
        tensor([2., 4.])
    """

    __slots__ = ()
    __array_priority__ = 1000  # NumPy's operators leave `array * tensor` to the tensor

    def __new__(cls, *data: Any, device: Any = None) -> Any:
        if len(data) == 1 and isinstance(data[0], Tensor):
            made = data[0].detach()
        elif len(data) == 1 and not isinstance(data[0], int | Size):
            made = creation.tensor(data[0], dtype=dtypes.default.float, device=device)
        else:
            made = creation.empty(*(data or (0,)), device=device)
        if cls is not Tensor:
            return cls._make_subclass(cls, made)
        return made

    @staticmethod
    def _make_subclass(cls: type[Any], data: Any, require_grad: bool = False) -> Any:
        """A tensor of class ``cls`` over the storage of ``data``."""
        t = object.__new__(cls)
        t._a = data._a
        t._node = None
        t._vc = [0]
        t._view = None
        return make_leaf(t) if require_grad else t

    def as_subclass(self, cls: type[Any]) -> Any:
        """The tensor as an object of class ``cls``, over the same storage and in the same place of the graph."""
        t = cls._make_subclass(cls, self)
        t._node, t._vc, t._view = self._node, self._vc, self._view
        return t

    # -- what it is ---------------------------------------------------------------------------------------------------

    @property
    def shape(self) -> Size:
        """The sizes of the dimensions."""
        return tuple.__new__(Size, self._a.shape)  # Size(...) would check what needs no check

    def size(self, dim: int | None = None) -> Any:
        """The sizes of all dimensions, or that of one."""
        return Size(self._a.shape) if dim is None else self._a.shape[self._axis(dim)]

    def _axis(self, dim: int) -> int:
        n = max(self._a.ndim, 1)
        if not -n <= dim < n:
            raise IndexError(f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {dim})")
        return dim

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return self._a.ndim

    def dim(self) -> int:
        """The number of dimensions."""
        return self._a.ndim

    ndimension = dim

    def numel(self) -> int:
        """The number of elements."""
        return self._a.size

    nelement = numel

    @property
    def dtype(self) -> dtypes.dtype:
        """The type of the elements."""
        return dtypes.from_numpy[self._a.dtype]

    @property
    def device(self) -> device:
        """Where the elements are."""
        return device_of(self._a)

    def get_device(self) -> int:
        """The index of the CUDA device, -1 on the CPU."""
        index = self.device.index
        return -1 if index is None else index

    @property
    def is_cuda(self) -> bool:
        """Whether it is on a CUDA device."""
        return self.device.type == "cuda"

    @property
    def is_cpu(self) -> bool:
        """Whether it is on the CPU."""
        return type(self._a) is np.ndarray

    is_sparse = is_sparse_csr = is_mkldnn = is_quantized = is_meta = is_nested = volatile = False
    is_ipu = is_maia = is_mps = is_mtia = is_vulkan = is_xla = is_xpu = False
    is_ipu = is_maia = is_mps = is_mtia = is_vulkan = is_xla = is_xpu = False
    layout = strided
    name = None

    @property
    def itemsize(self) -> int:
        """Bytes of an element."""
        return self._a.itemsize

    def element_size(self) -> int:
        """Bytes of an element."""
        return self._a.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return self._a.nbytes

    def is_floating_point(self) -> bool:
        """Whether the elements are real floating-point numbers."""
        return self.dtype.is_floating_point

    def is_complex(self) -> bool:
        """Whether the elements are complex."""
        return self.dtype.is_complex

    def is_signed(self) -> bool:
        """Whether the elements can be negative."""
        return self.dtype.is_signed

    def stride(self, dim: int | None = None) -> Any:
        """How many elements apart neighbours along each dimension (or one) lie in memory."""
        strides = tuple(s // self._a.itemsize for s in self._a.strides)
        return strides if dim is None else strides[self._axis(dim)]

    def is_contiguous(self, memory_format: Any = contiguous_format) -> bool:
        """Whether the elements lie in order in memory, or with the channels last."""
        if memory_format is contiguous_format:
            return bool(self._a.flags.c_contiguous)
        return self._a.ndim == (5 if memory_format is channels_last_3d else 4) and in_format(self._a, memory_format)

    def storage_offset(self) -> int:
        """How many elements behind the base's first element the first one lies."""
        if self._view is None:
            return 0
        return (self.data_ptr() - self._view.base.data_ptr()) // self._a.itemsize

    def data_ptr(self) -> int:
        """The address of the first element."""
        a = self._a
        if hasattr(a, "__array_interface__"):
            return a.__array_interface__["data"][0]
        if hasattr(a, "data") and hasattr(a.data, "ptr"):
            return a.data.ptr
        raise NotImplementedError(f"data_ptr() is not known for tensors on {self.device}")

    @property
    def T(self) -> Any:
        """The dimensions in reverse order. A view."""
        return self.permute(*range(self._a.ndim - 1, -1, -1))

    @property
    def mT(self) -> Any:
        """The last two dimensions exchanged. A view."""
        if self._a.ndim < 2:
            raise RuntimeError(
                f"tensor.mT is only supported on matrices or batches of matrices. Got {self._a.ndim}-D tensor."
            )
        return self.transpose(-2, -1)

    @property
    def H(self) -> Any:
        """The conjugate transpose of a matrix."""
        if self._a.ndim not in (0, 2):
            raise RuntimeError(f"tensor.H is only supported on matrices (2-D tensors). Got {self._a.ndim}-D tensor."
                               + " Consider using tensor.mH for batches of matrices" * (self._a.ndim > 2))  # fmt: skip
        return self.adjoint() if self._a.ndim else self.conj()

    @property
    def mH(self) -> Any:
        """The conjugate transposes of a stack of matrices."""
        if self._a.ndim == 1:
            raise RuntimeError(
                f"tensor.mH is only supported on matrices or batches of matrices. Got {self._a.ndim}-D tensor."
            )
        return self.adjoint()

    @property
    def real(self) -> Any:
        """The real part, a view; a real tensor itself."""
        return parts.real(self)

    @real.setter
    def real(self, value: Any) -> None:
        parts.real(self).copy_(value if isinstance(value, Tensor) else creation.tensor(value))

    @property
    def imag(self) -> Any:
        """The imaginary part, a view."""
        return parts.imag(self)

    @imag.setter
    def imag(self, value: Any) -> None:
        parts.imag(self).copy_(value if isinstance(value, Tensor) else creation.tensor(value))

    # -- its place in the graph ---------------------------------------------------------------------------------------

    @property
    def requires_grad(self) -> bool:
        """Whether a gradient is wanted."""
        return node_of(self) is not None

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if not isinstance(value, bool):
            raise RuntimeError(f"requires_grad must be a bool, got {type(value).__name__}")
        if not self.is_leaf:
            raise RuntimeError(_ONLY_LEAVES)
        self.requires_grad_(value)

    def requires_grad_(self, requires_grad: bool = True) -> Any:
        """Say whether the leaf collects a gradient.

        Raises:
            RuntimeError: the tensor is not a leaf, or its dtype is neither floating point nor complex.
        """
        node = node_of(self)
        if node is not None and type(node) is not AccumulateGrad:
            if not requires_grad:
                raise RuntimeError(_ONLY_LEAVES)
        elif requires_grad:
            if self._a.dtype.kind not in "fcV":
                raise RuntimeError(f"only Tensors of floating point dtype can require gradients, got {self.dtype}")
            if node is None:
                if is_inference(self) and not mode.inference:
                    raise RuntimeError(
                        "Setting requires_grad=True on inference tensor outside InferenceMode is not allowed."
                    )
                make_leaf(self)
        elif node is not None:
            # Hooks stay with the node for the day the leaf collects again.
            self.__dict__["_resting_node"], self._node = node, None
        return self

    @property
    def is_leaf(self) -> bool:
        """Whether it was made by the user rather than by a recorded operation."""
        node = node_of(self)
        return node is None or type(node) is AccumulateGrad

    @property
    def grad_fn(self) -> Any:
        """The node of the operation that made it, None for a leaf."""
        node = node_of(self)
        if node is None or type(node) is AccumulateGrad:
            return None
        return getattr(node, "parent", node)

    @property
    def output_nr(self) -> int:
        """Which output of its operation it is."""
        return getattr(node_of(self), "index", 0)

    @property
    def grad(self) -> Any:
        """The gradient that backward added up, None before."""
        if self._grad is None and not self.is_leaf and self._retain is None:
            warnings.warn(
                "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad "
                "attribute won't "
                "be populated during autograd.backward(). If you indeed want the .grad field to be populated for "
                "a non-leaf Tensor, use .retain_grad() on the non-leaf Tensor.",
                stacklevel=2,
            )
        return self._grad

    @grad.setter
    def grad(self, value: Any) -> None:
        if value is not None:
            if not isinstance(value, Tensor):
                raise TypeError(
                    f"assigned grad expected to be a Tensor or None but got grad of type {type(value).__name__}"
                )
            if value is self:
                raise RuntimeError("can't assign Variable as its own grad")
            if value._a.shape != self._a.shape:
                raise RuntimeError(
                    f"assigned grad has data of a different size (grad {list(value._a.shape)}, tensor "
                    f"{list(self._a.shape)})"
                )
            if value._a.dtype != self._a.dtype:
                raise RuntimeError(
                    f"attempting to assign a gradient with dtype '{value.dtype}' to a tensor with grad_dtype "
                    f"'{self.dtype}'"
                )
            if type(value._a) is not type(self._a):
                raise RuntimeError(
                    f"assigned grad has data located on a different device ({value.device}, the tensor is on "
                    f"{self.device})"
                )
        self._grad = value

    @grad.deleter
    def grad(self) -> None:
        self._grad = None

    @property
    def data(self) -> Any:
        """The same storage without a graph; writes go through and no graph notices."""
        return wrap(self._a)

    @data.setter
    def data(self, value: Any) -> None:
        if not isinstance(value, Tensor):
            raise TypeError(f"Variable data has to be a tensor, but got {type(value).__name__}")
        if self._node is not None and value._a.dtype.kind not in "fcV":
            raise RuntimeError("data set to a tensor that requires gradients must be floating point or complex dtype")
        self._a = value._a
        self._view = None

    def detach(self) -> Any:
        """The same storage without a graph."""
        return detached(self)

    def detach_(self) -> Any:
        """Cut the tensor off from the graph that made it."""
        if self._view is not None:
            raise RuntimeError("Can't detach views in-place. Use detach() instead.")
        self._node = None
        return self

    @property
    def _version(self) -> int:
        if is_inference(self):
            raise RuntimeError("Inference tensors do not track version counter.")
        return self._vc[0]

    @property
    def _base(self) -> Any:
        return None if self._view is None else self._view.base

    def _is_view(self) -> bool:
        return self._view is not None

    def backward(
        self, gradient: Any = None, retain_graph: bool | None = None, create_graph: bool = False, inputs: Any = None
    ) -> None:
        """Add this tensor's gradients to the leaves; see :func:`nnlite.autograd.backward`."""
        run.backward(self, gradient, retain_graph, create_graph, inputs)

    def register_hook(self, hook: Callable[[Any], Any]) -> RemovableHandle:
        """Call ``hook(grad)`` when the tensor's gradient is known; what it returns, unless None, replaces it."""
        node = node_of(self)
        if node is None:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        hooks = node.all_hooks().before
        handle = add_hook(hooks, hook)
        if self._retain is not None:  # what is kept is what the hooks leave
            hooks.move_to_end(self._retain[0].id)
        return handle

    def register_post_accumulate_grad_hook(self, hook: Callable[[Any], None]) -> RemovableHandle:
        """Call ``hook(tensor)`` after the leaf's ``.grad`` was added to."""
        node = node_of(self)
        if node is None:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        if type(node) is not AccumulateGrad:
            raise RuntimeError("post accumulate grad hooks cannot be registered on non-leaf tensors")
        return add_hook(node.all_hooks().post, hook)

    def retain_grad(self) -> None:
        """Keep the gradient of a tensor that is not a leaf in ``.grad``."""
        node = node_of(self)
        if node is None:
            raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
        if type(node) is AccumulateGrad or self._retain is not None:
            return
        me = weakref.ref(self)

        def keep(g: Any) -> None:
            tensor = me()
            if tensor is not None:
                tensor._grad = g if tensor._grad is None else tensor._grad + g

        self.__dict__["_retain"] = add_hook(node.all_hooks().before, keep), keep

    @property
    def retains_grad(self) -> bool:
        """Whether ``retain_grad`` was called on it."""
        return self._retain is not None

    # -- conversions --------------------------------------------------------------------------------------------------

    def numpy(self, *, force: bool = False) -> np.ndarray:
        """A NumPy array that shares the memory of a CPU tensor.

        Raises:
            RuntimeError: it requires grad. TypeError: it is on another device. ``force=True`` copies in both cases.
        """
        if force:
            return backend_of(self._a).to_host(self._a)
        if type(self._a) is not np.ndarray:
            raise TypeError(
                f"can't convert {self.device} device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host "
                "memory first."
            )
        if self.requires_grad:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")
        return self._a.view()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        array = self.numpy()
        if copy is not None:
            return np.array(array, dtype=dtype, copy=copy)
        return np.asarray(array, dtype=dtype)

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
        return creation.tensor(array)

    def item(self) -> Any:
        """The only element as a Python number.

        Raises:
            RuntimeError: there is not just one element.
        """
        if self._a.size != 1:
            raise RuntimeError(f"a Tensor with {self._a.size} elements cannot be converted to Scalar")
        return backend_of(self._a).to_scalar(self._a)

    def tolist(self) -> Any:
        """The elements as nested lists of Python numbers."""
        return backend_of(self._a).to_host(self._a).tolist()

    def type(self, dtype: Any = None, non_blocking: bool = False) -> Any:
        """The name of the tensor's type, or the tensor in another dtype.

        A dtype leaves the tensor where it is; a type by name (``"torch.FloatTensor"``, ``"torch.cuda.FloatTensor"``) or
        by class (``FloatTensor``, ``cuda.FloatTensor``) moves it, too.

        Raises:
            ValueError: no type has this name.
        """
        if dtype is None:
            prefix = "torch." if self.is_cpu else f"torch.{self.device.type}."
            return prefix + _TYPE_NAMES[self.dtype.name]
        where = None
        if isinstance(dtype, str):
            dtype, where = _named_type(dtype)
        elif isinstance(dtype, type):
            kind: Any = dtype
            if hasattr(kind, "device_type"):  # FloatTensor and its like
                dtype, where = kind.dtype, kind.device_type
            elif dtype is Tensor:
                dtype, where = dtypes.default.float, "cpu"
            else:
                raise ValueError(
                    f"invalid type: '{dtype.__name__}'; expected a torch.dtype, or FloatTensor and its like"
                )
        return self.to(where, dtypes.as_dtype(dtype, "type"), non_blocking=non_blocking)

    def __bool__(self) -> bool:
        if self._a.size != 1:
            if not self._a.size:
                raise RuntimeError("Boolean value of Tensor with no values is ambiguous")
            raise RuntimeError("Boolean value of Tensor with more than one value is ambiguous")
        return bool(self.item())

    def __int__(self) -> int:
        return int(self._real("int"))

    def __float__(self) -> float:
        return float(self._real("float"))

    def _real(self, kind: str) -> Any:
        value = self._only(kind)
        if isinstance(value, complex):
            if value.imag:
                raise RuntimeError(f"value cannot be converted to type {kind} without overflow (got {value})")
            return value.real
        return value

    def __complex__(self) -> complex:
        return complex(self._only("complex"))

    def __index__(self) -> int:
        if self._a.dtype.kind not in "iub" or self._a.size != 1:
            raise TypeError("only integer tensors of a single element can be converted to an index")
        return int(self.item())

    def _only(self, kind: str) -> Any:
        if self._a.size != 1:
            raise ValueError(
                f"only one element tensors can be converted to Python scalars ({kind}() of one with {self._a.size})"
            )
        return self.item()

    def __len__(self) -> int:
        if not self._a.ndim:
            raise TypeError("len() of a 0-d tensor")
        return self._a.shape[0]

    def __iter__(self) -> Iterator[Any]:
        if not self._a.ndim:
            raise TypeError("iteration over a 0-d tensor")
        return iter(self.unbind(0))

    def __reversed__(self) -> Any:
        return self.flip(*range(self._a.ndim))

    def __contains__(self, element: Any) -> bool:
        if isinstance(element, Tensor | int | float | complex):
            return bool((self == element).any().item())
        raise RuntimeError(f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a {type(element)}.")

    def __hash__(self) -> int:
        return id(self)

    def __dir__(self) -> list[str]:
        return sorted(name for name in object.__dir__(self) if name not in ("_a", "_node", "_vc", "_view"))

    def __repr__(self, *, tensor_contents: str | None = None) -> str:
        return _printing.tensor_str(self, tensor_contents=tensor_contents)

    def __format__(self, spec: str) -> str:
        return self.item().__format__(spec) if not self._a.ndim else object.__format__(self, spec)


_TYPE_NAMES = {name: f"{title}Tensor" for name, title in dtypes.TITLES.items()}
_BY_TYPE_NAME = {title: name for name, title in _TYPE_NAMES.items()}


def _named_type(name: str) -> tuple[dtypes.dtype, str]:
    """The dtype and the device type in ``torch.FloatTensor``, ``torch.cuda.LongTensor``."""
    package, *where, title = name.split(".") if "." in name else ("", name)
    if package not in ("torch", "nnlite") or len(where) > 1 or title not in _BY_TYPE_NAME:
        raise ValueError(f"invalid type: '{name}'; expected a name such as 'torch.FloatTensor'")
    return dtypes.BY_NAME[_BY_TYPE_NAME[title]], where[0] if where else "cpu"


_ONLY_LEAVES = (
    "you can only change requires_grad flags of leaf variables. If you want to use a computed variable in a subgraph "
    "that doesn't require differentiation use var_no_grad = var.detach()."
)


use_tensor_class(Tensor)
