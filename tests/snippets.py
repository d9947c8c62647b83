"""One-line programs on tensors, by subject: ``tests/parity/test_core_parity.py`` runs each on PyTorch and on nnlite.

``T`` is ``torch.tensor``. Statements are separated by semicolons; the last is the expression whose value, or whose
exception, is compared.
"""

from __future__ import annotations

from itertools import product

X = "x = T([[1., 2., 3.], [4., 5., 6.]]); "
CUBE = "x = torch.arange(24.).reshape(2, 3, 4); "
LEAF = "x = T([1., 2., 3.], requires_grad=True); "
MATRIX = "x = torch.arange(6.).reshape(2, 3).requires_grad_(); "
PAIR = "r = {}; tuple(r) if not isinstance(r, torch.Tensor) else r"


def reductions() -> list[str]:
    out = []
    for f, dim, keep in product(
        ("sum", "mean", "var", "std", "amax", "amin", "any", "all"),
        ("0", "1", "-1", "(0, 1)", "2", "-3", "(0, 0)", "[0]"),
        ("", ", keepdim=True"),
    ):
        out.append(X + f"x.{f}({dim}{keep})")
    for f, dim in product(("max", "min", "argmax", "argmin", "prod", "cumsum"), ("", "0", "1", "-1", "2")):
        out.append(X + PAIR.format(f"x.{f}({dim})"))
        if dim and f != "cumsum":
            out.append(X + PAIR.format(f"x.{f}({dim}, keepdim=True)"))
    sources = (
        "T(3.)",
        "T(3)",
        "T(True)",
        "torch.zeros(0)",
        "torch.zeros(2, 0)",
        "torch.zeros(0, 3)",
        "T([1, 2, 3])",
        "T([True, False])",
        "T([[1, 2], [3, 4]], dtype=torch.int32)",
        "T([1., float('nan'), 2.])",
        "T([1., float('inf')])",
    )
    functions = (
        "sum",
        "mean",
        "var",
        "std",
        "amax",
        "amin",
        "any",
        "all",
        "max",
        "min",
        "argmax",
        "argmin",
        "prod",
        "cumsum",
    )
    for f, source, dim in product(functions, sources, ("", "0", "-1", "1")):
        if not (f == "cumsum" and not dim):
            out.append(PAIR.format(f"{source}.{f}({dim})"))
    for f, kind in product(("sum", "mean", "prod"), ("int32", "float64", "float16", "bool")):
        out += [
            X + f"x.{f}(dtype=torch.{kind})",
            X + f"x.{f}(0, dtype=torch.{kind})",
            f"T([1, 2, 3]).{f}(dtype=torch.{kind})",
        ]
    out += [
        X + code
        for code in (
            "x.sum(())",
            "x.any(())",
            "x.sum(None)",
            "x.sum(axis=1)",
            "x.mean(axis=0, keepdims=True)",
            "torch.sum(x, dim=(0, 1), keepdim=True)",
            "x.sum(0, 1)",
            "x.norm()",
            "x.norm(1)",
            "x.norm(p=3, dim=1)",
            "x.norm(float('inf'))",
            "x.norm(0)",
            "torch.norm(x, dim=0, keepdim=True)",
            "x.var(unbiased=False)",
            "x.var(0, False)",
            "x.std(dim=1, correction=0)",
            "x.std(dim=1, correction=3)",
            "x.std(dim=1, correction=4)",
            "x.max(x * 0 + 3)",
        )
    ]
    return out


INDICES = (
    "0",
    "-1",
    "2",
    "-3",
    "1, 2",
    "0, 0, 0",
    "0, 0, 0, 0",
    "...",
    "..., 0",
    "0, ..., 0",
    "None",
    "0, None",
    "..., None",
    ":",
    "1:",
    "::2",
    "::-1",
    ":, 1:3",
    "..., 1:3",
    "[0]",
    "[0, 1]",
    "[[0, 1]]",
    "[[0], [1]]",
    "[0, 1], [1, 2]",
    "[0, 1], 1",
    "0, [1, 2]",
    "[0, 1], :, 1",
    ":, [0, 1], 1",
    "0, :, [1, 2]",
    "[0, 1], :, [1, 2]",
    "[2]",
    "[-3]",
    "[-1]",
    "[]",
    "True",
    "False",
    "[True, False]",
    "[True]",
    "x > 5",
    "x[0] > 100",
    "x[:, 0] > 2",
    "T([0, 1])",
    "T([[0, 1], [1, 0]])",
    "T(1)",
    "T(1), T([1, 2])",
    "T([1, 0], dtype=torch.int32)",
    "T([1, 0], dtype=torch.int16)",
    "T([1.])",
    "T([5])",
    "1.0",
    "'a'",
    "slice(0, 1)",
    "T(0):T(2)",
    "None, [0, 1]",
    "[0, 1], None",
    "T([True, False]), 0",
    "T([True, False]), [0]",
    "0, T([True, False, True])",
    ":, T([True, False, True])",
    ":, T([True, False])",
    "..., [0, 1]",
    "[0, 1], ...",
    "[0, 1, 0], [0, 1]",
    "1:0",
    "5:",
    "-5:",
    "()",
    "True, 0",
    "T(True)",
    "[slice(0, 1)]",
    "[T(0), T(1)]",
    "[None]",
)


