"""Which module has what loads at first use; see ``_lazy.py``.

A line is the name of a module and the names that it has, "name=other" where it calls it otherwise; "." stands before
modules themselves. Written by `python -m nnlite._stubs`; do not edit.
"""

from __future__ import annotations

FUNCTIONS = """
nnlite._queries: can_cast detach detach_ get_device is_distributed is_inference is_same_size is_signed result_type
nnlite.creation.data: as_tensor asarray from_dlpack from_file from_numpy frombuffer scalar_tensor tensor to_dlpack
nnlite.creation.draws: bernoulli binomial multinomial normal poisson rand rand_like randint randint_like randn
    randn_like randperm
nnlite.creation.gammas: _dirichlet_grad _sample_dirichlet _standard_gamma _standard_gamma_grad
nnlite.creation.patterns: empty empty_like empty_permuted empty_strided eye full full_like ones ones_like
    sparse_bsc_tensor sparse_bsr_tensor sparse_compressed_tensor sparse_coo_tensor sparse_csc_tensor sparse_csr_tensor
    zeros zeros_like
nnlite.creation.ranges: arange linspace logspace range
nnlite.ops.activation.rectifiers: celu celu_ hardshrink prelu rrelu rrelu_ selu selu_ threshold threshold_
nnlite.ops.activation.softmax: log_softmax softmax
nnlite.ops.convolution.conv: conv1d conv2d conv3d
nnlite.ops.convolution.conv_transpose: conv_transpose1d conv_transpose2d conv_transpose3d
nnlite.ops.distance.points: cdist pdist
nnlite.ops.distance.vectors: cosine_similarity pairwise_distance
nnlite.ops.dropout: alpha_dropout alpha_dropout_ dropout dropout_ feature_alpha_dropout feature_alpha_dropout_
    feature_dropout feature_dropout_ native_dropout
nnlite.ops.embedding.table: embedding
nnlite.ops.fourier.stft: istft stft
nnlite.ops.image.affine_grid: affine_grid_generator
nnlite.ops.image.grid_sample: grid_sampler grid_sampler_2d grid_sampler_3d
nnlite.ops.image.pixel_shuffle: channel_shuffle native_channel_shuffle pixel_shuffle pixel_unshuffle
nnlite.ops.index.indexing: fill fill_ index_select masked_select narrow nonzero select zero_
nnlite.ops.index.places: argwhere constant_pad_nd nonzero_static repeat_interleave select_scatter slice_copy
    slice_inverse slice_scatter tril_indices triu_indices unravel_index
nnlite.ops.index.scatter: gather scatter scatter_add scatter_reduce take_along_dim
nnlite.ops.index.writes: index_add index_copy index_fill index_put index_put_ index_reduce masked_scatter put take
nnlite.ops.linalg.bilinear: bilinear
nnlite.ops.linalg.decompositions: cholesky cholesky_inverse cholesky_solve lu lu_solve lu_unpack qr
nnlite.ops.linalg.einsum: einsum
nnlite.ops.linalg.functions: chain_matmul cross matrix_exp matrix_power trace vander
nnlite.ops.linalg.householder: geqrf orgqr ormqr
nnlite.ops.linalg.least_squares: pca_lowrank pinverse svd_lowrank
nnlite.ops.linalg.matmul: bmm dot ger matmul mm mv outer tril triu
nnlite.ops.linalg.norms: frobenius_norm norm nuclear_norm
nnlite.ops.linalg.products: addbmm addmm addmv addr baddbmm inner kron tensordot vdot
nnlite.ops.linalg.solvers: det inverse logdet slogdet triangular_solve
nnlite.ops.linalg.spectral: svd
nnlite.ops.loss.ctc: ctc_loss
nnlite.ops.loss.likelihood: binary_cross_entropy_with_logits kl_div poisson_nll_loss
nnlite.ops.loss.margins: cosine_embedding_loss margin_ranking_loss triplet_margin_loss
nnlite.ops.loss.pairs: hinge_embedding_loss
nnlite.ops.order.counting: bincount bucketize isin searchsorted unique unique_consecutive
nnlite.ops.order.selection: aminmax kthvalue median mode nanmedian nanquantile quantile topk
nnlite.ops.order.sorting: argsort msort sort
nnlite.ops.pointwise.arithmetic: add addcdiv addcmul allclose clamp clamp_ clip clip_ div divide equal floor_divide
    fmod isclose lerp masked_fill pow remainder round round_ rsub sub subtract true_divide where
nnlite.ops.pointwise.complex: adjoint angle complex conj conj_physical conj_physical_ imag is_conj is_neg polar real
    resolve_conj resolve_neg view_as_complex view_as_real
nnlite.ops.pointwise.elementwise: abs abs_ absolute absolute_ acos acos_ arccos arccos_ arcsin arcsin_ arctan arctan2
    arctan_ asin asin_ atan atan2 atan_ bitwise_and bitwise_not bitwise_not_ bitwise_or bitwise_xor ceil ceil_ cos
    cos_ cosh cosh_ eq erf erf_ exp exp2 exp2_ exp_ expm1 expm1_ fix fix_ floor floor_ ge greater greater_equal gt
    isfinite isinf isnan le less less_equal log log10 log10_ log1p log1p_ log2 log2_ log_ logical_and logical_not
    logical_not_ logical_or logical_xor lt maximum minimum mul multiply ne neg neg_ negative negative_ not_equal
    reciprocal reciprocal_ relu relu_ rsqrt rsqrt_ sgn sgn_ sigmoid sigmoid_ sign sign_ sin sin_ sinh sinh_ sqrt sqrt_
    square square_ tan tan_ tanh tanh_ trunc trunc_
nnlite.ops.pointwise.floating: acosh acosh_ arccosh arccosh_ arcsinh arcsinh_ arctanh arctanh_ asinh asinh_ atanh
    atanh_ copysign fmax fmin frexp heaviside hypot ldexp ldexp_ logaddexp logaddexp2 nextafter signbit
nnlite.ops.pointwise.formulas: clamp_max clamp_max_ clamp_min clamp_min_ count_nonzero deg2rad deg2rad_ diff dist
    float_power float_power_ frac frac_ isneginf isposinf isreal logit logit_ logsumexp nan_to_num nan_to_num_ nanmean
    nansum positive rad2deg rad2deg_ std_mean var_mean
nnlite.ops.pointwise.integers: bitwise_left_shift bitwise_right_shift gcd gcd_ lcm lcm_
nnlite.ops.pooling.adaptive: adaptive_avg_pool1d
nnlite.ops.pooling.average: avg_pool1d
nnlite.ops.recurrent.cells: gru_cell lstm_cell rnn_relu_cell rnn_tanh_cell
nnlite.ops.recurrent.layers: gru lstm rnn_relu rnn_tanh
nnlite.ops.reduction.hashing: hash_tensor
nnlite.ops.reduction.histograms: histc histogram histogramdd
nnlite.ops.reduction.reduce: all amax amin any argmax argmin cumsum max mean min prod std sum var
nnlite.ops.reduction.scans: cummax cummin cumprod logcumsumexp
nnlite.ops.reduction.statistics: combinations corrcoef cov cumulative_trapezoid gradient renorm trapezoid trapz
nnlite.ops.shape.copies: alias_copy as_strided_copy detach_copy diagonal_copy expand_copy narrow_copy permute_copy
    select_copy split_copy split_with_sizes_copy squeeze_copy t_copy transpose_copy unbind_copy unfold_copy
    unsqueeze_copy view_as_complex_copy view_as_real_copy view_copy
nnlite.ops.shape.diagonals: block_diag diag diag_embed diagflat diagonal diagonal_scatter
nnlite.ops.shape.parts: chunk dsplit hsplit split split_with_sizes tensor_split unbind unsafe_chunk unsafe_split
    unsafe_split_with_sizes vsplit
nnlite.ops.shape.stacking: atleast_1d atleast_2d atleast_3d broadcast_shapes broadcast_tensors cartesian_prod
    column_stack dstack fliplr flipud hstack meshgrid roll rot90 row_stack tile vstack
nnlite.ops.shape.strides: as_strided as_strided_ as_strided_scatter resize_as_
nnlite.ops.shape.views: broadcast_to cat concat concatenate flatten flip moveaxis movedim permute ravel reshape
    squeeze stack swapaxes swapdims t transpose unflatten unsqueeze
nnlite.ops.special.entropies: i0 i0_ sinc sinc_ xlogy xlogy_
nnlite.ops.special.error_functions: erfc erfc_ erfinv erfinv_
nnlite.ops.special.gamma: digamma digamma_ lgamma lgamma_ mvlgamma polygamma
nnlite.ops.special.incomplete_gamma: igamma igammac
nnlite.ops.transfer: clone
"""

