// Layer, group, instance and root-mean-square norm, and the gradient of their input.
// T: float16 bfloat16 float32 float64
//
// A warp or a block for a row of n numbers, held in registers up to n = 8,192: one read and one write; mean and variance
// in two passes over the registers. Number p of the array has the weight p / spread % weights.
#include "weights.cuh"

template <int N>
__device__ __forceinline__ void row_norm_of(const T* x, weights_of weight, weights_of bias, T* out, A* means,
                                            A* inverses, i64 rows, i64 n, i64 spread, i64 weights, A eps, bool centred,
                                            A* room) {
    FOR_ROWS(r, rows) {
        const row_line<N> line{r * n};
        const i64 base = n / spread * r % weights;
        const bool again = n > line.chunk();
        A values[HELD], total = 0, mean = 0;
        if (centred || !again) {
            for (i64 from = 0; from < n; from += line.chunk()) {
                line.hold(x, from, n, (A)0, values);
#pragma unroll
                for (int k = 0; k < HELD; ++k) total += values[k];
            }
        }
        if (centred) mean = line.template over<sum_of>(total, room) / n;
        total = 0;
        for (i64 from = 0; from < n; from += line.chunk()) {
            if (again) line.hold(x, from, n, (A)0, values);
#pragma unroll
            for (int k = 0; k < HELD; ++k) {
                const A distance = values[k] - mean;
                total += line.number(from, k) < n ? distance * distance : 0;
            }
        }
        const A inverse = 1 / sqrt(line.template over<sum_of>(total, room) / n + eps);
        for (i64 from = 0; from < n; from += line.chunk()) {
            if (again) line.hold(x, from, n, (A)0, values);
#pragma unroll
            for (int k = 0; k < HELD; k += N) {
                const i64 j = line.number(from, k);
                A w[N], b[N];
                if (j >= n) continue;
                weight.along<N>(base, j, spread, 1, w);
                bias.along<N>(base, j, spread, 0, b);
#pragma unroll
                for (int i = 0; i < N; ++i) values[k + i] = (values[k + i] - mean) * inverse * w[i] + b[i];
            }
            line.put(out, from, n, values);
        }
        if (line.leads()) {
            if (centred) means[r] = mean;
            inverses[r] = inverse;
        }
    }
}

// Whether packs may be moved: rows, and pieces of them with one weight, are whole packs.
__device__ __forceinline__ bool in_packs(i64 n, i64 spread) {
    return n % PACK<T> == 0 && (spread == 1 || spread % PACK<T> == 0);
}

// out = (x - mean) inverse weight + bias. Launch: (threads of a row, rows), any number of blocks.
extern "C" __global__ void __launch_bounds__(1024)
row_norm(const T* x, const void* weight, const void* bias, T* out, A* means, A* inverses, i64 rows, i64 n,
         i64 spread, i64 weights, A eps, i64 centred, i64 wider) {
    __shared__ A room[32];
    const weights_of w{weight, wider != 0}, b{bias, wider != 0};
    if (in_packs(n, spread) && aligned(x, out, weight, bias))
        row_norm_of<PACK<T>>(x, w, b, out, means, inverses, rows, n, spread, weights, eps, centred, room);
    else
        row_norm_of<1>(x, w, b, out, means, inverses, rows, n, spread, weights, eps, centred, room);
}

template <int N>
__device__ __forceinline__ void row_gradient_of(const T* g, const T* x, weights_of weight, const A* means,
                                                const A* inverses, T* gx, i64 rows, i64 n, i64 spread, i64 weights,
                                                A* room) {
    FOR_ROWS(r, rows) {
        const row_line<N> line{r * n};
        const i64 base = n / spread * r % weights;
        const A mean = means ? means[r] : 0, inverse = inverses[r];
        const bool again = n > line.chunk();
        A down[HELD], normal[HELD], total = 0, product = 0;
        for (int pass = 0; pass < 2; ++pass) {
            for (i64 from = 0; from < n; from += line.chunk()) {
                if (pass == 0 || again) {
                    line.hold(g, from, n, (A)0, down);
                    line.hold(x, from, n, (A)0, normal);
#pragma unroll
                    for (int k = 0; k < HELD; k += N) {
                        const i64 j = line.number(from, k);
                        A w[N];
                        if (j >= n) continue;
                        weight.along<N>(base, j, spread, 1, w);
#pragma unroll
                        for (int i = 0; i < N; ++i) {
                            down[k + i] *= w[i];
                            normal[k + i] = (normal[k + i] - mean) * inverse;
                        }
                    }
                }
                if (pass == 0) {
#pragma unroll
                    for (int k = 0; k < HELD; ++k) {  // beyond the row both are 0
                        total += down[k];
                        product += down[k] * normal[k];
                    }
                } else {
#pragma unroll
                    for (int k = 0; k < HELD; ++k) normal[k] = (down[k] - total - normal[k] * product) * inverse;
                    line.put(gx, from, n, normal);
                }
            }
            if (pass == 0) {
                total = means ? line.template over<sum_of>(total, room) / n : 0;
                product = line.template over<sum_of>(product, room) / n;
            }
        }
    }
}

// gx = (g w - mean of g w - normal (mean of g w normal)) inverse. Launch as ``row_norm``.
extern "C" __global__ void __launch_bounds__(1024)
row_norm_gradient(const T* g, const T* x, const void* weight, const A* means, const A* inverses, T* gx, i64 rows,
                  i64 n, i64 spread, i64 weights, i64 wider) {
    __shared__ A room[32];
    const weights_of w{weight, wider != 0};
    if (in_packs(n, spread) && aligned(g, x, gx, weight))
        row_gradient_of<PACK<T>>(g, x, w, means, inverses, gx, rows, n, spread, weights, room);
    else
        row_gradient_of<1>(g, x, w, means, inverses, gx, rows, n, spread, weights, room);
}
