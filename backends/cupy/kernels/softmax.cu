// Softmax and its logarithm over the middle axis of (outer, n, inner), and their gradients.
// T: float16 bfloat16 float32 float64
// One block for each row; inner > 1 is a row whose numbers lie ``inner`` apart.
#include "block.cuh"

typedef wide<T> A;

// Row ``r`` of outer * inner: where its first number lies.
__device__ __forceinline__ i64 row_start(i64 r, i64 n, i64 inner) { return r / inner * n * inner + r % inner; }

// out = exp(x - largest) / sum, or x - largest - log(sum). Launch: any number of blocks, threads a multiple of 32.
template <bool logarithm>
__device__ void forward(const T* x, T* out, i64 rows, i64 n, i64 inner, A* room) {
    for (i64 r = blockIdx.x; r < rows; r += gridDim.x) {
        const i64 start = row_start(r, n, inner);
        A top = load(x, start);
        for (i64 j = threadIdx.x; j < n; j += blockDim.x) top = largest_of::join(load(x, start + j * inner), top);
        top = over_block<largest_of>(top, room);
        A total = 0;
        for (i64 j = threadIdx.x; j < n; j += blockDim.x) total += exp(load(x, start + j * inner) - top);
        total = over_block<sum_of>(total, room);
        const A scale = logarithm ? log(total) : 1 / total;
        for (i64 j = threadIdx.x; j < n; j += blockDim.x) {
            const A shifted = load(x, start + j * inner) - top;
            store(out, start + j * inner, logarithm ? shifted - scale : exp(shifted) * scale);
        }
    }
}

// gx = (g - sum(g out)) out, or g - exp(out) sum(g).
template <bool logarithm>
__device__ void backward(const T* g, const T* out, T* gx, i64 rows, i64 n, i64 inner, A* room) {
    for (i64 r = blockIdx.x; r < rows; r += gridDim.x) {
        const i64 start = row_start(r, n, inner);
        A total = 0;
        for (i64 j = threadIdx.x; j < n; j += blockDim.x) {
            const i64 p = start + j * inner;
            total += logarithm ? load(g, p) : load(g, p) * load(out, p);
        }
        total = over_block<sum_of>(total, room);
        for (i64 j = threadIdx.x; j < n; j += blockDim.x) {
            const i64 p = start + j * inner;
            store(gx, p, logarithm ? load(g, p) - exp(load(out, p)) * total : (load(g, p) - total) * load(out, p));
        }
    }
}

extern "C" __global__ void softmax(const T* x, T* out, i64 rows, i64 n, i64 inner) {
    __shared__ A room[32];
    forward<false>(x, out, rows, n, inner, room);
}

extern "C" __global__ void log_softmax(const T* x, T* out, i64 rows, i64 n, i64 inner) {
    __shared__ A room[32];
    forward<true>(x, out, rows, n, inner, room);
}

extern "C" __global__ void softmax_backward(const T* g, const T* out, T* gx, i64 rows, i64 n, i64 inner) {
    __shared__ A room[32];
    backward<false>(g, out, gx, rows, n, inner, room);
}

extern "C" __global__ void log_softmax_backward(const T* g, const T* out, T* gx, i64 rows, i64 n, i64 inner) {
    __shared__ A room[32];
    backward<true>(g, out, gx, rows, n, inner, room);
}
