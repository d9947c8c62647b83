"""Array backends: one folder for each array library, and the registry and kernel table that choose between them."""

if __name__ != "nnlite.backends":
    raise ImportError(
        "backends/ is part of nnlite and imports as nnlite.backends; importing it under another name would load a "
        "second copy of the device registry. Use `import nnlite.backends`."
    )

from .base import Backend, DeviceUnavailableError
from .kernels import KernelTable, kernel
from .registry import backend_for, backend_of, register_backend, table_for

__all__ = [
    "Backend",
    "DeviceUnavailableError",
    "KernelTable",
    "backend_for",
    "backend_of",
    "kernel",
    "register_backend",
    "table_for",
]
