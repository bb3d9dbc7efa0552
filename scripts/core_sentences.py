"""Every sentence that ``core`` can say, as templates, read from the source without running it.

Collected are the message and the hint of every :class:`core.errors.ClimbMateError` that is raised
or returned, every other literal that is a sentence, and what a few named functions return. A value
in an f-string becomes a place. Where a value is itself one of a few literals, the sentence is
collected once with each of them; where it is longer text, that is collected as a template of its
own and its place is marked as words.

Followed are names of the same module, what functions return, and literal arguments. What cannot be
followed is listed in ``Sources.unknown``; a test holds that list against the known ones.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.sentences import Template
from scripts.syntax import (
    Function,
    Module,
    Node,
    assigned,
    calls,
    caught,
    enclosing,
    function_named,
    name_of,
    parameters,
    place_name,
    read,
    returned,
    said_by,
    sentences,
)

ROOT = Path(__file__).resolve().parents[1]
PATTERNS = (
    "core/**/*.py",
    "pages/*.py",
    "training/*.py",
    "debug_memory_streamlit.py",
    "streamlit_app.py",
)

COMMANDS = (
    "core/analyze_command.py",
    "core/command_",
    "core/memory/command_line.py",
    "core/monitor",
)
"""How the paths of command lines begin. They speak English: none of it reaches a page."""

RETURNED = {
    "core/memory/black_box.py": ("sentence",),
    "core/memory/tracing.py": ("refusal",),
}
"""Functions whose result is read though it has no full stop."""

VALIDATORS = "core/setting_kinds.py"
"""Its plain ``ValueError`` end up inside the sentence of a :class:`SettingsError`."""

OWNERS = ("debug_memory_streamlit.py", "pages/memory_panel.py")
"""Kinds and notes of owners are cells of a table, not sentences."""

OPERATIONS = ("operation", "track")
"""What is measured by the memory debugger has a name, which its page shows."""

MOST_EXPANDED = 3
"""With more alternatives, they become templates of their own."""


@dataclass(frozen=True)
class Place:
    """Where a value goes. ``words``: it is made from templates too."""

    name: str
    words: bool = False


Text = tuple[str | Place, ...]


@dataclass
class Found:
    """What an expression can become; ``complete`` when that is all of it."""

    texts: list[Text]
    complete: bool = True


class Sources:
    """All modules, and the templates found in them."""

    def __init__(self, root: Path = ROOT) -> None:
        paths = sorted({path for pattern in PATTERNS for path in root.glob(pattern)})
        self.modules = {
            str(path.relative_to(root)): read(str(path.relative_to(root)), path.read_text("utf-8"))
            for path in paths
        }
        self.templates: dict[str, Template] = {}
        self.places: dict[str, str] = {}
        self.unknown: list[str] = []
        self._errors = self._error_classes()
        for module in self.modules.values():
            if not module.path.startswith(COMMANDS):
                self._collect(module)

    def _error_classes(self) -> set[str]:
        bases = {
            node.name: {ast.unparse(base) for base in node.bases}
            for module in self.modules.values()
            for node in ast.walk(module.tree)
            if isinstance(node, ast.ClassDef)
        }
        known = {"ClimbMateError"}
        while more := {name for name, above in bases.items() if above & known} - known:
            known |= more
        return known

    def _collect(self, module: Module) -> None:
        for function, node in calls(module.tree):
            if name_of(node.func) in self._errors:
                for argument in said_by(node):
                    self._take(argument, module, function, must=True)
            elif name_of(node.func) in OPERATIONS and node.args:
                self._take(node.args[0], module, function)
            elif module.path == VALIDATORS and name_of(node.func) == "ValueError":
                self._take(node.args[0], module, function, must=True)
        if module.path.startswith("core/"):
            for literal in sentences(module.tree):
                self._take(literal, module, enclosing(module.tree, literal))
        for name in RETURNED.get(module.path, ()):
            for value in returned(function_named(module.tree, name)):
                self._take(value, module, function_named(module.tree, name))
        if module.path in OWNERS:
            self._collect_owners(module)

    def _collect_owners(self, module: Module) -> None:
        for function, node in calls(module.tree):
            if name_of(node.func) in ("_owner", "Owner", "register_owner"):
                for argument in [*node.args, *(keyword.value for keyword in node.keywords)]:
                    self._take(argument, module, function)
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Yield) and isinstance(node.value, ast.Tuple):
                self._take(node.value.elts[-1], module, enclosing(module.tree, node.value))
            elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
                self._take(node.value, module, enclosing(module.tree, node.value))

    def _take(
        self, node: Node, module: Module, function: Function | None, *, must: bool = False
    ) -> None:
        if isinstance(node, ast.Call) and name_of(node.func) == "_":
            return  # translated where it stands
        found = self.resolve(node, module, function)
        if must and not found.complete:
            self.unknown.append(f"{module.path}: {ast.unparse(node)}")
        for text in found.texts:
            self._keep(text, module)

    def _keep(self, text: Text, module: Module) -> bool:
        """Note a template; False for values with no words around them."""
        taken: dict[str, int] = {}
        written, words = "", []
        for part in text:
            if isinstance(part, str):
                written += part.replace("{", "{{").replace("}", "}}")
                continue
            taken[part.name] = taken.get(part.name, 0) + 1
            name = part.name if taken[part.name] == 1 else f"{part.name}_{taken[part.name]}"
            written += f"{{{name}}}"
            words += [name] if part.words else []
        if not any(isinstance(part, str) and re.search(r"[^\W\d_]", part) for part in text):
            return False
        before = self.templates.get(written)
        words = sorted({*words, *(before.words if before else ())})
        self.templates[written] = Template(written, tuple(words))
        self.places.setdefault(written, module.path)
        return True

    def resolve(
        self, node: Node, module: Module, function: Function | None, seen: tuple[str, ...] = ()
    ) -> Found:
        """What ``node`` can become."""
        again = (module, function, seen)
        match node:
            case ast.Constant(value=str() as value):
                return Found([(value,)])
            case ast.JoinedStr():
                pairs = zip([None, *node.values], node.values, strict=False)
                return joined([self._part(value, before, *again) for before, value in pairs])
            case ast.BinOp(op=ast.Add()):
                return joined([self.resolve(side, *again) for side in (node.left, node.right)])
            case ast.IfExp():
                return either([self.resolve(side, *again) for side in (node.body, node.orelse)])
            case ast.BoolOp(op=ast.Or()):
                return either([self.resolve(side, *again) for side in node.values])
            case ast.Subscript():
                return self._looked_up(node, *again)
            case ast.Name():
                return self._named(node.id, *again)
            case ast.Call():
                return self._called(node, *again)
        return Found([], complete=False)

    def _part(
        self,
        node: Node,
        before: Node | None,
        module: Module,
        function: Function | None,
        seen: tuple[str, ...],
    ) -> Found:
        """A piece of an f-string: its text, or a place. Right behind another value it must be text:
        where one ends and the other begins could not be told."""
        if not isinstance(node, ast.FormattedValue):
            return self.resolve(node, module, function, seen)
        value = node.value
        name = place_name(value)
        if node.format_spec is not None or node.conversion == ord("r"):
            return Found([(Place(name),)])
        if isinstance(value, ast.Name) and value.id in caught(function, self._errors):
            return Found([(Place(name, words=True),)])
        found = self.resolve(value, module, function, seen)
        if not found.complete and function and name in parameters(function):
            if not function.name.startswith("_"):
                return Found([(Place(name),)])  # anybody may call it, with any text
        plain = isinstance(before, ast.FormattedValue) or all(
            len(text) == 1 and isinstance(text[0], str) for text in found.texts
        )
        if found.complete and (
            len(found.texts) == 1 or (plain and len(found.texts) <= MOST_EXPANDED)
        ):
            return found
        kept = [self._keep(text, module) for text in found.texts]
        return Found([(Place(name, words=any(kept)),)])

    def _named(
        self, name: str, module: Module, function: Function | None, seen: tuple[str, ...]
    ) -> Found:
        key = f"{module.path}:{function.name if function else ''}:{name}"
        if key in seen:
            return Found([])
        seen = (*seen, key)
        if function is not None:
            values = list(assigned(function, name, module))
            if values:
                return either([self.resolve(v, module, function, seen) for v in values])
            if name in (names := parameters(function)):
                return self._given(names.index(name), name, module, function)
        if name in module.constants:
            return self.resolve(module.constants[name], module, None, seen)
        if name in module.imports:
            origin, original = module.imports[name]
            if origin in self.modules and original in self.modules[origin].constants:
                other = self.modules[origin]
                return self.resolve(other.constants[original], other, None, seen)
        return Found([], complete=False)

    def _given(self, index: int, name: str, module: Module, function: Function) -> Found:
        """A parameter: what the calls in its module give for it."""
        found = []
        for around, call in calls(module.tree):
            if name_of(call.func) != function.name or not isinstance(call.func, ast.Name):
                continue
            given = next((k.value for k in call.keywords if k.arg == name), None)
            if given is None and index < len(call.args):
                given = call.args[index]
            literal = isinstance(given, ast.Constant | ast.JoinedStr | ast.IfExp)
            local = around and isinstance(given, ast.Name) and [*assigned(around, given.id, module)]
            if given is not None and (literal or local):
                found.append(self.resolve(given, module, around))
            else:
                found.append(Found([], complete=False))
        return either(found) if found else Found([], complete=False)

    def _called(
        self, node: ast.Call, module: Module, function: Function | None, seen: tuple[str, ...]
    ) -> Found:
        if isinstance(node.func, ast.Attribute):
            if node.func.attr == "join" and ast.unparse(node.func.value) == "' '":
                inner = node.args[0]
                if isinstance(inner, ast.GeneratorExp):
                    return self.resolve(inner.elt, module, function, seen)
            return Found([], complete=False)
        name, home = name_of(node.func), module
        if name not in home.functions and name in home.imports:
            origin, name = home.imports[name]
            home = self.modules.get(origin, home)
        target = home.functions.get(name)
        key = f"{home.path}:{name}()"
        if target is None or key in seen:
            return Found([], complete=False)
        return either([self.resolve(v, home, target, (*seen, key)) for v in returned(target)])

    def _looked_up(
        self, node: ast.Subscript, module: Module, function: Function | None, seen: tuple[str, ...]
    ) -> Found:
        """A value of a literal dictionary."""
        table: Node | None = node.value
        if isinstance(table, ast.Name):
            table = module.constants.get(table.id)
        if not isinstance(table, ast.Dict):
            return Found([], complete=False)
        return either([self.resolve(value, module, function, seen) for value in table.values])


def joined(parts: Sequence[Found]) -> Found:
    """Parts in a row, in every combination."""
    texts = [tuple(itertools.chain(*row)) for row in itertools.product(*(p.texts for p in parts))]
    return Found([merged(text) for text in texts], all(part.complete for part in parts))


def either(choices: Sequence[Found]) -> Found:
    """One of several."""
    texts = dict.fromkeys(text for choice in choices for text in choice.texts)
    return Found(list(texts), all(choice.complete for choice in choices))


def merged(text: Text) -> Text:
    """Neighbouring literals as one."""
    out: list[str | Place] = []
    for part in text:
        if isinstance(part, str) and out and isinstance(out[-1], str):
            out[-1] += part
        else:
            out.append(part)
    return tuple(out)
