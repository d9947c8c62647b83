"""Products of float32 matrices, for processors with vectors of 64 bytes (AVX-512).

As in Goto's and BLIS's products, the right matrix is laid out in panels of columns that are read in order, a block that
stays in the second level cache at a time, and a tile of the result is summed up in registers. The left matrix is read
where it lies, one number a row and step: for the sizes of most layers, copies of it take longer than they save. A tile
is 6 rows by 4 vectors, which takes 10 loads for 24 products: tiles of 12 by 2 need 14, and are slower whenever another
program keeps the core's second thread busy.

Each number of the result is summed up along the depth in blocks of `DEPTH`, in order, however the product is shared
out.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .blas import TRANSPOSED
from .jit import compiled, inlined
from .sizes import COLUMNS, DEPTH

LANES, VECTORS, ROWS = 16, 4, 6
PANEL = LANES * VECTORS
"""Columns of a panel; the last is half as wide where that is enough."""

FEW = 24
"""So few rows that a right matrix by rows is better read where it lies."""

FAR = 600_000
"""Numbers of a left matrix by columns that are more than the second level cache holds: for few panels each line of the
cache is then fetched for little work, and rows are copied first (1000x1024x128: 3.0 ms in place of 4.2; a loss of up to
a tenth for smaller matrices or more panels)."""

_BYTES = 4
_STEP = LANES * _BYTES
_I1, _I32, _I64, _F32 = ir.IntType(1), ir.IntType(32), ir.IntType(64), ir.FloatType()
_ANY = ir.IntType(8).as_pointer()
_VECTOR, _WORDS, _MASK = (ir.VectorType(kind, LANES) for kind in (_F32, _I32, _I1))
_ZERO = ir.Constant(_VECTOR, [ir.Constant(_F32, 0.0)] * LANES)
_ADDRESS = types.int64


class _Code:
    """What tiles are written with; places are addresses in bytes."""

    def __init__(self, builder: Any) -> None:
        self.builder = builder

    def function(self, name: str, result: Any, *arguments: Any) -> Any:
        return cgutils.get_or_insert_function(self.builder.module, ir.FunctionType(result, arguments), name)

    def at(self, place: Any, kind: Any = _VECTOR) -> Any:
        return self.builder.inttoptr(place, kind.as_pointer())

    def plus(self, place: Any, count: int, step: Any = None) -> Any:
        if not count:
            return place
        return self.builder.add(place, _I64(count) if step is None else self.builder.mul(step, _I64(count)))

    def load(self, place: Any) -> Any:
        return self.builder.load(self.at(place), align=_BYTES)

    def store(self, vector: Any, place: Any) -> None:
        self.builder.store(vector, self.at(place), align=_BYTES)

    def spread(self, number: Any, kind: Any = _VECTOR) -> Any:
        """A vector of the same number."""
        nothing = ir.Constant(kind, ir.Undefined)
        first = self.builder.insert_element(nothing, number, _I32(0))
        return self.builder.shuffle_vector(first, nothing, ir.Constant(_WORDS, None))

    def first(self, count: Any) -> Any:
        """The mask of so many numbers of a vector, which may be less than none or more than there are."""
        places = ir.Constant(_WORDS, [ir.Constant(_I32, i) for i in range(LANES)])
        return self.builder.icmp_signed("<", places, self.spread(self.builder.trunc(count, _I32), _WORDS))

    def load_some(self, place: Any, mask: Any) -> Any:
        """A vector with zeros where the mask is not set."""
        function = self.function("llvm.masked.load.v16f32.p0", _VECTOR, _VECTOR.as_pointer(), _I32, _MASK, _VECTOR)
        return self.builder.call(function, [self.at(place), _I32(_BYTES), mask, _ZERO])

    def store_some(self, vector: Any, place: Any, mask: Any) -> None:
        function = self.function(
            "llvm.masked.store.v16f32.p0", ir.VoidType(), _VECTOR, _VECTOR.as_pointer(), _I32, _MASK
        )
        self.builder.call(function, [vector, self.at(place), _I32(_BYTES), mask])

    def fetch(self, place: Any, write: bool = False) -> None:
        """Have the cache get what will be needed."""
        function = self.function("llvm.prefetch.p0", ir.VoidType(), _ANY, _I32, _I32, _I32)
        self.builder.call(function, [self.at(place, ir.IntType(8)), _I32(int(write)), _I32(3), _I32(1)])

    def variable(self, value: Any) -> Any:
        place = cgutils.alloca_once(self.builder, value.type)
        self.builder.store(value, place)
        return place


def _nothing() -> Any:
    return cgutils.get_null_value(_ANY)


def _tile(rows: int, vectors: int) -> Any:
    """``f(x, row, step, panel, line, depth, out, pitch, added, added_pitch, columns)``: so many rows of a matrix times
    a panel, and what is added unless its address is 0, into ``out``.

    Number (r, k) of the left matrix is at ``x + r row + k step``, line k of the panel at ``panel + k line``.
    """

    @intrinsic
    def function(context: Any, x: Any, row: Any, step: Any, panel: Any, line: Any, depth: Any, out: Any, pitch: Any,
                 added: Any, added_pitch: Any, columns: Any) -> Any:  # fmt: skip
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            x, row, step, panel, line, depth, out, pitch, added, added_pitch, columns = args
            code = _Code(builder)
            fused = code.function("llvm.fma.v16f32", _VECTOR, *[_VECTOR] * 3)
            tile = [(r, v) for r in range(rows) for v in range(vectors)]
            sums = {each: code.variable(_ZERO) for each in tile}
            # LLVM finds the rows between these from one register.
            heads = [(r, code.variable(code.plus(x, r, row))) for r in range(0, rows, 3)]
            lines = code.variable(panel)

            def places(base: Any, pitch: Any) -> list[Any]:
                return [code.plus(code.plus(base, r, pitch), v * _STEP) for r, v in tile]

            def rows_of(head: int, base: Any) -> list[tuple[int, Any]]:
                return [(r, code.plus(base, r - head, row)) for r in range(head, min(head + 3, rows))]

            def one_step() -> None:
                at = builder.load(lines)
                right = [code.load(code.plus(at, v * _STEP)) for v in range(vectors)]
                for head, variable in heads:
                    base = builder.load(variable)
                    for r, place in rows_of(head, base):
                        left = code.spread(builder.load(code.at(place, _F32)))
                        for v in range(vectors):
                            total = sums[r, v]
                            builder.store(builder.call(fused, [left, right[v], builder.load(total)]), total)
                    builder.store(builder.add(base, step), variable)
                builder.store(builder.add(at, line), lines)

            for place in places(out, pitch):
                code.fetch(place, write=True)
            with cgutils.for_range(builder, builder.lshr(depth, _I64(4))):
                if rows == ROWS:  # the rows of the next tile
                    for head, variable in heads:
                        for _, place in rows_of(head, code.plus(builder.load(variable), ROWS, row)):
                            code.fetch(place)
                with cgutils.for_range(builder, _I64(16)):
                    one_step()
            with cgutils.for_range(builder, builder.and_(depth, _I64(15))):
                one_step()

            masks = [code.first(builder.sub(columns, _I64(v * LANES))) for v in range(vectors)]
            with builder.if_then(builder.icmp_signed("!=", added, _I64(0))):
                for (r, v), place in zip(tile, places(added, added_pitch), strict=True):
                    more = code.load_some(place, masks[v])
                    builder.store(builder.fadd(builder.load(sums[r, v]), more), sums[r, v])
            for (r, v), place in zip(tile, places(out, pitch), strict=True):
                code.store_some(builder.load(sums[r, v]), place, masks[v])
            return _nothing()

        return types.void(*[_ADDRESS] * 11), generate

    return function


@intrinsic
def _move(context: Any, source: Any, target: Any, count: Any, ahead: Any) -> Any:
    """A vector from one place to another, with zeros beyond so many numbers; one that is so far ahead will be next."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        code = _Code(builder)
        code.fetch(builder.add(args[0], args[3]))
        code.store(code.load_some(args[0], code.first(args[2])), args[1])
        return _nothing()

    return types.void(*[_ADDRESS] * 4), generate


