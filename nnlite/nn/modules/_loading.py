"""The writes of one ``load_state_dict``, so that a load that fails changes nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, NamedTuple

from ..._core.grad_mode import no_grad
from ...tensor import Tensor


class _Write(NamedTuple):
    target: Any
    source: Any
    name: str
    errors: list[str]


class LoadTransaction:
    """Writes wait until everything has been checked. Those that cannot wait can be taken back.

    A write cannot wait where the program may look at its result while the load still runs: in a module whose class has
    its own ``_load_from_state_dict`` or extra state, and before a hook that runs after loading. Only for these the old
    values are kept, so that loading a large model needs no second copy of it.
    """

    def __init__(self) -> None:
        self._waiting: dict[int, _Write] = {}
        self._undo: list[Callable[[], Any]] = []
        self.depth = 0
        """How many ``load_state_dict`` calls run inside the one that made this transaction."""

    def copy(self, target: Tensor, source: Tensor, name: str, errors: list[str], wait: bool) -> None:
        """Write ``source`` into ``target``, now or at the end; a failure is added to ``errors``."""
        write = _Write(target, source, name, errors)
        earlier = self._waiting.pop(id(target), None)  # of a tied parameter: the later write counts
        if wait and self.depth == 0:
            try:
                _check_convertible(target, source)
            except Exception as error:
                errors.append(_failure(write, error))
                if earlier is not None:
                    self._waiting[id(target)] = earlier
            else:
                self._waiting[id(target)] = write
        else:
            self._copy_now(write)

    def _copy_now(self, write: _Write) -> None:
        target = write.target
        with no_grad():
            old = target.detach().clone()
        self._undo.append(lambda: _restore(target, old))
        _perform(write)

    def flush(self) -> None:
        """Do what is waiting, keeping the old values."""
        for write in self._waiting.values():
            self._copy_now(write)
        self._waiting.clear()

    def on_failure(self, undo: Callable[[], Any]) -> None:
        self._undo.append(undo)

    def mark(self) -> int:
        return len(self._undo)

    def commit(self) -> None:
        """Do what is waiting, for good."""
        for write in self._waiting.values():
            _perform(write)
        self._waiting.clear()

    def roll_back(self, mark: int = 0) -> None:
        """Take back all writes since ``mark``."""
        self._waiting.clear()
        while len(self._undo) > mark:
            self._undo.pop()()


class _Active(threading.local):
    transaction: LoadTransaction | None = None


active = _Active()
"""``active.transaction`` is that of the ``load_state_dict`` which runs in this thread, or None."""


def copy_into(target: Tensor, source: Tensor, name: str, errors: list[str], wait: bool) -> None:
    """Write through the transaction that is running; at once where there is none."""
    if active.transaction is None:
        _perform(_Write(target, source, name, errors))
    else:
        active.transaction.copy(target, source, name, errors, wait)


def on_failure(undo: Callable[[], Any]) -> None:
    """Have ``undo`` called when the running load fails."""
    if active.transaction is not None:
        active.transaction.on_failure(undo)


def _restore(target: Any, old: Any) -> None:
    with no_grad():
        target.copy_(old)


def _perform(write: _Write) -> None:
    try:
        with no_grad():
            write.target.copy_(write.source)
    except Exception as error:
        write.errors.append(_failure(write, error))


def _check_convertible(target: Any, source: Any) -> None:
    """Raise now what the copy to the target's device and dtype would raise later."""
    if source.dtype != target.dtype or source.device != target.device:
        source.detach().reshape(-1)[:0].to(device=target.device, dtype=target.dtype)


def _failure(write: _Write, error: Exception) -> str:
    return (
        f'While copying the parameter named "{write.name}", whose dimensions in the model are {write.target.size()} '
        f"and whose dimensions in the checkpoint are {write.source.size()}, an exception occurred : {error.args}."
    )


def holders_undo(module: Any) -> Callable[[], Any]:
    """A function that puts back which parameters and buffers ``module`` holds now."""
    parameters, buffers = dict(module._parameters), dict(module._buffers)
    non_persistent = set(module._non_persistent_buffers_set)

    def undo() -> None:
        for held, before in ((module._parameters, parameters), (module._buffers, buffers)):
            held.clear()
            held.update(before)
        module._non_persistent_buffers_set.clear()
        module._non_persistent_buffers_set.update(non_persistent)

    return undo
