// Cross entropy of logits (outer, n, inner) and class numbers (outer, inner): softmax, logarithm, choice and weights at
// once, and the gradient.
// T: float16 bfloat16 float32 float64
//
// One line of n logits is one position; lines as in lines.cuh. Forward reads the logits and writes exp(x - largest) for
// the gradient; the gradient reads these and writes. A mean needs the sum of the weights of all positions: each block of
// the first launch leaves its own, and each block of the second joins them all in the same order.
#include "exponentials.cuh"

typedef wide<T> A;

// The sum of the weights of all classes.
template <class Line> __device__ __forceinline__ A all_weights(const Line& line, const T* weight, i64 n, A* room) {
    if (!weight) return n;
    A total = 0;
    for (i64 from = 0; from < n; from += line.chunk())
        for (int k = 0; k < HELD; ++k) {
            const i64 c = line.number(from, k);
            if (c < n) total += load(weight, c);
        }
    return line.template over<sum_of>(total, room);
}

struct cross_entropy {
    const T* x;
    const i64* target;
    const T* weight;  // of the classes, or null
    T* out;           // the loss of each position, or null
    A *exps, *sums;
    i64* labels;      // the class of each position, 0 where it is ignored
    A *share, *even;  // factors of the gradient; 0 where ignored. even: of label smoothing, or null
    i64 n, ignored;
    bool masked;
    A smoothing;

    // The loss of line number ``which``. ``lost`` and ``weighed`` add up losses and weights in the line's first thread.
    template <class Line>
    __device__ __forceinline__ void of(const Line& line, i64 which, A weights, A& lost, A& weighed, A* room) const {
        A values[HELD], spread = 0;
        const exponentials<A> e = exponentials_of(line, x, n, values, room);
        for (i64 from = 0; from < n; from += line.chunk()) {
            if (n > line.chunk()) line.hold(x, from, n, (A)0, values);
#pragma unroll
            for (int k = 0; k < HELD; ++k) {
                const i64 c = line.number(from, k);
                const A shifted = values[k] - e.most;
                if (even && c < n) spread += weight ? shifted * load(weight, c) : shifted;
                values[k] = exp(shifted);
            }
            line.put(exps, from, n, values);
        }
        if (even) spread = line.template over<sum_of>(spread, room);
        if (!line.inside || !line.leads()) return;
        const i64 given = target[which];
        const bool valid = !masked || given != ignored;
        const i64 label = valid && given >= 0 && given < n ? given : 0;  // another one is an error found elsewhere
        const A own = weight ? load(weight, label) : 1, logarithm = log(e.total);
        A loss = (logarithm - (load(x, line.at(label)) - e.most)) * own;
        if (even) {
            loss = loss * (1 - smoothing) + (logarithm * weights - spread) * (smoothing / n);
            even[which] = valid ? smoothing / n : 0;
        }
        share[which] = valid ? own * (1 - smoothing) : 0;
        sums[which] = e.total;
        labels[which] = valid ? given : 0;
        if (out) store(out, which, valid ? loss : 0);
        if (valid) {
            lost += loss;
            weighed += own;
        }
    }
};

// The sum over the lines' first threads of a block, in thread 0. They are a power of 2, along one dimension.
__device__ __forceinline__ A over_leaders(A value, bool leads, int leaders, A* room) {
    const int l = threadIdx.x + threadIdx.y;
    if (leads) room[l] = value;
    __syncthreads();
    for (int half = leaders / 2; half > 0; half /= 2) {
        if (leads && l < half) room[l] += room[l + half];
        __syncthreads();
    }
    value = room[0];
    __syncthreads();
    return value;
}

// parts: (blocks, 2), the sums of losses and of weights; or null.
__device__ __forceinline__ void leave(A lost, A weighed, bool leads, int leaders, A* parts, A* room) {
    if (!parts) return;
    lost = over_leaders(lost, leads, leaders, room);
    weighed = over_leaders(weighed, leads, leaders, room);
    if (threadIdx.x == 0 && threadIdx.y == 0) {
        parts[2 * blockIdx.x] = lost;
        parts[2 * blockIdx.x + 1] = weighed;
    }
}

// Launch: (threads of a row, rows).
extern "C" __global__ void __launch_bounds__(1024)
forward_rows(const T* x, const i64* target, const T* weight, T* out, A* exps, A* sums, i64* labels, A* share,
             A* even, A* parts, i64 ignored, i64 masked, A smoothing, i64 rows, i64 n) {
    __shared__ A room[32];
    const cross_entropy loss{x,      target, weight, out,     exps,        sums,     labels,
                             share, even,   n,      ignored, masked != 0, smoothing};
    const A weights = even ? all_weights(row_line<1>{0}, weight, n, room) : 0;
    A lost = 0, weighed = 0;
    if (n % PACK<T> == 0 && aligned(x, exps)) {
        FOR_ROWS(r, rows) loss.of(row_line<PACK<T>>{r * n}, r, weights, lost, weighed, room);
    } else {
        FOR_ROWS(r, rows) loss.of(row_line<1>{r * n}, r, weights, lost, weighed, room);
    }
    __syncthreads();
    leave(lost, weighed, threadIdx.x == 0, blockDim.y, parts, room);
}

