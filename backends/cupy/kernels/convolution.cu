// Convolution over up to three axes without cuDNN: columns for matrix products, and, for channels that have a kernel
// each, the sums themselves.
// T: float16 bfloat16 float32 float64
// I: int32 int64
// Images are (images, channels, n0, n1, n2), outputs (images, outputs, out0, out1, out2), without gaps. The positions
// of all outputs are one axis of images * out0 * out1 * out2; a slice of it goes from ``first`` on for ``count``.
//
// Columns are (channels, taps, count), with positions side by side: as images lie channel by channel, neighbouring
// threads then read and write neighbouring numbers, both ways; with channels side by side one of the two would jump by
// a whole plane. The leading dimension of the products is ``count``, a multiple of 64, so that 16-bit matrices are
// aligned for tensor cores, which 27 columns of a first layer would not be.
#include "block.cuh"
#include "windows.cuh"

typedef wide<T> A;

struct Place {
    int z, y, x;
};

// Position ``q`` along sizes z, y, x; what is left of ``q`` is the number of the image (and channel).
__device__ __forceinline__ Place split(I& q, int z, int y, int x) {
    Place p;
    p.x = (int)(q % x);
    q /= x;
    p.y = (int)(q % y);
    q /= y;
    p.z = (int)(q % z);
    q /= z;
    return p;
}

// columns[c, tap, r] = what the tap meets at position first + r, 0 in the padding. One thread for each (c, r): where it
// is takes four divisions, shared by all taps.
extern "C" __global__ void im2col(const T* x, T* columns, i64 channels, i64 first, i64 count, WINDOWS) {
    AXES;
    const int taps = az.taps * ay.taps * ax.taps;
    const I total = (I)channels * (I)count, plane = (I)az.n * ay.n * ax.n;
    for (I i = (I)first_place(); i < total; i += (I)place_step()) {
        const I c = i / (I)count, r = i % (I)count;
        I image = (I)first + r;
        const Place o = split(image, az.out, ay.out, ax.out);
        const T* from = x + (image * (I)channels + c) * plane;
        T* to = columns + c * taps * (I)count + r;
        for (int kz = 0; kz < az.taps; ++kz) {
            const int pz = input_place(az, o.z, kz);
            for (int ky = 0; ky < ay.taps; ++ky) {
                const int py = input_place(ay, o.y, ky);
                const bool inside = pz >= 0 && pz < az.n && py >= 0 && py < ay.n;
                const I row = ((I)pz * ay.n + py) * ax.n;
                for (int kx = 0; kx < ax.taps; ++kx, to += (I)count) {
                    const int px = input_place(ax, o.x, kx);
                    store(to, 0, inside && px >= 0 && px < ax.n ? load(from, row + px) : (A)0);
                }
            }
        }
    }
}

// gx = for each place of the images the sum of the columns over it; nothing is added by two threads. Columns are
// (groups, some, taps, images * positions): the channels from ``from`` on of each group of ``depth``, and the images
// from ``image0`` on.
extern "C" __global__ void col2im(const T* columns, T* gx, i64 image0, i64 images, i64 groups, i64 depth, i64 from,
                                  i64 some, WINDOWS) {
    AXES;
    const int taps = az.taps * ay.taps * ax.taps;
    const I plane = (I)az.n * ay.n * ax.n, positions = (I)az.out * ay.out * ax.out;
    const I count = (I)images * positions, total = (I)images * (I)groups * (I)some * plane;
    for (I i = (I)first_place(); i < total; i += (I)place_step()) {
        I rest = i;
        const Place p = split(rest, az.n, ay.n, ax.n);
        const I row = rest % (I)(groups * some);  // group and channel, as the columns have them
        const I image = rest / (I)(groups * some);
        const T* of_channel = columns + row * taps * count + image * positions;
        const int z0 = first_window(az, p.z), y0 = first_window(ay, p.y), x0 = first_window(ax, p.x);
        const int z1 = last_window(az, p.z), y1 = last_window(ay, p.y), x1 = last_window(ax, p.x);
        A sum = 0;
        for (int oz = z0; oz <= z1; ++oz) {
            const int kz = tap_at(az, p.z, oz);
            if (kz < 0) continue;
            for (int oy = y0; oy <= y1; ++oy) {
                const int ky = tap_at(ay, p.y, oy);
                if (ky < 0) continue;
                for (int ox = x0; ox <= x1; ++ox) {
                    const int kx = tap_at(ax, p.x, ox);
                    if (kx < 0) continue;
                    const I tap = (kz * ay.taps + ky) * ax.taps + kx;
                    sum += load(of_channel, tap * count + ((I)oz * ay.out + oy) * ax.out + ox);
                }
            }
        }
        const I channel = row / (I)some * (I)depth + (I)from + row % (I)some;
        const I place = ((I)p.z * ay.n + p.y) * ax.n + p.x;
        store(gx, (((I)image0 + image) * (I)groups * (I)depth + channel) * plane + place, sum);
    }
}

// Rows (outputs, count) of a slice of positions to images (images, outputs, positions), with a bias (null: none).
extern "C" __global__ void from_rows(const T* rows, const T* bias, T* out, i64 outputs, i64 positions, i64 first,
                                     i64 count) {
    for (I i = (I)first_place(); i < (I)outputs * (I)count; i += (I)place_step()) {
        const I o = i / (I)count, q = (I)first + i % (I)count;
        const A value = load(rows, i) + (bias ? load(bias, o) : (A)0);
        store(out, (q / (I)positions * (I)outputs + o) * (I)positions + q % (I)positions, value);
    }
}

