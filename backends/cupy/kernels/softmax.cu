// Softmax, or its logarithm, over the middle axis of (outer, n, inner), and the gradients.
// T: float16 bfloat16 float32 float64
// LOGARITHM: 0 1
//
// inner = 1: rows, by a warp (n <= 256) or a block; else columns, and many short rows, by tiles (lines.cuh). Each
// thread takes largest number and sum at once, and corrects the sum when the largest number grows. Up to 8 numbers a
// thread a line is read once and written once; longer ones are read twice.
#include "exponentials.cuh"

typedef wide<T> A;

// out = exp(x - largest) / sum, or x - largest - log(sum).
template <class Line> __device__ __forceinline__ void forward_of(const Line& line, const T* x, T* out, i64 n, A* room) {
    A values[HELD];
    const exponentials<A> e = exponentials_of(line, x, n, values, room);
    const A scale = LOGARITHM ? log(e.total) : 1 / e.total;
    for (i64 from = 0; from < n; from += line.chunk()) {
        if (n > line.chunk()) line.hold(x, from, n, (A)0, values);
#pragma unroll
        for (int k = 0; k < HELD; ++k) {
            const A shifted = values[k] - e.most;
            values[k] = LOGARITHM ? shifted - scale : exp(shifted) * scale;
        }
        line.put(out, from, n, values);
    }
}

// gx = (g - sum(g out)) out, or g - exp(out) sum(g).
template <class Line>
__device__ __forceinline__ void backward_of(const Line& line, const T* g, const T* out, T* gx, i64 n, A* room) {
    A slopes[HELD], values[HELD], total = 0;
    for (i64 from = 0; from < n; from += line.chunk()) {
        line.hold(g, from, n, (A)0, slopes);
        line.hold(out, from, n, (A)0, values);
#pragma unroll
        for (int k = 0; k < HELD; ++k) total += LOGARITHM ? slopes[k] : slopes[k] * values[k];
    }
    total = line.template over<sum_of>(total, room);
    for (i64 from = 0; from < n; from += line.chunk()) {
        if (n > line.chunk()) {
            line.hold(g, from, n, (A)0, slopes);
            line.hold(out, from, n, (A)0, values);
        }
#pragma unroll
        for (int k = 0; k < HELD; ++k)
            slopes[k] = LOGARITHM ? slopes[k] - exp(values[k]) * total : (slopes[k] - total) * values[k];
        line.put(gx, from, n, slopes);
    }
}

// Launch: (threads of a row, rows), any number of blocks.
extern "C" __global__ void __launch_bounds__(1024)
forward_rows(const T* x, T* out, i64 rows, i64 n) {
    __shared__ A room[32];
    if (n % PACK<T> == 0 && aligned(x, out)) {
        FOR_ROWS(r, rows) forward_of(row_line<PACK<T>>{r * n}, x, out, n, room);
    } else {
        FOR_ROWS(r, rows) forward_of(row_line<1>{r * n}, x, out, n, room);
    }
}

extern "C" __global__ void __launch_bounds__(1024)
backward_rows(const T* g, const T* out, T* gx, i64 rows, i64 n) {
    __shared__ A room[32];
    if (n % PACK<T> == 0 && aligned(g, out, gx)) {
        FOR_ROWS(r, rows) backward_of(row_line<PACK<T>>{r * n}, g, out, gx, n, room);
    } else {
        FOR_ROWS(r, rows) backward_of(row_line<1>{r * n}, g, out, gx, n, room);
    }
}

// Launch: (columns of a tile, threads of a column), any number of blocks.
extern "C" __global__ void __launch_bounds__(256, PACK<T> == 2 ? 2 : 4)
forward_columns(const T* x, T* out, i64 outer, i64 n, i64 inner, i64 between) {
    __shared__ A room[1024];
    i64 which;
    for (i64 tile = blockIdx.x; tile < tiles_of(outer, inner); tile += gridDim.x)
        forward_of(column_of(tile, n, inner, between, which), x, out, n, room);
}

extern "C" __global__ void __launch_bounds__(256, PACK<T> == 2 ? 2 : 4)
backward_columns(const T* g, const T* out, T* gx, i64 outer, i64 n, i64 inner, i64 between) {
    __shared__ A room[1024];
    i64 which;
    for (i64 tile = blockIdx.x; tile < tiles_of(outer, inner); tile += gridDim.x)
        backward_of(column_of(tile, n, inner, between, which), g, out, gx, n, room);
}
