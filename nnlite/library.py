"""Names of PyTorch's registry of operators, which is not offered."""

from __future__ import annotations

from ._unavailable import module_getattr

__getattr__ = module_getattr(
    __name__,
    ("CustomOpDef", "Library", "custom_op", "define", "fallthrough_kernel", "get_ctx", "get_kernel", "impl",
     "impl_abstract", "infer_schema", "opcheck", "register_autocast", "register_autograd", "register_fake",
     "register_kernel", "register_torch_dispatch", "register_vmap", "triton_op", "wrap_triton"),
    "write the operation as a function of tensors, or as a nnlite.autograd.Function",
)  # fmt: skip
