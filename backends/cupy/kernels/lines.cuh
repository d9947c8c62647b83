// Lines of n numbers, one to a group of threads: a row, whose numbers lie side by side, or a column of a tile, whose
// numbers lie ``step`` apart while those of the next column are beside them. A kernel is written once over a line:
//
//     for (i64 from = 0; from < n; from += line.chunk()) { line.hold(x, from, n, 0, values); ... }
//     total = line.template over<sum_of>(total, room);
//
// A thread holds HELD numbers of a chunk in registers. A line of one chunk (up to HELD * 1024 numbers) need not be read
// again; longer ones are, from the second level cache as long as the lines at work fit there.
#include "block.cuh"

const int HELD = 8;

// The threads of dimension x share a row; blockDim = (32, rows) for short rows, (threads, 1) for others. They read packs
// of N numbers, neighbouring threads neighbouring packs.
template <int N> struct row_line {
    i64 first;
    enum { inside = 1 };

    __device__ __forceinline__ i64 chunk() const { return (i64)HELD * blockDim.x; }
    __device__ __forceinline__ bool leads() const { return threadIdx.x == 0; }
    __device__ __forceinline__ i64 at(i64 j) const { return first + j; }

    // Which number of the line is held as number ``k`` of a chunk.
    __device__ __forceinline__ i64 number(i64 from, int k) const {
        return from + (i64)(k / N * blockDim.x + threadIdx.x) * N + k % N;
    }

    template <class S>
    __device__ __forceinline__ void hold(const S* x, i64 from, i64 n, wide<S> otherwise, wide<S>* values) const {
#pragma unroll
        for (int k = 0; k < HELD; k += N) {
            const i64 j = number(from, k);
            if (j < n) {
                load_pack<N>(x, first + j, values + k);
            } else {
#pragma unroll
                for (int i = 0; i < N; ++i) values[k + i] = otherwise;
            }
        }
    }

    template <class S> __device__ __forceinline__ void put(S* x, i64 from, i64 n, const wide<S>* values) const {
#pragma unroll
        for (int k = 0; k < HELD; k += N) {
            const i64 j = number(from, k);
            if (j < n) store_pack<N>(x, first + j, values + k);
        }
    }

    template <class J, class A> __device__ __forceinline__ A over(A value, A* room) const {
        return over_block<J>(value, room);
    }
};

// Thread (i, j) of a block works on column i of the tile, and on every blockDim.y-th number of it from number j on.
// blockDim.y is a power of 2; ``room`` is shared memory for a number for each thread.
struct column_line {
    i64 first, step;
    bool inside;  // there are columns up to here

    __device__ __forceinline__ i64 chunk() const { return (i64)HELD * blockDim.y; }
    __device__ __forceinline__ bool leads() const { return threadIdx.y == 0; }
    __device__ __forceinline__ i64 at(i64 j) const { return first + j * step; }
    __device__ __forceinline__ i64 number(i64 from, int k) const { return from + (i64)k * blockDim.y + threadIdx.y; }

    template <class S>
    __device__ __forceinline__ void hold(const S* x, i64 from, i64 n, wide<S> otherwise, wide<S>* values) const {
#pragma unroll
        for (int k = 0; k < HELD; ++k) {
            const i64 j = number(from, k);
            values[k] = inside && j < n ? load(x, at(j)) : otherwise;
        }
    }

    template <class S> __device__ __forceinline__ void put(S* x, i64 from, i64 n, const wide<S>* values) const {
#pragma unroll
        for (int k = 0; k < HELD; ++k) {
            const i64 j = number(from, k);
            if (inside && j < n) store(x, at(j), values[k]);
        }
    }

    template <class J, class A> __device__ __forceinline__ A over(A value, A* room) const {
        return over_column<J>(value, room);
    }
};

// The threads of a block go through rows in steps of the grid: row number ``r`` of ``rows``.
#define FOR_ROWS(r, rows) \
    for (i64 r = (i64)blockIdx.x * blockDim.y + threadIdx.y; r < (rows); r += (i64)gridDim.x * blockDim.y)

// A block goes through tiles of blockDim.x columns of (outer, n, inner) in steps of the grid. Short rows are columns too:
// their numbers lie side by side, and the next one begins ``between`` = n further.
__device__ __forceinline__ i64 tiles_of(i64 outer, i64 inner) { return outer * ((inner + blockDim.x - 1) / blockDim.x); }

// This thread's column of the tile; ``which`` is its number among outer * inner.
__device__ __forceinline__ column_line column_of(i64 tile, i64 n, i64 inner, i64 between, i64& which) {
    const i64 across = (inner + blockDim.x - 1) / blockDim.x;
    const i64 o = tile / across, i = tile % across * blockDim.x + threadIdx.x;
    which = o * inner + i;
    return column_line{o * n * inner + i * between, between == 1 ? inner : 1, i < inner};
}
