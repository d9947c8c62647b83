"""One-line programs on gradients, writing in place, hooks and conversions; see ``snippets.py``."""

from __future__ import annotations

from snippets import LEAF, MATRIX

ONES = "torch.ones(3)"
ON_LEAF = """
y = x * 2; y.add_(1); y.sum().backward(); x.grad
y = x * x; z = y.exp(); y.add_(1); z.sum().backward(); x.grad
y = x.exp(); y.add_(1); y.sum().backward(); x.grad
y = x.exp(); z = y * 2; y.mul_(2); z.sum().backward(); x.grad
y = x * 2; z = y * y; y.add_(1); z.sum().backward()
y = x / (x + 1); y.add_(1); y.sum().backward(); x.grad
y = x * 1; y.mul_(y); y.sum().backward(); x.grad
x.add_(1)
x[0] = 1
x.zero_()
x.data.add_(1); x
x.data[0] = 9; x
x.detach().add_(1); x
y = x * x; x.data.mul_(2); y.sum().backward(); x.grad
y = x * x; x.detach().mul_(2); y.sum().backward(); x.grad
y = x.view(3, 1); y.add_(1)
y = x[:2]; y.zero_()
y = x.detach(); y.add_(1); x._version
y = x.data; y.add_(1); x._version
y = x * 1; v = y[0:2]; v.mul_(2); y._version, v._version, y
y = x * 1; v = y[0:2]; v.mul_(2); y.sum().backward(); x.grad
y = x * 1; v = y[0:2]; v.mul_(2); v.sum().backward(); x.grad
y = x * 1; v = y[0:2]; y.mul_(3); v.sum().backward(); x.grad
y = x * 1; v = y[:2]; w = v[:1]; w.mul_(5); (v.sum() + y.sum()).backward(); x.grad
y = x * 1; v = y[:2]; w = y[1:]; w.mul_(5); v.sum().backward(); x.grad
y = torch.zeros(3); y[:2] = x[1:]; y.sum().backward(); x.grad
y = torch.zeros(3); y[0] = x[1] * x[2]; y[1] = y[0] * x[0]; y.sum().backward(); x.grad
y = torch.zeros(3); v = y[:2]; v.add_(x[:2]); y.requires_grad, v.requires_grad, y.is_leaf
y = torch.zeros(3); v = y[:2]; y.add_(x); v.sum().backward(); x.grad
y = x.expand(2, 3) * 1; y[0].mul_(2); y.sum().backward(); x.grad
y = torch.zeros(3).expand(2, 3); y.add_(1)
y = (x * x).sum(); y.backward(); y.backward()
y = (x + 1).sum(); y.backward(); y.backward(); x.grad
y = (x * x).sum(); y.backward(retain_graph=True); y.backward(); x.grad
y = x * x; y.backward()
y = x * x; y.backward(torch.ones(2))
y = x * x; y.backward(1)
y = x * x; y.backward(torch.ones(3, dtype=torch.float64)); x.grad
y = x * x; y.backward(torch.ones(3, 1))
x.sum().backward(); x.sum().backward(); x.grad
x.backward(torch.ones(3)); x.grad
(x ** 3).sum().backward(create_graph=True); x.grad.requires_grad
(x ** 3).sum().backward(create_graph=True); x.grad.sum().backward(); x.grad
g, = torch.autograd.grad((x ** 3).sum(), x, create_graph=True); h, = torch.autograd.grad(g.sum(), x); g, h
y = T([1.], requires_grad=True); torch.autograd.grad((x * x).sum(), y)
y = T([1.], requires_grad=True); torch.autograd.grad((x * x).sum(), y, allow_unused=True)
y = T([1.], requires_grad=True); torch.autograd.grad((x * x).sum(), (x, y), materialize_grads=True)
torch.autograd.grad((x * x).sum(), T([1.]))
torch.autograd.grad(x * x, x)
torch.autograd.grad(x * x, x, torch.ones(3))
torch.autograd.grad([x.sum(), (x * x).sum()], [x])
torch.autograd.grad((x.sum(),), (x, x))
torch.autograd.grad(x.sum(), ())
torch.autograd.grad(x.sum(), x, x)
y = x * 2; torch.autograd.grad((y * y).sum(), [y, x])
y = x * 2; (y * y).sum().backward(inputs=[x]); x.grad
y = x * 2; (y * y).sum().backward(inputs=[y]); x.grad
y = x * 2; (y * y).sum().backward(inputs=[]); x.grad
torch.autograd.backward([x.sum(), x.prod()]); x.grad
torch.autograd.backward([x * 1, x * 1], [torch.ones(3)]); x.grad
y = x * 1; y.requires_grad = False
y = x * 1; y.requires_grad = True
y = x * 1; y.requires_grad_(False)
x.requires_grad = False; x.is_leaf, x.requires_grad
y = x * 1; x.requires_grad_(False); y.sum().backward(); x.grad
x.requires_grad = 'a'
x.is_leaf, (x * 1).is_leaf, x.detach().is_leaf, x.data.is_leaf
(x * 1).grad_fn.name()
(x + 1).sum().mean().grad_fn.name()
x.sum().grad_fn.next_functions[0][1]
y = x * 1; y.detach_(); y.requires_grad, y.is_leaf
y = x * 1; v = y[:2]; v.detach_()
y = x * 1; y.retain_grad(); y.sum().backward(); y.grad
y = x * 2; y.retain_grad(); z = y.sum(); z.backward(retain_graph=True); z.backward(); y.grad
y = x * 2; y.retain_grad(); y.mul_(3); y.sum().backward(); y.grad
y = x * 2; y.mul_(3); y.retain_grad(); y.sum().backward(); y.grad
x.grad = torch.ones(3); x.sum().backward(); x.grad
x.grad = torch.ones(2)
x.grad = torch.ones(3, dtype=torch.float64)
x.grad = 1
x.grad = x
del x.grad; x.grad
x.sum().backward(); g = x.grad; x.sum().backward(); g is x.grad, g
g = torch.ones(3); x.grad = g; x.sum().backward(); g, x.grad is g
g = torch.ones(3); x.backward(g); g.add_(1); x.grad
z = T([1., 1., 1.], requires_grad=True); g = torch.ones(3); (x + z).backward(g); x.grad.add_(1); z.grad, g
x.expand(2, 3).sum().backward(); x.grad
h = x.register_hook(lambda g: g * 2); x.sum().backward(); x.grad
h = x.register_hook(lambda g: g * 2); h.remove(); x.sum().backward(); x.grad
x.register_hook(lambda g: torch.ones(2)); x.sum().backward()
x.register_hook(lambda g: 1); x.sum().backward()
x.register_hook(lambda g: g.double()); x.sum().backward()
r = []; y = x * 2; y.register_hook(lambda g: r.append(1)); y.register_hook(lambda g: r.append(2)); y.sum().backward(); r
y = x * 2; y.retain_grad(); y.register_hook(lambda g: g * 10); y.sum().backward(); x.grad, y.grad
r = []; x.register_post_accumulate_grad_hook(lambda p: r.append(p.grad.tolist())); (x * 2).sum().backward(); r
y = x * 1; y.register_post_accumulate_grad_hook(lambda p: 0)
y = x * 2; y.register_hook(lambda g: g * 10); y.mul_(3); y.sum().backward(); x.grad
x.register_hook(lambda g: g * 2); torch.autograd.grad(x.sum(), x)
r = []; z = T([1.], requires_grad=True); z.register_hook(r.append); torch.autograd.grad((x * z).sum(), x); len(r)
y = x * 2; y.grad_fn.register_hook(lambda gi, go: (gi[0] * 5, gi[1])); y.sum().backward(); x.grad
h = x.register_hook(lambda g: g * 2); x.requires_grad_(False); x.requires_grad_(True); x.sum().backward(); x.grad
y = x.unbind(); y[0].register_hook(lambda g: g * 7); (y[0] + y[1]).backward(); x.grad
"""

