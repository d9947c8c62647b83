// Batch norm, and the gradients of the weights of all norms: sums over the numbers of each channel.
// T: float16 bfloat16 float32 float64
//
// The array is seen as (images, channels, positions). With positions > 1 a block reads packs of one channel ("planes");
// with positions = 1, or channels last in memory, a tile of channels lies side by side ("columns"). A channel is shared
// out to ``parts`` blocks; each kernel that needs the joined results of an earlier one joins them itself, always in the
// same order: no launch for that, no atomic operation.
#include "weights.cuh"

// A channel's numbers in planes of ``positions``, by a block of (1, threads): the interface of column_line.
template <int N> struct plane_line {
    i64 channel, channels, positions;
    enum { inside = 1 };

    __device__ __forceinline__ i64 chunk() const { return (i64)HELD * blockDim.y; }
    __device__ __forceinline__ bool leads() const { return threadIdx.y == 0; }
    __device__ __forceinline__ i64 at(i64 j) const {
        const i64 image = quotient(j, positions);
        return (image * channels + channel) * positions + (j - image * positions);
    }
    __device__ __forceinline__ i64 number(i64 from, int k) const {
        return from + (i64)(k / N * blockDim.y + threadIdx.y) * N + k % N;
    }

    template <class S>
    __device__ __forceinline__ void hold(const S* x, i64 from, i64 n, wide<S> otherwise, wide<S>* values) const {
#pragma unroll
        for (int k = 0; k < HELD; k += N) {
            const i64 j = number(from, k);
            if (j < n) {
                load_pack<N>(x, at(j), values + k);
            } else {
#pragma unroll
                for (int i = 0; i < N; ++i) values[k + i] = otherwise;
            }
        }
    }

    template <class S> __device__ __forceinline__ void put(S* x, i64 from, i64 n, const wide<S>* values) const {
#pragma unroll
        for (int k = 0; k < HELD; k += N) {
            const i64 j = number(from, k);
            if (j < n) store_pack<N>(x, at(j), values + k);
        }
    }

    template <class J, class V> __device__ __forceinline__ V over(V value, V* room) const {
        return over_column<J>(value, room);
    }
};

// The sizes of (images, channels, positions), and into how many parts a channel is cut.
struct channels_of {
    i64 images, channels, positions, parts;

    __device__ __forceinline__ i64 numbers() const { return images * positions; }

    // Where a part begins: at whole packs.
    __device__ __forceinline__ i64 start(i64 part) const {
        const i64 packs = (numbers() + PACK<T> - 1) / PACK<T>;
        return min(packs * part / parts * PACK<T>, numbers());
    }
};

// For each part of each channel, or tile of channels, a block: ``body(line, channel, part)``.
template <class F> __device__ __forceinline__ void over_planes(const channels_of& s, bool packs, const F& body) {
    for (i64 task = blockIdx.x; task < s.channels * s.parts; task += gridDim.x) {
        const i64 c = task / s.parts, part = task % s.parts;
        if (packs) body(plane_line<PACK<T>>{c, s.channels, s.positions}, c, part);
        else body(plane_line<1>{c, s.channels, s.positions}, c, part);
    }
}

template <class F> __device__ __forceinline__ void over_tiles(const channels_of& s, const F& body) {
    for (i64 task = blockIdx.x; task < tiles_of(1, s.channels) * s.parts; task += gridDim.x) {
        i64 c;
        const column_line line = column_of(task / s.parts, s.numbers(), s.channels, 1, c);
        body(line, c, task % s.parts);
    }
}

// How many numbers were seen, their mean, and the sum of squared distances from it.
// T. Chan, G. Golub, R. LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances", 1979.
struct moments {
    A count, mean, squares;
};

struct together {
    static __device__ __forceinline__ moments join(const moments& a, const moments& b) {
        const A count = a.count + b.count, share = count > 0 ? b.count / count : 0, distance = b.mean - a.mean;
        return moments{count, a.mean + distance * share, a.squares + b.squares + distance * distance * a.count * share};
    }
};