def indexing() -> list[str]:
    out = []
    for index in INDICES:
        out += [
            CUBE + f"x[{index}]",
            f"x = T(3.); x[{index}]",
            f"x = torch.arange(3); x[{index}]",
            f"x = torch.zeros(0, 2); x[{index}]",
        ]
        for value in ("5.", "T(7.)", "T([1., 2., 3., 4.])", "torch.ones(3, 4)", "True", "torch.ones(1, 1, 1, 1)"):
            out.append(CUBE + f"x[{index}] = {value}; x")
        out.append(CUBE + f"x.requires_grad_(); y = x[{index}]; y.sum().backward(); x.grad")
        out.append(CUBE + f"x.requires_grad_(); y = x * 1; y[{index}] = 2.; y.sum().backward(); x.grad")
    for value, kind in product(
        ("3", "True", "2.7", "300", "-300", "2**40", "float('inf')", "float('nan')"),
        ("uint8", "int8", "int32", "bool", "int64"),
    ):
        for write in ("x[:] = {}", "x[[0, 1]] = {}", "x.fill_({})"):
            out.append(f"x = torch.zeros(2, dtype=torch.{kind}); {write.format(value)}; x")
    out += [
        "x = torch.zeros(3); x[[0]] = T(7); x",
        "x = torch.zeros(3); x[x == 0] = T(7); x",
        "x = torch.zeros(3); x[x == 0] = T([7, 7, 7]); x",
        "x = torch.zeros(3); x[:] = T([1, 2, 3]); x",
        "x = torch.zeros(3); x[:2] = torch.ones(3); x",
        "x = torch.zeros(3); x[0] = None; x",
        "a = torch.zeros(3, 4); a.scatter_(0, T([[0, 1, 2, 0]]), 5.)",
        "a = torch.zeros(3, 4); a.scatter_(0, T([[0, 1, 3, 0]]), T([[1., 2., 3., 4.]]))",
        "a = torch.zeros(3, 4); a.scatter_add_(0, T([[0, 0, 0, 0]]), torch.ones(1, 4))",
        "a = torch.zeros(3, 4); a.scatter_(0, T([[0, -1, 2, 0]]), 5.)",
        "a = torch.zeros(3, 4); a.index_put_((T([0, 0]), T([1, 1])), T([1., 2.]), accumulate=True)",
        "a = torch.arange(12.).reshape(3, 4); a.gather(1, T([[4]]))",
        "a = torch.arange(12.).reshape(3, 4); a.gather(1, T([[0]] * 4))",
        "T(5.).gather(0, T(0))",
        "T([1., 2.]).scatter_(0, T([0]), T([1]))",
        "a = torch.arange(12.).reshape(3, 4); a.gather(1, T([[0, 1], [2, 3]]))",
        "T([0, 3]).nonzero()",
        "T(0).nonzero()",
        "torch.where(T([True, False]))",
    ]
    return out


