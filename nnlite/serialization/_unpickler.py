"""An interpreter of pickles that can build data and nothing else.

A pickle is a program for a stack machine, and Python's own unpickler lets it call anything that can be imported. This
one knows the instructions that data needs. A global is looked up in a table of allowed names and never imported; only
what the table marks as a function can be called. The work is bounded by the length of the pickle: a few bytes that
would fill the memory or never end are refused.

Instructions: https://github.com/python/cpython/blob/main/Lib/pickletools.py
"""

from __future__ import annotations

import pickle
import struct
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Collection
from typing import Any

import numpy as np

from .._core.device import device
from .._core.dtypes import dtype
from ..tensor import Tensor

_MAPPINGS = (dict, OrderedDict, Counter, defaultdict)
_KEYS = (str, int, float, complex, bytes, bool, type(None), dtype, device, Tensor)
_MAX_KEY_PARTS = 1000
_STORAGE_CHARGE = 32  # the name of a storage takes 20 bytes or more, and three where it is written again
_SET_CHARGE = 8  # an empty set takes four times the memory of an empty list; pickle spends two bytes on one


class Function:
    """An allowed global that the pickle may call, as ``call(unpickler, *arguments)``.

    ``cls`` is the class that it is, where the pickle may make objects of the class without calling it; ``target`` is
    what other functions get when they are given this one.
    """

    __slots__ = ("call", "cls", "name", "target")

    def __init__(self, name: str, call: Callable[..., Any], cls: type | None = None, target: Any = None) -> None:
        self.name = name
        self.call = call
        self.cls = cls
        self.target = cls if target is None else target

    def __repr__(self) -> str:
        return f"<global {self.name}>"


def check_key(key: Any) -> None:
    """Raise unless ``key`` is a plain value or a tuple of such.

    Tuples that hold each other twice, sixty deep, would take for ever to hash.
    """
    pending, seen = [key], 0
    while pending:
        part = pending.pop()
        seen += 1
        if seen > _MAX_KEY_PARTS:
            raise pickle.UnpicklingError("a dictionary key or set item of too many parts")
        if isinstance(part, tuple):
            pending.extend(part)
        elif isinstance(part, frozenset):
            seen += len(part)  # its items were checked when it was made
        elif not isinstance(part, _KEYS):
            raise pickle.UnpicklingError(f"a {type(part).__name__} cannot be a dictionary key or set item")


