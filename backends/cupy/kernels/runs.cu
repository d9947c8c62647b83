// Sums along one axis, each over a run of places or over places that a list names: pooling by means, interpolation,
// padding with what is there, and the transposes of all of them.
// T: float16 bfloat16 float32 float64 uint8 int8 int16 int32 int64
// I: int32 int64
// x is (outer, n, inner), out (outer, count, inner), without gaps. One thread for each number of the result, neighbours
// side by side (along ``inner``, or along the axis where inner is 1), in steps of the whole grid.
#include "types.cuh"

typedef wide<T> A;

// out[a, i, b] = sum over j from start[i] to stop[i] of weight[j] x[a, place[j], b]
// place null: j itself. weight null: 1. Numbers are added in the order of j; nothing is added by two threads.
extern "C" __global__ void sum_runs(const T* x, T* out, const int* start, const int* stop, const int* place,
                                    const A* weight, i64 total, i64 n, i64 count, i64 inner) {
    for (I at = (I)first_place(); at < (I)total; at += (I)place_step()) {
        const I b = at % (I)inner, rest = at / (I)inner;
        const I i = rest % (I)count;
        const I base = rest / (I)count * (I)n * (I)inner + b;
        const int end = stop[i];
        A sum = 0;
        for (int j = start[i]; j < end; ++j) {
            const A number = load(x, base + (I)(place ? place[j] : j) * (I)inner);
            sum += weight ? weight[j] * number : number;
        }
        store(out, at, sum);
    }
}
