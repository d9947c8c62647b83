// Gradients of many parameters, all in one launch: norm, scaling, limits, and division by a loss scale.
// T: float16 bfloat16 float32 float64
//
// Launch: one block of 256 threads for each chunk of a tensor (tensors.cuh); column 0 holds the gradients. Bytes moved an
// element: its size once for a norm, twice for what writes; nothing where the factor is 1.
#include "block.cuh"
#include "tensors.cuh"

typedef wide<T> A;

const int WIDTH = sizeof(T) == 2 ? 8 : 4;

// x <- f(x) for N neighbours; WRITES: whether anything is written.
template <int N, bool WRITES, class F> __device__ __forceinline__ void neighbours(T* x, i64 i, const F& f) {
    A values[N];
    load_pack<N>(x, i, values);
#pragma unroll
    for (int j = 0; j < N; ++j) values[j] = f(values[j]);
    if (WRITES) store_pack<N>(x, i, values);
}

// The block's chunk: packs of WIDTH neighbours, or single ones where the array does not begin at 16 bytes.
template <bool WRITES, class F> __device__ __forceinline__ void over_chunk(const tensors& all, const F& f) {
    const span part = span_of_block(all);
    T* x = (T*)all.at[0][part.tensor];
    i64 rest = part.begin;
    if (aligned(x)) {
        rest = part.end - (part.end - part.begin) % WIDTH;
        for (i64 i = part.begin + (i64)threadIdx.x * WIDTH; i < rest; i += (i64)blockDim.x * WIDTH)
            neighbours<WIDTH, WRITES>(x, i, f);
    }
    for (i64 i = rest + threadIdx.x; i < part.end; i += blockDim.x) neighbours<1, WRITES>(x, i, f);
}

__device__ __forceinline__ bool is_finite(A x) { return x - x == 0; }

// What a number adds to a norm, and how parts are joined. Order 2: squares, 1: magnitudes, 0: the largest magnitude.
template <int ORDER> __device__ __forceinline__ A part_of_norm(A x) { return ORDER == 2 ? x * x : abs(x); }

template <int ORDER> __device__ __forceinline__ A joined(A a, A b) {
    return ORDER ? sum_of::join(a, b) : largest_of::join(a, b);
}

template <int ORDER> __device__ __forceinline__ A joined_over_block(A value, A* room) {
    return ORDER ? over_block<sum_of>(value, room) : over_block<largest_of>(value, room);
}

template <int ORDER> __device__ __forceinline__ void block_norm(const tensors& all, A* parts, A* room) {
    A total = 0;
    over_chunk<false>(all, [&](A x) { return total = joined<ORDER>(total, part_of_norm<ORDER>(x)); });
    total = joined_over_block<ORDER>(total, room);
    if (threadIdx.x == 0) parts[blockIdx.x] = total;
}

// parts: one for each block.
extern "C" __global__ void __launch_bounds__(256)
    norm_parts(const __grid_constant__ tensors all, A* parts, i64 order) {
    __shared__ A room[32];
    if (order == 2) block_norm<2>(all, parts, room);
    else if (order == 1) block_norm<1>(all, parts, room);
    else block_norm<0>(all, parts, room);
}

template <int ORDER> __device__ __forceinline__ A norm_of(const A* parts, i64 n, A* room) {
    A total = 0;
    for (i64 i = threadIdx.x; i < n; i += blockDim.x) total = joined<ORDER>(total, parts[i]);
    total = joined_over_block<ORDER>(total, room);
    return ORDER == 2 ? sqrt(total) : total;
}

// The norm from its n parts, in a fixed order. Launch: one block.
extern "C" __global__ void __launch_bounds__(1024) norm_total(const A* parts, T* total, i64 n, i64 order) {
    __shared__ A room[32];
    const A norm = order == 2 ? norm_of<2>(parts, n, room) : order == 1 ? norm_of<1>(parts, n, room)
                                                                        : norm_of<0>(parts, n, room);
    if (threadIdx.x == 0) store(total, 0, norm);
}

// x <- x min(1, most / (norm + 1e-6)).
extern "C" __global__ void __launch_bounds__(256)
    limit_norm(const __grid_constant__ tensors all, const A* norm, double most) {
    const A factor = (A)most / (*norm + (A)1e-6);
    if (factor >= 1) return;  // a factor that is no number is not
    over_chunk<true>(all, [&](A x) { return x * factor; });
}

// x <- x within [-limit, limit]; what is no number stays.
extern "C" __global__ void __launch_bounds__(256) limit_values(const __grid_constant__ tensors all, double limit) {
    const A most = limit;
    over_chunk<true>(all, [&](A x) {
        x = x < -most ? -most : x;
        return x > most ? most : x;
    });
}

// x <- x inverse; found <- 1 if an x was not finite. (Several threads may write it, all of them the same.)
extern "C" __global__ void __launch_bounds__(256)
    unscale(const __grid_constant__ tensors all, const float* inverse, float* found) {
    const A factor = *inverse;
    bool bad = false;
    const auto step = [&](A x) {
        bad = bad || !is_finite(x);
        return x * factor;
    };
    if (factor == 1) over_chunk<false>(all, step);
    else over_chunk<true>(all, step);
    if (bad) *found = 1;
}
