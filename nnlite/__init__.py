"""nnlite: PyTorch's public API over the array library you already have.

``import nnlite as torch`` and a PyTorch program runs: NumPy on the CPU, CuPy on CUDA.
"""

from __future__ import annotations

import warnings as _warnings
from typing import TYPE_CHECKING as _TYPE_CHECKING, Any as _Any

# Overflow and division by zero give inf and nan without a word, as in PyTorch. NumPy's warnings name the calling
# module, so that this leaves the warnings of other packages as they are.
_warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"nnlite\.")

from ._core.device import device, get_default_device, set_default_device
from ._core.dtypes import (
    BY_NAME as _BY_NAME,
    bfloat16,
    complex32,
    complex64,
    complex128,
    dtype,
    float16,
    float32,
    float64,
    get_default_dtype,
    int8,
    int16,
    int32,
    int64,
    promote_types,
    set_default_dtype,
    uint8,
    uint64,
)
from ._core.grad_mode import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from ._core.layout import (
    channels_last,
    channels_last_3d,
    contiguous_format,
    layout,
    memory_format,
    preserve_format,
    sparse_bsc,
    sparse_bsr,
    sparse_coo,
    sparse_csc,
    sparse_csr,
    strided,
)
from ._core.rng import (
    Generator,
    cpu_generator as default_generator,
    get_rng_state,
    initial_seed,
    manual_seed,
    seed,
    set_rng_state,
)
from ._core.size import Size
from .tensor import Tensor
from .torch_version import __version__

from ._functions import *  # isort: skip
from . import autograd, cuda, fft, linalg, nn, signal, special, utils  # isort: skip
from . import __config__, random, storage, version  # isort: skip
from ._settings import *  # isort: skip
from ._threads import *  # isort: skip
from .storage import TypedStorage, UntypedStorage, is_storage  # isort: skip
from .autograd.anomaly_mode import is_anomaly_check_nan_enabled, is_anomaly_enabled  # isort: skip
from ._info import finfo, iinfo, is_complex, is_floating_point, is_nonzero, is_tensor, numel, typename
from ._printing import set_printoptions
from .signal._periodic import bartlett_window, blackman_window, hamming_window, hann_window, kaiser_window
from .typed import *

# The types named as Python's own, and the constants; last, since they hide Python's names in this file.
from math import e, inf, nan, pi  # isort: skip

from .ops._arguments import guard_all as _guard_all  # isort: skip

from . import _lazy  # isort: skip

if _TYPE_CHECKING:  # what loads at first use, for type checkers
    from . import func, optim, profiler
    from .func import vmap
    from .serialization import load, save

for _space in (fft, linalg, nn.functional, signal.windows, special):
    _guard_all(vars(_space), _space.__name__)

newaxis = None
short, int, long = int16, int32, int64
half, float, double = float16, float32, float64
chalf, cfloat, cdouble = complex32, complex64, complex128
bool = _BY_NAME["bool"]


def __getattr__(name: str) -> _Any:
    found = globals()[name] = _lazy.load(name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_lazy.MODULES, *_lazy.NAMES})
