// Philox 4x64-10: J. K. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
// The same words as numpy.random.Philox(key=key, counter=counter).random_raw(), low half of each word first.
//
// A block of 8 words of 32 bits takes 20 products of 64 by 64 bits, about 30 instructions a word. So a GPU that reads
// and writes 3 TB/s makes words about as fast as it stores them.
#include "types.cuh"

struct philox_block {
    u64 word[4];
    // Word k of 32 bits.
    __device__ __forceinline__ u32 operator[](int k) const { return (u32)(word[k / 2] >> (32 * (k % 2))); }
};

__device__ __forceinline__ philox_block philox4x64_10(u64 c0, u64 c1, u64 c2, u64 c3, u64 k0, u64 k1) {
    const u64 multiplier0 = 0xD2E7470EE14C6C93ULL, multiplier1 = 0xCA5A826395121157ULL;
    const u64 weyl0 = 0x9E3779B97F4A7C15ULL, weyl1 = 0xBB67AE8584CAA73BULL;
#pragma unroll
    for (int round = 0; round < 10; ++round) {
        const u64 high0 = __umul64hi(multiplier0, c0), low0 = multiplier0 * c0;
        const u64 high1 = __umul64hi(multiplier1, c2), low1 = multiplier1 * c2;
        c0 = high1 ^ c1 ^ k0;
        c1 = low1;
        c2 = high0 ^ c3 ^ k1;
        c3 = low0;
        k0 += weyl0;
        k1 += weyl1;
    }
    return {{c0, c1, c2, c3}};
}

// A place in the stream of a key. Where there is an origin, the work is captured in a graph: origin holds key and
// counter at which the replay begins, and ``counter`` is how far behind that the place is.
struct philox_stream {
    u64 key0, key1, counter0, counter1;

    // Block number b, from 0 on. It is that of counter + 1 + b, since NumPy counts up before it computes a block. The
    // counter has 256 bits; what is given are its low 128.
    __device__ __forceinline__ philox_block block(i64 b) const {
        const u64 c0 = counter0 + 1 + (u64)b, carry = c0 <= counter0, c1 = counter1 + carry;
        return philox4x64_10(c0, c1, carry && c1 == 0, 0, key0, key1);
    }
};

#define PLACE u64 key0, u64 key1, u64 counter0, u64 counter1, const u64* origin

__device__ __forceinline__ philox_stream stream_at(PLACE) {
    if (origin) return {origin[0], 0, origin[1] + counter0, 0};
    return {key0, key1, counter0, counter1};
}
