// Rows and elements read and written at positions.
// U: uint8 uint16 uint32 uint64
// I: int32 int64
// ``U`` is a piece of memory: the kernels only move, so any dtype goes in the largest pieces that its rows are made of.
// One thread for each piece, neighbours side by side within a row, in steps of the whole grid: reading and writing are
// coalesced where rows are long, and the positions come from the cache.
#include "checks.cuh"
#include "places.cuh"

// out[l, j, r] = x[l, places[j], r] for x (lead, size, row), out (lead, count, row).
extern "C" __global__ void gather(const U* x, const i64* places, U* out, i64 total, i64 size, i64 count, i64 row) {
    for (I i = (I)first_place(); i < (I)total; i += (I)place_step()) {
        const I r = i % (I)row, rest = i / (I)row;
        const I j = rest % (I)count, l = rest / (I)count;
        out[i] = x[(l * (I)size + (I)place_of(places[j], size)) * (I)row + r];
    }
}

// x[l, places[j], r] = values[l, j, r]; of several rows for one position any may stay.
extern "C" __global__ void put(U* x, const i64* places, const U* values, i64 total, i64 size, i64 count, i64 row) {
    for (I i = (I)first_place(); i < (I)total; i += (I)place_step()) {
        const I r = i % (I)row, rest = i / (I)row;
        const I j = rest % (I)count, l = rest / (I)count;
        x[(l * (I)size + (I)place_of(places[j], size)) * (I)row + r] = values[i];
    }
}

// out = what x (outer, size, inner) has at ``where`` (outer, k, inner) along its middle axis. record: null, or where it
// notes a position outside [0, size).
extern "C" __global__ void gather_along(const U* x, const i64* where, U* out, i64 total, i64 k, i64 size, i64 inner,
                                        i64* record, i64 number) {
    for (I i = (I)first_place(); i < (I)total; i += (I)place_step()) {
        const I b = i % (I)inner, outer = i / (I)inner / (I)k;
        const i64 at = where[i];
        if (record && (at < 0 || at >= size)) note_bad(record, number, 0, size, at);
        out[i] = x[(outer * (I)size + (I)place_of(at, size)) * (I)inner + b];
    }
}

// The way back, for positions of which none is there twice in a line.
extern "C" __global__ void put_along(U* x, const i64* where, const U* values, i64 total, i64 k, i64 size, i64 inner) {
    for (I i = (I)first_place(); i < (I)total; i += (I)place_step()) {
        const I b = i % (I)inner, outer = i / (I)inner / (I)k;
        x[(outer * (I)size + (I)place_of(where[i], size)) * (I)inner + b] = values[i];
    }
}