OTHERS = """
T([1.]).backward()
T([1., 2.]).sum().backward()
T([1, 2]).requires_grad_()
T([1, 2], requires_grad=True)
T([1.]).retain_grad()
T([1.]).register_hook(lambda g: g)
x = torch.zeros(2, dtype=torch.int64); x.add_(1.5)
x = torch.zeros(2, dtype=torch.int64); x.div_(2)
x = torch.zeros(2, dtype=torch.bool); x.add_(1)
x = torch.zeros(2); x.add_(T([1, 2])); x
x = torch.zeros(2); x.add_(torch.ones(2, 2))
x = torch.zeros(2); x.copy_(torch.zeros(1, 2))
x = torch.zeros(2); x.mul_(1j)
T([-1., 0., 4.], requires_grad=True).relu().sqrt().sum().backward()
x = T([-1., 0., 4.], requires_grad=True); x.clamp(min=0).sqrt().sum().backward(); x.grad
x = T([-1., 0., 4.], requires_grad=True); torch.maximum(x, torch.zeros(1)).sqrt().sum().backward(); x.grad
x = T([0., 1.], requires_grad=True); torch.atan2(x, x * 0).sum().backward(); x.grad
x = T([0., 2.], requires_grad=True); (x ** 0).sum().backward(); x.grad
x = T([0., 2.], requires_grad=True); (2 ** x).sum().backward(); x.grad
x = T([0., 2.], requires_grad=True); (x ** x).sum().backward(); x.grad
x = T([1., 3., 3.], requires_grad=True); x.max().backward(); x.grad
x = T([1., 3., 3.], requires_grad=True); x.max(0)[0].backward(); x.grad
x = T([0., 2., 3.], requires_grad=True); x.prod().backward(); x.grad
x = T([0., 0., 3.], requires_grad=True); x.prod().backward(); x.grad
x = T([0., 0.], requires_grad=True); x.norm().backward(); x.grad
x = T([float('nan'), 1.], requires_grad=True); x.clamp(0, 2).sum().backward(); x.grad
x = T([3., 4.], requires_grad=True); x.norm().backward(); x.grad
"""

