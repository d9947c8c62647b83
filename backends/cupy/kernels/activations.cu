// Activation functions and their gradients: one formula for each, two loops for all.
// T: float16 bfloat16 float32 float64
// F: relu leaky_relu elu hardtanh hardsigmoid hardswish threshold hardshrink softshrink gelu gelu_tanh silu mish softplus logsigmoid tanhshrink softsign sigmoid tanh_of
//
// A thread moves packs of 16 bytes in steps of the grid: one read (two for the gradient) and one write. Formulas are
// computed in float32 (float64 for float64) and keep what is not a number.
#include "types.cuh"

typedef wide<T> A;

// The numbers that a formula is given.
struct numbers {
    A p, q, r;
};

__device__ __forceinline__ A at_least(A x, A low) { return x < low ? low : x; }
__device__ __forceinline__ A at_most(A x, A high) { return x > high ? high : x; }
__device__ __forceinline__ A size_of(A x) { return x < 0 ? -x : x; }
__device__ __forceinline__ A logistic(A x) { return 1 / (1 + exp(-x)); }

// ``of`` is the function of x; ``slope`` the gradient of g, where x is the input (relu, sigmoid, tanh_of: the result).
struct relu {
    static __device__ __forceinline__ A of(A x, numbers) { return at_least(x, 0); }
    static __device__ __forceinline__ A slope(A g, A out, numbers) { return out <= 0 ? 0 : g; }
};

// p: the slope below 0
struct leaky_relu {
    static __device__ __forceinline__ A of(A x, numbers n) { return x > 0 ? x : x * n.p; }
    static __device__ __forceinline__ A slope(A g, A x, numbers n) { return x > 0 ? g : g * n.p; }
};

// p: alpha, q: scale, r: scale of the input
struct elu {
    static __device__ __forceinline__ A of(A x, numbers n) {
        return expm1(at_most(x, 0) * n.r) * (n.p * n.q) + at_least(x, 0) * n.q;
    }
    static __device__ __forceinline__ A slope(A g, A x, numbers n) {
        return x > 0 ? g * n.q : g * (exp(at_most(x, 0) * n.r) * (n.p * n.q * n.r));
    }
};

// p: low, q: high
struct hardtanh {
    static __device__ __forceinline__ A of(A x, numbers n) { return at_most(at_least(x, n.p), n.q); }
    static __device__ __forceinline__ A slope(A g, A x, numbers n) { return x > n.p && x < n.q ? g : 0; }
};

struct hardsigmoid {
    static __device__ __forceinline__ A of(A x, numbers) { return at_most(at_least(x + 3, 0), 6) / 6; }
    static __device__ __forceinline__ A slope(A g, A x, numbers) { return x > -3 && x < 3 ? g * (A)(1.0 / 6) : 0; }
};

struct hardswish {
    static __device__ __forceinline__ A of(A x, numbers) { return x * at_most(at_least(x + 3, 0), 6) / 6; }
    static __device__ __forceinline__ A slope(A g, A x, numbers) {
        return x <= -3 ? 0 : x >= 3 ? g : g * (x * (A)(1.0 / 3) + (A)0.5);
    }
};

// p: the threshold, q: the value up to it
struct threshold {
    static __device__ __forceinline__ A of(A x, numbers n) { return x <= n.p ? n.q : x; }
    static __device__ __forceinline__ A slope(A g, A x, numbers n) { return x <= n.p ? 0 : g; }
};

// p: lambda
struct hardshrink {
    static __device__ __forceinline__ A of(A x, numbers n) { return x >= -n.p && x <= n.p ? 0 : x; }
    static __device__ __forceinline__ A slope(A g, A x, numbers n) { return x < -n.p || x > n.p ? g : 0; }
};

struct softshrink : hardshrink {
    static __device__ __forceinline__ A of(A x, numbers n) { return x - at_most(at_least(x, -n.p), n.p); }
};

// In the gradients of GELU x is limited to 40: beyond they are 0 or 1, where parts of the formula would be infinite.
struct gelu {
    static __device__ __forceinline__ A below(A x) { return (A)0.5 * (1 + erf(x * (A)0.70710678118654752440)); }
    static __device__ __forceinline__ A of(A x, numbers) { return x * below(x); }
    static __device__ __forceinline__ A slope(A g, A x, numbers) {
        x = at_most(at_least(x, -40), 40);
        return g * (below(x) + x * ((A)0.39894228040143267794 * exp((A)-0.5 * (x * x))));
    }
};

