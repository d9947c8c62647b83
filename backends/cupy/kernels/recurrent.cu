// One step of LSTM and GRU for all sequences that have it, and its gradient: what lies between the products.
// T: float16 bfloat16 float32 float64
// T is the type of inputs, weights and outputs, A (float; double for double) that of the states that are carried on and
// of the gates that are kept for the gradient.
//
// Launch: a thread for each (row, unit) of the step's rows by H units, in steps of the whole grid; blocks of 256 threads.
// Neighbours of a warp read neighbours in memory. A step is this launch and the product with W_hh.
// Bytes moved a unit, float: LSTM 36 read and 32 written, gradient 40 and 24; GRU 28 and 28, gradient 32 and 32.
#include "types.cuh"

typedef wide<T> A;

__device__ __forceinline__ A sigmoid(A x) { return 1 / (1 + exp(-x)); }

// What gate k of unit j gets: from the inputs, from the state, and their biases (null: none).
struct gate_inputs {
    const T *of_inputs, *of_state, *b_ih, *b_hh;
    i64 units;
    int gates;

    __device__ __forceinline__ A inputs(i64 row, i64 j, int k) const {
        return load(of_inputs, (row * gates + k) * units + j) + (b_ih ? load(b_ih, k * units + j) : 0);
    }
    __device__ __forceinline__ A state(i64 row, i64 j, int k) const {
        return load(of_state, (row * gates + k) * units + j) + (b_hh ? load(b_hh, k * units + j) : 0);
    }
    __device__ __forceinline__ A both(i64 row, i64 j, int k) const { return inputs(row, j, k) + state(row, j, k); }
};

// of_inputs, of_state, gates (rows, 4, units): x W_ih^T, h W_hh^T, and the gates i, f, g, o. h, c: the states of all
// sequences, of which the first ``rows`` change. out, cells (rows, units): h and c after the step.
extern "C" __global__ void lstm_step(const T* of_inputs, const T* of_state, const T* b_ih, const T* b_hh, T* h, A* c,
                                     A* gates, A* cells, T* out, i64 rows, i64 units) {
    const gate_inputs z = {of_inputs, of_state, b_ih, b_hh, units, 4};
    for (i64 p = first_place(); p < rows * units; p += place_step()) {
        const i64 row = p / units, j = p % units;
        const A i = sigmoid(z.both(row, j, 0)), f = sigmoid(z.both(row, j, 1)), g = tanh(z.both(row, j, 2)),
                o = sigmoid(z.both(row, j, 3));
        const A cell = f * c[p] + i * g;
        A* kept = gates + row * 4 * units + j;
        kept[0] = i, kept[units] = f, kept[2 * units] = g, kept[3 * units] = o;
        c[p] = cells[p] = cell;
        h[p] = out[p] = narrowed<T>::of(o * tanh(cell));
    }
}

// A state before a step: of the step before, where the sequence had one, else the first. (rows, units) each.
template <class V> struct state_before {
    const V* last;
    i64 rows;
    const T* first;
    i64 units;

    __device__ __forceinline__ wide<V> operator()(i64 p) const {
        return p < rows * units ? load(last, p) : (wide<V>)load(first, p);
    }
};

// The gradient of a state: what the later step gave back (its first ``rows`` sequences), else what came for the last
// state (null: nothing), and what came for the output of this step (null: nothing).
struct gradient_above {
    const T* later;
    i64 rows;
    const T *last, *g_out;
    i64 units;

    __device__ __forceinline__ bool is_later(i64 p) const { return p < rows * units; }
    __device__ __forceinline__ A operator()(i64 p) const {
        return (is_later(p) ? load(later, p) : last ? load(last, p) : (A)0) + (g_out ? load(g_out, p) : (A)0);
    }
};

