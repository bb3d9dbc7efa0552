"""Questions about Python source texts that are asked of their syntax trees; nothing is run."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

Node = ast.expr
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass
class Module:
    """One source file."""

    path: str
    tree: ast.Module
    functions: dict[str, Function] = field(default_factory=dict)
    constants: dict[str, Node] = field(default_factory=dict)
    imports: dict[str, tuple[str, str]] = field(default_factory=dict)


def read(path: str, source: str) -> Module:
    """The module with its functions, constants and imports from the project."""
    module = Module(path, ast.parse(source))
    for node in module.tree.body:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                module.functions[node.name] = node
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                module.constants[name] = value
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                module.constants[name] = value
            case ast.ImportFrom(module=str() as origin):
                place = origin.replace(".", "/") + ".py"
                for alias in node.names:
                    module.imports[alias.asname or alias.name] = (place, alias.name)
    return module


def calls(
    tree: ast.AST, function: Function | None = None
) -> Iterator[tuple[Function | None, ast.Call]]:
    """Every call with the innermost function around it."""
    for node in ast.iter_child_nodes(tree):
        inner = node if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else function
        if isinstance(node, ast.Call):
            yield inner, node
        yield from calls(node, inner)


def enclosing(tree: ast.AST, wanted: ast.AST, function: Function | None = None) -> Function | None:
    """The innermost function around a node."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and any(
            inner is wanted for inner in ast.walk(node)
        ):
            function = node  # walked from the outside in
    return function


def function_named(tree: ast.AST, name: str) -> Function:
    """The first function or method of that name."""
    return next(
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name
    )


def said_by(call: ast.Call) -> list[Node]:
    """Message and hint of an error that is made."""
    given = [k.value for k in call.keywords if k.arg in ("message", "hint")]
    return [*call.args[1:3], *given]


def sentences(tree: ast.Module) -> Iterator[Node]:
    """Literals that are sentences, other than docstrings, logs, descriptions and other errors."""
    left_out: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            left_out.add(id(node.value))
        elif isinstance(node, ast.Call) and (
            name_of(node.func) in ("Field", "ValueError", "RuntimeError", "OSError", "TypeError")
            or ast.unparse(node.func).split(".")[0] in ("log", "logger")
        ):
            left_out.update(id(inner) for inner in ast.walk(node))
        elif isinstance(node, ast.ClassDef):
            # Defaults of a record's fields: the words of the printable sheet, which a page gives.
            left_out.update(
                id(inner)
                for row in node.body
                if isinstance(row, ast.AnnAssign)
                for inner in ast.walk(row)
            )
        elif isinstance(node, ast.JoinedStr):
            left_out.update(id(inner) for inner in ast.walk(node) if inner is not node)
    for node in ast.walk(tree):
        if id(node) not in left_out and isinstance(node, ast.Constant | ast.JoinedStr):
            last = node.values[-1] if isinstance(node, ast.JoinedStr) and node.values else node
            if isinstance(last, ast.Constant) and isinstance(last.value, str):
                whole = ast.unparse(node)
                if last.value.endswith(".") and re.search(r"[a-z}] [a-z{]", whole):
                    yield node


def returned(function: Function) -> list[Node]:
    """The expressions that a function returns."""
    return [
        n.value for n in ast.walk(function) if isinstance(n, ast.Return) and n.value is not None
    ]


def parameters(function: Function) -> list[str]:
    """The names of a function's parameters."""
    arguments = function.args
    return [a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]


def caught(function: Function | None, errors: set[str]) -> set[str]:
    """Names of errors of ours that are caught in a function: as text they are sentences."""
    if function is None:
        return set()
    return {
        node.name
        for node in ast.walk(function)
        if isinstance(node, ast.ExceptHandler) and node.name and name_of(node.type) in errors
    }


def assigned(function: Function, name: str, module: Module) -> Iterator[Node]:
    """Everything that a name of a function is set to."""
    for node in ast.walk(function):
        match node:
            case ast.Assign(targets=[ast.Name(id=found)], value=value) if found == name:
                yield value
            case ast.AnnAssign(target=ast.Name(id=found), value=ast.expr() as value) if (
                found == name
            ):
                yield value
            case ast.NamedExpr(target=ast.Name(id=found), value=value) if found == name:
                yield value
            case ast.For(target=ast.Tuple(elts=targets), iter=ast.Name(id=source)):
                rows = module.constants.get(source)
                for index, target in enumerate(targets):
                    if isinstance(target, ast.Name) and target.id == name:
                        if isinstance(rows, ast.Tuple):
                            yield from (
                                r.elts[index] for r in rows.elts if isinstance(r, ast.Tuple)
                            )


def name_of(node: ast.AST | None) -> str:
    """The last name of ``a.b.c``; empty where there is none."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def place_name(node: Node) -> str:
    """A word for a value: the last name in it."""
    if isinstance(node, ast.Call) and name_of(node.func) == "len":
        return "count"
    names = [
        n.attr if isinstance(n, ast.Attribute) else n.id
        for n in ast.walk(node)
        if isinstance(n, ast.Attribute | ast.Name)
    ]
    plain = [re.sub(r"\W", "", n).strip("_").lower() for n in names]
    plain = [n for n in plain if n not in ("str", "self", "repr", "type", "sorted", "")]
    return plain[0] if plain else "value"
