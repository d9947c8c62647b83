// The lower or upper triangle of each matrix of a stack (matrices, m, n), by bits: of any dtype of this size.
// T: uint8 uint16 uint32 uint64
//
// One launch and one pass, a pack of 16 bytes to a thread where rows are whole packs.
#include "types.cuh"

// out = x where column - row <= k (``upper``: >= k), 0 elsewhere. Launch: a thread for each 16 bytes.
template <int N>
__device__ __forceinline__ void triangle_of(const T* x, T* out, i64 count, i64 m, i64 n, i64 k, bool upper) {
    for (i64 i = first_place() * N; i < count; i += place_step() * N) {
        T values[N];
        load_pack<N>(x, i, values);
        const i64 row = quotient(i, n), off = i - row * n - (row - quotient(row, m) * m) - k;
#pragma unroll
        for (int j = 0; j < N; ++j)
            if (upper ? off + j < 0 : off + j > 0) values[j] = 0;
        store_pack<N>(out, i, values);
    }
}

extern "C" __global__ void triangle(const T* x, T* out, i64 count, i64 m, i64 n, i64 k, i64 upper) {
    if (n % PACK<T> == 0 && aligned(x, out)) triangle_of<PACK<T>>(x, out, count, m, n, k, upper != 0);
    else triangle_of<1>(x, out, count, m, n, k, upper != 0);
}
