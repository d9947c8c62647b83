"""Everything that only a GPU can show, in one command::

    python -m nnlite.cuda.selftest [--device cuda] [--report docs/gpu]

It runs the test suite on the device, compares training with the CPU, captures and replays graphs, fills the memory and
frees it, times launches, and runs the benchmarks beside PyTorch where that is installed. It writes one JSON and one
Markdown file named by device and date. Under eight minutes; each part has its own limit of time, and one that fails
does not stop the others. The suite and the benchmarks need a checkout; without one they are left out, and the report
says so. ``--device strict`` runs the same parts on the stand-in, to test this module itself.
"""
