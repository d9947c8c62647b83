// Rows added up at positions in a fixed order, in the wide type: for 16-bit numbers, and where the same bits are asked
// for in every run. The positions come sorted; a run is a stretch of equal ones.
// T: float16 bfloat16 float32 float64
// I: int32 int64
// x is (lead, size, row), values (lead, count, row) or one number for all. The sorted positions are cut into chunks; one
// thread for each chunk and number of a row, neighbours side by side within the row. Chunks bound how long a thread goes
// on where one position has most of the rows, as a padding token may.
#include "types.cuh"

typedef wide<T> A;

#define CHUNK 16

// x[keys[j]] += the sum over the run of j, for runs within a chunk; partial[l, chunk, 0 or 1, r] = what the chunk has of a
// run that began before it (0), and of one that begins in it and goes on behind it (1).
// skip: a position that gets nothing (-1: none). share: whether sums are divided by the length of their runs.
extern "C" __global__ void add_runs(T* x, const i64* keys, const i64* order, const T* values, int one, A* partial,
                                    i64 lead, i64 size, i64 count, i64 row, i64 skip, int share) {
    const I chunks = (I)((count + CHUNK - 1) / CHUNK), total = (I)lead * chunks * (I)row;
    for (I i = (I)first_place(); i < total; i += (I)place_step()) {
        const I r = i % (I)row, rest = i / (I)row;
        const I chunk = rest % chunks, l = rest / chunks;
        const i64 start = (i64)chunk * CHUNK, stop = min(start + CHUNK, count);
        const bool began_before = start > 0 && keys[start - 1] == keys[start];
        A* const mine = partial + (rest * 2) * (I)row + r;
        i64 first = start;
        A sum = 0;
        for (i64 j = start; j < stop; ++j) {
            const i64 key = keys[j];
            sum += load(values, one ? 0 : (l * (I)count + (I)order[j]) * (I)row + r);
            const bool last = j + 1 == stop;
            if (!last && keys[j + 1] == key) continue;
            if (first == start && began_before) {
                mine[0] = sum;
            } else if (last && stop < count && keys[stop] == key) {
                mine[(I)row] = sum;
            } else if (key != skip) {
                const I at = (l * (I)size + (I)key) * (I)row + r;
                store(x, at, load(x, at) + (share ? sum / (A)(j + 1 - first) : sum));
            }
            first = j + 1;
            sum = 0;
        }
    }
}

// The runs that go over more than one chunk: the thread of the chunk in which one begins adds up its parts.
extern "C" __global__ void add_long_runs(T* x, const i64* keys, const A* partial, i64 lead, i64 size, i64 count, i64 row,
                                         i64 skip, int share) {
    const I chunks = (I)((count + CHUNK - 1) / CHUNK), total = (I)lead * chunks * (I)row;
    for (I i = (I)first_place(); i < total; i += (I)place_step()) {
        const I r = i % (I)row, rest = i / (I)row;
        const I chunk = rest % chunks, l = rest / chunks;
        const i64 start = (i64)chunk * CHUNK;
        i64 stop = start + CHUNK;
        if (stop >= count || keys[stop] != keys[stop - 1]) continue;  // nothing goes on
        const i64 key = keys[stop - 1];
        if (key == skip || (start > 0 && keys[start - 1] == key)) continue;  // it began before
        A sum = partial[(rest * 2 + 1) * (I)row + r];
        i64 length = 0;
        for (i64 j = stop; share && j > start && keys[j - 1] == key; --j) ++length;
        for (I next = rest + 1; stop < count && keys[stop] == key; ++next) {
            sum += partial[next * 2 * (I)row + r];
            const i64 begin = stop;
            stop = min(stop + CHUNK, count);
            for (i64 j = begin; share && j < stop && keys[j] == key; ++j) ++length;
            if (keys[stop - 1] != key) break;
        }
        const I at = (l * (I)size + (I)key) * (I)row + r;
        store(x, at, load(x, at) + (share ? sum / (A)length : sum));
    }
}
