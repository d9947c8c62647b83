// Update rules of optimizers, for many parameters in one launch. The formulas are those of nnlite/optim.
// T: float16 bfloat16 float32 float64
// RULE: sgd adam nadam radam adamax rmsprop adagrad adadelta rprop asgd
// S: T
// T is the type of parameters and gradients, S that of the state (T or float); arithmetic is in float (double for
// double). A module holds one rule: compiling all of them would take seconds.
//
// Launch: one block of 256 threads for each chunk of a tensor (tensors.cuh); column 0 holds the parameters, then come
// the states (null for what an update does without), then the gradients. A thread reads four neighbours of each array
// (eight of 16-bit ones), all loads before the first store. Bytes moved an element, which is what an update takes its
// time for: each array once, parameter and states twice. Adam of float32: 4 + 3 * 4 read and 3 * 4 written, 28.
//
// Numbers are double, each from the host or, where it has an address, from the device. What is made of them, powers
// of double included, one thread of a block makes: 1 us or so beside the 30 us that a block lives among its like.
#include "block.cuh"
#include "tensors.cuh"

typedef wide<T> A;

const int WIDTH = sizeof(T) == 2 ? 8 : 4;

struct numbers {
    double value[12];
    const double* at[12];
    __device__ double operator[](int k) const { return at[k] ? *at[k] : value[k]; }
};

// N neighbours of a tensor from place i on. STATES: how many state arrays the rule knows.
template <int N, int STATES, class Rule>
__device__ __forceinline__ void places(T* p, S* const* state, const T* g, i64 i, const Rule& rule, A unscale) {
    A value[N], gradient[N];
    wide<S> kept[STATES][N] = {};
    load_pack<N>(p, i, value);
    load_pack<N>(g, i, gradient);
#pragma unroll
    for (int k = 0; k < STATES; ++k)
        if (state[k]) load_pack<N>(state[k], i, kept[k]);
#pragma unroll
    for (int j = 0; j < N; ++j) {
        A s[STATES];
#pragma unroll
        for (int k = 0; k < STATES; ++k) s[k] = kept[k][j];
        rule(value[j], s, gradient[j] * unscale, state);
#pragma unroll
        for (int k = 0; k < STATES; ++k) kept[k][j] = (wide<S>)s[k];
    }
    store_pack<N>(p, i, value);
#pragma unroll
    for (int k = 0; k < STATES; ++k)
        if (state[k]) store_pack<N>(state[k], i, kept[k]);
}

// The block's chunk. Nothing changes where found_inf is not 0.
template <int STATES, class Rule>
__device__ __forceinline__ void update_chunk(Rule& shared_rule, const tensors& all, const numbers& n, const float* grad_scale,
                                       const float* found_inf) {
    if (found_inf && *found_inf != 0) return;
    if (threadIdx.x == 0) shared_rule.prepare(n);
    __syncthreads();
    const Rule rule = shared_rule;
    const A unscale = grad_scale ? (A)(1 / (double)*grad_scale) : (A)1;
    const span part = span_of_block(all);
    T* p = (T*)all.at[0][part.tensor];
    const T* g = (const T*)all.at[STATES + 1][part.tensor];
    S* state[STATES];
    bool whole = aligned(p, g);
#pragma unroll
    for (int k = 0; k < STATES; ++k) {
        state[k] = (S*)all.at[k + 1][part.tensor];
        whole = whole && aligned(state[k]);
    }
    i64 rest = part.begin;
    if (whole) {
        rest = part.end - (part.end - part.begin) % WIDTH;
        for (i64 i = part.begin + (i64)threadIdx.x * WIDTH; i < rest; i += (i64)blockDim.x * WIDTH)
            places<WIDTH, STATES>(p, state, g, i, rule, unscale);
    }
    for (i64 i = rest + threadIdx.x; i < part.end; i += blockDim.x) places<1, STATES>(p, state, g, i, rule, unscale);
}

// The gradient of what is minimized, with the L2 penalty.
__device__ __forceinline__ A with_decay(A p, A g, bool maximize, A decay) {
    if (maximize) g = -g;
    return decay != 0 ? g + decay * p : g;
}

__device__ __forceinline__ A sign_of(A x) { return x > 0 ? (A)1 : x < 0 ? (A)-1 : x; }

// Numbers: lr momentum dampening weight_decay nesterov maximize. States: momentum buffer or none.
struct sgd {
    static const int STATES = 1;
    A lr, momentum, take, decay;
    bool nesterov, maximize;