// The moments of the numbers that a thread holds, by two passes over its registers: one division for 8 numbers.
template <class Line> __device__ __forceinline__ moments of_held(const Line& line, const A* values, i64 from, i64 end) {
    moments m{0, 0, 0};
#pragma unroll
    for (int k = 0; k < HELD; ++k) {
        m.mean += values[k];  // 0 beyond the end
        m.count += line.number(from, k) < end;
    }
    m.mean /= max(m.count, (A)1);
#pragma unroll
    for (int k = 0; k < HELD; ++k) {
        const A distance = values[k] - m.mean;
        m.squares += line.number(from, k) < end ? distance * distance : 0;
    }
    return m;
}

struct moments_of {
    const T* x;
    A* parts;
    channels_of s;
    moments* room;

    template <class Line> __device__ __forceinline__ void operator()(const Line& line, i64 c, i64 part) const {
        moments all{0, 0, 0};
        const i64 end = s.start(part + 1);
        for (i64 from = s.start(part); from < end; from += line.chunk()) {
            A values[HELD];
            line.hold(x, from, end, (A)0, values);
            all = together::join(all, of_held(line, values, from, end));
        }
        all = line.template over<together>(all, room);
        if (line.inside && line.leads()) {
            A* own = parts + (part * s.channels + c) * 3;
            own[0] = all.count, own[1] = all.mean, own[2] = all.squares;
        }
    }
};

// parts (parts, channels, 3). Launch planes: (1, 256); columns: (channels of a tile, threads of a channel).
extern "C" __global__ void __launch_bounds__(256, PACK<T> == 2 ? 2 : 4)
moments_planes(const T* x, A* parts, i64 images, i64 channels, i64 positions, i64 count) {
    __shared__ moments room[256];
    const channels_of s{images, channels, positions, count};
    over_planes(s, positions % PACK<T> == 0 && aligned(x), moments_of{x, parts, s, room});
}

extern "C" __global__ void __launch_bounds__(256, PACK<T> == 2 ? 2 : 4)
moments_columns(const T* x, A* parts, i64 images, i64 channels, i64 positions, i64 count) {
    __shared__ moments room[256];
    const channels_of s{images, channels, positions, count};
    over_tiles(s, moments_of{x, parts, s, room});
}

// out = (x - mean) inverse weight + bias, where mean and inverse are joined from ``parts`` and, by the first part of a
// channel, written with the variance; or, without ``parts``, read.
struct batch_norm_of {
    const T* x;
    weights_of weight, bias;
    T* out;
    const A* parts;
    A *means, *variances, *inverses;
    A eps;
    channels_of s;
    moments* room;

    template <class Line> __device__ __forceinline__ void operator()(const Line& line, i64 c, i64 part) const {
        A mean = 0, inverse = 0, w = 1, b = 0;
        if (parts) {
            moments all{0, 0, 0};
            for (i64 p = threadIdx.y; p < s.parts && line.inside; p += blockDim.y) {
                const A* own = parts + (p * s.channels + c) * 3;
                all = together::join(all, moments{own[0], own[1], own[2]});
            }
            all = line.template over<together>(all, room);
            const A variance = all.squares / all.count;
            mean = all.mean;
            inverse = 1 / sqrt(variance + eps);
            if (part == 0 && line.inside && line.leads()) {
                means[c] = mean;
                variances[c] = variance;
                inverses[c] = inverse;
            }
        } else if (line.inside) {
            mean = means[c];
            inverse = inverses[c];
        }
        if (line.inside) w = weight.at(c, 1), b = bias.at(c, 0);
        const A scale = w * inverse;
        const i64 end = s.start(part + 1);
        for (i64 from = s.start(part); from < end; from += line.chunk()) {
            A values[HELD];
            line.hold(x, from, end, (A)0, values);
    #pragma unroll
            for (int k = 0; k < HELD; ++k) values[k] = (values[k] - mean) * scale + b;
            line.put(out, from, end, values);
        }
    }
};

extern "C" __global__ void __launch_bounds__(256, PACK<T> == 2 ? 2 : 4)
batch_norm_planes(const T* x, const void* weight, const void* bias, T* out, const A* parts, A* means, A* variances,
                  A* inverses, i64 images, i64 channels, i64 positions, i64 count, A eps, i64 wider) {
    __shared__ moments room[256];
    const channels_of s{images, channels, positions, count};
    const weights_of w{weight, wider != 0}, b{bias, wider != 0};
    over_planes(s, positions % PACK<T> == 0 && aligned(x, out),
                batch_norm_of{x, w, b, out, parts, means, variances, inverses, eps, s, room});
}