METHODS = """
nnlite._queries: apply_ ccol_indices coalesce col_indices crow_indices dense_dim dim_order indices ipu is_coalesced
    is_distributed is_inference is_nonzero is_pinned is_same_size map_ module_load mtia pin_memory record_stream
    row_indices sparse_dim to_dense to_sparse to_sparse_bsc to_sparse_bsr to_sparse_coo to_sparse_csc to_sparse_csr
    values xpu
nnlite.creation.data: new_tensor
nnlite.creation.draws: bernoulli multinomial
nnlite.creation.patterns: new new_empty new_empty_strided new_full new_ones new_zeros
nnlite.creation.refills: bernoulli_ cauchy_ exponential_ geometric_ log_normal_ normal_ random_ uniform_
nnlite.ops.activation.rectifiers: hardshrink prelu
nnlite.ops.activation.softmax: log_softmax softmax
nnlite.ops.fourier.stft: istft stft
nnlite.ops.index.indexing: __getitem__ __setitem__ copy_ fill fill_ index_select masked_select narrow nonzero select
    zero_
nnlite.ops.index.places: argwhere nonzero_static repeat_interleave select_scatter slice_inverse slice_scatter
nnlite.ops.index.scatter: gather scatter scatter_ scatter_add scatter_add_ scatter_reduce scatter_reduce_
    take_along_dim
nnlite.ops.index.writes: index_add index_add_ index_copy index_copy_ index_fill index_fill_ index_put index_put_
    index_reduce index_reduce_ masked_scatter masked_scatter_ put put_ take
nnlite.ops.linalg.decompositions: cholesky cholesky_inverse cholesky_solve lu lu_solve qr
nnlite.ops.linalg.functions: cross matrix_exp matrix_power trace
nnlite.ops.linalg.householder: geqrf orgqr ormqr
nnlite.ops.linalg.least_squares: pinverse
nnlite.ops.linalg.matmul: __matmul__ bmm dot ger matmul mm mv outer tril tril_ triu triu_
nnlite.ops.linalg.norms: norm
nnlite.ops.linalg.products: addbmm addbmm_ addmm addmm_ addmv addmv_ addr addr_ baddbmm baddbmm_ inner kron vdot
nnlite.ops.linalg.solvers: det inverse logdet slogdet triangular_solve
nnlite.ops.linalg.spectral: svd
nnlite.ops.order.counting: bincount unique unique_consecutive
nnlite.ops.order.selection: aminmax kthvalue median mode nanmedian nanquantile quantile topk
nnlite.ops.order.sorting: argsort msort sort
nnlite.ops.pointwise.arithmetic: __abs__ __add__ __floordiv__ __iadd__ __ifloordiv__ __imod__ __invert__ __ipow__
    __isub__ __itruediv__ __mod__ __neg__ __pos__ __pow__ __radd__ __rfloordiv__ __rmod__ __rsub__ __rtruediv__
    __sub__ __truediv__ add add_ addcdiv addcdiv_ addcmul addcmul_ allclose clamp clamp_ clip clip_ div div_ divide
    divide_ equal floor_divide floor_divide_ fmod fmod_ isclose lerp lerp_ masked_fill masked_fill_ pow pow_ remainder
    remainder_ round round_ rsub sub sub_ subtract subtract_ true_divide true_divide_ where
nnlite.ops.pointwise.complex: adjoint angle chalf conj conj_physical conj_physical_ is_conj is_neg resolve_conj
    resolve_neg
nnlite.ops.pointwise.elementwise: __and__ __eq__ __ge__ __gt__ __iand__ __imul__ __ior__ __ixor__ __le__ __lt__
    __mul__ __ne__ __or__ __rand__ __rmul__ __ror__ __rpow__ __rxor__ __xor__ abs abs_ absolute absolute_ acos acos_
    arccos arccos_ arcsin arcsin_ arctan arctan2 arctan2_ arctan_ asin asin_ atan atan2 atan2_ atan_ bitwise_and
    bitwise_and_ bitwise_not bitwise_not_ bitwise_or bitwise_or_ bitwise_xor bitwise_xor_ ceil ceil_ cos cos_ cosh
    cosh_ eq eq_ erf erf_ exp exp2 exp2_ exp_ expm1 expm1_ fix fix_ floor floor_ ge ge_ greater greater_ greater_equal
    greater_equal_ gt gt_ isfinite isinf isnan le le_ less less_ less_equal less_equal_ log log10 log10_ log1p log1p_
    log2 log2_ log_ logical_and logical_and_ logical_not logical_not_ logical_or logical_or_ logical_xor logical_xor_
    lt lt_ maximum maximum_ minimum minimum_ mul mul_ multiply multiply_ ne ne_ neg neg_ negative negative_ not_equal
    not_equal_ reciprocal reciprocal_ relu relu_ rsqrt rsqrt_ sgn sgn_ sigmoid sigmoid_ sign sign_ sin sin_ sinh sinh_
    sqrt sqrt_ square square_ tan tan_ tanh tanh_ trunc trunc_
nnlite.ops.pointwise.floating: acosh acosh_ arccosh arccosh_ arcsinh arcsinh_ arctanh arctanh_ asinh asinh_ atanh
    atanh_ copysign copysign_ fmax fmin frexp heaviside heaviside_ hypot hypot_ ldexp ldexp_ logaddexp logaddexp2
    nextafter nextafter_ signbit
nnlite.ops.pointwise.formulas: clamp_max clamp_max_ clamp_min clamp_min_ count_nonzero deg2rad deg2rad_ diff dist
    float_power float_power_ frac frac_ isneginf isposinf isreal logit logit_ logsumexp nan_to_num nan_to_num_ nanmean
    nansum positive rad2deg rad2deg_ std_mean var_mean
nnlite.ops.pointwise.integers: __ilshift__ __irshift__ __lshift__ __rlshift__ __rrshift__ __rshift__
    bitwise_left_shift bitwise_left_shift_ bitwise_right_shift bitwise_right_shift_ gcd gcd_ lcm lcm_
nnlite.ops.pointwise.operators: __div__ __idiv__ __long__ __nonzero__ __rdiv__ __rmatmul__ map2_
nnlite.ops.reduction.hashing: hash_tensor
nnlite.ops.reduction.histograms: histc histogram
nnlite.ops.reduction.reduce: all amax amin any argmax argmin cumsum cumsum_ max mean min prod std sum var
nnlite.ops.reduction.scans: cummax cummin cumprod cumprod_ logcumsumexp
nnlite.ops.reduction.statistics: corrcoef cov renorm renorm_
nnlite.ops.shape.copies: narrow_copy
nnlite.ops.shape.diagonals: diag diag_embed diagflat diagonal diagonal_scatter fill_diagonal_
nnlite.ops.shape.parts: chunk dsplit hsplit split split_with_sizes tensor_split unbind unsafe_chunk unsafe_split
    unsafe_split_with_sizes vsplit
nnlite.ops.shape.reshaped: squeeze_ swapaxes_ swapdims_ t_ transpose_ unsqueeze_
nnlite.ops.shape.stacking: atleast_1d atleast_2d atleast_3d fliplr flipud roll rot90 sum_to_size tile
nnlite.ops.shape.strides: as_strided as_strided_ as_strided_scatter resize_ resize_as_ unfold
nnlite.ops.shape.views: broadcast_to expand expand_as flatten flip moveaxis movedim permute ravel repeat reshape
    reshape_as squeeze swapaxes swapdims t transpose unflatten unsqueeze view view_as
nnlite.ops.special.entropies: i0 i0_ sinc sinc_ xlogy xlogy_
nnlite.ops.special.error_functions: erfc erfc_ erfinv erfinv_
nnlite.ops.special.gamma: digamma digamma_ lgamma lgamma_ mvlgamma mvlgamma_ polygamma polygamma_
nnlite.ops.special.incomplete_gamma: igamma igamma_ igammac igammac_
nnlite.ops.transfer: bfloat16 bool byte cdouble cfloat char clone contiguous cpu cuda double float half int long short
    to type_as
nnlite.storage: is_set_to storage untyped_storage
"""

