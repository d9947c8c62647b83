// Windows that slide over up to three axes: pooling and convolution share the arithmetic.
#include "types.cuh"

// Along one axis: sizes of input and output, of the window, its step, the places before the input, and the distance of
// neighbouring taps. Window ``o`` has tap ``k`` at input place o * step - before + k * apart.
struct Axis {
    int n, out, taps, step, before, apart;
};

// Eighteen parameters of a kernel, by axis; fewer axes than three have others of size 1 in front. (By value: a kernel
// reads them from constant memory, and no table has to be copied to the device.)
#define WINDOWS                                                             \
    int n0, int out0, int taps0, int step0, int before0, int apart0,        \
    int n1, int out1, int taps1, int step1, int before1, int apart1,        \
    int n2, int out2, int taps2, int step2, int before2, int apart2
#define AXES                                                                \
    const Axis az = {n0, out0, taps0, step0, before0, apart0};              \
    const Axis ay = {n1, out1, taps1, step1, before1, apart1};              \
    const Axis ax = {n2, out2, taps2, step2, before2, apart2}

// Division is dear on a GPU and most windows have step or distance 1; the branch is the same for all threads.
__device__ __forceinline__ int divided(int a, int b) { return b == 1 ? a : a / b; }

// The first tap of a window that is on the input, and the end of those that are.
__device__ __forceinline__ int first_tap(const Axis& a, int o) {
    const int missing = a.before - o * a.step;
    return missing > 0 ? divided(missing + a.apart - 1, a.apart) : 0;
}
__device__ __forceinline__ int end_tap(const Axis& a, int o) {
    const int room = a.n - 1 + a.before - o * a.step;
    return room < 0 ? 0 : min(a.taps, divided(room, a.apart) + 1);
}
__device__ __forceinline__ int input_place(const Axis& a, int o, int tap) {
    return o * a.step - a.before + tap * a.apart;
}

// The windows that can have an input place: first and last one, and which tap of a window it is, -1 for none.
__device__ __forceinline__ int first_window(const Axis& a, int place) {
    const int t = place + a.before - a.apart * (a.taps - 1);
    return t > 0 ? divided(t + a.step - 1, a.step) : 0;
}
__device__ __forceinline__ int last_window(const Axis& a, int place) {
    return min(a.out - 1, divided(place + a.before, a.step));
}
__device__ __forceinline__ int tap_at(const Axis& a, int place, int o) {
    const int t = place + a.before - o * a.step;
    if (a.apart == 1) return t;
    return t % a.apart ? -1 : t / a.apart;
}
