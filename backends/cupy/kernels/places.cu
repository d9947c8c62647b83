// Positions of other kinds of indices in a flat array, for the kernels that take one position for each row.
// I: int32 int64
// One thread for each position, in steps of the whole grid.
#include "places.cuh"

// The positions of elements: ``where`` is (outer, k, inner) and picks along the middle axis of (outer, size, inner).
extern "C" __global__ void along_places(const i64* where, i64* places, i64 total, i64 k, i64 size, i64 inner) {
    for (I i = (I)first_place(); i < (I)total; i += (I)place_step()) {
        const I b = i % (I)inner, outer = i / (I)inner / (I)k;
        places[i] = ((i64)outer * size + place_of(where[i], size)) * inner + b;
    }
}

// Indices into up to four neighbouring axes of these sizes, as one index into the axes flattened. null: no more.
extern "C" __global__ void joined_places(const i64* index0, const i64* index1, const i64* index2, const i64* index3,
                                         i64 size0, i64 size1, i64 size2, i64 size3, i64* places, i64 total) {
    for (I i = (I)first_place(); i < (I)total; i += (I)place_step()) {
        i64 place = place_of(index0[i], size0);
        if (index1) place = place * size1 + place_of(index1[i], size1);
        if (index2) place = place * size2 + place_of(index2[i], size2);
        if (index3) place = place * size3 + place_of(index3[i], size3);
        places[i] = place;
    }
}
