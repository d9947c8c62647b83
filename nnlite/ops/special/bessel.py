"""Bessel functions of the first and second kind, modified ones of the second kind, and Airy's function Ai.

Each is a series of Chebyshev polynomials near 0 and another one far out, of what is left there after the part that
oscillates, grows or falls (DLMF 10.17, 10.40.2 and 9.7; https://dlmf.nist.gov). The coefficients were computed for this
file with 40 digits, after C. Clenshaw, "Chebyshev Series for Mathematical Functions", National Physical Laboratory
Mathematical Tables 5, 1962; the first that was left out is below 1e-17 of the largest.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

from .._documented import docstring
from ._making import Table, select, special_function, special_one, special_unary
from .entropies import i0, i1

# Of x^2 on [0, 64]: J0, J1 / x, and Y0 and Y1 / x without their logarithms (and the pole of Y1).
_J0_NEAR = (
    0.15772797147489012, -0.008723442352852221, 0.2651786132033368, -0.37009499387264977, 0.15806710233209725,
    -0.034893769411408884, 0.004819180069467605, -0.00046062616620627504, 3.246032882100508e-05,
    -1.7619469077621507e-06, 7.608163592418782e-08, -2.679253530557673e-09, 7.848696314479465e-11,
    -1.9438346867370164e-12, 4.125320595634374e-14, -7.588508125447546e-16, 1.2218515873961411e-17,
)  # fmt: skip
_J1_NEAR = (
    0.08104484632565812, -0.1489751450676521, 0.1609992623572097, -0.08268049176681791, 0.022213639654966037,
    -0.003646940600769276, 0.0004050337728354822, -3.255554866857259e-05, 1.9858774049915165e-06,
    -9.521984756750436e-08, 3.687133759097148e-09, -1.178026622695885e-10, 3.160154580348003e-12,
    -7.221755239651773e-14, 1.4232144003513942e-15, -2.4441972916190464e-17,
)  # fmt: skip
_Y0_NEAR = (
    -0.03314611320328494, -0.2744743055297453, 0.17903431407718265, 0.26156734625504663, -0.17730201278114358,
    0.04719668959576339, -0.007287962479552079, 0.0007531135932577742, -5.632079141056987e-05, 3.206532537654801e-06,
    -1.44072332740187e-07, 5.248794787330516e-09, -1.5837552541812015e-10, 4.02633081830612e-12,
    -8.747341203310769e-14, 1.6434898714919468e-15, -2.6977881152566837e-17,
)  # fmt: skip
_Y1_NEAR = (
    0.0025380132357417816, -0.01608717304766875, -0.09591204536083074, 0.08445197259652346, -0.028328123944594365,
    0.005289897544167113, -0.0006414551451326356, 5.505982873338744e-05, -3.53808001868935e-06,
    1.7707804556154404e-07, -7.11055004989928e-09, 2.344337905911516e-10, -6.4651518414115946e-12,
    1.51429151205002e-13, -3.0511859694473254e-15, 5.34668038572867e-17,
)  # fmt: skip

# Of (8 / x)^2 on [0, 1]: the parts P and Q x / 8 of sqrt(2 / (pi x)) (P cos t - Q sin t), t = x - (2 n + 1) pi / 4.
_P0 = (
    0.9994603493475187, -0.0005365220468132117, 3.0751847875194745e-06, -5.1705945376060975e-08,
    1.6306464635151382e-09, -7.86409137723707e-11, 5.168262387349193e-12, -4.3045788699253914e-13,
    4.3265957431549404e-14, -5.069034095935236e-15, 6.748072215733873e-16, -1.0011513723467786e-16,
    1.6305919233744186e-17,
)  # fmt: skip
_Q0 = (
    -0.015555854605337009, 6.838519942611649e-05, -7.414498411060647e-07, 1.7972457247968992e-08,
    -7.27191593686632e-10, 4.2201219046687385e-11, -3.206747420996635e-12, 3.006145125351706e-13,
    -3.336328185322427e-14, 4.255225040245461e-15, -6.09993013164005e-16, 9.662128970303257e-17,
    -1.6686065214378146e-17, 3.1082440486738143e-18, -6.191115787358145e-19,
)  # fmt: skip
_P1 = (
    1.0009030408600137, 0.0008989898330859408, -3.987284300488908e-06, 6.177633960644299e-08, -1.8718907491063067e-09,
    8.816898659582339e-11, -5.704863640395645e-12, 4.699195515230542e-13, -4.6842237839904895e-14,
    5.452674896044717e-15, -7.221180842274018e-16, 1.0667689114335412e-16, -1.7312313216116335e-17,
)  # fmt: skip
_Q1 = (
    0.04677778706953532, -9.62772354915708e-05, 9.138615257955454e-07, -2.0959781384083424e-08, 8.229193327650554e-10,
    -4.686363688176945e-11, 3.5152187949686082e-12, -3.2643156743279e-13, 3.5967765829165294e-14,
    -4.5612523950772974e-15, 6.508282957783384e-16, -1.0269147531823243e-16, 1.767635548776479e-17,
    -3.2834519872981614e-18, 6.524081149589261e-19,
)  # fmt: skip

# Of x^2 on [0, 4]: K0 + log(x / 2) I0, I0, (K1 - log(x / 2) I1) x, I1 / x.
_K0_NEAR = (
    -0.2676636966169514, 0.3442898999246285, 0.0359799365153615, 0.001264615411446926, 2.286212103119452e-05,
    2.5347910790261494e-07, 1.904516377220209e-09, 1.0349695257633625e-11, 4.2598161427910826e-14,
    1.3744654358807508e-16,
)  # fmt: skip
_I0_NEAR = (
    1.6029228068079633, 0.638809625651177, 0.03685485969436176, 0.00098287812725148, 1.4983654208927293e-05,
    1.4738449008423848e-07, 1.0114797900674826e-09, 5.1149979020112795e-12, 1.984280622680562e-14,
    6.090516506058955e-17,
)  # fmt: skip
_K1_NEAR = (
    0.7626501136694739, -0.3531559607765449, -0.12261118082265715, -0.006975723859639864, -0.0001730288957513052,
    -2.4334061415659684e-06, -2.213387630734726e-08, -1.4114883926335278e-10, -6.666901694199329e-13,
    -2.427449850519366e-15,
)  # fmt: skip
_I1_NEAR = (
    0.6417589969911874, 0.1475393201491934, 0.005898742680020788, 0.00011988137174638708, 1.4739165119093128e-06,
    1.2138074968740922e-08, 7.161106692799279e-11, 3.17487931131012e-13, 1.0962998348773076e-15,
)  # fmt: skip

# Of 2 / x on [0, 1]: sqrt(x) e^x K0 and K1.
_K0_FAR = (
    1.2201515410329777, -0.0314481013119645, 0.0015698838857300533, -0.00012849549581627802, 1.39498137188765e-05,
    -1.8317555227191195e-06, 2.766813639445015e-07, -4.660489897687948e-08, 8.574034017414225e-09,
    -1.6975345093890614e-09, 3.5773972814003283e-10, -7.957489244477396e-11, 1.8559491149549264e-11,
    -4.514597883374519e-12, 1.1403405882073441e-12, -2.9800969231481784e-13, 8.032890775068375e-14,
    -2.2275133267462965e-14, 6.340076476276646e-15, -1.848593377920907e-15, 5.5120559994043335e-16,
    -1.6782311257549006e-16, 5.2103917776435543e-17, -1.6475805939842632e-17,
)  # fmt: skip
_K1_FAR = (
    1.3603130952422213, 0.10392373657681724, -0.002857816859622779, 0.00019521551847135162, -1.936197974166083e-05,
    2.406484947837217e-06, -3.5019606030878126e-07, 5.7410841254500495e-08, -1.0345762465678097e-08,
    2.0150497551970347e-09, -4.1903547593419254e-10, 9.218315187605315e-11, -2.129967838427791e-11,
    5.139639673482343e-12, -1.2891739609498229e-12, 3.348419666052243e-13, -8.976705182010146e-14,
    2.4771544242195988e-14, -7.0198370892147685e-15, 2.038703166239861e-15, -6.057047270643018e-16,
    1.8380935752430455e-16, -5.689462849193648e-17, 1.7940510478863572e-17,
)  # fmt: skip

# Ai of x on [-4, 2]; beyond 2 of z(2) / z, z = 2/3 x^(3/2): Ai without e^-z / (2 sqrt(pi) x^(1/4)); below -4 of
# (z(4) / z)^2: the parts P and Q z / z(4) of (P cos t + Q sin t) / (sqrt(pi) x^(1/4)), t = z - pi / 4.
_AI_NEAR = (
    0.06078525685079726, 0.18996030881729123, -0.250924387032336, -0.09512014013503055, 0.20236324198370076,
    -0.06418728306305249, -0.026814703186039963, 0.024051904281273857, -0.00413259164974895, -0.0020196817905494225,
    0.0011250768750654559, -0.00011697538709676606, -7.125499253060682e-05, 2.8167833107042442e-05,
    -1.7594742389691562e-06, -1.4587201524168717e-06, 4.388747958436033e-07, -1.4627095866197506e-08,
    -1.9495992841846798e-08, 4.660552774163884e-09, -5.106245117904234e-11, -1.8343326708789198e-10,
    3.5857642041278925e-11, 2.658241327479573e-13, -1.2805447574198059e-12, 2.0885896604502407e-13,
    4.8741837202287105e-15, -6.895080927885035e-15, 9.51965014570017e-16, 3.5978991422145034e-17,
    -2.9502705833721254e-17, 3.483989442459416e-18,
)  # fmt: skip
_AI_FAR = (
    0.9844053049171552, -0.014792784850104199, 0.0007327177465426715, -6.12595423417825e-05, 6.83476697557269e-06,
    -9.237229735403982e-07, 1.436225340438052e-07, -2.489319422322096e-08, 4.709793440054328e-09,
    -9.583863708112733e-10, 2.0745855483677591e-10, -4.737267332192277e-11, 1.1336099808224236e-11,
    -2.827706782319351e-12, 7.320712095125598e-13, -1.9599793911089723e-13, 5.4101162570683925e-14,
    -1.5356466802223836e-14, 4.472340393300025e-15, -1.3338094674756683e-15, 4.066582046456231e-16,
    -1.265583225645289e-16, 4.015126334015871e-17, -1.2969972135960937e-17,
)  # fmt: skip
_AI_P = (
    0.9993708890742778, -0.0006216836584374116, 7.181193774368645e-06, -2.316269813501758e-07, 1.3216283888528755e-08,
    -1.0938736172758127e-09, 1.1794620737908535e-10, -1.5518841909929856e-11, 2.386927411492466e-12,
    -4.16552889201035e-13, 8.071678110741467e-14, -1.708757321110567e-14, 3.902945148540815e-15,
    -9.523976784907064e-16, 2.4632810885752603e-16, -6.709077463464858e-17, 1.913939683718707e-17,
)  # fmt: skip
_AI_Q = (
    0.012904069793077502, -0.00011417159701561301, 2.47015331514187e-06, -1.1276384836703058e-07,
    8.114132516809686e-09, -7.96449699929011e-10, 9.810535081564676e-11, -1.438554557834067e-11,
    2.4232142723810082e-12, -4.572243294578044e-13, 9.485713571010158e-14, -2.1334713360480614e-14,
    5.145258245310423e-15, -1.3189653961186086e-15, 3.5685214438497966e-16, -1.0130701015142451e-16,
    3.003133317484731e-17, -9.257863950661513e-18, 2.957519212083966e-18, -9.761492965947109e-19,
    3.320022740137531e-19,
)  # fmt: skip


@functools.cache
def _for_single(table: Table) -> Table:
    """The coefficients that matter in float32."""
    least = 1e-9 * max(map(abs, table))
    last = max(i for i, c in enumerate(table) if abs(c) > least)
    return table[: last + 1]


def _series(t: Any, table: Table) -> Any:
    """The sum of the Chebyshev polynomials of t with these coefficients, by Clenshaw's recurrence."""
    coefficients = table if t.dtype.itemsize == 8 else _for_single(table)
    twice = 2 * t
    one, two = t * 0 + coefficients[-1], t * 0
    for c in coefficients[-2:0:-1]:
        one, two = twice * one - two + c, one
    return t * one - two + coefficients[0]


