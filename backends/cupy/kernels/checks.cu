// Whether indices are in range.
// K: int32 int64
#include "checks.cuh"

// One thread for each index: it is read once. ``passed`` is right wherever it is, if ``passes``.
extern "C" __global__ void check_index(const K* index, i64 count, i64 low, i64 size, int passes, i64 passed,
                                       i64* record, i64 number) {
    for (i64 i = first_place(); i < count; i += place_step()) {
        const i64 value = index[i];
        if ((value < low || value >= size) && !(passes && value == passed)) note_bad(record, number, low, size, value);
    }
}
