// Random numbers of the distributions that everything else is made of, and dropout, from words of Philox.
// T: float16 bfloat16 float32 float64
// The numbers are those of nnlite/_core/rng.py on the CPU: the very same bits, but for normal and exponential numbers, in
// which log, cos and sin may differ in the last places.
//
// Launch: a thread makes one block of 8 words and the numbers that come of it, in steps of the whole grid; blocks of 256
// threads, as many as there is work for, up to 65,536. Bytes moved: those of the result (dropout: and of its input).
#include "philox.cuh"

typedef wide<T> A;

// How many words a number takes, and how many numbers there are in a block of words.
const int WORDS = sizeof(T) == 8 ? 2 : 1, NUMBERS = 8 / WORDS;

// Bits of a mantissa: uniform numbers are multiples of 2^-BITS.
template <class V> constexpr int BITS = 24;
template <> constexpr int BITS<float16> = 11;
template <> constexpr int BITS<bfloat16> = 8;

// A number in [0, 1) of the words k and, for double, k + 1. The factor is exact.
template <class V> struct uniform_of {
    template <class W> static __device__ __forceinline__ wide<V> words(const W& word, int k) {
        return (float)(word[k] >> (32 - BITS<V>)) * (1.0f / (1 << BITS<V>));
    }
};

template <> struct uniform_of<double> {
    template <class W> static __device__ __forceinline__ double words(const W& word, int k) {
        return (word[k] * 2097152.0 + (word[k + 1] >> 11)) * (1.0 / 9007199254740992.0);
    }
};

// The N numbers from place i on, or those of them that there are. What ``place`` belongs to begins at 16 bytes.
template <int N, class V> __device__ __forceinline__ void store_some(V* out, i64 i, const V* values, i64 n) {
    if (i + N <= n) {
        pack<V, N> written;
#pragma unroll
        for (int k = 0; k < N; ++k) written.at[k] = values[k];
        *(pack<V, N>*)(out + i) = written;
    } else {
#pragma unroll
        for (int k = 0; k < N; ++k)
            if (i + k < n) out[i + k] = values[k];
    }
}

// Words of 32 bits.
extern "C" __global__ void bits(u32* out, i64 n, PLACE) {
    const philox_stream stream = stream_at(key0, key1, counter0, counter1, origin);
    for (i64 b = first_place(); 8 * b < n; b += place_step()) {
        const philox_block word = stream.block(b);
        u32 values[8];
#pragma unroll
        for (int k = 0; k < 8; ++k) values[k] = word[k];
        store_some<8>(out, 8 * b, values, n);
    }
}

// Uniform in [0, 1).
extern "C" __global__ void uniform(T* out, i64 n, PLACE) {
    const philox_stream stream = stream_at(key0, key1, counter0, counter1, origin);
    for (i64 b = first_place(); NUMBERS * b < n; b += place_step()) {
        const philox_block word = stream.block(b);
        T values[NUMBERS];
#pragma unroll
        for (int k = 0; k < NUMBERS; ++k) values[k] = narrowed<T>::of(uniform_of<T>::words(word, WORDS * k));
        store_some<NUMBERS>(out, NUMBERS * b, values, n);
    }
}

// Exponentially distributed, of mean ``scale``. 16-bit numbers are made of those of float.
extern "C" __global__ void exponential(T* out, i64 n, double scale, PLACE) {
    const philox_stream stream = stream_at(key0, key1, counter0, counter1, origin);
    const A factor = -scale;
    for (i64 b = first_place(); NUMBERS * b < n; b += place_step()) {
        const philox_block word = stream.block(b);
        T values[NUMBERS];
#pragma unroll
        for (int k = 0; k < NUMBERS; ++k)
            values[k] = narrowed<T>::of(log(1 - uniform_of<A>::words(word, WORDS * k)) * factor);
        store_some<NUMBERS>(out, NUMBERS * b, values, n);
    }
}

struct pair {
    A cosine, sine;
};

// Box and Muller's transform. Not inlined: there are 8 in a thread, each with the code for angles of any size.
__device__ __noinline__ pair normal_pair(A u, A v) {
    const A radius = sqrt((A)-2 * log(1 - u)), angle = v * (A)6.283185307179586;
    return {radius * cos(angle), radius * sin(angle)};
}

// Words one, two or four places on; all places are known to the compiler, so that the words stay in registers.
template <int BY> __device__ __forceinline__ void move_down(u32* word, int shift) {
    if (!(shift & BY)) return;
#pragma unroll
    for (int k = 0; k + BY < 16; ++k) word[k] = word[k + BY];
}

