// Philox 4x64-10: J. K. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
// The same words as numpy.random.Philox(key=key, counter=counter).random_raw(), low half of each word first.
// Includes nothing, so that it compiles for the device (NVRTC) and, with __umul64hi supplied, for the host.

typedef unsigned long long u64;

struct philox_block {
    u64 word[4];
};

__device__ __forceinline__ philox_block philox4x64_10(u64 c0, u64 c1, u64 c2, u64 c3, u64 k0, u64 k1) {
    const u64 multiplier0 = 0xD2E7470EE14C6C93ULL, multiplier1 = 0xCA5A826395121157ULL;
    const u64 weyl0 = 0x9E3779B97F4A7C15ULL, weyl1 = 0xBB67AE8584CAA73BULL;
    for (int round = 0; round < 10; ++round) {
        u64 high0 = __umul64hi(multiplier0, c0), low0 = multiplier0 * c0;
        u64 high1 = __umul64hi(multiplier1, c2), low1 = multiplier1 * c2;
        c0 = high1 ^ c1 ^ k0;
        c1 = low1;
        c2 = high0 ^ c3 ^ k1;
        c3 = low0;
        k0 += weyl0;
        k1 += weyl1;
    }
    philox_block out = {{c0, c1, c2, c3}};
    return out;
}

// out: n words of 32 bits. Block number b (from 0) of 8 words comes from counter + 1 + b, since NumPy counts up
// before it computes a block. The counter has 256 bits; what is passed in are its low 128.
__device__ __forceinline__ void fill(unsigned int* out, long long n, u64 key0, u64 key1, u64 counter0, u64 counter1) {
    const long long blocks = (n + 7) / 8;
    const long long step = (long long)gridDim.x * blockDim.x;
    for (long long b = (long long)blockIdx.x * blockDim.x + threadIdx.x; b < blocks; b += step) {
        const u64 c0 = counter0 + 1 + (u64)b;
        const u64 carry0 = c0 <= counter0;
        const u64 c1 = counter1 + carry0;
        const u64 c2 = carry0 && c1 == 0;
        const philox_block r = philox4x64_10(c0, c1, c2, 0, key0, key1);
        for (int i = 0; i < 8; ++i) {
            const long long position = 8 * b + i;
            if (position < n) {
                out[position] = (unsigned int)(r.word[i / 2] >> (32 * (i % 2)));
            }
        }
    }
}

extern "C" __global__ void philox_bits(unsigned int* out, long long n, u64 key0, u64 key1, u64 counter0, u64 counter1) {
    fill(out, n, key0, key1, counter0, counter1);
}

// The same for work that is captured in a graph: origin holds the key and the counter at which the replay begins, and
// the words are those from `behind` blocks later on.
extern "C" __global__ void philox_bits_behind(unsigned int* out, long long n, const u64* origin, u64 behind) {
    fill(out, n, origin[0], 0, origin[1] + behind, 0);
}