    __device__ void prepare(const numbers& n) {
        lr = n[0], momentum = n[1], take = 1 - n[2], decay = n[3], nesterov = n[4] != 0, maximize = n[5] != 0;
    }

    __device__ __forceinline__ void operator()(A& p, A* s, A g, S* const* state) const {
        g = with_decay(p, g, maximize, decay);
        if (state[0]) {
            s[0] = momentum * s[0] + take * g;
            g = nesterov ? g + momentum * s[0] : s[0];
        }
        p -= lr * g;
    }
};

// What Adam and its kin share: the averages of the gradient and of its square.
struct averages {
    A take1, beta2, take2, shrink, decay;
    bool maximize;

    __device__ void prepare(double lr, double beta1, double beta2_, double weight_decay, bool decoupled, bool maximize_) {
        take1 = 1 - beta1, beta2 = beta2_, take2 = 1 - beta2_;
        shrink = decoupled ? 1 - lr * weight_decay : 1, decay = decoupled ? 0 : weight_decay, maximize = maximize_;
    }

    __device__ __forceinline__ A add(A& p, A* s, A g) const {
        g = with_decay(p, g, maximize, decay);
        p *= shrink;
        s[0] += take1 * (g - s[0]);
        s[1] = beta2 * s[1] + take2 * g * g;
        return g;
    }
};

// Numbers: t lr beta1 beta2 eps weight_decay decoupled maximize. States: m, v, largest v or none.
struct adam {
    static const int STATES = 3;
    averages mean;
    A eps, step;

    __device__ void prepare(const numbers& n) {
        mean.prepare(n[1], n[2], n[3], n[5], n[6] != 0, n[7] != 0);
        // The corrections 1 - beta^t, taken out of the averages
        const double scale = sqrt(1 - pow(n[3], n[0]));
        eps = n[4] * scale, step = n[1] * scale / (1 - pow(n[2], n[0]));
    }

    __device__ __forceinline__ void operator()(A& p, A* s, A g, S* const* state) const {
        mean.add(p, s, g);
        A v = s[1];
        if (state[2]) v = s[2] = largest_of::join(s[2], v);
        p -= step * (s[0] / (sqrt(v) + eps));
    }
};

// Numbers: t mu mu_next mu_product lr beta1 beta2 eps weight_decay decoupled maximize. States: m, v.
struct nadam {
    static const int STATES = 2;
    averages mean;
    A from_m, from_g, correct, eps, lr;

    __device__ void prepare(const numbers& n) {
        mean.prepare(n[4], n[5], n[6], n[8], n[9] != 0, n[10] != 0);
        from_m = n[2] / (1 - n[3] * n[2]), from_g = (1 - n[1]) / (1 - n[3]);
        correct = 1 / (1 - pow(n[6], n[0])), eps = n[7], lr = n[4];
    }

    __device__ __forceinline__ void operator()(A& p, A* s, A g, S* const*) const {
        g = mean.add(p, s, g);
        p -= lr * (from_m * s[0] + from_g * g) / (sqrt(s[1] * correct) + eps);
    }
};

// Numbers: t lr beta1 beta2 eps weight_decay decoupled maximize. States: m, v.
struct radam {
    static const int STATES = 2;
    averages mean;
    A step, eps;
    bool rectified;

    __device__ void prepare(const numbers& n) {
        mean.prepare(n[1], n[2], n[3], n[5], n[6] != 0, n[7] != 0);
        const double t = n[0], left = pow(n[3], t), rho = 2 / (1 - n[3]) - 1, rho_t = rho - 2 * t * left / (1 - left);
        rectified = rho_t > 5;
        const double square = (rho_t - 4) * (rho_t - 2) * rho / ((rho - 4) * (rho - 2) * rho_t) * (1 - left);
        step = n[1] / (1 - pow(n[2], t)) * (rectified ? sqrt(square) : 1), eps = n[4];
    }

    __device__ __forceinline__ void operator()(A& p, A* s, A g, S* const*) const {
        mean.add(p, s, g);
        p -= rectified ? step * s[0] / (sqrt(s[1]) + eps) : step * s[0];
    }
};

// Numbers: t lr beta1 beta2 eps weight_decay maximize. States: m, largest magnitude.
struct adamax {
    static const int STATES = 2;
    A step, take1, beta2, eps, decay;
    bool maximize;

    __device__ void prepare(const numbers& n) {
        step = n[1] / (1 - pow(n[2], n[0])), take1 = 1 - n[2], beta2 = n[3], eps = n[4], decay = n[5];
        maximize = n[6] != 0;
    }

