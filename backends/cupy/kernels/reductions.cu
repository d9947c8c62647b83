// Sums, extremes and norms over some axes of an array that lies without gaps.
// T: float16 bfloat16 float32 float64
// REDUCE: total largest smallest norm
//
// The array is seen as (a, r, b, s): a and b are kept, r and s are not. s > 1: the numbers of a result are r pieces of s
// side by side, read by a warp or a block ("rows"). s = 1: results lie side by side, read by tiles ("columns"). Where
// there are too few results to fill a GPU, each is shared out to ``splits`` parts, whose results ``finish`` joins. How
// many, and in which order, depends on the shape alone: the same numbers give the same bits.
#include "lines.cuh"

typedef wide<T> A;

// How numbers are joined, what changes nothing, what becomes of a number before and of the joined ones after it.
struct total {
    typedef sum_of join;
    static __device__ __forceinline__ A nothing() { return 0; }
    static __device__ __forceinline__ A of(A x) { return x; }
    static __device__ __forceinline__ A result(A x, A divisor) { return x / divisor; }
};

struct largest : total {
    typedef largest_of join;
    static __device__ __forceinline__ A nothing() { return -infinity<A>(); }
    static __device__ __forceinline__ A result(A x, A) { return x; }
};

struct smallest : total {
    typedef smallest_of join;
    static __device__ __forceinline__ A nothing() { return infinity<A>(); }
    static __device__ __forceinline__ A result(A x, A) { return x; }
};

struct norm : total {
    static __device__ __forceinline__ A of(A x) { return x * x; }
    static __device__ __forceinline__ A result(A x, A) { return sqrt(x); }
};

typedef REDUCE::join join;

// The numbers held by a thread joined pair by pair, which is more exact than one after the other and waits for less.
__device__ __forceinline__ A joined(A* values) {
#pragma unroll
    for (int distance = HELD / 2; distance > 0; distance /= 2)
#pragma unroll
        for (int k = 0; k < distance; ++k) values[k] = join::join(values[k], values[k + distance]);
    return values[0];
}

__device__ __forceinline__ void finished(A value, i64 which, i64 part, i64 outputs, T* out, A* parts, A divisor) {
    if (parts) parts[part * outputs + which] = value;
    else store(out, which, REDUCE::result(value, divisor));
}

template <int N>
__device__ __forceinline__ void rows_of(const T* x, T* out, A* parts, i64 a, i64 r, i64 b, i64 s, i64 splits, A divisor,
                                        A* room) {
    const i64 numbers = r * s, chunk = (i64)HELD * blockDim.x;
    const i64 part = (numbers + splits * chunk - 1) / (splits * chunk) * chunk;  // the numbers of a part: whole chunks
    FOR_ROWS(task, a * b * splits) {
        const i64 which = task / splits, start = task % splits * part, end = min(start + part, numbers);
        const T* first = x + (which / b * r * b + which % b) * s;
        A value = REDUCE::nothing();
        for (i64 from = start; from < end; from += chunk) {
            A values[HELD];
#pragma unroll
            for (int k = 0; k < HELD; k += N) {
                const i64 j = from + (i64)(k / N * blockDim.x + threadIdx.x) * N;
                if (j < end) {
                    const i64 piece = r == 1 ? 0 : quotient(j, s);
                    load_pack<N>(first, piece * (b - 1) * s + j, values + k);  // piece b s + (j - piece s)
#pragma unroll
                    for (int i = 0; i < N; ++i) values[k + i] = REDUCE::of(values[k + i]);
                } else {
#pragma unroll
                    for (int i = 0; i < N; ++i) values[k + i] = REDUCE::nothing();
                }
            }
            value = join::join(value, joined(values));
        }
        value = over_block<join>(value, room);
        if (threadIdx.x == 0) finished(value, which, task % splits, a * b, out, parts, divisor);
    }
}

// Launch: (threads of a result, results); ``parts`` has room for splits x results, or is null where splits = 1.
extern "C" __global__ void __launch_bounds__(256, PACK<T> == 2 ? 2 : 4)
rows(const T* x, T* out, A* parts, i64 a, i64 r, i64 b, i64 s, i64 splits, A divisor) {
    __shared__ A room[32];
    if (s % PACK<T> == 0 && aligned(x)) rows_of<PACK<T>>(x, out, parts, a, r, b, s, splits, divisor, room);
    else rows_of<1>(x, out, parts, a, r, b, s, splits, divisor, room);
}

// Numbers ``start`` to ``end`` of a column.
template <bool first, class S>
__device__ __forceinline__ A column_result(const column_line& line, const S* x, i64 start, i64 end, A* room) {
    A value = REDUCE::nothing();
    for (i64 from = start; from < end; from += line.chunk()) {
        A values[HELD];
        line.hold(x, from, end, REDUCE::nothing(), values);
        if (first) {
#pragma unroll
            for (int k = 0; k < HELD; ++k) values[k] = line.number(from, k) < end ? REDUCE::of(values[k]) : values[k];
        }
        value = join::join(value, joined(values));
    }
    return line.template over<join>(value, room);
}

// Launch: (columns of a tile, threads of a column), a block for each tile and part, and any other number.
extern "C" __global__ void __launch_bounds__(256, PACK<T> == 2 ? 2 : 4)
columns(const T* x, T* out, A* parts, i64 outer, i64 n, i64 inner, i64 between, i64 splits, A divisor) {
    __shared__ A room[1024];
    for (i64 task = blockIdx.x; task < tiles_of(outer, inner) * splits; task += gridDim.x) {
        i64 which;
        const i64 part = task % splits;
        const column_line line = column_of(task / splits, n, inner, between, which);
        const A value = column_result<true>(line, x, n * part / splits, n * (part + 1) / splits, room);
        if (line.inside && line.leads()) finished(value, which, part, outer * inner, out, parts, divisor);
    }
}

// The results of the parts: parts (splits, outputs). Launch as ``columns``.
extern "C" __global__ void __launch_bounds__(256, PACK<T> == 2 ? 2 : 4)
finish(const A* parts, T* out, i64 splits, i64 outputs, A divisor) {
    __shared__ A room[1024];
    for (i64 tile = blockIdx.x; tile < tiles_of(1, outputs); tile += gridDim.x) {
        i64 which;
        const column_line line = column_of(tile, splits, outputs, 1, which);
        const A value = column_result<false>(line, parts, 0, splits, room);
        if (line.inside && line.leads()) store(out, which, REDUCE::result(value, divisor));
    }
}
