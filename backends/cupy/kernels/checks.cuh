// Noting an index that is out of range, for the host to read when it next waits for the device.
#include "types.cuh"

// record: the number of the first check that failed (0: none did), the largest index beyond the end that it met, the
// smallest one below, and the range, low to size - 1. Checks run in the order of the work, so the first one to put its
// number there came first; all threads of that one then add what they met, so that the error names the same index in
// every run. Where all are in range nothing is written.
__device__ __forceinline__ void note_bad(i64* record, i64 number, i64 low, i64 size, i64 value) {
    const i64 first = (i64)atomicCAS((u64*)record, (u64)0, (u64)number);
    if (first == 0) {
        record[3] = low;
        record[4] = size;
    } else if (first != number) {
        return;
    }
    if (value >= size) atomicMax(record + 1, value);
    else atomicMin(record + 2, value);
}
