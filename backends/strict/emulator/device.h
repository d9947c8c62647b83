// Runs CUDA C kernels on the CPU, for tests. The threads of a block are fibers that one OS thread runs in turn: each runs
// until it waits (for the block, for its warp) or ends, so barriers, shuffles, shared memory and atomic operations mean
// what they mean on a device. What would be undefined there is an error here: threads that wait at different barriers,
// shuffles with lanes that have ended, shared memory read before it is written (it is filled with NaN), writes past the
// end of an array (the caller puts guards around them). The order in which threads run can be turned round, which shows
// most missing barriers.
#pragma once
#include <csetjmp>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <type_traits>
#include <utility>
#include <ucontext.h>
#include <sys/mman.h>

#define __device__
#define __global__
#define __host__
#define __forceinline__ inline
#define __noinline__
#define __constant__ static const
#define __launch_bounds__(...)
#define __grid_constant__
#define __align__(n) alignas(n)
#define __shared__ static __attribute__((section("cuda_shared")))

struct dim3 { unsigned x = 1, y = 1, z = 1; };
struct int2 { int x, y; };
struct int4 { int x, y, z, w; };
struct uint2 { unsigned x, y; };
struct uint4 { unsigned x, y, z, w; };
struct float2 { float x, y; };
struct alignas(16) float4 { float x, y, z, w; };
struct double2 { double x, y; };
static inline float2 make_float2(float x, float y) { return {x, y}; }
static inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
static inline double2 make_double2(double x, double y) { return {x, y}; }
static inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }

extern char __start_cuda_shared[] __attribute__((weak)), __stop_cuda_shared[] __attribute__((weak));

