"""Special functions to the last digits, at points on both sides of every border between two formulas.

The values were computed with mpmath to 40 digits.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nnlite

DTYPES = pytest.mark.parametrize("dtype", ["float64", "float32"])

ONE = {
    "erfc": [
        (-3.5, 1.9999992569016277),
        (-0.25, 1.2763263901682369),
        (0.0, 1.0),
        (0.4375, 0.53610186425006703),
        (2.5, 0.00040695201744495894),
        (9.5, 3.7692144856548799e-41),
    ],
    "special.erfcx": [
        (-3.5, 417962.42244577031),
        (0.0, 1.0),
        (0.75, 0.50693765029314481),
        (4.5, 0.12248480427384142),
        (30.0, 0.018795888861416751),
        (2000.0, 0.00028209475651204239),
    ],
    "erfinv": [
        (-0.9990234375, -2.3314677736219477),
        (-0.25, -0.2253120550121781),
        (0.0009765625, 0.00086545619796713755),
        (0.5, 0.47693627620446987),
        (0.96875, 1.5230194019969561),
    ],
    "special.ndtr": [
        (-9.5, 1.0494515075362607e-21),
        (-1.5, 0.066807201268858066),
        (0.25, 0.59870632568292372),
        (3.0, 0.99865010196836991),
    ],
    "special.log_ndtr": [
        (-30.0, -454.3212439563432),
        (-1.5, -2.7059444008238898),
        (-0.5, -1.1759117615936186),
        (0.75, -0.25699426683836524),
        (5.0, -2.8665161296376359e-7),
    ],
    "special.ndtri": [
        (0.0009765625, -3.0972690781987845),
        (0.125, -1.1503493803760082),
        (0.5625, 0.1573106846101707),
        (0.984375, 2.1538746940614562),
    ],
    "lgamma": [
        (-12.625, -20.357420886572772),
        (-6.25, -5.5608819746091666),
        (0.0078125, 4.8475707758816649),
        (0.9921875, 0.0045598888618045589),
        (1.0078125, -0.0044594880379522991),
        (1.96875, -0.012895025980167411),
        (2.5, 0.28468287047291916),
        (7.9375, 8.3994445251249577),
        (8.0, 8.5251613610654143),
        (100.5, 361.43554046777762),
        (1000000000.0, 19723265827.503717),
    ],
    "digamma": [
        (-2.75, -1.959055264977997),
        (0.0078125, -128.56443747297673),
        (0.75, -1.0858608797864722),
        (1.4609375, -0.0006724023902428804),
        (1.5, 0.036489973978576521),
        (7.9375, 2.0072856526575243),
        (8.0, 2.01564147795561),
        (1000000.0, 13.815510057964191),
    ],
    "i0": [
        (-7.5, 268.16131151518936),
        (0.25, 1.0156861412236079),
        (8.0, 427.56411572180479),
        (8.25, 540.32507907480698),
        (40.0, 14894774793419900.0),
    ],
    "special.i0e": [
        (-7.5, 0.1483158300773955),
        (0.25, 0.79101716213971936),
        (8.25, 0.1411645506329935),
        (4000.0, 0.0063080284525058662),
    ],
    "special.i1": [
        (-7.5, -249.58436542268814),
        (0.25, 0.12597910894546793),
        (8.0, 399.8731367825601),
        (8.25, 506.43383830764547),
        (40.0, 14707396163259353.0),
    ],
    "special.i1e": [
        (-7.5, -0.1380412115485542),
        (0.25, 0.098112628697368247),
        (8.25, 0.13231017396500142),
        (4000.0, 0.0063072398996555055),
    ],
}
TWO = {
    "polygamma": [
        (1, -3.75, 19.504980060599575),
        (1, 0.125, 65.388133444988034),
        (1, 20.5, 0.049989592429960993),
        (2, 0.5, -16.82879664423432),
        (3, -1.5, 194.59427621918762),
        (6, 2.25, -2.6927996916061065),
    ],
    "special.zeta": [
        (1.25, 0.5, 6.3339675292082021),
        (2.5, 10.0, 0.022728699194534541),
        (30.0, 0.75, 5599.6656722805132),
        (5.5, 0.0625, 4194304.7379133025),
    ],
    "igamma": [
        (0.0625, 0.25, 0.93464155244722735),
        (0.5, 3.0, 0.98569412156457036),
        (15.0, 9.5, 0.059991988609675711),
        (15.0, 24.0, 0.98017466717653635),
        (30.0, 28.5, 0.41394799544828448),
        (30.0, 12.0, 8.8701387991446941e-6),
        (250.0, 262.0, 0.7787960234288286),
    ],
    "igammac": [
        (0.0625, 0.25, 0.065358447552772653),
        (0.5, 3.0, 0.01430587843542964),
        (15.0, 9.5, 0.94000801139032429),
        (15.0, 24.0, 0.019825332823463647),
        (30.0, 28.5, 0.58605200455171552),
        (30.0, 60.0, 6.8762649687320967e-6),
        (250.0, 262.0, 0.2212039765711714),
    ],
}

# In units of the dtype's epsilon: what is lost where the function is steep in its argument.
LIMIT = {"digamma": 8, "polygamma": 8, "igamma": 40, "igammac": 40, "special.zeta": 12}


def check(name: str, found: Any, values: list[float], dtype: str) -> None:
    found = found.cpu().numpy()
    assert found.dtype == dtype
    kind = np.finfo(dtype)
    for one, value in zip(found.tolist(), values, strict=True):
        if kind.tiny < abs(value) < kind.max:
            assert abs(one - value) <= LIMIT.get(name, 4) * kind.eps * abs(value), (one, value)


@DTYPES
@pytest.mark.parametrize("name", ONE)
def test_functions_of_one_number(name, dtype, device):
    x, values = zip(*ONE[name], strict=True)
    check(name, named(name)(nnlite.tensor(x, dtype=getattr(nnlite, dtype), device=device)), values, dtype)


@DTYPES
@pytest.mark.parametrize("name", TWO)
def test_functions_of_two_numbers(name, dtype, device):
    for first, second, value in TWO[name]:
        x = nnlite.tensor([second], dtype=getattr(nnlite, dtype), device=device)
        first = first if name == "polygamma" else nnlite.tensor([first], dtype=x.dtype, device=device)
        check(name, named(name)(first, x), [value], dtype)


def named(name: str) -> Any:
    """The function of ``nnlite`` or ``nnlite.special`` with this name."""
    space, _, last = name.rpartition(".")
    return getattr(nnlite.special if space else nnlite, last)


@pytest.mark.parametrize("name", [*ONE, *TWO])
def test_many_elements_are_worked_through_in_blocks(name, device):
    """What a large array gives is what its elements give alone."""
    points = [p[:-1] for p in {**ONE, **TWO}[name]]
    first = [nnlite.tensor(column, device=device) for column in zip(*points, strict=True)]
    if name == "polygamma":
        first = [2, first[1]]
    many = [x if isinstance(x, int) else x.repeat(60_000) for x in first]
    small, large = named(name)(*first), named(name)(*many)
    repeated = large.reshape(60_000, -1)
    np.testing.assert_allclose(repeated[::7919].cpu().numpy(), small.expand(8, -1).cpu().numpy(), rtol=1e-5, atol=1e-30)
