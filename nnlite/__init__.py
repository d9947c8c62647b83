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
from ._core.size import Size
from .ops import FUNCTIONS as _FUNCTIONS
from .tensor import Tensor
from .torch_version import __version__

from math import e, inf, nan, pi  # isort: skip

from . import _functions, _lazy  # isort: skip

del globals()["tensor"]  # the file; what is to stand here is the function

if _TYPE_CHECKING:  # what loads at first use; the index is made of these lines
    from . import (
        __config__,
        _dynamo,
        _inductor,
        accelerator,
        amp,
        ao,
        autograd,
        compiler,
        cpu,
        cuda,
        distributed,
        distributions,
        export,
        fft,
        func,
        futures,
        fx,
        hub,
        jit,
        library,
        linalg,
        masked,
        monitor,
        mps,
        mtia,
        multiprocessing,
        nested,
        nn,
        onnx,
        optim,
        overrides,
        package,
        profiler,
        quantization,
        random,
        return_types,
        serialization,
        signal,
        sparse,
        special,
        storage,
        testing,
        torch_version,
        types,
        typed,
        utils,
        version,
        xpu,
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
    from ._functions import *
    from ._info import finfo, iinfo, is_complex, is_floating_point, is_nonzero, is_tensor, numel, typename
    from ._printing import set_printoptions
    from ._settings import *
    from ._threads import *
    from .amp import GradScaler
    from .amp.autocast_mode import (
        autocast,
        autocast_decrement_nesting,
        autocast_increment_nesting,
        clear_autocast_cache,
        get_autocast_cpu_dtype,
        get_autocast_dtype,
        get_autocast_gpu_dtype,
        is_autocast_cache_enabled,
        is_autocast_cpu_enabled,
        is_autocast_enabled,
        set_autocast_cache_enabled,
        set_autocast_cpu_dtype,
        set_autocast_cpu_enabled,
        set_autocast_dtype,
        set_autocast_enabled,
        set_autocast_gpu_dtype,
    )
    from .autograd.anomaly_mode import is_anomaly_check_nan_enabled, is_anomaly_enabled
    from .compiler import compile
    from .cuda import Event, OutOfMemoryError, Stream
    from .func import vmap
    from .futures import Future
    from .jit import ScriptFunction, ScriptModule, fork, wait
    from .nn._flat_functions import (
        adaptive_max_pool1d,
        batch_norm,
        cond,
        convolution,
        embedding_bag,
        group_norm,
        instance_norm,
        layer_norm,
        max_pool1d,
        max_pool2d,
        max_pool3d,
        native_batch_norm,
        native_group_norm,
        native_layer_norm,
        norm_except_dim,
        while_loop,
    )
    from .nn.functional import avg_pool1d, conv_tbc, max_pool1d_with_indices, rms_norm
    from .serialization import load, save
    from .signal._periodic import bartlett_window, blackman_window, hamming_window, hann_window, kaiser_window
    from .storage import TypedStorage, UntypedStorage, is_storage
    from .typed import *

newaxis = None
short, int, long = int16, int32, int64
half, float, double = float16, float32, float64
chalf, cfloat, cdouble = complex32, complex64, complex128
bool = _BY_NAME["bool"]


_STAR = (
    "autograd", "cuda", "fft", "linalg", "nn", "optim", "random", "signal", "special", "storage", "utils", "version",
)  # fmt: skip
"""Modules that `from nnlite import *` brings; the others may be seldom wanted, and large."""


def _others(name: str) -> _Any:
    """What the index of this module does not have: operations, and names that programs touch seldom."""
    if name in _FUNCTIONS.places:
        return getattr(_functions, name)
    if name == "__all__":
        late = _lazy.parsed(_lazy.index.NAMES["nnlite"])
        return [n for n in __dir__() if n[0] != "_" and (late.get(n) != "." or n in _STAR)]
    if not name.startswith("_"):
        from . import _seldom

        if hasattr(_seldom, name):
            return getattr(_seldom, name)
    raise AttributeError(f"module 'nnlite' has no attribute {name!r}")


__getattr__, __dir__ = _lazy.names_of(__name__, _others, _FUNCTIONS.places)