ON_MATRIX = """
x.t().backward(torch.ones(3, 2)); x.grad
v, i = x.max(1); v.register_hook(lambda g: g * 7); v.sum().backward(); x.grad
v, i = x.max(1); v.retain_grad(); v.sum().backward(); v.grad, i.requires_grad
y = x * 1; y.t()[0].mul_(4); y.sum().backward(); x.grad
y = x * 1; y.view(-1)[1:5].zero_(); y.sum().backward(); x.grad
y = x * 1; y[:, 1] += y[:, 0]; y.sum().backward(); x.grad
y = x * 1; y[x > 2] *= 3; y.sum().backward(); x.grad
y = x.reshape(3, 2); y = y * y; y.permute(1, 0)[0].exp_(); y.sum().backward(); x.grad
"""

NUMBERS = """
float(T([3.]))
int(T(3.7))
bool(T([0.]))
bool(T([]))
bool(T([1, 2]))
T([1, 2]).item()
T([]).item()
T(True).item()
T(1j).item()
[1, 2, 3][T(1)]
[1, 2, 3][T(1.)]
'%.2f' % T(3.14159)
f'{T(3.14159):.2f}'
f'{T(3)}'
3 in T([1, 2, 3])
'a' in T([1])
len(T(1))
list(T(1))
-T([True])
~T([1.])
T([1]) == None
T([1]) < 'a'
T([1]) + [1]
T([1]) + None
torch.exp(1)
torch.sum([1, 2])
torch.add(1, T([2]))
torch.add(T([1]), 1, alpha=1.5)
torch.pow(2, 3)
torch.where(T([1]), 1, 2)
torch.where(T([True, False]), T([1, 2, 3]), 0)
T([2]) ** -1
T([1.7, -1.7]).int()
T([1, 2]).to(float)
T([1., 2.]).to(torch.int64, copy=True)
T([1., 2.]).to('gpu')
T([300.]).to(torch.int16)
T([0., 0.5]).bool()
torch.tensor(3, dtype=torch.uint8) + 300
T('a')
T([1, 'a'])
T([[1, 2], [3]])
T([[1, 2], 3])
T(None)
T([])
T(2**63)
T([1, 2.5])
T([True, 2])
T(300, dtype=torch.uint8)
T(float('nan'), dtype=torch.int64)
T(1j, dtype=torch.float32)
T([T(1), T(2.)])
torch.arange(1, 5, 0)
torch.arange(1, 5, -1)
torch.arange(0, 1, 0.25)
torch.arange(5, 1, -2)
torch.linspace(0, 1, 5)
torch.full((2,), 3.5)
torch.full((2,), 300, dtype=torch.uint8)
torch.zeros(-1)
torch.zeros(2.5)
torch.eye(2, 3)
torch.ones_like([1])
torch.zeros(2, foo=1)
torch.randint(5, 5, (2,))
torch.zeros(2).normal_(0, -1)
torch.device('gpu')
torch.device('cuda:01')
"""


def _lines(text: str) -> list[str]:
    return [line for line in text.strip().split("\n") if line]


def autograd() -> list[str]:
    return [LEAF + code for code in _lines(ON_LEAF)] + [MATRIX + code for code in _lines(ON_MATRIX)] + _lines(OTHERS)


def numbers() -> list[str]:
    return _lines(NUMBERS)