// Standard normal: the first half of n numbers (rounded up) are cosines, the others sines, of the same pairs (u, v); all
// u come first in the stream. 16-bit numbers are made of those of float.
extern "C" __global__ void normal(T* out, i64 n, PLACE) {
    const philox_stream stream = stream_at(key0, key1, counter0, counter1, origin);
    const i64 half = (n + 1) / 2;
    for (i64 b = first_place(); NUMBERS * b < half; b += place_step()) {
        const philox_block first = stream.block(b);
        // The words of v do not begin with a block.
        const i64 start = WORDS * half + 8 * b;
        const int shift = (int)(start % 8);
        const philox_block second = stream.block(start / 8);
        u32 word[16] = {};
#pragma unroll
        for (int k = 0; k < 8; ++k) word[k] = second[k];
        if (shift) {
            const philox_block third = stream.block(start / 8 + 1);
#pragma unroll
            for (int k = 0; k < 8; ++k) word[8 + k] = third[k];
        }
        move_down<4>(word, shift);
        move_down<2>(word, shift);
        move_down<1>(word, shift);
        T cosines[NUMBERS], sines[NUMBERS];
#pragma unroll
        for (int k = 0; k < NUMBERS; ++k) {
            const pair made = normal_pair(uniform_of<A>::words(first, WORDS * k), uniform_of<A>::words(word, WORDS * k));
            cosines[k] = narrowed<T>::of(made.cosine), sines[k] = narrowed<T>::of(made.sine);
        }
        const i64 i = NUMBERS * b;
        store_some<NUMBERS>(out, i, cosines, half);
#pragma unroll
        for (int k = 0; k < NUMBERS; ++k)
            if (i + k < half && half + i + k < n) out[half + i + k] = sines[k];
    }
}

// Integers from ``low`` on, ``span`` of them (0 stands for 2^64). One word of 32 bits for each where span <= 2^32.
extern "C" __global__ void integers(i64* out, i64 n, i64 low, u64 span, PLACE) {
    const philox_stream stream = stream_at(key0, key1, counter0, counter1, origin);
    const bool small = span && span <= (1ULL << 32);
    const int count = small ? 8 : 4;
    for (i64 b = first_place(); count * b < n; b += place_step()) {
        const philox_block word = stream.block(b);
        if (small) {
            i64 values[8];
#pragma unroll
            for (int k = 0; k < 8; ++k) values[k] = (i64)((u64)low + (word[k] * span >> 32));
            store_some<8>(out, 8 * b, values, n);
        } else {
            i64 values[4];
#pragma unroll
            for (int k = 0; k < 4; ++k) values[k] = (i64)((u64)low + (span ? word.word[k] % span : word.word[k]));
            store_some<4>(out, 4 * b, values, n);
        }
    }
}

// True where a word is below ``limit``.
extern "C" __global__ void mask(bool* out, i64 n, u64 limit, PLACE) {
    const philox_stream stream = stream_at(key0, key1, counter0, counter1, origin);
    for (i64 b = first_place(); 8 * b < n; b += place_step()) {
        const philox_block word = stream.block(b);
        bool values[8];
#pragma unroll
        for (int k = 0; k < 8; ++k) values[k] = word[k] < limit;
        store_some<8>(out, 8 * b, values, n);
    }
}

// out = x scale where a word is below ``limit``, else 0 scale x. The gradient is the same of the gradient, with the same
// place. The packs of 8 numbers need arrays that begin at 16 bytes.
extern "C" __global__ void dropout(const T* x, T* out, i64 n, double scale, u64 limit, PLACE) {
    const philox_stream stream = stream_at(key0, key1, counter0, counter1, origin);
    const bool whole = aligned(x, out);
    const A factor = scale;
    for (i64 b = first_place(); 8 * b < n; b += place_step()) {
        const philox_block word = stream.block(b);
        const i64 i = 8 * b;
        if (whole && i + 8 <= n) {
            A values[8];
            load_pack<8>(x, i, values);
#pragma unroll
            for (int k = 0; k < 8; ++k) values[k] = values[k] * factor * (A)(word[k] < limit);
            store_pack<8>(out, i, values);
        } else {
#pragma unroll
            for (int k = 0; k < 8; ++k)
                if (i + k < n) store(out, i + k, load(x, i + k) * factor * (A)(word[k] < limit));
        }
    }
}

// out = x scale where it is kept, else 0 x; a mark for each line of ``inner`` numbers.
extern "C" __global__ void dropout_marked(const T* x, const bool* keep, T* out, i64 n, i64 inner, double scale) {
    const A factor = scale;
    for (i64 i = first_place(); i < n; i += place_step()) store(out, i, load(x, i) * factor * (A)keep[i / inner]);
}
