"""What the loader is made of, under the names that programs written for PyTorch import."""

from . import collate, fetch, pin_memory, worker
from .errors import ExceptionWrapper, KeyErrorMessage
from .worker import WorkerInfo, get_worker_info

__all__ = [
    "ExceptionWrapper",
    "KeyErrorMessage",
    "WorkerInfo",
    "collate",
    "fetch",
    "get_worker_info",
    "pin_memory",
    "worker",
]
