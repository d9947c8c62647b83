"""How kernels are compiled.

numba finds the types and writes LLVM's code; a kernel and all that it calls are then optimised and made machine code
once, as one module. numba by itself does that for each function it meets, helpers too, with two more functions through
which Python and C would call it, and once more in each caller.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import operator
from collections.abc import Iterator
from typing import Any

import llvmlite.binding as llvm
from numba import njit
from numba.core import codegen, compiler, ir, lowering, typed_passes, types, untyped_passes
from numba.core.analysis import compute_cfg_from_blocks, compute_use_defs
from numba.core.compiler_lock import global_compiler_lock
from numba.core.compiler_machinery import PassManager
from numba.core.ir_utils import build_definitions
from numba.core.registry import CPUDispatcher, cpu_target
from numba.core.ssa import reconstruct_ssa

from ..native import layouts_fit, symbol

FAST = {"reassoc", "contract", "nsz", "arcp"}
"""Sums may be taken in any order; what is not finite keeps its meaning."""


Use = tuple[str, str, tuple[str, ...]]
"""A function that stands alone: its file, its name, the types of its arguments."""


class _Library(codegen.JITCodeLibrary):
    """LLVM's code of a function, as it was written; what it calls is taken in, but for what stands alone."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.alone: tuple[str, Use] | None = None
        """What it is for others, if it stands alone: its name in their code, and which it is."""
        self.uses: dict[str, Use] = {}

    def _optimize_functions(self, ll_module: Any) -> None:
        ll_module.data_layout = self._codegen._data_layout

    def finalize(self) -> None:
        self._raise_if_finalized()
        for library in dict.fromkeys(self._linking_libraries):
            own = isinstance(library, _Library)  # numba compiles some of its own functions with its own ways
            if own and library.alone:
                self.uses.update([library.alone])
            else:
                self._final_module.link_in(library._get_module_for_linking(), preserve=True)
                self.uses.update(library.uses if own else {})
        self._finalized = True

    def machine_code(self, name: str) -> tuple[bytes, list[str], list[Use]]:
        """Object code with one function that others can see, the names that it needs, and the functions."""
        self._ensure_finalized()
        module = self._final_module
        for known, use in self.uses.items():
            module.get_function(known).name = symbol(*use)
        for each in (*module.functions, *module.global_variables):
            if not each.is_declaration and each.name != name:
                each.linkage = "internal"
        self._optimize()
        needs = [each.name for each in (*module.functions, *module.global_variables) if each.is_declaration]
        needs = [each for each in needs if not each.startswith(("llvm.", "nnlite."))]
        return self._codegen._tm.emit_object(module), needs, list(self.uses.values())

    def _optimize(self) -> None:
        """One pass at level 1, which has what loops here live on (vectors, inlining): at level 3 with loops unrolled it
        takes half as long again, and kernels are no faster for it."""
        options = llvm.PipelineTuningOptions()
        options.speed_level, options.loop_vectorization, options.slp_vectorization = 1, True, False
        options.loop_unrolling = False
        passes = llvm.create_pass_builder(self._codegen._tm, options)
        passes.getModulePassManager().run(self._final_module, passes)


class _Codegen(codegen.JITCPUCodegen):
    _library_class = _Library


class _Target:
    """numba's CPU with another way to write code."""

    options = cpu_target.options

    @functools.cached_property
    def typing_context(self) -> Any:
        typing = object.__new__(_Typing)
        typing.__dict__ = cpu_target.typing_context.__dict__
        return typing

    @functools.cached_property
    def target_context(self) -> Any:
        # Functions are told apart by what Python would call; here none is ever called.
        return cpu_target.target_context.subtarget(
            _internal_codegen=_Codegen("nnlite"), get_executable=lambda library, about, environment: object()
        )


class _Typing(type(cpu_target.typing_context)):  # type: ignore[misc]
    """numba's rules for types, which keeps what it has found: operators are asked for over and over."""

    known: dict[Any, Any] = {}  # noqa: RUF012

    def resolve_function_type(self, func: Any, args: Any, kws: Any) -> Any:
        if kws or isinstance(func, types.Dispatcher):
            return super().resolve_function_type(func, args, kws)
        key = func, args
        try:
            found = self.known.get(key)
        except TypeError:  # a slice
            return super().resolve_function_type(func, args, kws)
        if found is None:
            found = self.known[key] = super().resolve_function_type(func, args, kws)
        return found


class _Lower(lowering.Lower):
    """From numba's instructions to LLVM's, with fewer of them."""

    known: dict[Any, Any] = {}  # noqa: RUF012

    def _find_singly_assigned_variable(self) -> None:
        """Variables with one value, which is there wherever they are used, need no memory."""
        found, uses = compute_cfg_from_blocks(self.blocks), compute_use_defs(self.blocks).usemap
        dominators = found.dominators()
        users: dict[str, list[int]] = {}
        for block, names in uses.items():
            for name in names:
                users.setdefault(name, []).append(block)
        places: dict[str, list[int]] = {}
        for place, block in self.blocks.items():
            for assigned in block.find_insts(ir.Assign):
                places.setdefault(assigned.target.name, []).append(place)
        self._singly_assigned_vars = {
            name for name, (place, *others) in places.items()
            if not others and all(place < user and place in dominators[user] for user in users.get(name, ()))
        }  # fmt: skip
        self._blk_local_varmap = {}

    def lower_block(self, block: Any) -> None:
        self.pre_block(block)
        for instruction in block.body:
            self.loc = instruction.loc
            if isinstance(instruction, ir.Assign):
                name = instruction.target.name
                self.storevar(self.lower_assign(self.typeof(name), instruction), name)
            else:
                self.lower_inst(instruction)
        self.post_block(block)

    def lower_binop(self, resty: Any, expr: Any, op: Any) -> Any:
        """Numba's own first tries whether there is another function for numbers that are known."""
        if op in (operator.pow, operator.ipow):
            return super().lower_binop(resty, expr, op)
        kinds, key = self.fndesc.calltypes[expr].args, (op, self.fndesc.calltypes[expr].args)
        if key not in self.known:
            function = self.context.typing_context.resolve_value_type(op)
            self.known[key] = function, function.get_call_type(self.context.typing_context, kinds, {})
        values = [
            self.context.cast(self.builder, self.loadvar(side.name), self.typeof(side.name), kind)
            for side, kind in zip((expr.lhs, expr.rhs), kinds, strict=True)
        ]
        function, signature = self.known[key]
        result = self.context.get_function(function, signature)(self.builder, values)
        return self.context.cast(self.builder, result, signature.return_type, resty)


