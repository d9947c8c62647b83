// Whether indices are in range, noted for the host to read when it next waits for the device.
// K: int32 int64
#include "types.cuh"

// record: the number of the first check that failed (0: none did), the largest index beyond the end that it met, the
// smallest one below, and the range, low to size - 1. Checks run in the order of the work, so the first one to put its number there came first; all
// threads of that one then add what they met, so that the error names the same index in every run.
// One thread for each index; where all are in range each index is read once and nothing is written.
extern "C" __global__ void check_index(const K* index, i64 count, i64 low, i64 size, int passes, i64 passed,
                                       i64* record, i64 number) {
    for (i64 i = first_place(); i < count; i += place_step()) {
        const i64 value = index[i];
        if ((value >= low && value < size) || (passes && value == passed)) continue;
        const i64 first = (i64)atomicCAS((u64*)record, (u64)0, (u64)number);
        if (first == 0) {
            record[3] = low;
            record[4] = size;
        } else if (first != number) {
            continue;
        }
        if (value >= size) atomicMax(record + 1, value);
        else atomicMin(record + 2, value);
    }
}
