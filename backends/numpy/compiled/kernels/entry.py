"""The entry of a kernel: a builtin function of Python that takes its arguments apart.

It has the form of METH_FASTCALL. Arrays are looked at where NumPy keeps what it knows of them (``layouts_fit`` in
``native.py`` has made sure of the places); one of another type goes, with all arguments, to the object behind, which
is the entry for other types or the function that compiles one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.np import numpy_support

_I8, _I32, _I64, _F32, _F64 = ir.IntType(8), ir.IntType(32), ir.IntType(64), ir.FloatType(), ir.DoubleType()
_ANY = _I8.as_pointer()

_TYPE, _DATA, _AXES, _SHAPE, _STRIDES, _DTYPE, _FLAGS = 8, 16, 24, 32, 40, 56, 64
_KIND, _ORDER, _SIZE = 24, 26, 40
_CONTIGUOUS, _ALIGNED = 1, 0x100
_LENGTH, _ITEMS = 16, 24
_END, _LIMIT = 88, 96  # in a slot of ``team.py``

_SCALARS: dict[str, Any] = {
    "b": types.boolean, "u": types.uint64, "i": types.int64, "d": types.float64, "f": types.float32,
}  # fmt: skip


def type_of(code: str) -> Any:
    """numba's type for an argument as ``native.py`` names it."""
    if code in _SCALARS:
        return _SCALARS[code]
    if code[0] == "t":
        return types.UniTuple(types.int64, int(code[1:]))
    kind, layout = code.split(".")
    axes = int(layout.rstrip("acu"))
    order: Any = "C" if "c" in layout else "A"
    number: Any = numpy_support.from_dtype(np.dtype(kind))
    return types.Array(number, axes, order, aligned="u" not in layout)