# ---------------------------------------------------------------------------------------------------------------------
# J and Y


def _near(x: Any, order: int) -> Any:
    """J of order 0 or 1 for 0 <= x <= 8."""
    t = x * x / 32 - 1
    return x * _series(t, _J1_NEAR) if order else _series(t, _J0_NEAR)


def _far(xp: Any, x: Any, order: int, second: bool) -> Any:
    """J or Y for x >= 8."""
    u = 8 / x
    t = 2 * u * u - 1
    p, q = (_series(t, _P1), u * _series(t, _Q1)) if order else (_series(t, _P0), u * _series(t, _Q0))
    # cos and sin of x - pi / 4 or x - 3 pi / 4, times sqrt 2.
    c, s = xp.cos(x), xp.sin(x)
    cosine, sine = (s - c, -s - c) if order else (c + s, s - c)
    wave = p * sine + q * cosine if second else p * cosine - q * sine
    return wave / xp.sqrt(math.pi * x)


def _j(xp: Any, x: Any, order: int) -> Any:
    a = xp.absolute(x)
    out = select(xp, a <= 8, lambda a: _near(a, order), lambda a: _far(xp, a, order, False), a)
    return xp.where(x < 0, -out, out) if order else out


def _y_near(xp: Any, x: Any, order: int) -> Any:
    t, log = x * x / 32 - 1, (2 / math.pi) * xp.log(x)
    if order:
        return log * _near(x, 1) - (2 / math.pi) / x + x * _series(t, _Y1_NEAR)
    return log * _near(x, 0) + _series(t, _Y0_NEAR)


