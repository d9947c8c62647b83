"""Compiled kernels as machine code: kept on disk, loaded without numba, called as builtin functions.

numba compiles a kernel once for each combination of array types that it is called with (``kernels/jit.py``). The object
code is kept in a file of its own; a later process hands it to LLVM, which takes a millisecond, and does not import
numba. The entry of a kernel (``kernels/entry.py``) takes the arguments out of Python's objects itself, which is faster
than numba's dispatcher; it looks at the types of the arrays, and passes on what it was not compiled for.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import importlib
import importlib.util
import json
import os
import re
import sys
import threading
from typing import Any

import numpy as np

from ..first_use import announce

_SOURCES = os.path.join(os.path.dirname(__file__), "kernels")
_ALWAYS = ("jit", "entry")
_lock = threading.RLock()
_again = threading.local()
"""``on`` in a thread whose call goes through the entries once more."""


# ---------------------------------------------------------------------------------------------------------------------
# Files


@functools.cache
def folder() -> str | None:
    """Where compiled kernels are kept: NUMBA_CACHE_DIR, else beside their sources, else in the user's cache."""
    chosen, home = os.environ.get("NUMBA_CACHE_DIR"), os.path.expanduser("~")
    user = os.environ.get("LOCALAPPDATA" if os.name == "nt" else "XDG_CACHE_HOME") or os.path.join(home, ".cache")
    for place in [chosen] if chosen else [os.path.join(_SOURCES, "__pycache__"), user]:
        path = os.path.join(place, "nnlite")
        try:
            os.makedirs(path, exist_ok=True)
        except OSError:
            continue
        if os.access(path, os.W_OK):
            return path
    return None


@functools.cache
def _kept() -> set[str]:
    """The names of all files that were there at the start."""
    path = folder()
    return set(os.listdir(path)) if path else set()


@functools.cache
def _source(file: str) -> bytes:
    try:
        with open(os.path.join(_SOURCES, f"{file}.py"), "rb") as stream:
            return stream.read()
    except OSError:
        return b""


@functools.cache
def _stamp(file: str) -> str:
    """What the code of a file depends on: its source and those it imports, numba, and the interpreter."""
    todo, seen = [*_ALWAYS, file], dict[str, bytes]()
    while todo:
        name = todo.pop()
        if name not in seen:
            seen[name] = _source(name)
            todo += [found.decode() for found in re.findall(rb"^from \.(\w+) import", seen[name], re.MULTILINE)]
    parts = [part for name in sorted(seen) for part in (name.encode(), seen[name])]
    return hashlib.sha256(b"\0".join([*parts, _tools()])).hexdigest()


@functools.cache
def _tools() -> bytes:
    import llvmlite

    spec = importlib.util.find_spec("numba")
    version = os.path.join(os.path.dirname(spec.origin), "_version.py") if spec and spec.origin else ""
    try:
        with open(version, "rb") as stream:
            numba = stream.read()
    except OSError:
        numba = b""
    return b"\0".join([numba, llvmlite.__version__.encode(), str(sys.implementation.cache_tag).encode()])


# ---------------------------------------------------------------------------------------------------------------------
# Machine code


@functools.cache
def layouts_fit() -> bool:
    """Whether Python and NumPy lay out their objects as the entries of kernels read them."""
    if ctypes.sizeof(ctypes.c_void_p) != 8 or object.__basicsize__ != 16 or tuple.__basicsize__ != 24:
        return False
    x = np.zeros((2, 3), np.float32)
    both = (x, None)
    descr = ctypes.c_void_p.from_address(id(x) + 56).value
    interface, number = x.__array_interface__, np.float32(1.5)
    return (
        ctypes.c_void_p.from_address(id(x) + 8).value == id(np.ndarray)
        and ctypes.c_void_p.from_address(id(x) + 16).value == interface["data"][0]
        and ctypes.c_int.from_address(id(x) + 24).value == 2
        and tuple((ctypes.c_int64 * 2).from_address(ctypes.c_int64.from_address(id(x) + 32).value)) == x.shape
        and tuple((ctypes.c_int64 * 2).from_address(ctypes.c_int64.from_address(id(x) + 40).value)) == x.strides
        and descr == id(x.dtype)
        and ctypes.c_int.from_address(id(x) + 64).value & 0x501 == 0x501
        and ctypes.string_at(id(x.dtype) + 24, 1) == b"f"
        and ctypes.string_at(id(x.dtype) + 26, 1) == b"="
        and ctypes.c_int64.from_address(id(x.dtype) + 40).value == 4
        and ctypes.c_float.from_address(id(number) + 16).value == 1.5
        and ctypes.c_int64.from_address(id(both) + 16).value == 2
        and ctypes.c_void_p.from_address(id(both) + 24).value == id(x)
    )