OPERATIONS = """
nnlite._core.batched.crossing: vmap_enter vmap_exit vmap_first vmap_lift vmap_shared vmap_spread vmap_total
nnlite._core.rng: random_exponential random_integers random_mask random_normal random_uniform
nnlite.ops.activation.rectifiers: celu celu_backward elu elu_backward hardshrink hardshrink_backward hardsigmoid
    hardsigmoid_backward hardswish hardswish_backward hardtanh hardtanh_backward leaky_relu leaky_relu_backward
    prelu_kernel rrelu_fixed rrelu_fixed_backward rrelu_with_noise softshrink softshrink_backward threshold
    threshold_backward
nnlite.ops.activation.smooth: gelu gelu_backward gelu_cdf glu glu_backward logsigmoid logsigmoid_backward mish
    mish_backward silu silu_backward softplus softplus_backward softsign softsign_backward tanhshrink
    tanhshrink_backward
nnlite.ops.activation.softmax: log_softmax log_softmax_backward softmax softmax_backward
nnlite.ops.attention.scaled_dot_product: attention attention_gradient
nnlite.ops.convolution.conv: convolution convolution_input convolution_weight
nnlite.ops.convolution.fold: col2im im2col
nnlite.ops.distance.points: cdist cdist_gradient
nnlite.ops.dropout: drawn_dropout dropout
nnlite.ops.embedding.table: embedding embedding_gradient embedding_spread
nnlite.ops.fourier.fft: fft_c2c fft_c2r fft_inner fft_r2c
nnlite.ops.image.grid_sample: grid_sampler grid_sampler_grid grid_sampler_input
nnlite.ops.image.pad: pad pad_fold
nnlite.ops.image.pixel_shuffle: regroup
nnlite.ops.image.resample: resample
nnlite.ops.index.indexing: copy getitem index put_ put_along_axis put_index put_slice take_along_axis zero_index
nnlite.ops.index.writes: add_index reduce_index
nnlite.ops.linalg.decompositions: cholesky cholesky_inverse cholesky_solve lu_factor qr r_of_qr row_exchanges
nnlite.ops.linalg.functions: cross matrix_exp
nnlite.ops.linalg.householder: geqrf
nnlite.ops.linalg.ldl: ldl_factor ldl_solve
nnlite.ops.linalg.least_squares: pinv
nnlite.ops.linalg.matmul: dot linear matmul triangle
nnlite.ops.linalg.solvers: cofactors det inv slogdet solve solve_triangular
nnlite.ops.linalg.spectral: eig eigh eigvals eigvalsh svd svdvals
nnlite.ops.loss.common: l1_loss mse_loss
nnlite.ops.loss.cross_entropy: cross_entropy cross_entropy_backward exponentials nll_loss nll_loss_backward
    soft_target_loss
nnlite.ops.loss.ctc: ctc_loss ctc_loss_backward
nnlite.ops.loss.likelihood: binary_cross_entropy binary_cross_entropy_with_logits kl_div poisson_nll_loss
nnlite.ops.loss.margins: multilabel_margin_loss
nnlite.ops.loss.pairs: hinge_embedding_loss huber_loss smooth_l1_loss soft_margin_loss
nnlite.ops.normalization.batch: batch_norm batch_norm_fixed batch_norm_gradient move_statistics
nnlite.ops.normalization.rows: row_norm row_norm_gradient
nnlite.ops.order.counting: bisect tally
nnlite.ops.order.selection: kth_at median_of_all middle_at topk_at
nnlite.ops.order.sorting: argsort pick place
nnlite.ops.pointwise.arithmetic: clamp clamp_between where
nnlite.ops.pointwise.complex: angle complex conj imag real view_as_complex view_as_real
nnlite.ops.pointwise.elementwise: abs acos add asin atan atan2 bitwise_and bitwise_not bitwise_or bitwise_xor cast
    ceil cos cosh div eq erf exp exp2 expm1 floor floor_divide fmod ge gt isfinite isinf isnan le log log10 log1p log2
    log_or_zero logical_and logical_not logical_or logical_xor lt maximum minimum mul ne neg pow reciprocal relu
    relu_backward remainder round rsqrt sgn sigmoid sigmoid_backward sign sin sinh sqrt square sub tan tanh
    tanh_backward trunc zero_where zeros_like
nnlite.ops.pointwise.floating: acosh acosh_slope asinh atanh copysign fmax fmin frexp heaviside hypot ldexp logaddexp
    logaddexp2 nextafter signbit
nnlite.ops.pointwise.formulas: nan_to_num
nnlite.ops.pointwise.integers: bitwise_left_shift bitwise_right_shift gcd lcm
nnlite.ops.pooling.largest: max_pool max_pool_gather max_pool_indices max_pool_scatter max_pool_values
nnlite.ops.pooling.sums: window_spread window_sum
nnlite.ops.recurrent.elman: rnn_scan rnn_scan_gradient
nnlite.ops.recurrent.gru: gru_scan gru_scan_gradient
nnlite.ops.recurrent.layers: stack_one
nnlite.ops.recurrent.lstm: lstm_scan lstm_scan_gradient
nnlite.ops.reduction.hashing: hash_tensor
nnlite.ops.reduction.reduce: all amax amin any cumsum extreme_at index_of_extreme mean norm2 norm_p prod std sum var
nnlite.ops.reduction.scans: cumprod cumprod_gradient decayed_sum last_extreme logcumsumexp running_extreme
nnlite.ops.shape.diagonals: diag_embed diagonal
nnlite.ops.shape.parts: put_parts split split_with_sizes unbind unsafe_split unsafe_split_with_sizes
nnlite.ops.shape.strides: as_strided fold_windows put_strided strided_part unfold
nnlite.ops.shape.views: alias broadcast_to concatenate flip reshape spread squeeze squeeze_dim transpose unsafe_view
    unsqueeze view
nnlite.ops.special.bessel: airy_ai bessel_j0 bessel_j1 bessel_y0 bessel_y1 modified_bessel_k0 modified_bessel_k1
    scaled_modified_bessel_k0 scaled_modified_bessel_k1 spherical_bessel_j0
nnlite.ops.special.entropies: entr i0 i0e i1 i1e sinc xlog1py xlogy
nnlite.ops.special.error_functions: erfc erfcx erfinv log_ndtr ndtr ndtri
nnlite.ops.special.gamma: digamma lgamma polygamma zeta
nnlite.ops.special.incomplete_gamma: igamma igammac
nnlite.ops.special.polynomials: chebyshev_polynomial_t chebyshev_polynomial_u chebyshev_polynomial_v
    chebyshev_polynomial_w hermite_polynomial_h hermite_polynomial_he laguerre_polynomial_l legendre_polynomial_p
    shifted_chebyshev_polynomial_t shifted_chebyshev_polynomial_u shifted_chebyshev_polynomial_v
    shifted_chebyshev_polynomial_w
nnlite.ops.transfer: clone
"""