struct gelu_tanh {
    static __device__ __forceinline__ A of(A x, numbers) {
        return (A)0.5 * x * (1 + tanh((A)0.79788456080286535588 * x * (1 + (A)0.044715 * (x * x))));
    }
    static __device__ __forceinline__ A slope(A g, A x, numbers) {
        x = at_most(at_least(x, -40), 40);
        const A square = x * x, t = tanh((A)0.79788456080286535588 * x * (1 + (A)0.044715 * square));
        const A inner = (A)0.79788456080286535588 * (1 + (A)(3 * 0.044715) * square);
        return g * ((A)0.5 * (1 + t) + (A)0.5 * x * ((1 - t * t) * inner));
    }
};

struct silu {
    static __device__ __forceinline__ A of(A x, numbers) { return x / (1 + exp(-x)); }
    static __device__ __forceinline__ A slope(A g, A x, numbers) {
        const A s = logistic(x);
        return g * (s * (1 + x * (1 - s)));
    }
};

// tanh(log(1 + e)) = n / (n + 2), where n = e (e + 2); beyond 40 it is 1.
struct mish {
    static __device__ __forceinline__ A part(A x) {
        const A e = exp(at_most(x, 40)), n = e * (e + 2);
        return n / (n + 2);
    }
    static __device__ __forceinline__ A of(A x, numbers) { return x * part(x); }
    static __device__ __forceinline__ A slope(A g, A x, numbers) {
        const A t = part(x);
        return g * (t + x * logistic(x) * (1 - t) * (1 + t));
    }
};

// p: beta, q: the threshold
struct softplus {
    static __device__ __forceinline__ A of(A x, numbers n) {
        const A z = x * n.p;
        return z > n.q ? x : (log1p(exp(-size_of(z))) + at_least(z, 0)) / n.p;
    }
    static __device__ __forceinline__ A slope(A g, A x, numbers n) {
        const A z = x * n.p;
        return z > n.q ? g : g * logistic(z);
    }
};

struct logsigmoid {
    static __device__ __forceinline__ A of(A x, numbers) { return at_most(x, 0) - log1p(exp(-size_of(x))); }
    static __device__ __forceinline__ A slope(A g, A x, numbers) { return g * logistic(-x); }
};

struct tanhshrink {
    static __device__ __forceinline__ A of(A x, numbers) { return x - tanh(x); }
    static __device__ __forceinline__ A slope(A g, A x, numbers) {
        const A t = tanh(x);
        return g * (t * t);
    }
};

struct softsign {
    static __device__ __forceinline__ A of(A x, numbers) { return x / (1 + size_of(x)); }
    static __device__ __forceinline__ A slope(A g, A x, numbers) {
        const A below = 1 + size_of(x);
        return g / (below * below);
    }
};

struct sigmoid {
    static __device__ __forceinline__ A of(A x, numbers) { return logistic(x); }
    static __device__ __forceinline__ A slope(A g, A out, numbers) { return g * (out * (1 - out)); }
};

struct tanh_of {
    static __device__ __forceinline__ A of(A x, numbers) { return tanh(x); }
    static __device__ __forceinline__ A slope(A g, A out, numbers) { return g - g * (out * out); }
};

// Launch: any number of blocks and threads, one pack to each thread where there are enough.
extern "C" __global__ void forward(const T* x, T* out, i64 count, double p, double q, double r) {
    const numbers n{(A)p, (A)q, (A)r};
    const i64 packed = aligned(x, out) ? count / PACK<T> * PACK<T> : 0;
    for (i64 i = first_place() * PACK<T>; i < packed; i += place_step() * PACK<T>) {
        A values[PACK<T>];
        load_pack<PACK<T>>(x, i, values);
#pragma unroll
        for (int k = 0; k < PACK<T>; ++k) values[k] = F::of(values[k], n);
        store_pack<PACK<T>>(out, i, values);
    }
    for (i64 i = packed + first_place(); i < count; i += place_step()) store(out, i, F::of(load(x, i), n));
}

extern "C" __global__ void backward(const T* g, const T* x, T* gx, i64 count, double p, double q, double r) {
    const numbers n{(A)p, (A)q, (A)r};
    const i64 packed = aligned(g, x, gx) ? count / PACK<T> * PACK<T> : 0;
    for (i64 i = first_place() * PACK<T>; i < packed; i += place_step() * PACK<T>) {
        A slopes[PACK<T>], values[PACK<T>];
        load_pack<PACK<T>>(g, i, slopes);
        load_pack<PACK<T>>(x, i, values);
#pragma unroll
        for (int k = 0; k < PACK<T>; ++k) slopes[k] = F::slope(slopes[k], values[k], n);
        store_pack<PACK<T>>(gx, i, slopes);
    }
    for (i64 i = packed + first_place(); i < count; i += place_step())
        store(gx, i, F::slope(load(g, i), load(x, i), n));
}
