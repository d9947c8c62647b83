// Numbers as they are stored and as they are computed with. Includes nothing, so that it compiles with NVRTC alone and,
// with the emulator's header before it, for the CPU.

typedef long long i64;
typedef unsigned long long u64;
typedef unsigned int u32;

struct float16 {
    unsigned short bits;
};

struct bfloat16 {
    unsigned short bits;
};

// The type to compute with: sums of 16-bit numbers are taken in float.
template <class T> struct wide_of { typedef T type; };
template <> struct wide_of<float16> { typedef float type; };
template <> struct wide_of<bfloat16> { typedef float type; };
template <class T> using wide = typename wide_of<T>::type;

template <class T> __device__ __forceinline__ T widened(T x) { return x; }

__device__ __forceinline__ float widened(bfloat16 x) { return __uint_as_float((u32)x.bits << 16); }

__device__ __forceinline__ float widened(float16 x) {
#ifdef __CUDA_ARCH__
    float result;
    asm("cvt.f32.f16 %0, %1;" : "=f"(result) : "h"(x.bits));
    return result;
#else
    return emulated::from_half(x.bits);
#endif
}

template <class T> struct narrowed {
    static __device__ __forceinline__ T of(T x) { return x; }
};

template <> struct narrowed<float16> {
    static __device__ __forceinline__ float16 of(float x) {
        float16 result;
#ifdef __CUDA_ARCH__
        asm("cvt.rn.f16.f32 %0, %1;" : "=h"(result.bits) : "f"(x));
#else
        result.bits = emulated::to_half(x);
#endif
        return result;
    }
};

template <> struct narrowed<bfloat16> {
    static __device__ __forceinline__ bfloat16 of(float x) {
        bfloat16 result;
        const u32 bits = __float_as_uint(x);
        // To the nearest, ties to even; what is not a number stays so.
        result.bits = x != x ? 0x7FC0 : (unsigned short)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
        return result;
    }
};

// x[i], computed with as wide<T>.
template <class T> __device__ __forceinline__ wide<T> load(const T* x, i64 i) { return widened(x[i]); }
template <class T> __device__ __forceinline__ void store(T* x, i64 i, wide<T> value) { x[i] = narrowed<T>::of(value); }

// N numbers that lie side by side and are moved at once, 16 bytes by one instruction; their address is a multiple of
// their size, or of 16.
template <class T, int N> struct alignas(N * sizeof(T) < 16 ? N * sizeof(T) : 16) pack { T at[N]; };

// How many numbers 16 bytes hold.
template <class T> constexpr int PACK = 16 / sizeof(T);

template <int N, class T> __device__ __forceinline__ void load_pack(const T* x, i64 i, wide<T>* values) {
    const pack<T, N> read = *(const pack<T, N>*)(x + i);
#pragma unroll
    for (int k = 0; k < N; ++k) values[k] = widened(read.at[k]);
}

template <int N, class T> __device__ __forceinline__ void store_pack(T* x, i64 i, const wide<T>* values) {
    pack<T, N> written;
#pragma unroll
    for (int k = 0; k < N; ++k) written.at[k] = narrowed<T>::of(values[k]);
    *(pack<T, N>*)(x + i) = written;
}

// Whether packs of 16 bytes may be moved from and to all of these addresses.
template <class... P> __device__ __forceinline__ bool aligned(P... pointers) {
    return (((u64)pointers | ... | 0) & 15) == 0;
}

// a / b of numbers >= 0, in 32 bits where they fit: a 64-bit division takes four times the instructions.
__device__ __forceinline__ i64 quotient(i64 a, i64 b) { return ((a | b) >> 32) == 0 ? (i64)((u32)a / (u32)b) : a / b; }

template <class A> __device__ __forceinline__ A infinity() { return (A)__longlong_as_double(0x7FF0000000000000LL); }

// The first place of this thread and its step, for loops over all places: one dimension of blocks and threads.
__device__ __forceinline__ i64 first_place() { return (i64)blockIdx.x * blockDim.x + threadIdx.x; }
__device__ __forceinline__ i64 place_step() { return (i64)gridDim.x * blockDim.x; }

// Dynamic shared memory as an array ``name`` of ``type``; its bytes are given at the launch.
#ifdef __CUDA_ARCH__
#define DYNAMIC_SHARED(type, name)                              \
    extern __shared__ __align__(16) unsigned char shared_bytes[]; \
    type* name = (type*)shared_bytes
#else
#define DYNAMIC_SHARED(type, name) type* name = (type*)emulated::dynamic_shared
#endif