class DataUnpickler:
    """Runs one pickle.

    Args:
        data: the pickle.
        find_global: takes the names of a module and of an object in it and returns what stands for it; raises
            UnpicklingError for a name that is not allowed.
        persistent_load: turns a persistent id into an object.
        classes: the classes that the user allowed; the state of their objects is set as Python's unpickler sets it.
        start: where in ``data`` the pickle begins.
        text_encoding: of the strings that Python 2 wrote; "bytes" leaves them bytes.

    Raises:
        pickle.UnpicklingError: the pickle is damaged, asks for something that is not allowed, or would take more memory
            than its length accounts for.
        EOFError: it ends too early.
    """

    def __init__(
        self,
        data: bytes,
        find_global: Callable[[str, str], Any],
        persistent_load: Callable[[Any], Any],
        classes: Collection[type] = (),
        start: int = 0,
        text_encoding: str = "utf-8",
    ) -> None:
        self._data = data
        self._at = start
        self._text_encoding = text_encoding
        self._classes = classes
        self._find_global = find_global
        self._persistent_load = persistent_load
        self._stack: list[Any] = []
        self._outer: list[list[Any]] = []
        self._memo: list[Any] = []
        self._far: dict[int, Any] = {}  # what a pickle puts beyond the end of its memo
        self._budget = 4 * len(data) + 1024

    @property
    def end(self) -> int:
        """Where the pickle ended."""
        return self._at

    def load(self) -> Any:
        """The object that the pickle describes."""
        instructions = INSTRUCTIONS
        while True:
            code = self._read(1)[0]
            if code == _STOP:
                if len(self._stack) != 1 or self._outer:
                    raise pickle.UnpicklingError("the pickle stops in the middle of an object")
                return plain(self._stack.pop())
            instruction = instructions.get(code)
            if instruction is None:
                raise pickle.UnpicklingError(f"Unsupported operand {code} (pickle instruction {bytes([code])!r})")
            instruction(self)

    def charge(self, amount: int) -> None:
        """Account for ``amount`` items that are copied; a pickle may copy a few times what it holds."""
        self._budget -= amount
        if self._budget < 0:
            raise pickle.UnpicklingError("the pickle copies the same data again and again, which could fill the memory")

    # Reading

    def _read(self, count: int) -> bytes:
        start = self._at
        end = start + count
        if end > len(self._data):
            raise EOFError("Ran out of input")
        self._at = end
        return self._data[start:end]

    def _line(self) -> str:
        end = self._data.find(b"\n", self._at)
        if end < 0:
            raise EOFError("Ran out of input")
        line = self._data[self._at : end]
        self._at = end + 1
        return line.decode("utf-8")

    def _number(self, form: str) -> int:
        return struct.unpack(form, self._read(struct.calcsize(form)))[0]

    def _pop_mark(self) -> list[Any]:
        items = self._stack
        self._stack = self._outer.pop()
        return items

    # Instructions: plain values

    def _long(self, form: str) -> None:
        count = self._number(form)
        if count < 0:
            raise pickle.UnpicklingError("a number of negative length")
        self._stack.append(int.from_bytes(self._read(count), "little", signed=True))

    def _text(self, form: str) -> None:
        self._stack.append(str(self._read(self._number(form)), "utf-8", "surrogatepass"))

    def _string(self, form: str) -> None:
        count = self._number(form)
        if count < 0:
            raise pickle.UnpicklingError("a string of negative length")
        raw = self._read(count)  # written by Python 2
        self._stack.append(raw if self._text_encoding == "bytes" else raw.decode(self._text_encoding))

    def _bytes(self, form: str) -> None:
        self._stack.append(self._read(self._number(form)))

    def _bytearray(self) -> None:
        self._stack.append(bytearray(self._read(self._number("<Q"))))

    # Instructions: containers

    def _mark(self) -> None:
        self._outer.append(self._stack)
        self._stack = []

    def _tuple_of(self, count: int) -> None:
        items = tuple(self._stack[-count:])
        if len(items) != count:
            raise pickle.UnpicklingError("a tuple of more items than there are")
        self._stack[-count:] = [items]

    def _append(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if type(target) is not list and type(target) not in self._classes:
            raise pickle.UnpicklingError(f"Can only append to lists, but got {type(target)}")
        target.extend(map(plain, items))

    def _empty_set(self) -> None:
        self.charge(_SET_CHARGE)
        self._stack.append(set())

    def _add_items(self) -> None:
        items = self._pop_mark()
        target = self._stack[-1]
        if type(target) is not set:
            raise pickle.UnpicklingError(f"Can only add to sets, but got {type(target)}")
        for item in items:
            check_key(item)
            target.add(item)

    def _set_items(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if type(target) not in _MAPPINGS and type(target) not in self._classes:
            raise pickle.UnpicklingError(
                f"Can only SETITEMS for dict, collections.OrderedDict, collections.Counter, but got {type(target)}"
            )
        for key, value in zip(items[::2], items[1::2], strict=True):
            if type(key) is not str:
                check_key(key)
            target[key] = plain(value)

    def _set_item(self) -> None:
        value, key = self._stack.pop(), self._stack.pop()
        self._set_items([key, value])

    def _frozenset(self) -> None:
        items = self._pop_mark()
        for item in items:
            check_key(item)
        self._stack.append(frozenset(items))

    # Instructions: memo

    def _put(self, index: int) -> None:
        if index == len(self._memo):
            self._memo.append(self._stack[-1])
        elif index < len(self._memo):
            self._memo[index] = self._stack[-1]
        else:
            self._far[index] = self._stack[-1]

    def _get(self, index: int) -> None:
        self._stack.append(self._memo[index] if index < len(self._memo) else self._far[index])

    # Instructions: objects

    def _stack_global(self) -> None:
        name, module = self._stack.pop(), self._stack.pop()
        if type(name) is not str or type(module) is not str:
            raise pickle.UnpicklingError("a global whose name is not a string")
        self._stack.append(self._find_global(module, name))

    def _reduce(self) -> None:
        arguments = self._stack.pop()
        function = self._stack[-1]
        if type(function) is not Function or type(arguments) is not tuple:
            raise pickle.UnpicklingError(f"Trying to call reduce for unrecognized function {function!r:.200}")
        self._stack[-1] = function.call(self, *arguments)

    def _new_object(self) -> None:
        arguments = self._stack.pop()
        kind = self._stack.pop()
        if type(kind) is not Function or kind.cls is None or type(arguments) is not tuple:
            raise pickle.UnpicklingError(
                f"Can only create new object for classes allowlisted via `add_safe_globals` but got {kind!r:.200}"
            )
        self._stack.append(kind.cls.__new__(kind.cls, *map(plain, arguments)))

    def _build(self) -> None:
        state = self._stack.pop()
        target = self._stack[-1]
        if type(target) is OrderedDict:
            _set_attributes(target, state)
        elif isinstance(target, np.dtype):
            _set_byte_order(target, state)
        elif type(target) in self._classes:
            _restore_state(target, state)
        else:
            raise pickle.UnpicklingError(
                f"Can only build OrderedDict or types allowlisted via `add_safe_globals`, but got {type(target)}"
            )

    def _persistent(self) -> None:
        self.charge(_STORAGE_CHARGE)
        self._stack.append(self._persistent_load(self._stack.pop()))

    def _protocol(self) -> None:
        version = self._read(1)[0]
        if version > pickle.HIGHEST_PROTOCOL:
            raise pickle.UnpicklingError(f"unsupported pickle protocol: {version}")

    def _frame(self) -> None:
        self._read(8)  # the length of a frame, of use to readers of streams only


def _set_attributes(target: OrderedDict[Any, Any], state: Any) -> None:
    """The attributes of an OrderedDict, such as the ``_metadata`` of a state_dict; none that hides a method."""
    if type(state) is not dict:
        raise pickle.UnpicklingError("the attributes of an OrderedDict are not a dict")
    for name, value in state.items():
        if type(name) is not str or hasattr(OrderedDict, name):
            raise pickle.UnpicklingError(f"an OrderedDict cannot have the attribute {name!r:.100}")
        target.__dict__[name] = value


def _set_byte_order(target: np.dtype, state: Any) -> None:
    """The state of a NumPy dtype without parts: a version, the byte order, and nothing that matters."""
    order = state[1] if type(state) is tuple and len(state) == 8 else None
    if order not in ("<", ">", "|", "=") or state[2:5] != (None, None, None):
        raise pickle.UnpicklingError("the state of a NumPy dtype that is not a number")
    sizes = (target.itemsize, target.alignment) if target.kind in "SU" else (-1, -1)
    target.__setstate__((3, order, None, None, None, *sizes, 0))  # type: ignore[attr-defined]


def plain(value: Any) -> Any:
    """``value`` as others see it: for what stands for an allowed name, the class or function of that name."""
    return value.target if type(value) is Function and value.target is not None else value


def _restore_state(target: Any, state: Any) -> None:
    """What pickle does with the state of an object."""
    if hasattr(target, "__setstate__"):
        target.__setstate__(state)
        return
    slots = None
    if isinstance(state, tuple) and len(state) == 2:
        state, slots = state
    if state:
        target.__dict__.update(state)
    for name, value in (slots or {}).items():
        setattr(target, name, value)


_STOP = pickle.STOP[0]
_U = DataUnpickler
_Instruction = Callable[[DataUnpickler], None]


def _push(value: Callable[[DataUnpickler], Any]) -> _Instruction:
    return lambda u: u._stack.append(value(u))


INSTRUCTIONS: dict[int, _Instruction] = {
    code[0]: instruction
    for code, instruction in {
        pickle.PROTO: _U._protocol,
        pickle.FRAME: _U._frame,
        # plain values
        pickle.NONE: _push(lambda u: None),
        pickle.NEWTRUE: _push(lambda u: True),
        pickle.NEWFALSE: _push(lambda u: False),
        pickle.BININT: _push(lambda u: u._number("<i")),
        pickle.BININT1: _push(lambda u: u._number("<B")),
        pickle.BININT2: _push(lambda u: u._number("<H")),
        pickle.BINFLOAT: _push(lambda u: u._number(">d")),
        pickle.LONG1: lambda u: u._long("<B"),
        pickle.LONG4: lambda u: u._long("<i"),
        pickle.BINUNICODE: lambda u: u._text("<I"),
        pickle.SHORT_BINUNICODE: lambda u: u._text("<B"),
        pickle.BINUNICODE8: lambda u: u._text("<Q"),
        pickle.SHORT_BINSTRING: lambda u: u._string("<B"),
        pickle.BINSTRING: lambda u: u._string("<i"),
        pickle.BINBYTES: lambda u: u._bytes("<I"),
        pickle.SHORT_BINBYTES: lambda u: u._bytes("<B"),
        pickle.BINBYTES8: lambda u: u._bytes("<Q"),
        pickle.BYTEARRAY8: _U._bytearray,
        # containers
        pickle.MARK: _U._mark,
        pickle.EMPTY_TUPLE: _push(lambda u: ()),
        pickle.EMPTY_LIST: _push(lambda u: []),
        pickle.EMPTY_DICT: _push(lambda u: {}),
        pickle.EMPTY_SET: _U._empty_set,
        pickle.TUPLE1: lambda u: u._tuple_of(1),
        pickle.TUPLE2: lambda u: u._tuple_of(2),
        pickle.TUPLE3: lambda u: u._tuple_of(3),
        pickle.TUPLE: lambda u: (lambda items: u._stack.append(tuple(items)))(u._pop_mark()),
        pickle.APPEND: lambda u: u._append([u._stack.pop()]),
        pickle.APPENDS: lambda u: u._append(u._pop_mark()),
        pickle.SETITEM: _U._set_item,
        pickle.SETITEMS: lambda u: u._set_items(u._pop_mark()),
        pickle.ADDITEMS: _U._add_items,
        pickle.FROZENSET: _U._frozenset,
        # memo
        pickle.BINPUT: lambda u: u._put(u._number("<B")),
        pickle.LONG_BINPUT: lambda u: u._put(u._number("<I")),
        pickle.MEMOIZE: lambda u: u._put(len(u._memo) + len(u._far)),
        pickle.BINGET: lambda u: u._get(u._number("<B")),
        pickle.LONG_BINGET: lambda u: u._get(u._number("<I")),
        # objects
        pickle.GLOBAL: lambda u: u._stack.append(u._find_global(u._line(), u._line())),
        pickle.STACK_GLOBAL: _U._stack_global,
        pickle.REDUCE: _U._reduce,
        pickle.NEWOBJ: _U._new_object,
        pickle.BUILD: _U._build,
        pickle.BINPERSID: _U._persistent,
    }.items()
}
"""Instruction code -> what it does."""
