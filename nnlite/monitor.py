"""Names of PyTorch's events of a process, which are not offered."""

from __future__ import annotations

from ._unavailable import module_getattr

__getattr__ = module_getattr(
    __name__,
    ("Aggregation", "Event", "EventHandlerHandle", "Stat", "TensorboardEventHandler", "data_value_t",
     "log_event", "register_event_handler", "unregister_event_handler"),
    "use nnlite.utils.tensorboard or Python's logging",
)  # fmt: skip