@intrinsic
def _turn(context: Any, source: Any, pitch: Any, last: Any, count: Any, target: Any, line: Any) -> Any:
    """A square of 16 by 16 numbers, rows for columns. Rows after the last are that one again, numbers of a row after so
    many are zeros and are not read."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        source, pitch, last, count, target, line = args
        code, rows = _Code(builder), []
        mask = code.first(count)
        for i in range(LANES):
            row = builder.select(builder.icmp_signed("<", _I64(i), last), _I64(i), last)
            rows.append(code.load_some(builder.add(source, builder.mul(pitch, row)), mask))

        def chosen(a: Any, b: Any, places: list[int]) -> Any:
            return builder.shuffle_vector(a, b, ir.Constant(_WORDS, [ir.Constant(_I32, p) for p in places]))

        for apart in (8, 4, 2, 1):  # squares of this size change places
            low = [j if not j & apart else LANES + j - apart for j in range(LANES)]
            high = [j + apart if not j & apart else LANES + j for j in range(LANES)]
            for i in range(LANES):
                if not i & apart:
                    a, b = rows[i], rows[i + apart]
                    rows[i], rows[i + apart] = chosen(a, b, low), chosen(a, b, high)
        for i in range(LANES):
            with builder.if_then(builder.icmp_signed("<", _I64(i), count)):
                code.store(rows[i], code.plus(target, i, line))
        return _nothing()

    return types.void(*[_ADDRESS] * 6), generate


@inlined
def _lay_rows(b, pitch, depth, columns, panels):
    """The panels of a matrix by rows."""
    for k in range(depth):
        for j in range(0, columns, LANES):
            whole = j // PANEL * PANEL
            wide = PANEL if columns - whole > PANEL // 2 else PANEL // 2
            to = panels + (whole * depth + k * wide + j - whole) * _BYTES
            _move(b + k * pitch + j * _BYTES, to, columns - j, 8 * pitch)


@inlined
def _lay_columns(b, pitch, depth, columns, panels):
    """The panels of a matrix by columns. Vectors of the last panel beyond the columns are the last one again."""
    filled = (columns + PANEL // 2 - 1) // (PANEL // 2) * (PANEL // 2)
    for j in range(0, filled, LANES):
        whole = j // PANEL * PANEL
        wide = PANEL if columns - whole > PANEL // 2 else PANEL // 2
        if j - whole < wide:
            at = min(j, columns - 1)
            last = max(min(LANES, columns - j) - 1, 0)
            for k in range(0, depth, LANES):
                _turn(b + at * pitch + k * _BYTES, pitch, last, depth - k,
                      panels + (whole * depth + k * wide + j - whole) * _BYTES, wide * _BYTES)  # fmt: skip


def _strip(vectors: int) -> Any:
    """Up to `ROWS` rows times a panel."""
    six, two, one = (_tile(rows, vectors) for rows in (ROWS, 2, 1))

    @inlined
    def strip(rows, x, row, step, panel, line, depth, out, pitch, added, added_pitch, columns):
        if rows == ROWS:
            six(x, row, step, panel, line, depth, out, pitch, added, added_pitch, columns)
            return
        more = 2 * added_pitch if added != 0 else 0
        while rows >= 2:
            two(x, row, step, panel, line, depth, out, pitch, added, added_pitch, columns)
            x += 2 * row
            out += 2 * pitch
            added += more
            rows -= 2
        if rows:
            one(x, row, step, panel, line, depth, out, pitch, added, added_pitch, columns)

    return strip


_wide, _narrow = _strip(VECTORS), _strip(VECTORS // 2)


@inlined
def _product(m, n, k, a, a_row, a_column, b, b_row, b_column, added, added_pitch, c, pitch, panels):
    """c = a b, and what is added unless its address is 0, which may be c. Steps are in bytes; b has one that is the
    size of a number, c is by rows."""
    parts = (k + DEPTH - 1) // DEPTH
    block = ((k + parts - 1) // parts + LANES - 1) // LANES * LANES
    few = m <= FEW and b_column == _BYTES
    copied = m * k > FAR and n <= 2 * PANEL and a_row == _BYTES and a_column != _BYTES
    strip = panels + (n + PANEL - 1) // PANEL * PANEL * DEPTH * _BYTES
    for first in range(0, n, COLUMNS):
        width = min(COLUMNS, n - first)
        left = width // PANEL * PANEL if few else 0
        for start in range(0, k, block):
            depth = min(block, k - start)
            right = b + start * b_row + first * b_column
            x, to = a + start * a_column, c + first * _BYTES
            more, more_pitch = (to, pitch) if start else (added + first * _BYTES if added else added, added_pitch)
            if b_column == _BYTES:
                _lay_rows(right + left * _BYTES, b_row, depth, width - left, panels)
            else:
                _lay_columns(right, b_column, depth, width, panels)
            i = j = 0
            while i < m and j < width:
                columns = min(PANEL, width - j)
                line = PANEL * _BYTES if columns > PANEL // 2 else PANEL // 2 * _BYTES
                panel = panels + (j - left) * depth * _BYTES
                if j < left:
                    panel, line = right + j * _BYTES, b_row
                rows, row, step = x + i * a_row, a_row, a_column
                if copied:
                    beyond = i % (2 * ROWS)
                    if j == 0 and beyond == 0:
                        for q in range(depth):
                            _move(rows + q * step, strip + q * _STEP, m - i, 8 * step)
                    rows, step = strip + beyond * _BYTES, _STEP
                plus = more + i * more_pitch + j * _BYTES if more else more
                out = to + i * pitch + j * _BYTES
                if columns > PANEL // 2:
                    _wide(min(ROWS, m - i), rows, row, step, panel, line, depth, out, pitch, plus, more_pitch, columns)
                else:
                    _narrow(min(ROWS, m - i), rows, row, step, panel, line, depth, out, pitch, plus, more_pitch,
                            columns)  # fmt: skip
                if few:
                    i += ROWS
                    if i >= m:
                        i, j = 0, j + PANEL
                else:
                    j += PANEL
                    if j >= width:
                        i, j = i + ROWS, 0


_FORM = ir.FunctionType(ir.VoidType(), [_I64] * 14)
_PLACE = _F32.as_pointer()
_CBLAS = ir.FunctionType(
    ir.VoidType(), [_I32, _I32, _I32, _I64, _I64, _I64, _F32, _PLACE, _I64, _PLACE, _I64, _F32, _PLACE, _I64]
)


def _as_cblas(module: Any, product: Any) -> Any:
    """A function that takes what ``cblas_sgemm`` does for matrices by rows, if alpha is 1 and beta 0 or 1. Panels are
    laid out on the stack, one at a time."""
    function = ir.Function(module, _CBLAS, module.get_unique_name("sgemm"))
    function.linkage = "internal"
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    _, turned_a, turned_b, m, n, k, _, a, a_pitch, b, b_pitch, beta, c, pitch = function.args
    panels = builder.alloca(ir.IntType(8), size=_I64(DEPTH * (PANEL + LANES) * _BYTES))
    panels.align = LANES * _BYTES

    def steps(turned: Any, pitch: Any) -> tuple[Any, Any]:
        pitch, turned = builder.mul(pitch, _I64(_BYTES)), builder.icmp_signed("==", turned, _I32(TRANSPOSED))
        return builder.select(turned, _I64(_BYTES), pitch), builder.select(turned, pitch, _I64(_BYTES))

    a_steps, b_steps, pitch = steps(turned_a, a_pitch), steps(turned_b, b_pitch), builder.mul(pitch, _I64(_BYTES))
    a, b, c, panels = (builder.ptrtoint(place, _I64) for place in (a, b, c, panels))
    adds = builder.fcmp_unordered("!=", beta, ir.Constant(_F32, 0.0))
    with cgutils.for_range_slice(builder, _I64(0), n, _I64(PANEL), _I64) as (first, _):
        left = builder.sub(n, first)
        columns = builder.select(builder.icmp_signed("<", left, _I64(PANEL)), left, _I64(PANEL))
        right, out = builder.add(b, builder.mul(first, b_steps[1])), builder.add(c, builder.mul(first, _I64(_BYTES)))
        added = builder.select(adds, out, _I64(0))
        builder.call(product, [m, columns, k, a, *a_steps, right, *b_steps, added, pitch, out, pitch, panels])
    builder.ret_void()
    return function


@intrinsic
def _address(context: Any, form: Any) -> Any:
    """Where `_product` begins, as a function that any compiled code may call: as it is, or as CBLAS has it."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        def product(m, n, k, a, a_row, a_column, b, b_row, b_column, added, added_pitch, c, pitch, panels):
            _product(m, n, k, a, a_row, a_column, b, b_row, b_column, added, added_pitch, c, pitch, panels)

        made = context.compile_subroutine(builder, product, types.void(*[_ADDRESS] * 14))
        context.active_code_library.add_linking_library(made.library)
        function = ir.Function(builder.module, _FORM, builder.module.get_unique_name("product"))
        function.linkage = "internal"
        function.attributes.add("noinline")
        inside = ir.IRBuilder(function.append_basic_block("entry"))
        about = made.fndesc
        callee = context.declare_function(builder.module, about)
        context.call_conv.call_function(inside, callee, about.restype, about.argtypes, function.args)
        inside.ret_void()
        plain, cblas = (builder.ptrtoint(f, _I64) for f in (function, _as_cblas(builder.module, function)))
        return builder.select(builder.icmp_signed("==", args[0], _I64(PLAIN)), plain, cblas)

    return types.int64(types.int64), generate


