"""Collect every text that a person reads, and build the catalogues in ``locales/``.

    python scripts/collect_words.py            # write the template, bring the catalogues up to date
    python scripts/collect_words.py --check    # change nothing; 1 when a file is not up to date

The exit code is also 1 while a text is not translated; each such text is named.

``core`` speaks to whoever runs a server or calls it: it names the environment variable that moves a
limit. A page tells the same sentence to a setter, who knows a page but no variable: such sentences
have a wording of their own in every language, in English too. What a server is started with, and
what only somebody who starts it can correct, keeps its variables everywhere.

Two kinds of texts go into one catalogue: literals that the pages look up with ``_`` and
``ngettext`` or note with ``N_``, and the sentences of ``core`` (:mod:`scripts.core_sentences`),
with the context ``core``. The latter are also written to ``locales/core_sentences.json``, from
which :mod:`core.sentences` reads finished sentences back. Translations are written by hand into the
``.po`` files; what is no longer used is dropped from them. The ``.mo`` files are committed, so that
a fresh checkout needs no building.
"""

from __future__ import annotations

import argparse
import ast
import io
import json
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from core.settings import ROWS  # noqa: E402
from scripts.core_sentences import Sources  # noqa: E402
from scripts.syntax import calls, name_of  # noqa: E402

LOCALES = ROOT / "locales"
DOMAIN = "climbmate"
ENGLISH = "en"
LANGUAGES = (ENGLISH, "ko")
PAGES = ("streamlit_app.py", "pages/*.py", "debug_memory_panel.py")
CONTEXT = "core"
FOR_SETTERS = "A page tells this to a setter: name no variable, but the page that helps."
"""Stands in the catalogues with every text that is worded anew, in English too."""

VARIABLE = re.compile(
    rf"\b({'|'.join(row.variable for row in ROWS.values())})\b|leave it out|The choice ",
    re.ASCII,
)
"""An environment variable, which in Korean a word may follow at once, or a sentence about a
request's parameter, which a page has no name for."""

STARTING = (
    "core/environment_file.py",
    "core/onnx_intake.py",
    "core/setting",
    "core/tokens.py",
    "core/weights.py",
    "training/",
)
"""How the paths begin of modules that speak of what a server is started with."""

FIXED = datetime(2026, 11, 21, tzinfo=UTC)
"""In the headers in place of the moment, so that the same texts give the same files."""

COUNTS = {"_": 1, "N_": 1, "ngettext": 2}
"""The functions that look a text up, and how many forms of it they are given."""

Message = str | tuple[str, str]


class NotLiteralError(ValueError):
    """A text that cannot be collected."""


def page_messages(path: Path) -> Iterator[Message]:
    """The arguments of ``_``, ``N_`` and ``ngettext`` in a file.

    Raises :class:`NotLiteralError` for what is no literal, such as an f-string.
    """
    for _, call in calls(ast.parse(path.read_text(encoding="utf-8"))):
        name = name_of(call.func)
        if not isinstance(call.func, ast.Name) or name not in COUNTS:
            continue
        given = call.args[: COUNTS[name]]
        texts = [a.value for a in given if isinstance(a, ast.Constant) and isinstance(a.value, str)]
        if len(texts) == len(given):
            yield (texts[0], texts[1]) if name == "ngettext" else texts[0]
        elif not (isinstance(given[0], ast.Attribute) and path.name == "debug_memory_panel.py"):
            raise NotLiteralError(f"{path}:{call.lineno}: {ast.unparse(call)}")


def template(sources: Sources, root: Path = ROOT) -> Catalog:
    """Everything to translate, with the files where it stands."""
    catalog = new_catalog()
    paths = sorted({path for pattern in PAGES for path in root.glob(pattern)})
    for path in paths:
        for message in page_messages(path):
            catalog.add(message, locations=[(str(path.relative_to(root)), 0)])
    for text in sources.templates:
        catalog.add(
            text,
            context=CONTEXT,
            locations=[(sources.places[text], 0)],
            auto_comments=[FOR_SETTERS] if for_setters(text, sources.places[text]) else (),
        )
    return catalog


def for_setters(text: str, place: str) -> bool:
    """Whether a sentence of the module ``place`` needs another wording on a page."""
    found = VARIABLE.search(text)
    return found is not None and not (found[1] and place.startswith(STARTING))