class _Machine:
    """LLVM as a loader of object code."""

    def __init__(self) -> None:
        import llvmlite.binding as llvm

        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        name, features = llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()
        target = llvm.Target.from_triple(llvm.get_process_triple())
        static = {"reloc": "static"} if target.name.startswith("x86") else {}
        machine = target.create_target_machine(cpu=name, features=features, codemodel="jitdefault", jit=True, **static)
        self.llvm, self.engine = llvm, llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
        self.name = hashlib.sha256(f"{name} {features}".encode()).hexdigest()[:8]
        self.objects: list[Any] = []
        self.target = machine
        self.recording = (ctypes.c_void_p * 2)()
        """The thread whose calls are written down, and where (``team.py``)."""
        llvm.add_symbol("nnlite.recording", ctypes.addressof(self.recording))
        for known in (np.ndarray, np.float32, OverflowError, RuntimeError):
            llvm.add_symbol(f"nnlite.{known.__name__}", id(known))  # numba has names of its own for exceptions

    def has(self, symbols: list[str]) -> bool:
        return all(self.llvm.address_of_symbol(symbol) for symbol in symbols)

    def load(self, code: bytes, symbol: str) -> int:
        """The address of a function in object code."""
        self.objects.append(self.llvm.ObjectFileRef.from_data(code))
        self.engine.add_object_file(self.objects[-1])
        self.engine.finalize_object()
        return int(self.engine.get_function_address(symbol))

    def compile(self, text: str, names: tuple[str, ...]) -> list[int]:
        """The addresses of functions in LLVM's language."""
        module = self.llvm.parse_assembly(text)
        module.triple, module.data_layout = self.llvm.get_process_triple(), str(self.target.target_data)
        self.engine.add_module(module)
        self.engine.finalize_object()
        return [int(self.engine.get_function_address(name)) for name in names]


_the_machine = functools.cache(_Machine)


def machine() -> _Machine:
    """The one of this process."""
    with _lock:
        return _the_machine()


def forget_recording() -> None:
    """In a new process: what another thread was recording, it records no more."""
    global _lock
    _lock = threading.RLock()
    if _the_machine.cache_info().currsize:
        _the_machine().recording[:] = [None, None]


class _Definition(ctypes.Structure):
    """PyMethodDef."""

    _fields_ = (("name", ctypes.c_char_p), ("function", ctypes.c_void_p), ("flags", ctypes.c_int),
                ("doc", ctypes.c_char_p))  # fmt: skip


_definitions: list[_Definition] = []
"""All that were made: a builtin function reads its own when it goes, which may be after everything else."""

NO_ARGUMENTS, _FASTCALL = 0x04, 0x80
_new_builtin = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p)(
    ("PyCFunction_NewEx", ctypes.pythonapi)
)


def builtin(name: str, address: int, kind: int, given: Any) -> Any:
    """A builtin function of Python, whose code gets an object before the arguments."""
    _definitions.append(_Definition(name.encode(), address, kind, None))
    return _new_builtin(ctypes.addressof(_definitions[-1]), given, None)


# ---------------------------------------------------------------------------------------------------------------------
# Kernels


def _code(a: Any) -> str:
    """The type of an argument: of arrays that of the numbers, the number of axes and whether they are contiguous."""
    if isinstance(a, np.ndarray):
        if not a.dtype.isnative:
            raise TypeError(f"compiled kernels take numbers in the byte order of the processor, got {a.dtype.str}")
        order = "c" if a.flags.c_contiguous else "a"
        return f"{a.dtype.str[1:]}.{a.ndim}{order if a.flags.aligned else order + 'u'}"
    if isinstance(a, tuple):
        return f"t{len(a)}"
    for code, kinds in _SCALARS.items():
        if isinstance(a, kinds):
            return code
    raise TypeError(f"compiled kernels take arrays, numbers and tuples of whole numbers, got {type(a).__name__}")


_SCALARS: dict[str, Any] = {
    "b": (bool, np.bool_), "u": np.uint64, "i": (int, np.integer), "d": float, "f": np.float32,
}  # fmt: skip