class _Lowering(typed_passes.NativeLowering):
    lowering_class = _Lower


class _AssignOnce:
    """Each variable is assigned once. numba's own step, and the one that undoes it, look at lifetimes too."""

    def run_pass(self, state: Any) -> None:
        state.func_ir = reconstruct_ssa(state.func_ir)
        state.func_ir._definitions = build_definitions(state.func_ir.blocks)


class _AssignAgain:
    def run_pass(self, state: Any) -> None:
        state.func_ir = typed_passes.PreLowerStripPhis()._strip_phi_nodes(state.func_ir)


class _Passes(PassManager):
    """What numba does with a function, but for what is of no use here (arrays as expressions, functions in functions),
    and without a look at all variables after each step."""

    PASSES = (
        untyped_passes.TranslateByteCode, untyped_passes.FixupArgs, untyped_passes.IRProcessing,
        untyped_passes.GenericRewrites, _AssignOnce, typed_passes.NopythonTypeInference, _AssignAgain, _Lowering,
        typed_passes.NoPythonBackend,
    )  # fmt: skip

    def run(self, state: Any) -> None:
        for kind in self.PASSES:
            kind().run_pass(state)


class _Compiler(compiler.CompilerBase):
    def define_pipelines(self) -> list[Any]:
        return [_Passes("nnlite")]


@functools.cache
def _codes() -> dict[Any, str]:
    """What ``native.py`` calls the types that functions take which stand alone."""
    from .entry import type_of

    return {type_of(code): code for code in ("i", "b", "f", "t2", "f4.1c", "i8.1c")}


class _Function(CPUDispatcher):
    """A function for compiled code."""

    targetdescr: Any = _Target()
    of_its_own = True
    """Whether Python calls it."""
    stands_alone = False
    """Whether its machine code is one for all that call it."""

    def add_overload(self, compiled: Any) -> None:
        kinds = tuple(compiled.signature.args)
        self.overloads[kinds] = compiled
        if self.stands_alone:
            file, codes = self.py_func.__module__.rpartition(".")[2], _codes()
            use = file, self.py_func.__name__, tuple(codes[kind] for kind in kinds)
            compiled.library.alone = compiled.fndesc.llvm_func_name, use

    def get_call_template(self, args: Any, kws: Any) -> Any:
        """The function for such arguments. A number that is known is an argument like others: LLVM makes of it what
        can be made."""
        return super().get_call_template([types.unliteral(a) for a in args], kws)


@contextlib.contextmanager
def _without_collection() -> Iterator[None]:
    """numba's objects live on, and the collector would look at them again and again."""
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            gc.enable()


@global_compiler_lock
@_without_collection()
def machine_code(function: Any, codes: tuple[str, ...], name: str) -> tuple[bytes, list[str], list[Use]]:
    """The object code of a kernel for arguments of these types, the names that it needs, and the functions."""
    from .entry import entry, type_of

    kinds = tuple(map(type_of, codes))
    function.compile(kinds)
    compiled, context = function.overloads[kinds], function.targetctx
    if function.stands_alone:
        compiled.library._final_module.get_function(compiled.fndesc.llvm_func_name).name = name
        return compiled.library.machine_code(name)
    library = context.codegen().create_library(name)
    library.add_linking_library(compiled.library)
    library.add_ir_module(entry(context, name, codes, compiled))
    return library.machine_code(name)


def _made(function: Any, fastmath: Any) -> Any:
    if not layouts_fit():  # another Python: numba knows it
        return njit(nogil=True, cache=True, error_model="numpy", fastmath=fastmath)(function)
    options = {
        "nopython": True, "nogil": True, "error_model": "numpy", "fastmath": fastmath, "boundscheck": None,
        "no_cpython_wrapper": True, "no_cfunc_wrapper": True, "_nrt": False,
    }  # fmt: skip
    return _Function(function, targetoptions=options, pipeline_class=_Compiler)


def compiled(function: Any) -> Any:
    """Compile at the first call for the types that come, without the interpreter's lock, and keep it on disk."""
    return _made(function, FAST)


def alone(function: Any) -> Any:
    """The same for a helper whose machine code is one for all kernels that call it: it is not compiled as part of each
    of them, but called, and looked up when they are loaded. It takes flat arrays, and returns nothing or numbers."""
    made = _made(function, FAST)
    made.stands_alone, made.of_its_own = True, False
    return made


def in_order(function: Any) -> Any:
    """The same with sums in the order that is written, for formulas that depend on it."""
    return _made(function, {"contract", "nsz"})


def exact(function: Any) -> Any:
    """Compile every operation as it stands."""
    return _made(function, False)


def inlined(function: Any) -> Any:
    """Compile a small function of numbers as part of each loop that calls it."""
    made = _made(function, {"contract", "nsz"})
    made.of_its_own = False
    return made