class _Entry:
    def __init__(self, context: Any, name: str) -> None:
        self.context, self.module = context, context.create_module(name)
        form = ir.FunctionType(_ANY, [_ANY, _ANY.as_pointer(), _I64])
        self.function = ir.Function(self.module, form, name)
        self.builder = ir.IRBuilder(self.function.append_basic_block("entry"))
        self.other, self.failed = (self.function.append_basic_block(block) for block in ("other", "failed"))

    def python(self, name: str, result: Any, *arguments: Any) -> Any:
        """Call a function of Python's."""
        form = ir.FunctionType(result, [a.type for a in arguments])
        return self.builder.call(cgutils.get_or_insert_function(self.module, form, name), arguments)

    def known(self, name: str) -> Any:
        """The address of an object."""
        return self.module.globals.get(name) or ir.GlobalVariable(self.module, _I8, name)

    def at(self, base: Any, place: int, kind: Any) -> Any:
        pointer = self.builder.gep(base, [_I64(place)])
        return self.builder.load(self.builder.bitcast(pointer, kind.as_pointer()))

    def need(self, condition: Any) -> None:
        """Go on if it holds; else the arguments are for another entry."""
        self._unless(condition, self.other)

    def _unless(self, condition: Any, otherwise: Any) -> None:
        follows = self.function.append_basic_block("on")
        self.builder.cbranch(condition, follows, otherwise)
        self.builder.position_at_end(follows)

    def _no_error(self, value: Any, sign: Any) -> None:
        """Give up if the value says that there may be an error and there is one."""
        with self.builder.if_then(sign, likely=False):
            error = self.python("PyErr_Occurred", _ANY)
            self._unless(cgutils.is_null(self.builder, error), self.failed)

    def is_a(self, argument: Any, kind: str) -> Any:
        return self.builder.icmp_unsigned("==", self.at(argument, _TYPE, _ANY), self.known(kind))

    # -- arguments

    def value(self, argument: Any, code: str, kind: Any) -> Any:
        if code in _SCALARS:
            return {"b": self._truth, "u": self._unsigned, "i": self._whole, "d": self._double,
                    "f": self._single}[code](argument)  # fmt: skip
        return self._tuple(argument, kind) if code[0] == "t" else self._array(argument, code, kind)

    def _truth(self, argument: Any) -> Any:
        answer = self.python("PyObject_IsTrue", _I32, argument)
        self._unless(self.builder.icmp_signed(">=", answer, _I32(0)), self.failed)
        return self.builder.icmp_signed("!=", answer, _I32(0))

    def _whole(self, argument: Any) -> Any:
        indexed = self.python("PyIndex_Check", _I32, argument)
        self.need(self.builder.icmp_signed("!=", indexed, _I32(0)))
        value = self.python("PyNumber_AsSsize_t", _I64, argument, self.known("nnlite.OverflowError"))
        self._no_error(value, self.builder.icmp_signed("==", value, _I64(-1)))
        return value

    def _unsigned(self, argument: Any) -> Any:
        number = self.python("PyNumber_Index", _ANY, argument)
        self._unless(cgutils.is_not_null(self.builder, number), self.failed)
        value = self.python("PyLong_AsUnsignedLongLongMask", _I64, number)
        self.python("Py_DecRef", ir.VoidType(), number)
        return value

    def _double(self, argument: Any) -> Any:
        value = self.python("PyFloat_AsDouble", _F64, argument)
        self._no_error(value, self.builder.fcmp_ordered("==", value, _F64(-1.0)))
        return value

    def _single(self, argument: Any) -> Any:
        place = cgutils.alloca_once(self.builder, _F32)
        with self.builder.if_else(self.is_a(argument, "nnlite.float32")) as (single, other):
            with single:
                self.builder.store(self.at(argument, _DATA, _F32), place)
            with other:
                self.builder.store(self.builder.fptrunc(self._double(argument), _F32), place)
        return self.builder.load(place)

    def _tuple(self, argument: Any, kind: Any) -> Any:
        self.need(self.is_a(argument, "PyTuple_Type"))
        self.need(self.builder.icmp_signed("==", self.at(argument, _LENGTH, _I64), _I64(len(kind))))
        items = [self._whole(self.at(argument, _ITEMS + 8 * i, _ANY)) for i in range(len(kind))]
        return cgutils.pack_array(self.builder, items)

    def _array(self, argument: Any, code: str, kind: Any) -> Any:
        builder, dtype = self.builder, np.dtype(code.split(".")[0])
        self.need(self.is_a(argument, "nnlite.ndarray"))
        descr = self.at(argument, _DTYPE, _ANY)
        wanted = (_CONTIGUOUS if kind.layout == "C" else 0) | (_ALIGNED if kind.aligned else 0)
        flags = self.builder.and_(self.at(argument, _FLAGS, _I32), _I32(wanted))
        for found, right in (
            (self.at(argument, _AXES, _I32), _I32(kind.ndim)), (flags, _I32(wanted)),
            (self.at(descr, _KIND, _I8), _I8(ord(dtype.kind))), (self.at(descr, _SIZE, _I64), _I64(dtype.itemsize)),
        ):  # fmt: skip
            self.need(builder.icmp_signed("==", found, right))
        order = self.at(descr, _ORDER, _I8)
        native = [builder.icmp_signed("==", order, _I8(ord(sign))) for sign in "=|"]
        self.need(builder.or_(*native))
        array = self.context.make_array(kind)(self.context, builder)
        shape, strides = (
            self.at(argument, place, ir.ArrayType(_I64, kind.ndim).as_pointer()) for place in (_SHAPE, _STRIDES)
        )
        array.shape, array.strides = builder.load(shape), builder.load(strides)
        array.data = builder.bitcast(self.at(argument, _DATA, _ANY), array.data.type)
        array.itemsize, count = _I64(dtype.itemsize), _I64(1)
        for i in range(kind.ndim):
            count = builder.mul(count, builder.extract_value(array.shape, i))
        array.nitems = count
        null = cgutils.get_null_value(_ANY)
        array.meminfo, array.parent = null, builder.bitcast(null, array.parent.type)
        return array._getvalue()

    # -- parts of shared work (``team.py``)

    def record(self, objects: list[Any], values: list[Any], about: Any, callee: Any) -> None:
        """If this thread's calls are written down, write this one down and return."""
        builder, place = self.builder, self.known("nnlite.recording")
        recorder = self.at(place, 0, _ANY)
        on = self.function.append_basic_block("not_recorded")
        some, mine = (self.function.append_basic_block(block) for block in ("somebody_records", "recorded"))
        builder.cbranch(cgutils.is_null(builder, recorder), on, some)
        builder.position_at_end(some)
        builder.cbranch(builder.icmp_unsigned("==", self.python("PyThreadState_Get", _ANY), recorder), mine, on)
        builder.position_at_end(mine)
        self._write_down(self.at(place, 8, _ANY), objects, values, about, callee)
        builder.position_at_end(on)

    def _write_down(self, slot: Any, objects: list[Any], values: list[Any], about: Any, callee: Any) -> None:
        builder = self.builder
        held = ir.ArrayType(_ANY, len(objects))
        form = ir.LiteralStructType([_I64, _ANY, _I64, held, ir.LiteralStructType([v.type for v in values])])
        size = -(-self.context.get_abi_sizeof(form) // 16) * 16
        begin = self.at(slot, _END, _ANY)
        end = builder.gep(begin, [_I64(size)])
        with builder.if_then(builder.icmp_unsigned(">", end, self.at(slot, _LIMIT, _ANY)), likely=False):
            self.fail("a part of a compiled kernel calls too many kernels")
        record = builder.bitcast(begin, form.as_pointer())
        run = builder.bitcast(self._runner(form, about, callee), _ANY)
        items = [_I64(size), run, _I64(len(objects)), cgutils.pack_array(builder, objects, _ANY),
                 cgutils.pack_struct(builder, values)]  # fmt: skip
        for i, item in enumerate(items):
            builder.store(item, builder.gep(record, [_I32(0), _I32(i)]), align=8)
        for each in objects:
            self.python("Py_IncRef", ir.VoidType(), each)
        builder.store(end, builder.bitcast(builder.gep(slot, [_I64(_END)]), _ANY.as_pointer()))
        builder.ret(self.result(None, types.none))

    def call(self, builder: Any, about: Any, callee: Any, values: list[Any]) -> Any:
        """Status and result of the kernel. There are two calls, one of them for later: its code is there once."""
        kinds = about.restype, about.argtypes
        return self.context.call_conv.call_function(builder, callee, *kinds, values, attrs=("noinline",))

    def _runner(self, form: Any, about: Any, callee: Any) -> Any:
        """A function that runs what was written down; its result is not 0 if that failed."""
        function = ir.Function(self.module, ir.FunctionType(_I32, [_ANY]), f"{self.function.name}.recorded")
        builder = ir.IRBuilder(function.append_basic_block("entry"))
        record = builder.bitcast(function.args[0], form.as_pointer())
        packed = builder.load(builder.gep(record, [_I32(0), _I32(4)]), align=8)
        values = [builder.extract_value(packed, i) for i in range(len(form.elements[4].elements))]
        status, _ = self.call(builder, about, callee, values)
        builder.ret(builder.zext(status.is_error, _I32))
        return function

    # -- results

    def fail(self, text: str) -> None:
        """Raise RuntimeError."""
        message = self.context.insert_const_string(self.module, text)
        self.python("PyErr_SetString", ir.VoidType(), self.known("nnlite.RuntimeError"), message)
        self.builder.branch(self.failed)

    def result(self, value: Any, kind: Any) -> Any:
        if kind in (types.none, types.void):
            none = self.known("_Py_NoneStruct")
            self.python("Py_IncRef", ir.VoidType(), none)
            return none
        if isinstance(kind, types.Integer):
            return self.python("PyLong_FromLongLong", _ANY, self._wide(value, kind))
        raise NotImplementedError(f"a kernel that Python calls returns nothing or a whole number, not {kind}")

    def _wide(self, value: Any, kind: Any) -> Any:
        if kind.bitwidth == 64:
            return value
        return self.builder.sext(value, _I64) if kind.signed else self.builder.zext(value, _I64)

    def finish(self, arguments: Any) -> None:
        self.builder.position_at_end(self.other)
        behind, given, count = arguments
        null = cgutils.get_null_value(_ANY)
        self.builder.ret(self.python("PyObject_Vectorcall", _ANY, behind, given, count, null))
        self.builder.position_at_end(self.failed)
        self.builder.ret(null)


def entry(context: Any, name: str, codes: tuple[str, ...], compiled: Any) -> Any:
    """The module of the entry to a function that numba has compiled for these types."""
    made = _Entry(context, name)
    builder, (_, given, count), about = made.builder, made.function.args, compiled.fndesc
    made.need(builder.icmp_signed("==", count, _I64(len(codes))))
    values, objects = [], []
    for i, (code, kind) in enumerate(zip(codes, about.argtypes, strict=True)):
        objects.append(builder.load(builder.gep(given, [_I64(i)])))
        values.append(made.value(objects[-1], code, kind))
    callee = ir.Function(
        made.module, context.call_conv.get_function_type(about.restype, about.argtypes), about.llvm_func_name
    )
    if about.restype in (types.none, types.void):
        made.record(objects, values, about, callee)
    thread = made.python("PyEval_SaveThread", _ANY)
    status, value = made.call(builder, about, callee, values)
    made.python("PyEval_RestoreThread", ir.VoidType(), thread)
    with builder.if_then(status.is_error, likely=False):
        made.fail(f"the compiled kernel {name} failed")
    builder.ret(made.result(value, about.restype))
    made.finish(made.function.args)
    return made.module