namespace emulated {

const int MOST_THREADS = 1024, STACK = 1 << 16, SHARED = 1 << 18;

enum State { READY, AT_BLOCK, AT_WARP, ENDED };

struct Fiber {
    dim3 thread;
    int number;
    State state;
    unsigned mask;  // of the lanes it waits for
    int turn;       // counts its exchanges with the warp; their two slots take turns
    jmp_buf here;
    bool begun;
};

static Fiber fibers[MOST_THREADS];
static Fiber* current;
static jmp_buf scheduler;
static ucontext_t entry_context, fiber_context;
static char* stacks;
static char dynamic_shared[SHARED] __attribute__((aligned(16)));
static u_int64_t slots[MOST_THREADS / 32][2][32];
static char fault[256];

static dim3 block_index, block_size, grid_size;
static void (*body)(void*);
static void* body_arguments;

#define threadIdx (emulated::current->thread)
#define blockIdx (emulated::block_index)
#define blockDim (emulated::block_size)
#define gridDim (emulated::grid_size)
const int warpSize_ = 32;
#define warpSize (emulated::warpSize_)

// Give way to the scheduler; returns when it is this fiber's turn again.
static void give_way(State state) {
    Fiber* self = current;
    self->state = state;
    if (_setjmp(self->here) == 0) _longjmp(scheduler, 1);
}

static void fiber_main() {
    for (;;) {
        body(body_arguments);
        give_way(ENDED);
    }
}

static void resume(Fiber* fiber) {
    current = fiber;
    if (_setjmp(scheduler) != 0) return;
    if (fiber->begun) _longjmp(fiber->here, 1);
    fiber->begun = true;
    getcontext(&fiber_context);
    fiber_context.uc_stack.ss_sp = stacks + (size_t)fiber->number * STACK;
    fiber_context.uc_stack.ss_size = STACK;
    fiber_context.uc_link = nullptr;
    makecontext(&fiber_context, fiber_main, 0);
    setcontext(&fiber_context);
}

static bool failed(const char* what) {
    if (!fault[0])
        snprintf(fault, sizeof fault, "%s (block %u, %u, %u)", what, block_index.x, block_index.y, block_index.z);
    return false;
}

// Whether all lanes that this fiber's mask names wait with the same mask; if so they go on.
static bool release_warp(int first, int count) {
    bool any = false;
    for (int i = first; i < first + count; ++i) {
        if (fibers[i].state != AT_WARP) continue;
        const unsigned mask = fibers[i].mask;
        bool all = mask >> (i - first) & 1;
        if (!all) return failed("a thread waits for a mask of lanes that it is not in");
        for (int lane = 0; lane < 32; ++lane) {
            if (!(mask >> lane & 1)) continue;
            if (lane >= count) return failed("a mask names lanes that the block does not have");
            const Fiber& other = fibers[first + lane];
            if (other.state == ENDED) return failed("a mask names a lane that has ended");
            all = all && other.state == AT_WARP && other.mask == mask;
        }
        if (!all) continue;
        for (int lane = 0; lane < 32; ++lane)
            if (mask >> lane & 1) fibers[first + lane].state = READY;
        any = true;
    }
    return any;
}

static bool run_block(int threads, int order) {
    for (int i = 0; i < threads; ++i) {
        fibers[i].state = READY;
        fibers[i].turn = 0;
        fibers[i].number = i;
        fibers[i].thread.x = i % block_size.x;
        fibers[i].thread.y = i / block_size.x % block_size.y;
        fibers[i].thread.z = i / (block_size.x * block_size.y);
    }
    if (__start_cuda_shared) memset(__start_cuda_shared, 0xFF, __stop_cuda_shared - __start_cuda_shared);
    memset(dynamic_shared, 0xFF, sizeof dynamic_shared);
    for (;;) {
        int ended = 0, at_block = 0;
        for (int k = 0; k < threads; ++k) {
            Fiber* fiber = &fibers[order ? threads - 1 - k : k];
            if (fiber->state == READY) resume(fiber);
        }
        bool moved = false;
        for (int first = 0; first < threads; first += 32)
            moved = release_warp(first, threads - first < 32 ? threads - first : 32) || moved;
        if (fault[0]) return false;
        for (int i = 0; i < threads; ++i) {
            ended += fibers[i].state == ENDED;
            at_block += fibers[i].state == AT_BLOCK;
        }
        if (ended == threads) return true;
        if (moved) continue;
        if (at_block + ended != threads) return failed("threads wait at different barriers");
        if (ended) return failed("__syncthreads() that threads which have ended do not reach");
        for (int i = 0; i < threads; ++i) fibers[i].state = READY;
    }
}

static const char* run(dim3 grid, dim3 block, long shared, int order, void (*function)(void*), void* arguments) {
    fault[0] = 0;
    const int threads = block.x * block.y * block.z;
    if (threads < 1 || threads > MOST_THREADS) return "a block has 1 to 1,024 threads";
    if (!grid.x || !grid.y || !grid.z || grid.y > 65535 || grid.z > 65535 || grid.x > 2147483647u)
        return "a grid has 1 to 2^31 - 1, 65,535 and 65,535 blocks";
    if (shared > SHARED) return "too much dynamic shared memory";
    if (!stacks)
        stacks = (char*)mmap(nullptr, (size_t)MOST_THREADS * STACK, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    body = function;
    body_arguments = arguments;
    block_size = block;
    grid_size = grid;
    const long blocks = (long)grid.x * grid.y * grid.z;
    for (long i = 0; i < blocks; ++i) {
        const long b = order ? blocks - 1 - i : i;
        block_index.x = b % grid.x;
        block_index.y = b / grid.x % grid.y;
        block_index.z = b / ((long)grid.x * grid.y);
        if (!run_block(threads, order)) break;
    }
    for (int i = 0; i < MOST_THREADS && fault[0]; ++i) fibers[i].begun = false;
    return fault[0] ? fault : nullptr;
}

// Exchange of one value with the lanes of the warp.
template <class V> V exchange(unsigned mask, V value, int lane) {
    static_assert(sizeof(V) <= 8, "shuffles take up to 8 bytes");
    Fiber* self = current;
    u_int64_t(*mine)[32] = slots[self->number / 32];
    const int turn = self->turn++ % 2;
    memcpy(&mine[turn][self->number % 32], &value, sizeof value);
    self->mask = mask;
    give_way(AT_WARP);
    V result;
    memcpy(&result, &mine[turn][lane], sizeof result);
    return result;
}

static inline int lane() { return current->number % 32; }

template <class V> V* slots_of(int turn) { return (V*)slots[current->number / 32][turn]; }

// The kernel's arguments, one pointer to each value.
template <class... A> struct Call {
    void (*kernel)(A...);
    void** values;
    template <size_t... I> void apply(std::index_sequence<I...>) {
        kernel(*(std::remove_const_t<A>*)values[I]...);
    }
    static void start(void* self) { ((Call*)self)->apply(std::index_sequence_for<A...>{}); }
};

template <class... A>
const char* launch(void (*kernel)(A...), const unsigned* size, long shared, int order, void** values) {
    Call<A...> call{kernel, values};
    dim3 grid, block;
    grid.x = size[0], grid.y = size[1], grid.z = size[2];
    block.x = size[3], block.y = size[4], block.z = size[5];
    return run(grid, block, shared, order, Call<A...>::start, &call);
}

// One character for each type, as NumPy has them; P in front for a pointer.
template <class T> constexpr char code() {
    using V = std::remove_cv_t<T>;
    if (std::is_same<V, float>()) return 'f';
    if (std::is_same<V, double>()) return 'd';
    if (std::is_same<V, bool>()) return '?';
    if (std::is_same<V, signed char>()) return 'b';
    if (std::is_same<V, unsigned char>()) return 'B';
    if (std::is_same<V, short>()) return 'h';
    if (std::is_same<V, unsigned short>()) return 'H';
    if (std::is_same<V, int>()) return 'i';
    if (std::is_same<V, unsigned>()) return 'I';
    if (std::is_same<V, long long>()) return 'q';
    if (std::is_same<V, unsigned long long>()) return 'Q';
    if (std::is_same<V, void>()) return 'V';
    return 's';
}

template <class... A> const char* signature(void (*)(A...)) {
    static char text[3 * sizeof...(A) + 1];
    char* p = text;
    ((std::is_pointer<A>() ? (void)(*p++ = std::is_const<std::remove_pointer_t<A>>() ? 'C' : 'P') : (void)0,
      *p++ = code<std::remove_pointer_t<A>>()), ...);
    *p = 0;
    return text;
}

static inline float from_half(unsigned short h) {
    const unsigned sign = (unsigned)(h & 0x8000) << 16, exponent = h >> 10 & 31, digits = h & 0x3FF;
    unsigned bits;
    if (exponent == 31) bits = sign | 0x7F800000u | digits << 13;
    else if (exponent) bits = sign | (exponent + 112) << 23 | digits << 13;
    else {
        const float small = ldexpf((float)digits, -24);
        memcpy(&bits, &small, 4);
        bits |= sign;
    }
    float result;
    memcpy(&result, &bits, 4);
    return result;
}

static inline unsigned short to_half(float x) {
    unsigned bits;
    memcpy(&bits, &x, 4);
    const unsigned short sign = bits >> 16 & 0x8000;
    const float size = fabsf(x);
    if (x != x) return sign | 0x7E00;
    if (size >= 65520.0f) return sign | 0x7C00;
    if (size < 6.103515625e-05f) return sign | (unsigned short)rintf(ldexpf(size, 24));
    bits &= 0x7FFFFFFF;
    bits += 0xFFF + (bits >> 13 & 1);
    return sign | (unsigned short)((bits - (112u << 23)) >> 13);
}

}  // namespace emulated

static inline void __syncthreads() { emulated::give_way(emulated::AT_BLOCK); }
static inline void __syncwarp(unsigned mask = 0xFFFFFFFFu) { emulated::exchange(mask, 0, emulated::lane()); }
static inline void __threadfence() {}
static inline void __threadfence_block() {}

template <class V> V __shfl_sync(unsigned mask, V v, int from, int width = 32) {
    return emulated::exchange(mask, v, emulated::lane() / width * width + from % width);
}
template <class V> V __shfl_xor_sync(unsigned mask, V v, int with, int width = 32) {
    const int lane = emulated::lane(), other = lane ^ with;
    return emulated::exchange(mask, v, other / width == lane / width ? other : lane);
}
template <class V> V __shfl_down_sync(unsigned mask, V v, int by, int width = 32) {
    const int lane = emulated::lane(), other = lane + by;
    return emulated::exchange(mask, v, other / width == lane / width ? other : lane);
}
template <class V> V __shfl_up_sync(unsigned mask, V v, int by, int width = 32) {
    const int lane = emulated::lane(), other = lane - by;
    return emulated::exchange(mask, v, other >= lane / width * width ? other : lane);
}
static inline unsigned __ballot_sync(unsigned mask, int yes) {
    const int turn = emulated::current->turn % 2;
    emulated::exchange(mask, (unsigned)(yes != 0), emulated::lane());
    unsigned result = 0;
    const u_int64_t* slots = emulated::slots_of<u_int64_t>(turn);
    for (int lane = 0; lane < 32; ++lane)
        if (mask >> lane & 1) result |= (unsigned)(slots[lane] & 1) << lane;
    return result;
}
static inline int __any_sync(unsigned mask, int yes) { return __ballot_sync(mask, yes) != 0; }
static inline int __all_sync(unsigned mask, int yes) { return __ballot_sync(mask, yes) == mask; }
static inline unsigned __activemask() { return 0xFFFFFFFFu; }

template <class V> V atomicAdd(V* p, std::common_type_t<V> v) { const V old = *p; *p = old + v; return old; }
template <class V> V atomicMax(V* p, std::common_type_t<V> v) { const V old = *p; if (v > old) *p = v; return old; }
template <class V> V atomicMin(V* p, std::common_type_t<V> v) { const V old = *p; if (v < old) *p = v; return old; }
template <class V> V atomicOr(V* p, std::common_type_t<V> v) { const V old = *p; *p = old | v; return old; }
template <class V> V atomicExch(V* p, std::common_type_t<V> v) { const V old = *p; *p = v; return old; }
template <class V> V atomicCAS(V* p, std::common_type_t<V> expected, std::common_type_t<V> v) {
    const V old = *p;
    if (old == expected) *p = v;
    return old;
}

template <class V> V __ldg(const V* p) { return *p; }
static inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }
static inline double rsqrt(double x) { return 1.0 / sqrt(x); }
static inline float rsqrt(float x) { return 1.0f / sqrtf(x); }
#define __expf(x) expf(x)
#define __logf(x) logf(x)
#define __log2f(x) log2f(x)
#define __powf(x, y) powf(x, y)
#define __sinf(x) sinf(x)
#define __cosf(x) cosf(x)
static inline float __fdividef(float x, float y) { return x / y; }
static inline float __frcp_rn(float x) { return 1.0f / x; }
static inline float normcdff(float x) { return 0.5f * erfcf(-x * 0.70710678118654752f); }
static inline int __popc(unsigned x) { return __builtin_popcount(x); }
static inline int __ffs(int x) { return __builtin_ffs(x); }
static inline int __clz(int x) { return x ? __builtin_clz((unsigned)x) : 32; }
static inline u_int64_t __umul64hi(unsigned long long a, unsigned long long b) {
    return (unsigned long long)(((unsigned __int128)a * b) >> 64);
}
static inline unsigned __umulhi(unsigned a, unsigned b) { return (unsigned)(((u_int64_t)a * b) >> 32); }
template <class To, class From> To emulated_bits(From x) { To y; memcpy(&y, &x, sizeof y); return y; }
static inline float __int_as_float(int x) { return emulated_bits<float>(x); }
static inline int __float_as_int(float x) { return emulated_bits<int>(x); }
static inline float __uint_as_float(unsigned x) { return emulated_bits<float>(x); }
static inline unsigned __float_as_uint(float x) { return emulated_bits<unsigned>(x); }
static inline long long __double_as_longlong(double x) { return emulated_bits<long long>(x); }
static inline double __longlong_as_double(long long x) { return emulated_bits<double>(x); }

// CUDA's min and max take all pairs of numbers.
template <class X, class Y> constexpr std::common_type_t<X, Y> min(X x, Y y) { return y < x ? y : x; }
template <class X, class Y> constexpr std::common_type_t<X, Y> max(X x, Y y) { return x < y ? y : x; }
using std::abs; using std::exp; using std::log; using std::sqrt; using std::tanh; using std::pow; using std::erf;
using std::isnan; using std::isinf; using std::isfinite; using std::floor; using std::ceil; using std::rint;
using std::log1p; using std::expm1; using std::fma; using std::fmod; using std::sin; using std::cos; using std::log2;
using std::exp2; using std::lgamma; using std::round; using std::trunc; using std::copysign;