// Launch: (columns of a tile, threads of a column).
extern "C" __global__ void __launch_bounds__(256, PACK<T> == 2 ? 2 : 4)
forward_columns(const T* x, const i64* target, const T* weight, T* out, A* exps, A* sums, i64* labels, A* share,
                A* even, A* parts, i64 ignored, i64 masked, A smoothing, i64 outer, i64 n, i64 inner, i64 between) {
    __shared__ A room[256];
    const cross_entropy loss{x,      target, weight, out,     exps,        sums,     labels,
                             share, even,   n,      ignored, masked != 0, smoothing};
    const A weights = even ? all_weights(column_line{0, 1, true}, weight, n, room) : 0;
    A lost = 0, weighed = 0;
    for (i64 tile = blockIdx.x; tile < tiles_of(outer, inner); tile += gridDim.x) {
        i64 which;
        const column_line line = column_of(tile, n, inner, between, which);
        loss.of(line, which, weights, lost, weighed, room);
    }
    leave(lost, weighed, threadIdx.y == 0, blockDim.x, parts, room);
}

// The sum or the mean of the losses; for the mean, the factors of the gradient are divided by the sum of the weights.
// Launch: one dimension of blocks and threads; one block is enough for the sum.
extern "C" __global__ void __launch_bounds__(256, PACK<T> == 2 ? 2 : 4)
finish(const A* parts, i64 blocks, const i64* target, i64 ignored, i64 masked, T* out, A* share, A* even,
       i64 positions, i64 mean) {
    __shared__ A room[32];
    A lost = 0, weighed = 0;
    for (i64 b = threadIdx.x; b < blocks; b += blockDim.x) {
        lost += parts[2 * b];
        weighed += parts[2 * b + 1];
    }
    lost = over_block<sum_of>(lost, room);
    weighed = over_block<sum_of>(weighed, room);
    if (first_place() == 0) store(out, 0, mean ? lost / weighed : lost);
    if (!mean) return;
    for (i64 i = first_place(); i < positions; i += place_step()) {
        if (masked && target[i] == ignored) continue;  // where they are 0
        share[i] *= 1 / weighed;
        if (even) even[i] *= 1 / weighed;
    }
}

struct gradient {
    const T* g;  // of each position, or one for all
    bool each;
    const A *share, *even;
    const T* weight;
    const A *exps, *sums;
    const i64* labels;
    T* gx;
    i64 n;

    // g share (p - onehot) + g even (p (sum of w) - w), where p = exps / sums.
    template <class Line> __device__ __forceinline__ void of(const Line& line, i64 which, A weights) const {
        A own = 0, all = 0, factor = 0;
        i64 label = 0;
        if (line.inside) {
            const A up = load(g, each ? which : 0);
            own = up * share[which];
            all = even ? up * even[which] : 0;
            factor = (own + all * weights) / sums[which];
            label = labels[which];
        }
        for (i64 from = 0; from < n; from += line.chunk()) {
            A values[HELD];
            line.hold(exps, from, n, (A)0, values);
#pragma unroll
            for (int k = 0; k < HELD; ++k) {
                const i64 c = line.number(from, k);
                values[k] *= factor;
                if (c == label) values[k] -= own;
                if (even && c < n) values[k] -= weight ? all * load(weight, c) : all;
            }
            line.put(gx, from, n, values);
        }
    }
};

extern "C" __global__ void __launch_bounds__(1024)
backward_rows(const T* g, i64 each, const A* share, const A* even, const T* weight, const A* exps, const A* sums,
              const i64* labels, T* gx, i64 rows, i64 n) {
    __shared__ A room[32];
    const gradient all{g, each != 0, share, even, weight, exps, sums, labels, gx, n};
    const A weights = even ? all_weights(row_line<1>{0}, weight, n, room) : 0;
    if (n % PACK<T> == 0 && aligned(exps, gx)) {
        FOR_ROWS(r, rows) all.of(row_line<PACK<T>>{r * n}, r, weights);
    } else {
        FOR_ROWS(r, rows) all.of(row_line<1>{r * n}, r, weights);
    }
}

extern "C" __global__ void __launch_bounds__(256, PACK<T> == 2 ? 2 : 4)
backward_columns(const T* g, i64 each, const A* share, const A* even, const T* weight, const A* exps,
                 const A* sums, const i64* labels, T* gx, i64 outer, i64 n, i64 inner, i64 between) {
    __shared__ A room[256];
    const gradient all{g, each != 0, share, even, weight, exps, sums, labels, gx, n};
    const A weights = even ? all_weights(column_line{0, 1, true}, weight, n, room) : 0;
    for (i64 tile = blockIdx.x; tile < tiles_of(outer, inner); tile += gridDim.x) {
        i64 which;
        const column_line line = column_of(tile, n, inner, between, which);
        all.of(line, which, weights);
    }
}