NAMES = {
    "nnlite": """
.: __config__ _dynamo _inductor accelerator amp ao autograd compiler cpu cuda distributed distributions export fft
    func futures fx hub jit library linalg masked monitor mps mtia multiprocessing nested nn onnx optim overrides
    package profiler quantization random return_types serialization signal sparse special storage testing
    torch_version typed types utils version xpu
nnlite._core.rng: Generator default_generator=cpu_generator get_rng_state initial_seed manual_seed seed set_rng_state
nnlite._info: finfo iinfo is_complex is_floating_point is_nonzero is_tensor numel typename
nnlite._printing: set_printoptions
nnlite._settings: are_deterministic_algorithms_enabled compiled_with_cxx11_abi get_deterministic_debug_mode
    get_float32_matmul_precision is_deterministic_algorithms_warn_only_enabled is_vulkan_available
    is_warn_always_enabled set_default_tensor_type set_deterministic_debug_mode set_float32_matmul_precision
    set_flush_denormal set_warn_always use_deterministic_algorithms
nnlite._threads: get_num_interop_threads get_num_threads set_num_interop_threads set_num_threads
nnlite.amp: GradScaler
nnlite.amp.autocast_mode: autocast autocast_decrement_nesting autocast_increment_nesting clear_autocast_cache
    get_autocast_cpu_dtype get_autocast_dtype get_autocast_gpu_dtype is_autocast_cache_enabled is_autocast_cpu_enabled
    is_autocast_enabled set_autocast_cache_enabled set_autocast_cpu_dtype set_autocast_cpu_enabled set_autocast_dtype
    set_autocast_enabled set_autocast_gpu_dtype
nnlite.autograd.anomaly_mode: is_anomaly_check_nan_enabled is_anomaly_enabled
nnlite.compiler: compile
nnlite.cuda: Event OutOfMemoryError Stream
nnlite.func: vmap
nnlite.futures: Future
nnlite.jit: ScriptFunction ScriptModule fork wait
nnlite.nn._flat_functions: adaptive_max_pool1d batch_norm cond convolution embedding_bag group_norm instance_norm
    layer_norm max_pool1d max_pool2d max_pool3d native_batch_norm native_group_norm native_layer_norm norm_except_dim
    while_loop
nnlite.nn.functional: avg_pool1d conv_tbc max_pool1d_with_indices rms_norm
nnlite.serialization: load save
nnlite.signal._periodic: bartlett_window blackman_window hamming_window hann_window kaiser_window
nnlite.storage: TypedStorage UntypedStorage is_storage
nnlite.typed: BFloat16Tensor BoolTensor ByteTensor CharTensor DoubleTensor FloatTensor HalfTensor IntTensor LongTensor
    ShortTensor
""",
    "nnlite.autograd": """
.: anomaly_mode forward_ad function functional grad_mode graph run variable
nnlite.autograd.anomaly_mode: detect_anomaly set_detect_anomaly
nnlite.autograd.function: Function once_differentiable
nnlite.autograd.run: backward grad
nnlite.autograd.variable: Variable
""",
    "nnlite.nn": """
.: attention common_types functional grad init modules parallel parameter utils
nnlite.nn.modules: AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d AdaptiveLogSoftmaxWithLoss AdaptiveMaxPool1d
    AdaptiveMaxPool2d AdaptiveMaxPool3d AlphaDropout AvgPool1d AvgPool2d AvgPool3d BCELoss BCEWithLogitsLoss
    BatchNorm1d BatchNorm2d BatchNorm3d Bilinear CELU CTCLoss ChannelShuffle CircularPad1d CircularPad2d CircularPad3d
    ConstantPad1d ConstantPad2d ConstantPad3d Container Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d
    ConvTranspose3d CosineEmbeddingLoss CosineSimilarity CrossEntropyLoss CrossMapLRN2d Dropout Dropout1d Dropout2d
    Dropout3d ELU Embedding EmbeddingBag FeatureAlphaDropout Flatten Fold FractionalMaxPool2d FractionalMaxPool3d GELU
    GLU GRU GRUCell GaussianNLLLoss GroupNorm Hardshrink Hardsigmoid Hardswish Hardtanh HingeEmbeddingLoss HuberLoss
    Identity InstanceNorm1d InstanceNorm2d InstanceNorm3d KLDivLoss L1Loss LPPool1d LPPool2d LPPool3d LSTM LSTMCell
    LayerNorm LazyBatchNorm1d LazyBatchNorm2d LazyBatchNorm3d LazyConv1d LazyConv2d LazyConv3d LazyConvTranspose1d
    LazyConvTranspose2d LazyConvTranspose3d LazyInstanceNorm1d LazyInstanceNorm2d LazyInstanceNorm3d LazyLinear
    LeakyReLU Linear LinearCrossEntropyLoss LinearCrossEntropyOptions LocalResponseNorm LogSigmoid LogSoftmax MSELoss
    MarginRankingLoss MaxPool1d MaxPool2d MaxPool3d MaxUnpool1d MaxUnpool2d MaxUnpool3d Mish Module ModuleDict
    ModuleList MultiLabelMarginLoss MultiLabelSoftMarginLoss MultiMarginLoss MultiheadAttention NLLLoss NLLLoss2d
    NonDynamicallyQuantizableLinear PReLU PairwiseDistance ParameterDict ParameterList PixelShuffle PixelUnshuffle
    PoissonNLLLoss RMSNorm RNN RNNBase RNNCell RNNCellBase RReLU ReLU ReLU6 ReflectionPad1d ReflectionPad2d
    ReflectionPad3d ReplicationPad1d ReplicationPad2d ReplicationPad3d SELU Sequential SiLU Sigmoid SmoothL1Loss
    SoftMarginLoss Softmax Softmax2d Softmin Softplus Softshrink Softsign SyncBatchNorm Tanh Tanhshrink Threshold
    Transformer TransformerDecoder TransformerDecoderLayer TransformerEncoder TransformerEncoderLayer
    TripletMarginLoss TripletMarginWithDistanceLoss Unflatten Unfold Upsample UpsamplingBilinear2d UpsamplingNearest2d
    ZeroPad1d ZeroPad2d ZeroPad3d _EXTRA_STATE_KEY_SUFFIX _IncompatibleKeys register_module_backward_hook
    register_module_buffer_registration_hook register_module_forward_hook register_module_forward_pre_hook
    register_module_full_backward_hook register_module_full_backward_pre_hook register_module_module_registration_hook
    register_module_parameter_registration_hook
nnlite.nn.parallel: DataParallel
nnlite.nn.parameter: Buffer Parameter UninitializedBuffer UninitializedParameter
""",
    "nnlite.nn.functional": """
nnlite.nn._with_indices: adaptive_max_pool1d_with_indices adaptive_max_pool2d_with_indices
    adaptive_max_pool3d_with_indices conv_tbc fractional_max_pool2d_with_indices fractional_max_pool3d_with_indices
    max_pool1d_with_indices max_pool2d_with_indices max_pool3d_with_indices
nnlite.ops.activation.rectifiers: celu celu_ elu elu_ hardshrink hardsigmoid hardswish hardtanh hardtanh_ leaky_relu
    leaky_relu_ prelu relu6 rrelu rrelu_ selu selu_ softshrink threshold threshold_
nnlite.ops.activation.smooth: gelu glu gumbel_softmax logsigmoid mish silu softmin softplus softsign tanhshrink
nnlite.ops.activation.softmax: log_softmax=log_softmax_function relu relu_ sigmoid softmax=softmax_function tanh
nnlite.ops.attention.multi_head: multi_head_attention_forward
nnlite.ops.attention.scaled_dot_product: scaled_dot_product_attention
nnlite.ops.convolution.conv: conv1d conv2d conv3d
nnlite.ops.convolution.conv_transpose: conv_transpose1d conv_transpose2d conv_transpose3d
nnlite.ops.convolution.fold: fold unfold
nnlite.ops.distance.points: pdist
nnlite.ops.distance.vectors: cosine_similarity normalize pairwise_distance
nnlite.ops.dropout: alpha_dropout dropout dropout1d dropout2d dropout3d feature_alpha_dropout
nnlite.ops.embedding.bags: embedding_bag
nnlite.ops.embedding.table: embedding
nnlite.ops.image.affine_grid: affine_grid
nnlite.ops.image.grid_sample: grid_sample
nnlite.ops.image.interpolate: interpolate upsample upsample_bilinear upsample_nearest
nnlite.ops.image.pad: pad
nnlite.ops.image.pixel_shuffle: channel_shuffle pixel_shuffle pixel_unshuffle
nnlite.ops.index.places: one_hot
nnlite.ops.linalg.bilinear: bilinear
nnlite.ops.linalg.matmul: linear
nnlite.ops.loss.common: l1_loss mse_loss
nnlite.ops.loss.cross_entropy: cross_entropy nll_loss
nnlite.ops.loss.ctc: ctc_loss
nnlite.ops.loss.likelihood: binary_cross_entropy binary_cross_entropy_with_logits kl_div poisson_nll_loss
nnlite.ops.loss.linear_cross_entropy: linear_cross_entropy
nnlite.ops.loss.margins: cosine_embedding_loss gaussian_nll_loss margin_ranking_loss multi_margin_loss
    multilabel_margin_loss multilabel_soft_margin_loss triplet_margin_loss triplet_margin_with_distance_loss
nnlite.ops.loss.pairs: hinge_embedding_loss huber_loss smooth_l1_loss soft_margin_loss
nnlite.ops.normalization.batch: batch_norm
nnlite.ops.normalization.rows: group_norm instance_norm layer_norm local_response_norm rms_norm
nnlite.ops.pooling.adaptive: adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool1d
    adaptive_max_pool2d adaptive_max_pool3d
nnlite.ops.pooling.average: avg_pool1d avg_pool2d avg_pool3d lp_pool1d lp_pool2d lp_pool3d
nnlite.ops.pooling.fractional: fractional_max_pool2d fractional_max_pool3d
nnlite.ops.pooling.inverse: max_unpool1d max_unpool2d max_unpool3d
nnlite.ops.pooling.largest: max_pool1d max_pool2d max_pool3d
""",
    "nnlite.nn.modules": """
.: activation adaptive attention batchnorm channelshuffle container conv distance dropout flatten fold instancenorm
    lazy linear loss module normalization padding pixelshuffle pooling rnn sparse transformer upsampling utils
nnlite.nn.modules._more_pooling: FractionalMaxPool2d FractionalMaxPool3d LPPool1d LPPool2d LPPool3d MaxUnpool1d
    MaxUnpool2d MaxUnpool3d
nnlite.nn.modules.activation: CELU ELU GELU GLU Hardshrink Hardsigmoid Hardswish Hardtanh LeakyReLU LogSigmoid
    LogSoftmax Mish PReLU RReLU ReLU ReLU6 SELU SiLU Sigmoid Softmax Softmax2d Softmin Softplus Softshrink Softsign
    Tanh Tanhshrink Threshold
nnlite.nn.modules.adaptive: AdaptiveLogSoftmaxWithLoss
nnlite.nn.modules.attention: MultiheadAttention
nnlite.nn.modules.batchnorm: BatchNorm1d BatchNorm2d BatchNorm3d LazyBatchNorm1d LazyBatchNorm2d LazyBatchNorm3d
    SyncBatchNorm
nnlite.nn.modules.channelshuffle: ChannelShuffle
nnlite.nn.modules.container: Container ModuleDict ModuleList ParameterDict ParameterList Sequential
nnlite.nn.modules.conv: Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d LazyConv1d LazyConv2d
    LazyConv3d LazyConvTranspose1d LazyConvTranspose2d LazyConvTranspose3d
nnlite.nn.modules.distance: CosineSimilarity PairwiseDistance
nnlite.nn.modules.dropout: AlphaDropout Dropout Dropout1d Dropout2d Dropout3d FeatureAlphaDropout
nnlite.nn.modules.flatten: Flatten Unflatten
nnlite.nn.modules.fold: Fold Unfold
nnlite.nn.modules.instancenorm: InstanceNorm1d InstanceNorm2d InstanceNorm3d LazyInstanceNorm1d LazyInstanceNorm2d
    LazyInstanceNorm3d
nnlite.nn.modules.linear: Bilinear Identity LazyLinear Linear NonDynamicallyQuantizableLinear
nnlite.nn.modules.loss: BCELoss BCEWithLogitsLoss CTCLoss CosineEmbeddingLoss CrossEntropyLoss GaussianNLLLoss
    HingeEmbeddingLoss HuberLoss KLDivLoss L1Loss LinearCrossEntropyLoss LinearCrossEntropyOptions MSELoss
    MarginRankingLoss MultiLabelMarginLoss MultiLabelSoftMarginLoss MultiMarginLoss NLLLoss NLLLoss2d PoissonNLLLoss
    SmoothL1Loss SoftMarginLoss TripletMarginLoss TripletMarginWithDistanceLoss
nnlite.nn.modules.module: Module _EXTRA_STATE_KEY_SUFFIX _IncompatibleKeys register_module_backward_hook
    register_module_buffer_registration_hook register_module_forward_hook register_module_forward_pre_hook
    register_module_full_backward_hook register_module_full_backward_pre_hook register_module_module_registration_hook
    register_module_parameter_registration_hook
nnlite.nn.modules.normalization: CrossMapLRN2d GroupNorm LayerNorm LocalResponseNorm RMSNorm
nnlite.nn.modules.padding: CircularPad1d CircularPad2d CircularPad3d ConstantPad1d ConstantPad2d ConstantPad3d
    ReflectionPad1d ReflectionPad2d ReflectionPad3d ReplicationPad1d ReplicationPad2d ReplicationPad3d ZeroPad1d
    ZeroPad2d ZeroPad3d
nnlite.nn.modules.pixelshuffle: PixelShuffle PixelUnshuffle
nnlite.nn.modules.pooling: AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d AdaptiveMaxPool1d AdaptiveMaxPool2d
    AdaptiveMaxPool3d AvgPool1d AvgPool2d AvgPool3d MaxPool1d MaxPool2d MaxPool3d
nnlite.nn.modules.rnn: GRU GRUCell LSTM LSTMCell RNN RNNBase RNNCell RNNCellBase
nnlite.nn.modules.sparse: Embedding EmbeddingBag
nnlite.nn.modules.transformer: Transformer TransformerDecoder TransformerDecoderLayer TransformerEncoder
    TransformerEncoderLayer
nnlite.nn.modules.upsampling: Upsample UpsamplingBilinear2d UpsamplingNearest2d
""",
    "nnlite.nn.utils": """
.: clip_grad convert_parameters fusion init memory_format parametrizations parametrize prune rnn stateless
nnlite.nn.utils.clip_grad: clip_grad_norm clip_grad_norm_ clip_grad_value_ clip_grads_with_norm_ get_total_norm
nnlite.nn.utils.convert_parameters: parameters_to_vector vector_to_parameters
nnlite.nn.utils.fusion: fuse_conv_bn_eval fuse_conv_bn_weights fuse_linear_bn_eval fuse_linear_bn_weights
nnlite.nn.utils.init: skip_init
nnlite.nn.utils.memory_format: convert_conv2d_weight_memory_format convert_conv3d_weight_memory_format
""",
}
