// Max pooling over up to three trailing axes, with the place of each maximum in its window.
// T: float16 bfloat16 float32 float64 uint8 int8 int16 int32 int64
// I: int32 int64
// Images are (planes, n0, n1, n2), outputs (planes, out0, out1, out2), both without gaps. One thread for each number
// of the result, neighbours side by side, in steps of the whole grid. ``I`` counts elements: 32 bits where there are
// fewer than 2^30, since a 64-bit division takes about four times the time and each thread makes three.
#include "windows.cuh"

typedef wide<T> A;

__device__ __forceinline__ float lowest(float) { return __int_as_float((int)0xFF800000u); }
__device__ __forceinline__ double lowest(double) { return __longlong_as_double((i64)0xFFF0000000000000ULL); }
template <class W> __device__ __forceinline__ W lowest(W) {
    return (W)-1 > 0 ? (W)0 : (W)(~0ULL << (8 * sizeof(W) - 1));
}

// Numbers of places take one byte where a window has no more than 256.
__device__ __forceinline__ int place_at(const void* where, int narrow, I i) {
    return narrow ? ((const unsigned char*)where)[i] : ((const int*)where)[i];
}

// values = the maxima; where = the numbers of their places in the windows (null: not wanted); positions = the same as
// positions in the flattened axes (null: not wanted). The first of equal maxima counts, and the last NaN.
extern "C" __global__ void max_pool(const T* x, T* values, void* where, int narrow, i64* positions, i64 total, WINDOWS) {
    AXES;
    for (I i = (I)first_place(); i < (I)total; i += (I)place_step()) {
        I rest = i;
        const int ox = (int)(rest % ax.out);
        rest /= ax.out;
        const int oy = (int)(rest % ay.out);
        rest /= ay.out;
        const int oz = (int)(rest % az.out);
        const I start = rest / az.out * ((I)az.n * ay.n * ax.n);
        const int z0 = first_tap(az, oz), z1 = end_tap(az, oz);
        const int y0 = first_tap(ay, oy), y1 = end_tap(ay, oy);
        const int x0 = first_tap(ax, ox), x1 = end_tap(ax, ox);
        A best = lowest(A());
        int place = (z0 * ay.taps + y0) * ax.taps + x0;
        for (int kz = z0; kz < z1; ++kz)
            for (int ky = y0; ky < y1; ++ky) {
                const I row = start + ((I)input_place(az, oz, kz) * ay.n + input_place(ay, oy, ky)) * ax.n;
                for (int kx = x0; kx < x1; ++kx) {
                    const A here = load(x, row + input_place(ax, ox, kx));
                    if (here > best || here != here) {
                        best = here;
                        place = (kz * ay.taps + ky) * ax.taps + kx;
                    }
                }
            }
        store(values, i, best);
        if (where) {
            if (narrow) ((unsigned char*)where)[i] = (unsigned char)place;
            else ((int*)where)[i] = place;
        }
        if (positions) {
            const int kx = place % ax.taps, ky = place / ax.taps % ay.taps, kz = place / ax.taps / ay.taps;
            positions[i] = ((i64)input_place(az, oz, kz) * ay.n + input_place(ay, oy, ky)) * ax.n
                + input_place(ax, ox, kx);
        }
    }
}

// gx = for each place of the input the sum of the numbers whose maximum it was: it looks at the windows over it, so
// nothing is added by two threads and the order is fixed (that of the places in a window).
extern "C" __global__ void max_pool_scatter(const T* g, const void* where, int narrow, T* gx, i64 total, WINDOWS) {
    AXES;
    for (I i = (I)first_place(); i < (I)total; i += (I)place_step()) {
        I rest = i;
        const int px = (int)(rest % ax.n);
        rest /= ax.n;
        const int py = (int)(rest % ay.n);
        rest /= ay.n;
        const int pz = (int)(rest % az.n);
        const I start = rest / az.n * ((I)az.out * ay.out * ax.out);
        const int z0 = first_window(az, pz), y0 = first_window(ay, py), x0 = first_window(ax, px);
        const int y1 = last_window(ay, py), x1 = last_window(ax, px);
        A sum = 0;
        for (int oz = last_window(az, pz); oz >= z0; --oz) {
            const int kz = tap_at(az, pz, oz);
            if (kz < 0) continue;
            for (int oy = y1; oy >= y0; --oy) {
                const int ky = tap_at(ay, py, oy);
                if (ky < 0) continue;
                const I row = start + ((I)oz * ay.out + oy) * ax.out;
                const int first = (kz * ay.taps + ky) * ax.taps;
                for (int ox = x1; ox >= x0; --ox) {
                    const int kx = tap_at(ax, px, ox);
                    if (kx >= 0 && place_at(where, narrow, row + ox) == first + kx) sum += load(g, row + ox);
                }
            }
        }
        store(gx, i, sum);
    }
}

// out = what x has at the place of each maximum: the transpose of max_pool_scatter.
extern "C" __global__ void max_pool_gather(const T* x, const void* where, int narrow, T* out, i64 total, WINDOWS) {
    AXES;
    for (I i = (I)first_place(); i < (I)total; i += (I)place_step()) {
        I rest = i;
        const int ox = (int)(rest % ax.out);
        rest /= ax.out;
        const int oy = (int)(rest % ay.out);
        rest /= ay.out;
        const int oz = (int)(rest % az.out);
        const I start = rest / az.out * ((I)az.n * ay.n * ax.n);
        const int place = place_at(where, narrow, i);
        const int px = input_place(ax, ox, place % ax.taps), py = input_place(ay, oy, place / ax.taps % ay.taps);
        const int pz = input_place(az, oz, place / ax.taps / ay.taps);
        // A window may lie between the numbers of the input and have none of them (far apart taps): lowest, as forward.
        const bool inside = pz >= 0 && pz < az.n && py >= 0 && py < ay.n && px >= 0 && px < ax.n;
        store(out, i, inside ? load(x, start + ((I)pz * ay.n + py) * ax.n + px) : lowest(A()));
    }
}
