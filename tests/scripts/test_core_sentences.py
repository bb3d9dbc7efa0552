"""Which sentences are found in a source text, and that none of core's is missed."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from core.sentences import Template
from scripts.core_sentences import COMMANDS, PATTERNS, ROOT, Sources

SEEN_TO = {
    # The service lists sentences of core/answers.py, which are collected there.
    "core/answers.py: ' '.join(self.missing)",
    # The child process raises errors that are collected in training/.
    "core/conversion.py: told['message']",
    "core/conversion.py: told['hint']",
    # What json and the system say about a file that is no baseline.
    # What json says about a file that is no configuration.
    "training/clip_source.py: hint",
}
"""Messages and hints that cannot be followed to a literal, and why that is all right."""


@pytest.fixture(scope="module")
def sources() -> Sources:
    return Sources()


def found(tmp_path: Path, source: str) -> dict[str, tuple[str, ...]]:
    (tmp_path / "core").mkdir()
    (tmp_path / "core" / "one.py").write_text(source, encoding="utf-8")
    (tmp_path / "core" / "other.py").write_text('HINT = "look there"\n', encoding="utf-8")
    return {text: row.words for text, row in Sources(tmp_path).templates.items()}


HEAD = "from core.other import HINT\nclass PhotoError(ClimbMateError): pass\n"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("PhotoError('c', 'It is bad', 'Go')", {"It is bad": (), "Go": ()}),
        ("PhotoError('c', message='It is bad')", {"It is bad": ()}),
        ("PhotoError('c', f'{name} has {size:.1f} of {a.most}')",
         {"{name} has {size} of {most}": ()}),
        ("PhotoError('c', f'{x} and {x}, {len(y)}')", {"{x} and {x_2}, {count}": ()}),
        ("PhotoError('c', f'{x}: {y}')", {}),
        ("PhotoError('c', f'a {{x}} {x}')", {"a {{x}} {x}": ()}),
        ("PhotoError('c', HINT)", {"look there": ()}),
        ("PhotoError('c', 'go ' + ('up' if x else 'down'))", {"go up": (), "go down": ()}),
        ("def f(x):\n  what = 'one' if x else 'two'\n  raise PhotoError('c', f'{what} of {x}')",
         {"one of {x}": (), "two of {x}": ()}),
        ("def f(x):\n  if why := g(x):\n    raise PhotoError('c', f'bad: {why}')\n"
         "def g(x):\n  if x: return f'{x} is gone'\n  return 'nothing'",
         {"bad: {why}": ("why",), "{x} is gone": (), "nothing": ()}),
        ("def f(what):\n  return PhotoError('c', f'The {what} is long')\nf('name')\nf('grade')",
         {"The name is long": (), "The grade is long": ()}),
        ("def f():\n  try: pass\n  except PhotoError as e:\n    w.append(f'{e} It goes on.')",
         {"{e} It goes on.": ("e",)}),
        ("ROWS = {'a': 'first way', 'b': 'second way'}\nPhotoError('c', ROWS[x])",
         {"first way": (), "second way": ()}),
        ("def f():\n  '''A docstring it is.'''\n  log.info('It was so.')\n"
         "  raise ValueError('It was bad.')\nw = 'It is a warning.'",
         {"It is a warning.": ()}),
    ],
)  # fmt: skip
def test_what_is_collected(
    source: str, expected: dict[str, tuple[str, ...]], tmp_path: Path
) -> None:
    assert found(tmp_path, HEAD + source) == expected


def test_every_message_and_hint_was_followed(sources: Sources) -> None:
    assert set(sources.unknown) == SEEN_TO


def test_the_debuggers_name_of_every_page_is_collected(sources: Sources) -> None:
    assert {"page review", "page compare", "page models"} <= set(sources.templates)


def test_no_sentence_of_an_error_is_missed(sources: Sources) -> None:
    """Held against the plain text of the source: every literal piece after ``Error(`` is known."""
    known = "\n".join(text for text in sources.templates)
    missed = []
    for path in sorted({path for pattern in PATTERNS for path in ROOT.glob(pattern)}):
        if str(path.relative_to(ROOT)).startswith(COMMANDS) or path.name == "errors.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and re.search(
                r"\b(Photo|TooLarge|Model|Choice|Full|Deadline|Ready|Refused|Settings|Output|Edit"
                r"|File|Alignment|ClimbMate)Error$",
                ast.unparse(node.func),
            ):
                for argument in node.args[1:3]:
                    pieces = [
                        inner.value
                        for inner in ast.walk(argument)
                        if isinstance(inner, ast.Constant) and isinstance(inner.value, str)
                    ]
                    missed += [p for p in pieces if " " in p.strip() and p.strip() not in known]
    translated_there = {"Check or remove the file."}
    assert set(missed) <= translated_there


def test_every_template_can_be_read_back(sources: Sources) -> None:
    for template in sources.templates.values():
        values = {name: f"<{number}>" for number, name in enumerate(template.places())}
        fit = template.pattern().fullmatch(template.text.format(**values))
        assert fit is not None and fit.groupdict() == values, template


def test_templates_are_ones(sources: Sources) -> None:
    assert len(sources.templates) > 200
    assert all(isinstance(row, Template) for row in sources.templates.values())
