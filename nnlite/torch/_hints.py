"""What to use in place of the parts of PyTorch that nnlite leaves out."""

from __future__ import annotations

_HINTS = {
    "torch._C": "PyTorch's compiled half has no counterpart; use the public names of torch.",
    "torch._dynamo": "There is no compiler; the program runs as written without this line.",
    "torch._inductor": "There is no compiler; the program runs as written without this line.",
    "torch.ao": "There is no quantisation; use the model in float32, or in float16 by autocast.",
    "torch.compile": "There is no compiler; call the model itself.",
    "torch.compiler": "There is no compiler; the program runs as written without this line.",
    "torch.contrib": "Use torch.utils.tensorboard.",
    "torch.cpp": "There is no C++ interface; nnlite takes kernels by nnlite.backends.kernel.",
    "torch.distributed": "nnlite trains in one process on one device; leave out process groups and wrappers.",
    "torch.export": "There is no program capture; torch.onnx.export writes ONNX files.",
    "torch.fx": "There is no symbolic tracing; hooks (Module.register_forward_hook) see every layer's values.",
    "torch.hub": "Models of the hub are PyTorch programs; clone the repository and import its model code.",
    "torch.jit": "There is no compiler; call the model or the function itself.",
    "torch.library": "Define the operation as a torch.autograd.Function.",
    "torch.mps": "There is no Metal backend; use the device cpu or cuda.",
    "torch.multiprocessing": "Use Python's multiprocessing; tensors travel as copies.",
    "torch.nested": "Pad the sequences (torch.nn.utils.rnn.pad_sequence) and pass a mask.",
    "torch.nn.parallel": "nnlite uses one device; use the model itself.",
    "torch.onnx": "torch.onnx.export is what there is of torch.onnx.",
    "torch.package": "Save state_dict() with torch.save.",
    "torch.quantization": "There is no quantisation; use the model in float32, or in float16 by autocast.",
    "torch.sparse": "There are no sparse tensors; use a dense matrix, or index_add for sums over edges.",
    "torch.sparse_coo_tensor": "There are no sparse tensors; make a dense matrix by index_put_(accumulate=True).",
    "torch.utils.bottleneck": "Use torch.profiler.",
    "torch.utils.cpp_extension": "nnlite takes kernels by nnlite.backends.kernel.",
    "torch.utils.mobile_optimizer": "torch.onnx.export writes models for other runtimes.",
    "torch.utils.model_zoo": "Load a downloaded file with torch.load and Module.load_state_dict.",
    "torch.xpu": "Devices are cpu and cuda.",
    "torchaudio": "It needs the compiled PyTorch. Read sound with the standard library's wave, or with soundfile.",
    "torchvision": "nnlite.vision has datasets for MNIST, CIFAR and folders of pictures, basic transforms, make_grid.",
    "torchvision.models": "There are no ready models; bring the model's own code and load weights with torch.load.",
    "torchtext": "It needs the compiled PyTorch. Read text with Python; torch.nn.utils.rnn pads sequences.",
}
"""Name, which stands for all names below it -> a sentence."""


def hint_for(full: str) -> str | None:
    """The sentence for a dotted name or for the nearest name above it, if there is one."""
    while full and full not in _HINTS:
        full = full.rpartition(".")[0]
    return _HINTS.get(full)
