"""Where the time goes: by operation, with derivatives. PyTorch's ``torch.profiler``."""

from __future__ import annotations

from ._record import record_function
from ._table import EventList, FunctionEventAvg
from .profiler import ProfilerAction, ProfilerActivity, profile, schedule, tensorboard_trace_handler

__all__ = [
    "EventList",
    "FunctionEventAvg",
    "ProfilerAction",
    "ProfilerActivity",
    "profile",
    "record_function",
    "schedule",
    "tensorboard_trace_handler",
]
