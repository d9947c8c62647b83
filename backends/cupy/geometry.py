"""How work is shared out to blocks and threads: lines (rows or columns) for the kernels over ``lines.cuh``."""

from __future__ import annotations

FLOATS = frozenset({"float16", "bfloat16", "float32", "float64"})

HELD = 8
"""Numbers of a line that a thread holds in registers; ``lines.cuh`` has the same."""

MOST_BLOCKS = 1 << 16
"""Blocks beyond this number only cost their start; kernels go on in steps of the grid."""

Launch = tuple[int, tuple[int, int]]
"""The number of blocks, and the threads of a block in two dimensions."""


def power_of_two(n: int) -> int:
    """The smallest power of 2 that is not below ``n``."""
    return 1 << max(n - 1, 0).bit_length()


def over_rows(rows: int, n: int, most: int = MOST_BLOCKS) -> Launch:
    """Rows of ``n`` numbers: a warp each, 8 to a block, up to 256 numbers; then a block of as many warps as hold the
    row in registers, at most 1,024 threads."""
    if n <= 32 * HELD:
        return min(-(-rows // 8), most), (32, 8)
    return min(rows, most), (min(-(-n // (32 * HELD)) * 32, 1024), 1)


def over_columns(outer: int, n: int, inner: int, most: int = MOST_BLOCKS) -> Launch:
    """Columns of (outer, n, inner): tiles of 256 threads. Neighbouring columns go to neighbouring threads, 32 of them
    if there are so many, so that a warp reads whole lines of 128 bytes. The other threads share the columns: as many as
    hold a column in registers where that fills a GPU (it runs some 2^18 threads at once), else one for each number."""
    columns = min(power_of_two(inner), 32)
    few = power_of_two(-(-n // HELD))
    threads = min(few if outer * inner * few >= 1 << 17 else power_of_two(n), 256 // columns)
    columns = min(power_of_two(inner), 256 // threads)
    return min(outer * -(-inner // columns), most), (columns, threads)


def lines(outer: int, n: int, inner: int, most: int = MOST_BLOCKS) -> tuple[str, int, tuple[int, int], tuple[int, ...]]:
    """Lines along the middle axis: "rows" or "columns", the launch, and the sizes that kernels of that kind take.

    Many rows of up to 32 numbers are columns whose numbers lie side by side: a warp for each would be idle for the most
    part, and the numbers that its threads read one after the other come from the first level cache.
    """
    if inner == 1 and n <= 32 and outer >= 4096:
        return "columns", *over_columns(1, n, outer, most), (1, n, outer, n)
    if inner == 1:
        return "rows", *over_rows(outer, n, most), (outer, n)
    return "columns", *over_columns(outer, n, inner, most), (outer, n, inner, 1)


def kept_in_order(shape: tuple[int, ...], strides: tuple[int, ...], itemsize: int) -> tuple[int, ...] | None:
    """The axes in the order in which they lie in memory, if they lie there without gaps; else None."""
    order = sorted(range(len(shape)), key=lambda axis: (-strides[axis], -shape[axis]))
    expected = itemsize
    for axis in reversed(order):
        if shape[axis] > 1:
            if strides[axis] != expected:
                return None
            expected *= shape[axis]
    return tuple(order)
