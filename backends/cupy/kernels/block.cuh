// Reductions over a warp and over a block. Every thread of the block has to take part; the number of threads is a
// multiple of 32. The order of the sum is fixed, so the same numbers give the same bits.
#include "types.cuh"

struct sum_of {
    template <class A> static __device__ __forceinline__ A join(A a, A b) { return a + b; }
};

// What is not a number stays.
struct largest_of {
    template <class A> static __device__ __forceinline__ A join(A a, A b) { return a > b || a != a ? a : b; }
};

struct smallest_of {
    template <class A> static __device__ __forceinline__ A join(A a, A b) { return a < b || a != a ? a : b; }
};

// The result for the 32 threads of a warp, in each of them.
template <class J, class A> __device__ __forceinline__ A over_warp(A value) {
    for (int distance = 16; distance > 0; distance /= 2)
        value = J::join(value, __shfl_xor_sync(0xFFFFFFFFu, value, distance));
    return value;
}

// The result for a block, in each of its threads. ``room`` is shared memory for one number a warp; after the call the
// next one may use it at once.
template <class J, class A> __device__ __forceinline__ A over_block(A value, A* room) {
    const int warps = blockDim.x / 32, lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    value = over_warp<J>(value);
    if (warps == 1) return value;
    if (lane == 0) room[warp] = value;
    __syncthreads();
    value = room[0];
    for (int w = 1; w < warps; ++w) value = J::join(value, room[w]);
    __syncthreads();
    return value;
}

// The result for each column of a block of (columns, threads of a column), in all threads of the column. blockDim.y is a
// power of 2; ``room`` is shared memory for a number for each thread.
template <class J, class A> __device__ __forceinline__ A over_column(A value, A* room) {
    if (blockDim.y == 1) return value;
    const int t = threadIdx.y * blockDim.x + threadIdx.x;
    room[t] = value;
    __syncthreads();
    for (int half = blockDim.y / 2; half > 0; half /= 2) {
        if (threadIdx.y < half) room[t] = J::join(room[t], room[t + half * blockDim.x]);
        __syncthreads();
    }
    value = room[threadIdx.x];
    __syncthreads();
    return value;
}
