// The weights and biases of a norm. Included after ``T`` and ``A`` are defined.
#include "lines.cuh"

typedef wide<T> A;

// Weights, in T or in A; null for ``otherwise``.
struct weights_of {
    const void* numbers;
    bool wider;

    __device__ __forceinline__ A at(i64 i, A otherwise) const {
        return !numbers ? otherwise : wider ? ((const A*)numbers)[i] : load((const T*)numbers, i);
    }

    template <int N> __device__ __forceinline__ void pack_at(i64 i, A otherwise, A* values) const {
        if (!numbers) {
#pragma unroll
            for (int k = 0; k < N; ++k) values[k] = otherwise;
        } else if (wider) {
            load_pack<N>((const A*)numbers, i, values);
        } else {
            load_pack<N>((const T*)numbers, i, values);
        }
    }

    // The weights of N numbers of a row, from number ``j`` on; ``base`` is the row's first.
    template <int N> __device__ __forceinline__ void along(i64 base, i64 j, i64 spread, A otherwise, A* values) const {
        if (spread == 1) {
            pack_at<N>(base + j, otherwise, values);
        } else {
            const A own = at(base + quotient(j, spread), otherwise);
#pragma unroll
            for (int k = 0; k < N; ++k) values[k] = own;
        }
    }
};

__device__ __forceinline__ void store_weight(void* out, bool wider, i64 i, A value) {
    if (!out) return;
    if (wider) ((A*)out)[i] = value;
    else store((T*)out, i, value);
}
