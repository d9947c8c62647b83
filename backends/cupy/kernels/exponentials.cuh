// The largest of a line's numbers and the sum of exp(x - largest), in one pass: what was added up is scaled when a larger
// number comes.
#include "lines.cuh"

// What to subtract before exp: the largest number, but not where all are -infinity, which would give NaN too early.
template <class A> __device__ __forceinline__ A shift_of(A top) { return top == -infinity<A>() ? 0 : top; }

template <class A> struct exponentials {
    A most, total;
};

// ``values`` holds the line's last chunk afterwards, which is all of a short line.
template <class Line, class T, class A>
__device__ __forceinline__ exponentials<A> exponentials_of(const Line& line, const T* x, i64 n, A* values, A* room) {
    A top = -infinity<A>(), total = 0;
    for (i64 from = 0; from < n; from += line.chunk()) {
        line.hold(x, from, n, -infinity<A>(), values);
        A most = top;
#pragma unroll
        for (int k = 0; k < HELD; ++k) most = largest_of::join(most, values[k]);
        const A shift = shift_of(most);
        total *= exp(top - shift);
#pragma unroll
        for (int k = 0; k < HELD; ++k) total += exp(values[k] - shift);
        top = most;
    }
    exponentials<A> result;
    result.most = line.template over<largest_of>(top, room);
    result.total = line.template over<sum_of>(total * exp(top - shift_of(result.most)), room);
    return result;
}
