// Numbers combined with what stands at positions, by atomic operations: sums of floats come in any order.
// T: float16 bfloat16 float32 float64 int32 int64
// I: int32 int64
// x is (lead, size, row), values (lead, count, row) or one number for all; the position ``skip`` gets nothing (-1: none).
// One thread for each number, neighbours side
// by side within a row, in steps of the whole grid.
#include "places.cuh"

typedef wide<T> A;

template <int bytes> struct bits_of;
template <> struct bits_of<2> { typedef unsigned short type; };
template <> struct bits_of<4> { typedef unsigned int type; };
template <> struct bits_of<8> { typedef u64 type; };
typedef bits_of<sizeof(T)>::type Bits;

enum Kind { ADD, MULTIPLY, LARGEST, SMALLEST };

// What is not a number stays.
__device__ __forceinline__ A combined(int kind, A a, A b) {
    if (kind == ADD) return a + b;
    if (kind == MULTIPLY) return a * b;
    if (kind == LARGEST) return a > b || a != a ? a : b;
    return a < b || a != a ? a : b;
}

__device__ __forceinline__ void combine_at(int kind, T* at, A value) {
    Bits* const place = (Bits*)at;
    Bits seen = *place;
    for (;;) {
        const T next = narrowed<T>::of(combined(kind, widened(*(T*)&seen), value));
        const Bits wanted = *(const Bits*)&next;
        if (wanted == seen) return;
        const Bits found = atomicCAS(place, seen, wanted);
        if (found == seen) return;
        seen = found;
    }
}

__device__ __forceinline__ void add_at(float* at, float value) { atomicAdd(at, value); }
__device__ __forceinline__ void add_at(double* at, double value) { atomicAdd(at, value); }
__device__ __forceinline__ void add_at(int* at, int value) { atomicAdd(at, value); }
__device__ __forceinline__ void add_at(i64* at, i64 value) { atomicAdd((u64*)at, (u64)value); }
template <class H> __device__ __forceinline__ void add_at(H* at, float value) { combine_at(ADD, at, value); }

extern "C" __global__ void scatter(T* x, const i64* places, const T* values, int one, int kind, i64 total, i64 size,
                                   i64 count, i64 row, i64 skip) {
    for (I i = (I)first_place(); i < (I)total; i += (I)place_step()) {
        const I r = i % (I)row, rest = i / (I)row;
        const I j = rest % (I)count, l = rest / (I)count;
        const i64 place = place_of(places[j], size);
        if (place == skip) continue;
        T* const at = x + (l * (I)size + (I)place) * (I)row + r;
        const A value = load(values, one ? 0 : i);
        if (kind == ADD) add_at(at, value);
        else combine_at(kind, at, value);
    }
}