    __device__ __forceinline__ void operator()(A& p, A* s, A g, S* const*) const {
        g = with_decay(p, g, maximize, decay);
        s[0] += take1 * (g - s[0]);
        s[1] = largest_of::join(beta2 * s[1], abs(g) + eps);
        p -= step * (s[0] / s[1]);
    }
};

// Numbers: lr momentum alpha eps weight_decay maximize. States: v, momentum buffer or none, mean or none.
struct rmsprop {
    static const int STATES = 3;
    A lr, momentum, alpha, take, eps, decay;
    bool maximize;

    __device__ void prepare(const numbers& n) {
        lr = n[0], momentum = n[1], alpha = n[2], take = 1 - n[2], eps = n[3], decay = n[4], maximize = n[5] != 0;
    }

    __device__ __forceinline__ void operator()(A& p, A* s, A g, S* const* state) const {
        g = with_decay(p, g, maximize, decay);
        s[0] = alpha * s[0] + take * g * g;
        A square = s[0];
        if (state[2]) {
            s[2] += take * (g - s[2]);
            square -= s[2] * s[2];
        }
        A d = g / (sqrt(square) + eps);
        if (state[1]) d = s[1] = momentum * s[1] + d;
        p -= lr * d;
    }
};

// Numbers: t lr lr_decay eps weight_decay maximize. States: sum of squares.
struct adagrad {
    static const int STATES = 1;
    A step, eps, decay;
    bool maximize;

    __device__ void prepare(const numbers& n) {
        step = n[1] / (1 + (n[0] - 1) * n[2]), eps = n[3], decay = n[4], maximize = n[5] != 0;
    }

    __device__ __forceinline__ void operator()(A& p, A* s, A g, S* const*) const {
        g = with_decay(p, g, maximize, decay);
        s[0] += g * g;
        p -= step * (g / (sqrt(s[0]) + eps));
    }
};

// Numbers: lr rho eps weight_decay maximize. States: v, average of the squared steps.
struct adadelta {
    static const int STATES = 2;
    A lr, rho, take, eps, decay;
    bool maximize;

    __device__ void prepare(const numbers& n) {
        lr = n[0], rho = n[1], take = 1 - n[1], eps = n[2], decay = n[3], maximize = n[4] != 0;
    }

    __device__ __forceinline__ void operator()(A& p, A* s, A g, S* const*) const {
        g = with_decay(p, g, maximize, decay);
        s[0] = rho * s[0] + take * g * g;
        const A d = sqrt(s[1] + eps) / sqrt(s[0] + eps) * g;
        s[1] = rho * s[1] + take * d * d;
        p -= lr * d;
    }
};

// Numbers: shrink grow smallest largest maximize. States: last gradient, sizes of the steps.
struct rprop {
    static const int STATES = 2;
    A down, up, smallest, largest;
    bool maximize;

    __device__ void prepare(const numbers& n) {
        down = 1 - n[0], up = n[1] - 1, smallest = n[2], largest = n[3], maximize = n[4] != 0;
    }

    __device__ __forceinline__ void operator()(A& p, A* s, A g, S* const*) const {
        if (maximize) g = -g;
        const A turn = sign_of(g * s[0]);
        const A forward = largest_of::join(turn, (A)0), back = smallest_of::join(turn, (A)0);
        const A size = s[1] * (1 + up * forward + down * back);
        s[1] = smallest_of::join(largest_of::join(size, smallest), largest);
        g *= 1 + back;
        p -= sign_of(g) * s[1];
        s[0] = g;
    }
};

// Numbers: eta mu lambd weight_decay maximize. States: average of the parameters.
struct asgd {
    static const int STATES = 1;
    A eta, mu, shrink, decay;
    bool maximize;

    __device__ void prepare(const numbers& n) {
        eta = n[0], mu = n[1], shrink = 1 - n[2] * n[0], decay = n[3], maximize = n[4] != 0;
    }

    __device__ __forceinline__ void operator()(A& p, A* s, A g, S* const*) const {
        g = with_decay(p, g, maximize, decay);
        p = p * shrink - eta * g;
        s[0] = mu == 1 ? p : s[0] + mu * (p - s[0]);
    }
};

extern "C" __global__ void __launch_bounds__(256)
    update(const __grid_constant__ tensors all, const __grid_constant__ numbers n, const float* grad_scale,
           const float* found_inf) {
    __shared__ RULE rule;
    update_chunk<RULE::STATES>(rule, all, n, grad_scale, found_inf);
}