def _at_zero(xp: Any, x: Any, values: Any, pole: float) -> Any:
    """A function with a pole at 0 and no value below."""
    return xp.where(x > 0, values, xp.where(x == 0, xp.full_like(values, pole), math.nan)).astype(x.dtype, copy=False)


def _y(xp: Any, x: Any, order: int) -> Any:
    a = xp.absolute(x)
    out = select(xp, a <= 8, lambda a: _y_near(xp, a, order), lambda a: _far(xp, a, order, True), a)
    return _at_zero(xp, x, out, -math.inf)


# ---------------------------------------------------------------------------------------------------------------------
# K


def _k(xp: Any, x: Any, order: int, scaled: bool) -> Any:
    def near(a: Any) -> Any:
        t, log = a * a / 2 - 1, xp.log(a / 2)
        if order:
            out = log * (a * _series(t, _I1_NEAR)) + _series(t, _K1_NEAR) / a
        else:
            out = _series(t, _K0_NEAR) - log * _series(t, _I0_NEAR)
        return out * xp.exp(a) if scaled else out

    def far(a: Any) -> Any:
        out = _series(4 / a - 1, _K1_FAR if order else _K0_FAR) / xp.sqrt(a)
        return out if scaled else out * xp.exp(-a)

    a = xp.absolute(x)
    return _at_zero(xp, x, select(xp, a <= 2, near, far, a), math.inf)