PLAIN, CBLAS = 0, 1


@compiled
def address(form):
    """Where the product is, for `multiply` (`PLAIN`) or for who calls ``sgemm`` by its address (`CBLAS`)."""
    return _address(form)


@intrinsic
def _call(context: Any, address: Any, m: Any, n: Any, k: Any, a: Any, a_row: Any, a_column: Any, b: Any, b_row: Any,
          b_column: Any, added: Any, added_pitch: Any, c: Any, pitch: Any, panels: Any) -> Any:  # fmt: skip
    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.call(builder.inttoptr(args[0], _FORM.as_pointer()), args[1:])
        return _nothing()

    return types.void(*[_ADDRESS] * 15), generate


@intrinsic
def _place(context: Any, array: Any) -> Any:
    """The address of an array's first number."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.ptrtoint(context.make_array(signature.args[0])(context, builder, args[0]).data, _I64)

    return types.int64(array), generate


NOTHING, RESULT, BIAS = 0, 1, 2
"""What is added to a product."""


@compiled
def multiply(address, x, y, row, out, added, by_rows, start, stop, workspace):
    """Some rows or some columns of the product of two matrices; ``row`` is added to each row, or the result as it was.

    It knows nothing of tiles, so that it is soon compiled for each kind of array."""
    m, n = x.shape[0], y.shape[1]
    a, b, c, bias = _place(x), _place(y), _place(out), _place(row)
    if by_rows:
        m = stop - start
        a, c = a + start * x.strides[0], c + start * out.strides[0]
    else:
        n = stop - start
        b, c, bias = b + start * y.strides[1], c + start * _BYTES, bias + start * _BYTES
    more, pitch = (c, out.strides[0]) if added == RESULT else (bias if added == BIAS else 0, 0)
    panels = (_place(workspace) + 63) // 64 * 64
    _call(address, m, n, x.shape[1], a, x.strides[0], x.strides[1], b, y.strides[0], y.strides[1], more, pitch, c,
          out.strides[0], panels)  # fmt: skip
