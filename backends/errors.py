"""Errors that all devices share: memory that is not there, a device that has stopped, and what they say."""

from __future__ import annotations

__all__ = ["AcceleratorError", "OutOfMemoryError", "amount", "no_memory", "of_host", "two_devices"]


class OutOfMemoryError(RuntimeError, MemoryError):
    """There is not enough memory for a tensor, also after what could be freed was freed.

    It is PyTorch's ``torch.OutOfMemoryError`` (a RuntimeError) and Python's MemoryError in one. What is allocated stays
    as it is: the program can catch it, let go of tensors, and go on.
    """


class AcceleratorError(RuntimeError):
    """A device has reported an error of its own.

    Attributes:
        error_code: the number of the error in CUDA.
    """

    def __init__(self, message: str, error_code: int = 0) -> None:
        super().__init__(message)
        self.error_code = error_code


def amount(size: float) -> str:
    """A number of bytes as PyTorch prints it.

    Example:
        >>> from nnlite.backends.errors import amount
        >>> amount(512), amount(3 * 2**20), amount(1.5 * 2**30)
        ('512 bytes', '3.00 MiB', '1.50 GiB')
    """
    for power, unit in ((30, "GiB"), (20, "MiB"), (10, "KiB")):
        if size >= 1 << power:
            return f"{size / (1 << power):.2f} {unit}"
    return f"{int(size)} bytes"


def two_devices(name: str, one: str, other: str) -> RuntimeError:
    """The error for an operation on arrays of two devices."""
    return RuntimeError(
        f"Expected all tensors to be on the same device, but found at least two devices, {one} and {other}! "
        f"({name}: move one of them, for example with .to('{one}') or .to('{other}'))"
    )


def of_host(error: MemoryError) -> OutOfMemoryError:
    """The error for memory of the host that is not there, as NumPy told it."""
    return OutOfMemoryError(f"[enforce fail] DefaultCPUAllocator: can't allocate memory: {error}; use smaller batches, "
                            "or let go of tensors that are not needed")  # fmt: skip


def no_memory(
    name: str, size: int, place: str, total: int | None, free: int | None, limit: int, allocated: int, reserved: int
) -> str:
    """The text of an OutOfMemoryError.

    Args:
        name: the kind of device as users read it (``CUDA``).
        size: bytes that were asked for; 0 where that is not known.
        place: the device (``GPU 0``).
        total, free: bytes of the device; None where it did not tell.
        limit: bytes that ``set_per_process_memory_fraction`` allows; 0 for no limit.
        allocated, reserved: bytes that tensors hold, and that the pool holds in all.
    """
    wanted = amount(size) if size else "memory that it needs for itself (a context, a kernel, a library)"
    parts = [f"{name} out of memory. Tried to allocate {wanted}."]
    if total is None or free is None:
        parts.append(f"{place} does not tell what is free; nvidia-smi shows which processes hold its memory.")
    else:
        parts.append(f"{place} has a total capacity of {amount(total)} of which {amount(free)} is free.")
        others = total - free - reserved
        if others > max(reserved, total // 4):
            parts.append(f"{amount(others)} are not this program's tensors: other processes may hold them.")
    if limit:
        parts.append(f"{amount(limit)} allowed.")
    parts.append(
        f"Of the allocated memory {amount(allocated)} is allocated by tensors, and {amount(reserved - allocated)} is "
        "reserved by the memory pool but unallocated. Caches were freed and the allocation was tried again. Use "
        "smaller batches, let go of tensors that are not needed (del, or no_grad() where nothing is trained), or "
        "recompute activations with utils.checkpoint"
    )
    if limit:
        parts[-1] += "; set_per_process_memory_fraction sets what is allowed"
    return " ".join(parts)