# ---------------------------------------------------------------------------------------------------------------------
# Ai, and the spherical Bessel function of order 0

_Z2, _Z4 = 2 / 3 * 2**1.5, 2 / 3 * 4**1.5


def _airy(xp: Any, x: Any) -> Any:
    def falling(x: Any) -> Any:
        z = 2 / 3 * x * xp.sqrt(x)
        return _series(2 * _Z2 / z - 1, _AI_FAR) * xp.exp(-z) / (2 * math.sqrt(math.pi) * xp.sqrt(xp.sqrt(x)))

    def waving(x: Any) -> Any:
        x = -x
        z = 2 / 3 * x * xp.sqrt(x)
        u, t = _Z4 / z, z - math.pi / 4
        wave = xp.cos(t) * _series(2 * u * u - 1, _AI_P) + xp.sin(t) * (u * _series(2 * u * u - 1, _AI_Q))
        return wave / (math.sqrt(math.pi) * xp.sqrt(xp.sqrt(x)))

    def near(x: Any) -> Any:
        return _series((x + 1) / 3, _AI_NEAR)

    return select(xp, x > 2, falling, lambda x: select(xp, x < -4, waving, near, x), x)


def _spherical(xp: Any, x: Any) -> Any:
    z = x * x
    series = 1 - z / 6 * (1 - z / 20 * (1 - z / 42 * (1 - z / 72 * (1 - z / 110))))
    out = xp.where(xp.absolute(x) < 0.5, series, xp.sin(x) / x)
    return xp.where(xp.isinf(x), xp.zeros_like(x), out)


def _define(name: str, function: Callable[..., Any], summary: str, result: str, **options: Any) -> None:
    """An operation without derivative, as in PyTorch, whose results do not require grad."""
    call = special_unary(name, functools.partial(function, **options), None)
    special_one(call, name, summary + " No derivative.", "nnlite.tensor([1.0])", result)


for _order, _results in enumerate(
    (("0.7652", "0.0883", "0.4210", "1.1445"), ("0.4401", "-0.7812", "0.6019", "1.6362"))
):
    _of = f" of order {_order}."
    _define(f"bessel_j{_order}", _j, "The Bessel function of the first kind" + _of, f"tensor([{_results[0]}])",
            order=_order)  # fmt: skip
    _define(f"bessel_y{_order}", _y, "The Bessel function of the second kind" + _of, f"tensor([{_results[1]}])",
            order=_order)  # fmt: skip
    _define(f"modified_bessel_k{_order}", _k, "The modified Bessel function of the second kind" + _of,
            f"tensor([{_results[2]}])", order=_order, scaled=False)  # fmt: skip
    _define(f"scaled_modified_bessel_k{_order}", _k, f"e^x times the modified Bessel function of the second kind{_of}",
            f"tensor([{_results[3]}])", order=_order, scaled=True)  # fmt: skip
_define("airy_ai", _airy, "Airy's function Ai, the solution of y'' = x y that falls for large x.", "tensor([0.1353])")
_define("spherical_bessel_j0", _spherical, "The spherical Bessel function of order 0, sin(x) / x.", "tensor([0.8415])")

for _name, _call, _shown in (("i0", i0, "1.2661"), ("i1", i1, "0.5652")):
    special_function(
        _call,
        "modified_bessel_" + _name,
        docstring(
            f"The modified Bessel function of the first kind of order {_name[1]}; the same as ``special.{_name}``.",
            f"special.modified_bessel_{_name}(nnlite.tensor([1.0]))",
            f"tensor([{_shown}])",
        ),
    )
