// The order of positions, by eight bits at a time from the lowest on; what is equal keeps its order (radix sort).
// Nothing waits for the device, and no library is called, so that it can be part of a captured graph.
// One warp for each tile of ``length`` neighbouring numbers, one warp a block.
#include "types.cuh"

#define DIGITS 256

__device__ __forceinline__ int digit_of(i64 key, int shift) { return (int)(key >> shift) & (DIGITS - 1); }

// counts[digit, tile] = how many keys of the tile have the digit. Sums over it in this order say where each tile's
// keys with each digit begin.
extern "C" __global__ void count_digits(const i64* keys, int* counts, i64 total, i64 length, int shift) {
    __shared__ int found[DIGITS];
    for (int d = threadIdx.x; d < DIGITS; d += 32) found[d] = 0;
    __syncwarp();
    const i64 start = blockIdx.x * length, stop = min(start + length, total);
    for (i64 i = start + threadIdx.x; i < stop; i += 32) atomicAdd(&found[digit_of(keys[i], shift)], 1);
    __syncwarp();
    for (int d = threadIdx.x; d < DIGITS; d += 32) counts[(i64)d * gridDim.x + blockIdx.x] = found[d];
}

// Moves keys and what goes with them (``order``; null: their own numbers) to their places by one digit. ``ends`` are the
// running sums of ``counts``. 32 keys at a time: of those with the same digit, the one of the lower lane goes first.
extern "C" __global__ void move_by_digit(const i64* keys, const i64* order, const int* counts, const i64* ends,
                                         i64* keys_out, i64* order_out, i64 total, i64 length, int shift) {
    __shared__ i64 next[DIGITS];
    const int lane = threadIdx.x;
    for (int d = lane; d < DIGITS; d += 32) {
        const i64 at = (i64)d * gridDim.x + blockIdx.x;
        next[d] = ends[at] - counts[at];
    }
    __syncwarp();
    const i64 start = blockIdx.x * length, stop = min(start + length, total);
    for (i64 first = start; first < stop; first += 32) {
        const bool mine = first + lane < stop;
        const i64 key = mine ? keys[first + lane] : 0;
        const int digit = digit_of(key, shift);
        unsigned same = __ballot_sync(0xFFFFFFFFu, mine);
        for (int bit = 1; bit < DIGITS; bit *= 2) {
            const unsigned with = __ballot_sync(0xFFFFFFFFu, (digit & bit) != 0);
            same &= digit & bit ? with : ~with;
        }
        const int before = __popc(same & ((1u << lane) - 1));
        const i64 to = next[digit] + before;
        __syncwarp();
        if (mine && before == 0) next[digit] += __popc(same);
        __syncwarp();
        if (mine) {
            keys_out[to] = key;
            order_out[to] = order ? order[first + lane] : first + lane;
        }
    }
}