extern "C" __global__ void __launch_bounds__(256, PACK<T> == 2 ? 2 : 4)
batch_norm_columns(const T* x, const void* weight, const void* bias, T* out, const A* parts, A* means,
                   A* variances, A* inverses, i64 images, i64 channels, i64 positions, i64 count, A eps, i64 wider) {
    __shared__ moments room[256];
    const channels_of s{images, channels, positions, count};
    const weights_of w{weight, wider != 0}, b{bias, wider != 0};
    over_tiles(s, batch_norm_of{x, w, b, out, parts, means, variances, inverses, eps, s, room});
}

// ---------------------------------------------------------------------------------------------------------------------
// Gradients of channels: the sums of g and of g (x - mean) inverse

// ``length``: mean and inverse are those of rows of so many numbers; 0 for those of the channel.
struct sums_of {
    const T *g, *x;
    const A *means, *inverses;
    A* parts;
    channels_of s;
    i64 length;
    A* room;

    template <class Line> __device__ __forceinline__ void operator()(const Line& line, i64 c, i64 part) const {
        A total = 0, product = 0;
        const i64 end = s.start(part + 1);
        for (i64 from = s.start(part); from < end; from += line.chunk()) {
            A up[HELD], values[HELD];
            line.hold(g, from, end, (A)0, up);
            line.hold(x, from, end, (A)0, values);
    #pragma unroll
            for (int k = 0; k < HELD; ++k) {
                const i64 j = line.number(from, k);
                if (j >= end || !line.inside) continue;
                const i64 own = length ? quotient(line.at(j), length) : c;
                total += up[k];
                product += up[k] * ((values[k] - (means ? means[own] : 0)) * inverses[own]);
            }
        }
        total = line.template over<sum_of>(total, room);
        product = line.template over<sum_of>(product, room);
        if (line.inside && line.leads()) {
            parts[(part * 2) * s.channels + c] = total;
            parts[(part * 2 + 1) * s.channels + c] = product;
        }
    }
};

// parts (parts, 2, channels). Launch as ``moments_planes`` and ``moments_columns``.
extern "C" __global__ void __launch_bounds__(256, PACK<T> == 2 ? 2 : 4)
sums_planes(const T* g, const T* x, const A* means, const A* inverses, A* parts, i64 images, i64 channels,
            i64 positions, i64 count, i64 length) {
    __shared__ A room[256];
    const channels_of s{images, channels, positions, count};
    over_planes(s, positions % PACK<T> == 0 && aligned(g, x), sums_of{g, x, means, inverses, parts, s, length, room});
}

extern "C" __global__ void __launch_bounds__(256, PACK<T> == 2 ? 2 : 4)
sums_columns(const T* g, const T* x, const A* means, const A* inverses, A* parts, i64 images, i64 channels,
             i64 positions, i64 count, i64 length) {
    __shared__ A room[256];
    const channels_of s{images, channels, positions, count};
    over_tiles(s, sums_of{g, x, means, inverses, parts, s, length, room});
}

// Joins the parts of a channel, in the threads of the channel; written to gb and gw by those of the first part.
template <class Line>
__device__ __forceinline__ void join_sums(const Line& line, const A* parts, void* gw, void* gb, bool wider,
                                          const channels_of& s, i64 c, bool write, A* room, A& total, A& product) {
    total = product = 0;
    for (i64 p = threadIdx.y; p < s.parts && line.inside; p += blockDim.y) {
        total += parts[p * 2 * s.channels + c];
        product += parts[(p * 2 + 1) * s.channels + c];
    }
    total = line.template over<sum_of>(total, room);
    product = line.template over<sum_of>(product, room);
    if (write && line.inside && line.leads()) {
        store_weight(gb, wider, c, total);
        store_weight(gw, wider, c, product);
    }
}

