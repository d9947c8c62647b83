// Many tensors in one launch: their addresses and sizes come by value with the launch, so that nothing has to be copied
// to the device first (gradients are elsewhere in each step, and a graph keeps what it was launched with).
//
// All elements are cut into chunks of ``chunk``; one block goes through one chunk. Tensor t has the chunks from first[t]
// on. 64 tensors a launch: 3,600 bytes of the 4,096 that a launch takes without costing more.
#include "types.cuh"

#define MOST_TENSORS 64
#define MOST_COLUMNS 5

struct tensors {
    i64 count, chunk;
    i64 size[MOST_TENSORS];
    i64 first[MOST_TENSORS];
    void* at[MOST_COLUMNS][MOST_TENSORS];  // a column: all parameters, all gradients; null for what is not there
};

// The part of a tensor that a block goes through.
struct span {
    int tensor;
    i64 begin, end;
};

// The last tensor whose first chunk is not behind this block; an empty tensor has no chunk.
__device__ __forceinline__ span span_of_block(const tensors& all) {
    const i64 block = blockIdx.x;
    int low = 0, high = (int)all.count - 1;
    while (low < high) {
        const int middle = (low + high + 1) / 2;
        if (all.first[middle] <= block) low = middle;
        else high = middle - 1;
    }
    const i64 begin = (block - all.first[low]) * all.chunk;
    return {low, begin, min(begin + all.chunk, all.size[low])};
}
