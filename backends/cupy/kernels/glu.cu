// The gated linear unit: of x (outer, 2, size) the first half times the logistic function of the second.
// T: float16 bfloat16 float32 float64
//
// A pack of 16 bytes of each half to a thread, where halves are whole packs.
#include "types.cuh"

typedef wide<T> A;

template <int N> __device__ __forceinline__ void forward_of(const T* x, T* out, i64 count, i64 size) {
    for (i64 i = first_place() * N; i < count; i += place_step() * N) {
        const i64 first = quotient(i, size) * size + i;  // (i / size) 2 size + i % size
        A a[N], b[N];
        load_pack<N>(x, first, a);
        load_pack<N>(x, first + size, b);
#pragma unroll
        for (int k = 0; k < N; ++k) a[k] /= 1 + exp(-b[k]);
        store_pack<N>(out, i, a);
    }
}

template <int N> __device__ __forceinline__ void backward_of(const T* g, const T* x, T* gx, i64 count, i64 size) {
    for (i64 i = first_place() * N; i < count; i += place_step() * N) {
        const i64 first = quotient(i, size) * size + i;
        A up[N], a[N], b[N];
        load_pack<N>(g, i, up);
        load_pack<N>(x, first, a);
        load_pack<N>(x, first + size, b);
#pragma unroll
        for (int k = 0; k < N; ++k) {
            const A s = 1 / (1 + exp(-b[k]));
            up[k] *= s;
            b[k] = up[k] * (a[k] * (1 - s));
        }
        store_pack<N>(gx, first, up);
        store_pack<N>(gx, first + size, b);
    }
}

// count = outer * size, the numbers of a half. Launch: a thread for each 16 bytes of a half.
extern "C" __global__ void forward(const T* x, T* out, i64 count, i64 size) {
    if (size % PACK<T> == 0 && aligned(x, out)) forward_of<PACK<T>>(x, out, count, size);
    else forward_of<1>(x, out, count, size);
}

extern "C" __global__ void backward(const T* g, const T* x, T* gx, i64 count, i64 size) {
    if (size % PACK<T> == 0 && aligned(g, x, gx)) backward_of<PACK<T>>(g, x, gx, count, size);
    else backward_of<1>(g, x, gx, count, size);
}