def new_catalog(language: str | None = None) -> Catalog:
    """An empty catalogue of this project."""
    return Catalog(
        locale=language,
        domain=DOMAIN,
        project="ClimbMate",
        version="1",
        header_comment="# Texts of ClimbMate. AGPL-3.0-only.",
        copyright_holder="the ClimbMate authors",
        msgid_bugs_address="none",
        last_translator="the ClimbMate authors",
        language_team=language,
        creation_date=FIXED,
        revision_date=FIXED,
        fuzzy=False,
    )


def renewed(collected: Catalog, before: Catalog, language: str) -> Catalog:
    """The catalogue of a language with what was collected, translated as before; of English, only
    what pages word otherwise."""
    after = new_catalog(language)
    for message in collected:
        known = before.get(message.id, context=message.context)
        worded = language != ENGLISH or message.auto_comments or (known and known.string)
        if not message.id or not worded:
            continue
        after.add(
            message.id,
            known.string if known is not None else "",
            locations=message.locations,
            auto_comments=message.auto_comments,
            flags=(known.flags if known is not None else set()) - {"python-brace-format"},
            context=message.context,
        )
    return after


def po_text(catalog: Catalog) -> str:
    """A ``.po`` or ``.pot`` file, with file names but no line numbers: they change all the time."""
    out = io.BytesIO()
    write_po(out, catalog, width=100, include_lineno=False, sort_output=False)
    return out.getvalue().decode("utf-8")


def mo_bytes(catalog: Catalog) -> bytes:
    """The binary catalogue that ``gettext`` reads."""
    out = io.BytesIO()
    write_mo(out, catalog)
    return out.getvalue()


def sentences_text(sources: Sources) -> str:
    """The templates of core's sentences as JSON."""
    rows = [{"text": row.text, "words": list(row.words)} for row in sources.templates.values()]
    return json.dumps(rows, ensure_ascii=False, indent=1) + "\n"


def built(locales: Path = LOCALES) -> dict[Path, bytes]:
    """Every generated file, as it has to be."""
    sources = Sources()
    collected = template(sources)
    files = {
        locales / f"{DOMAIN}.pot": po_text(collected).encode(),
        locales / "core_sentences.json": sentences_text(sources).encode(),
    }
    for language in LANGUAGES:
        path = locales / language / "LC_MESSAGES" / f"{DOMAIN}.po"
        before = read_catalog(path, language)
        after = renewed(collected, before, language)
        files[path] = po_text(after).encode()
        files[path.with_suffix(".mo")] = mo_bytes(read_po(io.BytesIO(files[path]), domain=DOMAIN))
    return files


def read_catalog(path: Path, language: str) -> Catalog:
    """A ``.po`` file; empty where there is none yet."""
    if not path.exists():
        return new_catalog(language)
    with path.open("rb") as file:
        return read_po(file, locale=language, domain=DOMAIN)


def untranslated(language: str) -> list[str]:
    """The texts that a language still lacks, or tells with a variable where it must not."""
    catalog = read_catalog(LOCALES / language / "LC_MESSAGES" / f"{DOMAIN}.po", language)
    lacking = [
        m
        for m in catalog
        if m.id
        and (
            not (m.string and all(m.string))
            or (FOR_SETTERS in m.auto_comments and VARIABLE.search(m.string))
        )
    ]
    return [f"{language}: {message.id!r}" for message in lacking]


def main() -> int:
    """Write what differs, or only tell; and tell what is not translated."""
    parser = argparse.ArgumentParser(description="Build the catalogues in locales/.")
    parser.add_argument("--check", action="store_true", help="change nothing")
    check = parser.parse_args().check
    different = [
        (path, content)
        for path, content in built().items()
        if not path.exists() or path.read_bytes() != content
    ]
    for path, content in different:
        sys.stdout.write(f"{'differs' if check else 'written'}: {path.relative_to(ROOT)}\n")
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    missing = [text for language in LANGUAGES for text in untranslated(language)]
    for text in missing:
        sys.stdout.write(f"not translated: {text}\n")
    return 1 if missing or (check and different) else 0


if __name__ == "__main__":
    sys.exit(main())