// later: g_gates W_hh of the step after. down_c: the gradients of c of all sequences. g_gates (rows, 4, units) and
// h_before (rows, units) are written.
extern "C" __global__ void lstm_step_gradient(const A* gates, const A* cells, const A* c_last, const T* c_first,
                                              const T* h_last, const T* h_first, i64 rows_before, const T* later,
                                              const T* g_h, const T* g_out, i64 rows_later, A* down_c, T* g_gates,
                                              T* h_before, i64 rows, i64 units) {
    const state_before<A> c_of = {c_last, rows_before, c_first, units};
    const state_before<T> h_of = {h_last, rows_before, h_first, units};
    const gradient_above above = {later, rows_later, g_h, g_out, units};
    for (i64 p = first_place(); p < rows * units; p += place_step()) {
        const i64 start = p / units * 4 * units + p % units;
        const A i = gates[start], f = gates[start + units], g = gates[start + 2 * units], o = gates[start + 3 * units];
        const A up = above(p), tanh_c = tanh(cells[p]), cell = down_c[p] + up * o * (1 - tanh_c * tanh_c);
        store(g_gates, start, cell * g * i * (1 - i));
        store(g_gates, start + units, cell * c_of(p) * f * (1 - f));
        store(g_gates, start + 2 * units, cell * i * (1 - g * g));
        store(g_gates, start + 3 * units, up * tanh_c * o * (1 - o));
        down_c[p] = cell * f;
        store(h_before, p, h_of(p));
    }
}

// of_inputs, of_state, gates (rows, 3, units): x W_ih^T, h W_hh^T, and r, z, n. state, h: the states of all sequences, to
// go on with and to multiply (one array where A is T). inner, out (rows, units): W_hn h + b_hn, and h after the step.
extern "C" __global__ void gru_step(const T* of_inputs, const T* of_state, const T* b_ih, const T* b_hh, A* state, T* h,
                                    A* gates, A* inner, T* out, i64 rows, i64 units) {
    const gate_inputs sums = {of_inputs, of_state, b_ih, b_hh, units, 3};
    for (i64 p = first_place(); p < rows * units; p += place_step()) {
        const i64 row = p / units, j = p % units;
        const A r = sigmoid(sums.both(row, j, 0)), z = sigmoid(sums.both(row, j, 1)), hidden = sums.state(row, j, 2);
        const A n = tanh(sums.inputs(row, j, 2) + r * hidden), next = n + z * (state[p] - n);
        A* kept = gates + row * 3 * units + j;
        kept[0] = r, kept[units] = z, kept[2 * units] = n;
        inner[p] = hidden;
        state[p] = next;
        h[p] = out[p] = narrowed<T>::of(next);
    }
}

// g_hidden, g_inputs (rows, 3, units): the gradients of W_hh h + b_hh and of W_ih x + b_ih. direct: what the gradients of
// the states of all sequences have besides g_hidden W_hh.
extern "C" __global__ void gru_step_gradient(const A* gates, const A* inner, const T* h_last, const T* h_first,
                                             i64 rows_before, const T* later, const T* g_h, const T* g_out,
                                             i64 rows_later, A* direct, T* g_hidden, T* g_inputs, T* h_before, i64 rows,
                                             i64 units) {
    const state_before<T> h_of = {h_last, rows_before, h_first, units};
    const gradient_above above = {later, rows_later, g_h, g_out, units};
    for (i64 p = first_place(); p < rows * units; p += place_step()) {
        const i64 start = p / units * 3 * units + p % units;
        const A r = gates[start], z = gates[start + units], n = gates[start + 2 * units], before = h_of(p);
        const A up = above(p) + (above.is_later(p) ? direct[p] : (A)0);
        const A g_n = up * (1 - z) * (1 - n * n), g_r = g_n * inner[p] * r * (1 - r), g_z = up * (before - n) * z * (1 - z);
        store(g_hidden, start, g_r);
        store(g_inputs, start, g_r);
        store(g_hidden, start + units, g_z);
        store(g_inputs, start + units, g_z);
        store(g_hidden, start + 2 * units, g_n * r);
        store(g_inputs, start + 2 * units, g_n);
        direct[p] = up * z;
        store(h_before, p, before);
    }
}
