"""Threads that help with compiled kernels: interrupts, several callers, forks, ends of programs."""

from __future__ import annotations

import _thread
import importlib
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

pytest.importorskip("numba")
team = pytest.importorskip("nnlite.backends.numpy.compiled.team")
if not importlib.import_module("nnlite.backends.numpy.compiled.native").layouts_fit():
    pytest.skip("this Python lays out its objects in another way: threads.py shares out", allow_module_level=True)

SIZE = 6144


def test_an_interrupt_while_the_caller_waits(descent, thread_count, shared):
    """The parts are done all the same, since what they write to may be gone with the caller."""
    thread_count(3)
    p, many = np.zeros(SIZE, np.float32), 60

    def body(start, stop):
        for _ in range(many if start else 1):
            descent(p, start, stop)

    for delay in (0.0, 0.0002, 0.001, 0.002):
        p.fill(0)
        timer = threading.Timer(delay, _thread.interrupt_main)
        with pytest.raises(KeyboardInterrupt):
            timer.start()
            while True:
                team.share(SIZE, body, 256)
        at_once = p.copy()
        time.sleep(0.005)
        np.testing.assert_array_equal(p, at_once)
        timer.join()
        shared(3)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no such clock")
def test_an_interrupt_at_any_time(descent, thread_count, shared):
    """Nothing stays taken: the next time there is as much help as before."""
    thread_count(3)
    p, draw = np.zeros(SIZE, np.float32), np.random.default_rng(0)

    class Interrupt(Exception):
        pass

    def interrupt(*about):
        raise Interrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        for _ in range(300):
            with pytest.raises(Interrupt):
                signal.setitimer(signal.ITIMER_REAL, draw.uniform(2e-5, 3e-4))
                for _ in range(100_000):
                    team.share(SIZE, lambda a, b: descent(p, a, b), 256)
            at_once = p.copy()
            shared(3)
            np.testing.assert_array_equal(p, at_once)
    finally:
        signal.signal(signal.SIGALRM, before)


def test_two_threads_share_at_once(descent, thread_count, shared):
    """One of them has the helpers; what the other calls is not written down."""
    thread_count(2)
    failed, begin = [], threading.Barrier(2)

    def work():
        try:
            begin.wait()
            for _ in range(1500):
                shared()
        except BaseException as error:
            failed.append(error)

    both = [threading.Thread(target=work) for _ in range(2)]
    for each in both:
        each.start()
    for each in both:
        each.join()
    assert not failed
    shared(2)


BEGIN = """
import atexit, os, sys, threading, time
import numpy as np
%s
from nnlite.backends.numpy import threads
from nnlite.backends.numpy.compiled import team
from nnlite.backends.numpy.first_use import load
threads.set_count(2)
x = np.linspace(-3, 3, 1 << 16, dtype=np.float32)
def shared(wait=None):
    out = np.full_like(x, np.nan)
    def body(a, b):
        wait and wait()
        load("pointwise").relu_gradient(x, x, out, a, b)
    team.share(len(x), body, 1 << 10)
    return bool((out == np.maximum(x, 0)).all())
"""
PROGRAMS = {
    "both threads are the first": """
begin, found = threading.Barrier(2), []
both = [threading.Thread(target=lambda: (begin.wait(), found.append(shared()))) for _ in range(2)]
[t.start() for t in both], [t.join() for t in both]
print(all(found))""",
    "the helper waits": "print(shared())",
    "the helper sleeps": "print(shared()); time.sleep(0.1)",
    "another thread goes on": """
threading.Thread(target=lambda: [shared() for _ in iter(int, 1)], daemon=True).start()
print(shared()); time.sleep(0.05)""",
    "threads of another package": """
def refuse(thread): raise RuntimeError("helpers are none of these")
threading.Thread.start = refuse
print(shared())""",
    "fork": """
begun, go_on = threading.Event(), threading.Event()
other = threading.Thread(target=lambda: shared(lambda: (begun.set(), go_on.wait())))
shared(), other.start(), begun.wait()
child = os.fork()
if not child:
    threads.set_count(1)
    found = []
    for _ in range(50):  # whose state may lie where that of the thread that was recording lay
        again = threading.Thread(target=lambda: found.append(shared()))
        again.start(), again.join()
    threads.set_count(2)
    os._exit(not (all(found) and shared()))
go_on.set(), other.join()
print(os.waitpid(child, 0)[1] == 0 and shared())""",
}


@pytest.mark.parametrize("policy", ["ACTIVE", "PASSIVE"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_end(name, policy, tmp_path_factory):
    if name == "fork" and not hasattr(os, "fork"):
        pytest.skip("this system has no fork")
    program = BEGIN % "atexit.register(lambda: print(shared()))" + PROGRAMS[name]
    environment = {**os.environ, "OMP_WAIT_POLICY": policy, "NUMBA_CACHE_DIR": str(tmp_path_factory.getbasetemp())}
    run = subprocess.run([sys.executable, "-X", "dev", "-c", program], env=environment, capture_output=True, text=True,
                         timeout=120, check=True)  # fmt: skip
    assert run.stdout == "True\nTrue\n"
    assert all(line.startswith("nnlite: compiling") for line in run.stderr.splitlines())
