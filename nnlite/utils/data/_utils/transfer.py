"""Batches from one process to another, through memory that both see.

A value is pickled with protocol 5, which hands out the memory of arrays and tensors instead of copying it into the
pickle. All of that memory goes into one block: a file without a name that lives in memory, whose descriptor is sent
through the socket. The receiver maps it, and the arrays it unpickles lie there; nothing is copied a second time. Since
there is no name, nothing can be left behind in /dev/shm, however the processes end, and the size of /dev/shm (64 MB in
many containers) is no limit.

A mapping keeps a descriptor open, and a process may have about a thousand. So the receiver copies what it gets while
:data:`MOST_MAPPED` blocks are in use. Where descriptors cannot be sent (Windows), the memory goes through the pipe.
"""

from __future__ import annotations

import io
import mmap
import os
import pickle
import struct
import tempfile
import weakref
from multiprocessing import reduction
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from ...._core.tensor_base import wrap
from ....tensor import Tensor

__all__ = ["Message", "pack", "receive", "send"]

SHARES_MEMORY = hasattr(reduction, "recvfds")
"""Whether descriptors can be sent to another process."""

MOST_MAPPED = 64
"""How many blocks are mapped at a time before further ones are copied."""

_SMALLEST = 1 << 14
"""Less memory than this goes through the pipe: a block costs as much as copying it a few times."""

_ALIGNMENT = 64
_HEAD = struct.Struct("<?qI")
_PART = struct.Struct("<QQ")

_mapped: weakref.WeakSet[Any] = weakref.WeakSet()


class _Map(mmap.mmap):
    """A mapping that weak references can refer to."""


class Message:
    """A pickled value and the block that holds the memory of its arrays, if there is one.

    Args:
        data: the pickle, after the places of its buffers in the block.
        block: a descriptor, which belongs to the message from now on.
    """

    def __init__(self, data: bytes | bytearray | memoryview, block: int | None) -> None:
        self.data = data
        self.block = block

    def value(self, private: bool = False) -> Any:
        """The value. Its arrays lie in the block, whose memory lives as long as they do.

        Args:
            private: writing to the arrays copies the memory and is not seen by other processes with the same block.
        """
        _, size, count = _HEAD.unpack_from(self.data)
        start = _HEAD.size + count * _PART.size
        buffers: list[memoryview] = []
        if self.block is not None:
            whole = memoryview(self._memory(size, private))
            places = _PART.iter_unpack(memoryview(self.data)[_HEAD.size : start])
            buffers = [whole[begin:end] for begin, end in places]
        return pickle.loads(memoryview(self.data)[start:], buffers=buffers)

    def _memory(self, size: int, private: bool) -> Any:
        assert self.block is not None
        if private:
            return mmap.mmap(self.block, size, mmap.MAP_PRIVATE)
        if len(_mapped) >= MOST_MAPPED:
            copy = bytearray(size)
            _read(self.block, copy)
            return copy
        made = _Map(self.block, size, mmap.MAP_SHARED | getattr(mmap, "MAP_POPULATE", 0))
        _mapped.add(made)
        return made

    def close(self) -> None:
        """Give the descriptor back."""
        if self.block is not None:
            os.close(self.block)
            self.block = None

    __del__ = close


class _Pickler(pickle.Pickler):
    """Tensors on the CPU are pickled without a copy of their memory, and are unpickled onto memory as it comes.

    Others are copied to the host, and to their device on the other side.
    """

    def reducer_override(self, value: Any) -> Any:
        if type(value) is not Tensor or value.device.type != "cpu" or value.__dict__:
            return NotImplemented
        array = value._a
        if not (array.flags.c_contiguous or array.flags.f_contiguous):
            array = array.copy()  # memory with gaps cannot be handed out
        return _tensor, (array, value.is_leaf and value.requires_grad)


def _tensor(array: np.ndarray, requires_grad: bool) -> Tensor:
    return wrap(array).requires_grad_(requires_grad)


def pack(value: Any) -> Message:
    """A message that holds ``value``.

    Raises:
        Exception: what pickling it raises. OSError: there is no memory for the block.
    """
    buffers: list[memoryview] = []

    def keep_out(buffer: pickle.PickleBuffer) -> bool:
        """Called for each piece of memory; False leaves it to us, True puts it into the pickle."""
        raw = buffer.raw()
        if not SHARES_MEMORY or raw.nbytes < _SMALLEST:
            return True
        buffers.append(raw)
        return False

    file = io.BytesIO()
    _Pickler(file, 5, buffer_callback=keep_out).dump(value)
    data = file.getvalue()
    parts, end = [], 0
    for raw in buffers:
        parts.append((end, end + raw.nbytes))
        end += -(-raw.nbytes // _ALIGNMENT) * _ALIGNMENT
    head = _HEAD.pack(bool(buffers), end, len(parts)) + b"".join(_PART.pack(*part) for part in parts)
    message = Message(head + data, _new_block() if buffers else None)
    if message.block is not None:
        os.ftruncate(message.block, end)
        for raw, (begin, _) in zip(buffers, parts, strict=True):
            _write(message.block, raw, begin)
    return message


def send(connection: Connection, message: Message) -> None:
    """Send a message through a connection that is a socket (``Pipe(duplex=True)``)."""
    connection.send_bytes(message.data)
    if message.block is not None:
        reduction.send_handle(connection, message.block, None)


def receive(connection: Connection) -> Message:
    """The next message of a connection.

    Raises:
        EOFError, OSError: the other side is gone.
    """
    data = connection.recv_bytes()
    has_block, _, _ = _HEAD.unpack_from(data)
    return Message(data, reduction.recv_handle(connection) if has_block else None)


def _new_block() -> int:
    """The descriptor of an empty file without a name, in memory where the system has that."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("nnlite-batch")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def _write(block: int, raw: memoryview, at: int) -> None:
    """Writing by the system call, not through a mapping: a lack of memory is an OSError here and no bus error."""
    while raw.nbytes:
        done = os.pwrite(block, raw, at)
        raw, at = raw[done:], at + done


def _read(block: int, into: bytearray) -> None:
    rest, at = memoryview(into), 0
    while rest.nbytes:
        done = os.preadv(block, [rest], at)
        if not done:
            raise EOFError(f"a block of {len(into)} bytes ended after {at}")
        rest, at = rest[done:], at + done