// The way back.
extern "C" __global__ void to_rows(const T* x, T* rows, i64 outputs, i64 positions, i64 first, i64 count) {
    for (I i = (I)first_place(); i < (I)outputs * (I)count; i += (I)place_step()) {
        const I o = i / (I)count, q = (I)first + i % (I)count;
        rows[i] = x[(q / (I)positions * (I)outputs + o) * (I)positions + q % (I)positions];
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// Kernels of one channel: output o comes from channel o / each alone. A product of matrices would have taps as its
// inner size, 9 or so, which leaves nothing to reuse; the sums are read from the cache instead.

// One thread for each number of the output.
extern "C" __global__ void one_channel(const T* x, const T* weight, const T* bias, T* out, i64 total, i64 outputs,
                                       i64 each, WINDOWS) {
    AXES;
    const int taps = az.taps * ay.taps * ax.taps;
    const I plane = (I)az.n * ay.n * ax.n;
    for (I i = (I)first_place(); i < (I)total; i += (I)place_step()) {
        I rest = i;
        const Place o = split(rest, az.out, ay.out, ax.out);
        const I output = rest % (I)outputs, image = rest / (I)outputs;
        const T* from = x + (image * (I)(outputs / each) + output / (I)each) * plane;
        const T* w = weight + output * taps;
        const int z0 = first_tap(az, o.z), z1 = end_tap(az, o.z), y0 = first_tap(ay, o.y), y1 = end_tap(ay, o.y);
        const int x0 = first_tap(ax, o.x), x1 = end_tap(ax, o.x);
        A sum = bias ? load(bias, output) : (A)0;
        for (int kz = z0; kz < z1; ++kz)
            for (int ky = y0; ky < y1; ++ky) {
                const I row = ((I)input_place(az, o.z, kz) * ay.n + input_place(ay, o.y, ky)) * ax.n;
                const int tap = (kz * ay.taps + ky) * ax.taps;
                for (int kx = x0; kx < x1; ++kx) sum += load(w, tap + kx) * load(from, row + input_place(ax, o.x, kx));
            }
        store(out, i, sum);
    }
}

// One thread for each number of the input: it adds up the windows over it, for each output of its channel.
extern "C" __global__ void one_channel_input(const T* g, const T* weight, T* gx, i64 total, i64 channels, i64 each,
                                             WINDOWS) {
    AXES;
    const int taps = az.taps * ay.taps * ax.taps;
    const I positions = (I)az.out * ay.out * ax.out;
    for (I i = (I)first_place(); i < (I)total; i += (I)place_step()) {
        I rest = i;
        const Place p = split(rest, az.n, ay.n, ax.n);
        const I output0 = rest % (I)channels * (I)each;
        const T* from = g + rest * (I)each * positions;
        const int z0 = first_window(az, p.z), y0 = first_window(ay, p.y), x0 = first_window(ax, p.x);
        const int z1 = last_window(az, p.z), y1 = last_window(ay, p.y), x1 = last_window(ax, p.x);
        A sum = 0;
        for (int e = 0; e < (int)each; ++e, from += positions) {
            const T* w = weight + (output0 + e) * taps;
            for (int oz = z0; oz <= z1; ++oz) {
                const int kz = tap_at(az, p.z, oz);
                if (kz < 0) continue;
                for (int oy = y0; oy <= y1; ++oy) {
                    const int ky = tap_at(ay, p.y, oy);
                    if (ky < 0) continue;
                    for (int ox = x0; ox <= x1; ++ox) {
                        const int kx = tap_at(ax, p.x, ox);
                        if (kx >= 0)
                            sum += load(w, (kz * ay.taps + ky) * ax.taps + kx)
                                * load(from, ((I)oz * ay.out + oy) * ax.out + ox);
                    }
                }
            }
        }
        store(gx, i, sum);
    }
}

// One block for each (output, tap), the taps of an output one after the other, so that what they all read of g and x
// stays in the second level cache; it sums over all images and positions.
extern "C" __global__ void one_channel_weight(const T* x, const T* g, T* gw, i64 images, i64 outputs, i64 each,
                                              WINDOWS) {
    __shared__ A room[32];
    AXES;
    const int taps = az.taps * ay.taps * ax.taps;
    const I plane = (I)az.n * ay.n * ax.n, positions = (I)az.out * ay.out * ax.out;
    for (I b = blockIdx.x; b < (I)outputs * taps; b += gridDim.x) {
        const I output = b / taps;
        const int tap = (int)(b % taps);
        const int kx = tap % ax.taps, ky = tap / ax.taps % ay.taps, kz = tap / ax.taps / ay.taps;
        A sum = 0;
        for (I i = threadIdx.x; i < (I)images * positions; i += blockDim.x) {
            I image = i;
            const Place o = split(image, az.out, ay.out, ax.out);
            const int pz = input_place(az, o.z, kz), py = input_place(ay, o.y, ky), px = input_place(ax, o.x, kx);
            if (pz < 0 || pz >= az.n || py < 0 || py >= ay.n || px < 0 || px >= ax.n) continue;
            const I channel = image * (I)(outputs / each) + output / (I)each;
            sum += load(g, (image * (I)outputs + output) * positions + ((I)o.z * ay.out + o.y) * ax.out + o.x)
                * load(x, channel * plane + ((I)pz * ay.n + py) * ax.n + px);
        }
        sum = over_block<sum_of>(sum, room);
        if (threadIdx.x == 0) store(gw, b, sum);
    }
}