SHAPED = (
    CUBE,
    CUBE + "x = x.transpose(0, 1); ",
    CUBE + "x = x[:, ::2]; ",
    "x = torch.zeros(0, 3); ",
    "x = T(5.); ",
    "x = torch.arange(6.)[::2]; ",
    "x = torch.arange(3.).expand(2, 3); ",
)
SHAPES = (
    "reshape(24)",
    "reshape(4, 6)",
    "reshape(-1)",
    "reshape(2, -1)",
    "reshape((-1, -1))",
    "reshape(5, 5)",
    "reshape(0, -1)",
    "reshape(())",
    "reshape(-2, 12)",
    "view(24)",
    "view(2, -1)",
    "view(6, 4)",
    "view(1, -1)",
    "flatten()",
    "flatten(1)",
    "flatten(1, 0)",
    "ravel()",
    "squeeze()",
    "squeeze(0)",
    "squeeze((0, 1))",
    "unsqueeze(0)",
    "unsqueeze(-1)",
    "unsqueeze(5)",
    "t()",
    "permute(2, 0, 1)",
    "permute((1, 0))",
    "permute(0, 0, 1)",
    "transpose(0, 1)",
    "transpose(-1, 0)",
    "transpose(0, 7)",
    "movedim(0, -1)",
    "expand(2, 2, 3, 4)",
    "expand(-1, -1, -1)",
    "expand(3, -1)",
    "expand(4)",
    "expand(2, -1, 3)",
    "repeat(2)",
    "repeat(2, 1, 1)",
    "repeat(0, 1, 2)",
    "flip(0)",
    "flip((0, 1))",
    "flip(0, 0)",
    "split(2)",
    "split(1, dim=1)",
    "split([1, 1])",
    "split(0)",
    "split(-1)",
    "chunk(2)",
    "chunk(5, 1)",
    "chunk(0)",
    "unbind()",
    "unbind(1)",
    "narrow(0, 0, 1)",
    "narrow(0, -1, 1)",
    "narrow(0, 1, 5)",
    "narrow(0, 9, 1)",
    "select(0, 1)",
    "select(0, 9)",
    "select(1, -1)",
    "unflatten(0, (1, 2))",
    "unflatten(1, (5, 2))",
    "is_contiguous()",
    "numel()",
    "dim()",
    "size()",
    "size(0)",
    "size(7)",
    "tolist()",
    "nonzero()",
    "index_select(0, T([0]))",
    "masked_select(x > 3)",
    "tril()",
    "triu(1)",
    "trace()",
    "clone()",
    "contiguous()",
    "item()",
)
TOGETHER = (
    "torch.cat([x, x])",
    "torch.cat([x, x], 1)",
    "torch.cat([x, x], -1)",
    "torch.cat([x, x], 5)",
    "torch.cat((x, torch.zeros(0)))",
    "torch.stack([x, x])",
    "torch.stack([x, x], -1)",
    "torch.stack([x, torch.zeros(1)])",
    "len(x)",
    "list(x)",
    "bool(x)",
    "float(x)",
    "x.T.shape",
)


def shapes() -> list[str]:
    out = [before + ("x." + code if code in SHAPES else code) for before, code in product(SHAPED, SHAPES + TOGETHER)]
    out += [
        "torch.cat([])",
        "torch.stack([])",
        "torch.cat([T([1]), T([1.])])",
        "torch.cat([T([1], dtype=torch.int32), T([True])])",
        "torch.cat(T([1, 2]))",
        "torch.cat([T([1]), 2])",
        "torch.cat([T([[1]]), T([1])])",
        "torch.cat([T([[1, 2]]), T([[1]])])",
        "torch.cat([T(1), T(2)])",
        "torch.stack([T(1), T(2.)])",
        "torch.cat(tensors=[T([1]), T([2])], axis=0)",
        "torch.cat([torch.zeros(0), torch.zeros(0)])",
    ]
    return out


FACTORS = (
    "T([1., 2.])",
    "T([1., 2., 3.])",
    "torch.ones(2, 3)",
    "torch.ones(3, 2)",
    "torch.ones(2, 2, 3)",
    "torch.ones(2, 3, 2)",
    "torch.ones(1, 3, 2)",
    "torch.ones(5, 1, 3, 2)",
    "T(2.)",
    "torch.zeros(0, 3)",
    "torch.zeros(3, 0)",
    "torch.ones(2, 3).double()",
    "T([1, 2])",
    "torch.zeros(0)",
)


def products() -> list[str]:
    calls = (
        "{} @ {}",
        "torch.mm({}, {})",
        "torch.bmm({}, {})",
        "torch.mv({}, {})",
        "torch.dot({}, {})",
        "torch.outer({}, {})",
        "torch.nn.functional.linear({}, {})",
    )
    out = [
        call.format(a, b)
        for a, b, call in product(FACTORS, FACTORS, calls)
        if not (call.startswith("torch.mv") and a == "T(2.)")
    ]
    out += [
        "torch.nn.functional.linear(torch.ones(2, 3), torch.ones(4, 3), torch.ones(4))",
        "torch.nn.functional.linear(torch.ones(2, 3), torch.ones(4, 3), torch.ones(5))",
        "torch.nn.functional.linear(torch.ones(3), torch.ones(4, 3), torch.ones(4))",
        "torch.nn.functional.linear(torch.ones(2, 5, 3), torch.ones(4, 3), torch.ones(4))",
        "torch.addmm(torch.ones(4), torch.ones(2, 3), torch.ones(3, 4), beta=2, alpha=.5)",
        "torch.ones(2) @ 3",
        "3 @ torch.ones(2)",
    ]
    return out
