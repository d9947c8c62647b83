// Positions along an axis that an index names.
#include "types.cuh"

// Negative ones count from the end. What is out of range is an error that a check has noted; here it only has to stay
// in the array, so it wraps round as it does in CuPy.
__device__ __forceinline__ i64 place_of(i64 index, i64 size) {
    if (index >= 0 && index < size) return index;
    index %= size;
    return index < 0 ? index + size : index;
}