class Kernel:
    """A function of ``kernels/``, compiled for the types that come."""

    def __init__(self, file: str, name: str) -> None:
        self.file, self.name = file, name
        self.known: dict[tuple[str, ...], _Definition] = {}
        self.run: Any = self._other

    def __call__(self, *arguments: Any) -> Any:
        return self.run(*arguments)

    @property
    def signatures(self) -> list[tuple[str, ...]]:
        """The types it was compiled for."""
        return list(self.known)

    def _other(self, *arguments: Any) -> Any:
        """What no entry has taken: a type that is new, or an array that only looks so."""
        codes = tuple(map(_code, arguments))
        with _lock:
            if codes not in self.known:
                address = _address(self.file, self.name, codes)
                self.known[codes] = _Definition(self.name.encode(), address, _FASTCALL, None)
                _definitions.append(self.known[codes])
                run: Any = self._other
                for known in sorted(self.known):  # each passes on to the one before it what it does not take
                    run = _new_builtin(ctypes.addressof(self.known[known]), run, None)
                self.run = run
        if getattr(_again, "on", False):
            raise TypeError(f"{self.file}.{self.name} was not compiled for these arguments: {codes}")
        _again.on = True  # it may be another thread that has compiled it
        try:
            return self.run(*(np.asarray(a) if isinstance(a, np.ndarray) else a for a in arguments))
        finally:
            _again.on = False


def symbol(file: str, name: str, codes: tuple[str, ...]) -> str:
    """What a function is called in machine code."""
    return f"nnlite.{file}.{name}.{'-'.join(codes)}"


def _address(file: str, name: str, codes: tuple[str, ...]) -> int:
    """Where a function is, which is compiled if it is not kept."""
    loader, mine = machine(), symbol(file, name, codes)
    kept = f"{_short(mine.removeprefix('nnlite.'))}.{loader.name}.kernel"
    code, uses = _kept_code(file, kept) or (None, [])
    if code is None:
        announce()
        code, needs, uses = compiler().machine_code(_function(file, name), codes, mine)
        _keep(kept, {"stamp": _stamp(file), "needs": needs, "uses": uses}, code)
    for other, helper, kinds in uses:
        _helper(other, helper, tuple(kinds))
    return loader.load(code, mine)


_helper = functools.cache(_address)
"""The same for what kernels call: it is loaded once."""


def _kept_code(file: str, name: str) -> tuple[bytes, list[Any]] | None:
    """Machine code from the disk, and the functions that it calls."""
    path = folder()
    if path is None or name not in _kept():
        return None
    try:
        with open(os.path.join(path, name), "rb") as stream:
            about, code = json.loads(stream.readline()), stream.read()
    except (OSError, ValueError):
        return None
    if about["stamp"] != _stamp(file) or about["size"] != len(code):
        return None
    if not machine().has(about["needs"]):
        compiler()  # numba brings functions of its own
    return (code, about["uses"]) if machine().has(about["needs"]) else None


def _short(key: str) -> str:
    """A file's name of bounded length, which begins with the names of file and kernel."""
    return key if len(key) < 150 else f"{key[:110]}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"


def _keep(name: str, about: dict[str, Any], code: bytes) -> None:
    path = folder()
    if path is None:
        return
    target = os.path.join(path, name)
    unfinished = f"{target}.{os.getpid()}"
    try:
        with open(unfinished, "wb") as stream:
            stream.write(json.dumps({**about, "size": len(code)}).encode() + b"\n" + code)
        os.replace(unfinished, target)
    except OSError:
        return  # a full disk: it is compiled again the next time


def compiler() -> Any:
    """numba, and what is made of it here."""
    return importlib.import_module(f"{__package__}.kernels.jit")


def _function(file: str, name: str) -> Any:
    """The function that numba compiles; ``NAME-IofN`` is one of a tuple."""
    module = importlib.import_module(f"{__package__}.kernels.{file}")
    name, _, place = name.partition("-")
    found = getattr(module, name)
    return found[int(place.partition("of")[0])] if place else found


class Kernels:
    """The kernels of a file of ``kernels/``; the file itself, which imports numba, is loaded when one is not kept."""

    def __init__(self, file: str) -> None:
        self._file = file

    def __getattr__(self, name: str) -> Any:
        found = self._from_files(name) if layouts_fit() else None
        if found is None:
            value = getattr(importlib.import_module(f"{__package__}.kernels.{self._file}"), name)
            if isinstance(value, tuple) and all(hasattr(v, "of_its_own") for v in value):
                found = self._several(name, len(value))
            else:
                found = Kernel(self._file, name) if getattr(value, "of_its_own", False) else value
        setattr(self, name, found)
        return found

    def _from_files(self, name: str) -> Any:
        begin = f"{self._file}.{name}"
        for file in _kept():
            if file.startswith(f"{begin}."):
                return Kernel(self._file, name)
            if file.startswith(f"{begin}-"):
                count = re.match(r"\d+of(\d+)\.", file[len(begin) + 1 :])
                return self._several(name, int(count[1])) if count else None
        return None

    def _several(self, name: str, count: int) -> tuple[Kernel, ...]:
        return tuple(Kernel(self._file, f"{name}-{i}of{count}") for i in range(count))