// The gradients of weight and bias alone. Launch: tiles of channels, as columns of ``parts`` numbers.
extern "C" __global__ void __launch_bounds__(256, PACK<T> == 2 ? 2 : 4)
weight_gradients(const A* parts, void* gw, void* gb, i64 channels, i64 count, i64 wider) {
    __shared__ A room[256];
    const channels_of s{1, channels, 1, count};
    for (i64 tile = blockIdx.x; tile < tiles_of(1, channels); tile += gridDim.x) {
        i64 c;
        A total, product;
        const column_line line = column_of(tile, count, channels, 1, c);
        join_sums(line, parts, gw, gb, wider, s, c, true, room, total, product);
    }
}

// gx = (g - mean of g - normal (mean of g normal)) weight inverse; with fixed statistics g weight inverse.
struct batch_gradient_of {
    const T *g, *x;
    weights_of weight;
    const A *means, *inverses, *parts;
    T* gx;
    void *gw, *gb;
    bool training;
    channels_of s;
    A* room;

    template <class Line> __device__ __forceinline__ void operator()(const Line& line, i64 c, i64 part) const {
        A total, product, mean = 0, inverse = 0, w = 1;
        join_sums(line, parts, gw, gb, weight.wider, s, c, part == 0, room, total, product);
        if (line.inside) mean = means[c], inverse = inverses[c], w = weight.at(c, 1);
        const A scale = w * inverse;
        total /= s.numbers();
        product *= inverse / s.numbers();
        const i64 end = s.start(part + 1);
        for (i64 from = s.start(part); from < end; from += line.chunk()) {
            A up[HELD], values[HELD];
            line.hold(g, from, end, (A)0, up);
            if (training) {
                line.hold(x, from, end, (A)0, values);
    #pragma unroll
                for (int k = 0; k < HELD; ++k) up[k] -= total + (values[k] - mean) * product;
            }
    #pragma unroll
            for (int k = 0; k < HELD; ++k) up[k] *= scale;
            line.put(gx, from, end, up);
        }
    }
};

extern "C" __global__ void __launch_bounds__(256, PACK<T> == 2 ? 2 : 4)
batch_gradient_planes(const T* g, const T* x, const void* weight, const A* means, const A* inverses,
                      const A* parts, T* gx, void* gw, void* gb, i64 images, i64 channels, i64 positions,
                      i64 count, i64 training, i64 wider) {
    __shared__ A room[256];
    const channels_of s{images, channels, positions, count};
    const weights_of w{weight, wider != 0};
    over_planes(s, positions % PACK<T> == 0 && aligned(g, x, gx),
                batch_gradient_of{g, x, w, means, inverses, parts, gx, gw, gb, training != 0, s, room});
}

extern "C" __global__ void __launch_bounds__(256, PACK<T> == 2 ? 2 : 4)
batch_gradient_columns(const T* g, const T* x, const void* weight, const A* means, const A* inverses,
                       const A* parts, T* gx, void* gw, void* gb, i64 images, i64 channels, i64 positions,
                       i64 count, i64 training, i64 wider) {
    __shared__ A room[256];
    const channels_of s{images, channels, positions, count};
    const weights_of w{weight, wider != 0};
    over_tiles(s, batch_gradient_of{g, x, w, means, inverses, parts, gx, gw, gb, training != 0, s, room});
}

// Running statistics of the channels move towards the batch's: r = (1 - momentum) r + momentum s factor. ``step`` is the
// momentum where it stands on the device. Launch: a thread for each channel.
extern "C" __global__ void __launch_bounds__(256, PACK<T> == 2 ? 2 : 4)
move_statistics(void* mean, void* variance, const A* batch_mean, const A* batch_variance, const A* step,
                A momentum, A factor, i64 channels, i64 wider) {
    if (step) momentum = *step;
    for (i64 c = first_place(); c < channels; c += place_step()) {
        const A old_mean = weights_of{mean, wider != 0}.at(c, 0);
        const A old_variance = weights_of{variance, wider != 0}.at(c, 0);
        store_weight(mean, wider, c, old_mean * (1 - momentum) + batch_mean[c] * momentum);
        store_weight(variance, wider, c, old_variance * (1 - momentum) + batch_variance[c] * factor * momentum);
    }
}
