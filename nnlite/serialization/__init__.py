"""``save`` and ``load``: checkpoints in PyTorch's own file format, both ways."""

from __future__ import annotations

import os
import pickle
from typing import Any

from ._atomic import replacing
from ._globals import add_safe_globals, clear_safe_globals, get_safe_globals, safe_globals
from ._inspect import get_unsafe_globals_in_checkpoint
from ._options import (
    LoadEndianness,
    get_crc32_options,
    get_default_load_endianness,
    get_default_mmap_options,
    maps_are_shared,
    set_crc32_options,
    set_default_load_endianness,
    set_default_mmap_options,
)
from ._reader import default_restore_location, read_checkpoint
from ._storages import location_tag
from ._writer import write_checkpoint

__all__ = [
    "load",
    "save",
    "add_safe_globals",
    "clear_safe_globals",
    "get_safe_globals",
    "get_unsafe_globals_in_checkpoint",
    "safe_globals",
    "LoadEndianness",
    "default_restore_location",
    "get_crc32_options",
    "get_default_load_endianness",
    "get_default_mmap_options",
    "location_tag",
    "set_crc32_options",
    "set_default_load_endianness",
    "set_default_mmap_options",
]


def save(
    obj: Any,
    f: Any,
    pickle_module: Any = None,
    pickle_protocol: int = 2,
    _use_new_zipfile_serialization: bool = True,
    _disable_byteorder_record: bool = False,
) -> None:
    r"""Write an object to a file that :func:`load` and ``torch.load`` read.

    Tensors that share memory share it again after loading. Of a view the whole of its base is written, as in PyTorch;
    save ``x.clone()`` to write the view alone. NumPy numbers are written as plain Python numbers, so that
    ``torch.load(weights_only=True)`` reads them. A path is written atomically: the old file stays as it is until the
    new one is complete and on the disk, whatever happens in between.

    Args:
        obj: a tensor, a ``state_dict``, or any nesting of lists, tuples, dicts and sets of tensors, numbers, strings,
            bytes, shapes, dtypes and devices; other objects are pickled as Python pickles them, and need
            ``load(weights_only=False)``.
        f: a path, or an object with a ``write`` method.
        pickle_module: PyTorch's argument; only Python's ``pickle`` is possible.
        pickle_protocol: the protocol of the pickle, 2 or later; PyTorch's safe loader reads 2.

    Raises:
        RuntimeError: the folder of the path does not exist; tensors of different dtypes share memory.
        AttributeError: ``f`` is neither a path nor a file.
        pickle.PicklingError, AttributeError, TypeError: the object holds something that cannot be pickled.

    Example:
        >>> import io, nnlite
        >>> file = io.BytesIO()
        >>> nnlite.save({"weight": nnlite.ones(2), "epoch": 3}, file)
        >>> nnlite.load(io.BytesIO(file.getvalue()))
        {'weight': tensor([1., 1.]), 'epoch': 3}
    """
    if pickle_module is not None and pickle_module is not pickle:
        raise NotImplementedError("save: pickle_module can only be Python's pickle")
    if not _use_new_zipfile_serialization:
        raise NotImplementedError(
            "save: the format from before PyTorch 1.6 is not written; leave out _use_new_zipfile_serialization=False"
        )
    if not isinstance(pickle_protocol, int) or not 2 <= pickle_protocol <= pickle.HIGHEST_PROTOCOL:
        raise ValueError(
            f"save: pickle_protocol must be between 2 and {pickle.HIGHEST_PROTOCOL}, got {pickle_protocol!r}"
        )
    if isinstance(f, str | os.PathLike):
        with replacing(os.fspath(f)) as file:
            write_checkpoint(obj, file, pickle_protocol, not _disable_byteorder_record)
        return
    if not hasattr(f, "write"):
        raise AttributeError("expected 'f' to be string, path, or a file-like object with a 'write' attribute")
    write_checkpoint(obj, f, pickle_protocol, not _disable_byteorder_record)


def load(
    f: Any,
    map_location: Any = None,
    pickle_module: Any = None,
    *,
    weights_only: bool | None = True,
    mmap: bool | None = None,
    **pickle_load_args: Any,
) -> Any:
    r"""Read an object that :func:`save` or ``torch.save`` wrote.

    By default nothing in the file can run code: only data is built (tensors, containers, numbers, strings), from a list
    of allowed names, in memory that the size of the file bounds.

    Args:
        f: a path, or a file object that can ``read``, ``seek`` and ``tell``.
        map_location: where tensors go: a device or its name for all of them; a dict from the file's locations
            (``"cuda:0"``) to others; or a function of the storage (as a one-dimensional tensor on the CPU) and its
            location that returns the storage on the device of choice, or None for the file's. Default: where the
            tensors were saved from.
        pickle_module: PyTorch's argument; only Python's ``pickle`` is possible.
        weights_only: False lets the file name any class and function, as pickle does: **it can then run any code. Use
            it only for files that you trust.** Whole modules need it.
        mmap: True maps the file into memory and reads tensors when they are used; writing to them does not change the
            file.
        encoding: of the strings that Python 2 wrote (default ``"utf-8"``); ``"bytes"`` leaves them bytes.

    Files in PyTorch's format from before version 1.6 are read, too.

    Raises:
        FileNotFoundError: there is no such file.
        EOFError: the file is empty.
        RuntimeError: the file is cut off or damaged; a device it names is not there (then pass ``map_location='cpu'``).
        pickle.UnpicklingError: it is no checkpoint; it names a class or function that is not allowed (the message says
            which, and what to do).

    Example:
        >>> import io, nnlite
        >>> file = io.BytesIO()
        >>> nnlite.save([nnlite.arange(3)], file)
        >>> nnlite.load(io.BytesIO(file.getvalue()), map_location="cpu")
        [tensor([0, 1, 2])]
    """
    if pickle_module is not None and pickle_module is not pickle:
        raise NotImplementedError("load: pickle_module can only be Python's pickle")
    encoding = pickle_load_args.pop("encoding", "utf-8")
    if pickle_load_args:
        raise TypeError(
            f"load() got unexpected keyword arguments {sorted(pickle_load_args)}; of pickle's it takes 'encoding'"
        )
    only_data = weights_only is None or bool(weights_only)
    if isinstance(f, str | os.PathLike):
        with open(f, "r+b" if mmap and maps_are_shared() else "rb") as file:
            return read_checkpoint(file, map_location, only_data, bool(mmap), encoding)
    if mmap:
        raise ValueError("f must be a file path in order to use the mmap argument")
    for method in ("read", "seek", "tell"):
        if not hasattr(f, method):
            raise AttributeError(
                f"'{type(f).__name__}' object has no attribute '{method}'. You can only load from a file that is "
                "seekable. Please pre-load the data into a buffer like io.BytesIO and try to load from it instead."
            )
    return read_checkpoint(f, map_location, only_data, False, encoding)
