"""Which names of PyTorch a source file uses, read from its syntax tree without running it."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import NamedTuple

_ROOTS = ("torch", "torchvision")
_CATCH_MISSING = {"ImportError", "ModuleNotFoundError", "AttributeError", "Exception", "BaseException"}


class Use(NamedTuple):
    """One place where a name stands.

    Attributes:
        name: dotted, from ``torch`` on; of a possible method, its name alone.
        line: of the file.
        guarded: the program is prepared for its absence, by ``try`` or ``hasattr``.
        stored: the name is assigned to.
    """

    name: str
    line: int
    guarded: bool
    stored: bool = False


class NamesUsed(ast.NodeVisitor):
    """Walks a file; afterwards its lists are full.

    Attributes:
        torch: uses of names below ``torch`` and ``torchvision``.
        methods: attributes of values that may be tensors.
        stars: modules of torch of which the file imports everything.
        imports: (dotted name, level) of other modules, which may lie beside the program.
    """

    def __init__(self, tree: ast.Module) -> None:
        self.torch: list[Use] = []
        self.methods: list[Use] = []
        self.stars: list[str] = []
        self.imports: list[tuple[str, int]] = []
        self._scopes: list[dict[str, str | None]] = [{}]
        self._guards = 0
        self.visit(tree)

    # What a name stands for: a dotted name of torch, "" for something else that was imported, None for a value.

    def _bind(self, name: str, meaning: str | None) -> None:
        self._scopes[-1][name] = meaning

    def _meaning(self, name: str) -> str | None:
        return next((scope[name] for scope in reversed(self._scopes) if name in scope), None)

    def _use(self, name: str, node: ast.AST, stored: bool = False) -> None:
        self.torch.append(Use(name, getattr(node, "lineno", 0), self._guards > 0, stored))

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            top = alias.name.partition(".")[0]
            if top in _ROOTS:
                self._use(alias.name, node)
                self._bind(alias.asname or top, alias.name if alias.asname else top)
            else:
                self.imports.append((alias.name, 0))
                self._bind(alias.asname or top, "")

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        module = node.module or ""
        ours = not node.level and module.partition(".")[0] in _ROOTS
        if not ours:
            self.imports.append((module, node.level))
        elif any(alias.name == "*" for alias in node.names):
            self._use(module, node)
            self.stars.append(module)
        for alias in node.names:
            full = f"{module}.{alias.name}"
            if ours and alias.name != "*":
                self._use(full, node)
            elif not ours:
                self.imports.append((full if module else alias.name, node.level))
            self._bind(alias.asname or alias.name, full if ours else "")

    def visit_Attribute(self, node: ast.Attribute) -> None:
        names = [node.attr]
        value = node.value
        while isinstance(value, ast.Attribute):
            names.append(value.attr)
            value = value.value
        names.reverse()
        if not isinstance(value, ast.Name):
            self._methods(names, node)
            self.visit(value)
            return
        meaning = self._meaning(value.id)
        if meaning:
            self._use(".".join([meaning, *names]), node, isinstance(node.ctx, ast.Store))
        elif meaning is None:
            self._methods(names[1:] if value.id in ("self", "cls") else names, node)

    def _methods(self, names: Iterable[str], node: ast.AST) -> None:
        self.methods += [Use(name, getattr(node, "lineno", 0), self._guards > 0) for name in names]

    def visit_Assign(self, node: ast.Assign) -> None:
        self.visit(node.value)
        for target in node.targets:
            self.visit(target)
        if len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            self._bind(node.targets[0].id, self._dotted(node.value))

    def _dotted(self, value: ast.expr) -> str | None:
        """The name of torch that an expression is, as in ``F = torch.nn.functional``."""
        names = []
        while isinstance(value, ast.Attribute):
            names.append(value.attr)
            value = value.value
        meaning = self._meaning(value.id) if isinstance(value, ast.Name) else None
        return ".".join([meaning, *reversed(names)]) if meaning else None

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for outside in [*node.decorator_list, node.args, *([node.returns] if node.returns else [])]:
            self.visit(outside)
        self._bind(node.name, None)
        self._inside(node.args, node.body)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self.visit(node.args)
        self._inside(node.args, [node.body])

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for outside in [*node.decorator_list, *node.bases, *node.keywords]:
            self.visit(outside)
        self._bind(node.name, None)
        self._inside(None, node.body)

    def _inside(self, arguments: ast.arguments | None, body: Iterable[ast.AST]) -> None:
        scope: dict[str, str | None] = {}
        if arguments is not None:
            every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
            scope.update({argument.arg: None for argument in every if argument is not None})
        self._scopes.append(scope)
        for statement in body:
            self.visit(statement)
        self._scopes.pop()

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Store):
            self._bind(node.id, None)

    def visit_Try(self, node: ast.Try) -> None:
        self._guarded(node.body, any(_catches_missing(handler) for handler in node.handlers))
        for rest in [*node.handlers, *node.orelse, *node.finalbody]:
            self.visit(rest)

    def visit_If(self, node: ast.If) -> None:
        self.visit(node.test)
        asks = any(isinstance(part, ast.Name) and part.id == "hasattr" for part in ast.walk(node.test))
        self._guarded(node.body, asks)
        self._guarded(node.orelse, asks)

    def _guarded(self, body: Iterable[ast.AST], guarded: bool) -> None:
        self._guards += guarded
        for statement in body:
            self.visit(statement)
        self._guards -= guarded


def _catches_missing(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    return any(isinstance(part, ast.Name) and part.id in _CATCH_MISSING for part in ast.walk(handler.type))
