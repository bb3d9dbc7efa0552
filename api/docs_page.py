"""GET /docs: the OpenAPI document as one plain page, made on the server.

FastAPI's own page loads its scripts from a network of others; a server may have none, so this one
needs no script at all. Nothing is described here: every word comes from the OpenAPI document.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

STYLE = """
:root { color-scheme: light dark; --line: #8884; --quiet: #7d8a86; --accent: #0f8a76; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 56rem; margin: 2rem auto; padding: 0 1rem; }
h1 { margin-bottom: 0; } h2 { margin: 2.5rem 0 .5rem; border-top: 1px solid var(--line);
padding-top: 1.5rem; font-size: 1.15rem; } h3 { margin: 1rem 0 .25rem; font-size: 1rem; }
code, pre { font: 14px/1.45 ui-monospace, monospace; }
pre { background: #8881; border: 1px solid var(--line); border-radius: .5rem; padding: .75rem;
overflow-x: auto; white-space: pre-wrap; overflow-wrap: anywhere; }
.method { color: var(--accent); font-weight: 700; margin-right: .5rem; }
.quiet { color: var(--quiet); } table { border-collapse: collapse; width: 100%; }
td, th { text-align: left; vertical-align: top; padding: .35rem .75rem .35rem 0;
border-bottom: 1px solid var(--line); } summary { cursor: pointer; padding: .25rem 0; }
a { color: var(--accent); }
"""

_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode("ascii")

POLICY = f"default-src 'none'; style-src 'sha256-{_HASH}'; frame-ancestors 'none'; base-uri 'none'"
"""Content-Security-Policy of the page: its one style sheet and nothing else."""


def docs_page(document: Mapping[str, Any]) -> str:
    """``document`` (OpenAPI 3) as a page of HTML."""
    info = document["info"]
    parts = [
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>",
        "<meta name='viewport' content='width=device-width, initial-scale=1'>",
        f"<title>{escape(info['title'])}</title><style>{STYLE}</style></head><body>",
        f"<h1>{escape(info['title'])}</h1>",
        f"<p class='quiet'>Version {escape(info['version'])}, "
        "<a href='openapi.json'>as an OpenAPI document</a></p>",
        f"<p>{_words(info.get('description', ''))}</p>",
    ]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            parts.extend(_operation(path, method, operation, document))
    return "\n".join([*parts, "</body></html>"])


def _operation(
    path: str, method: str, operation: Mapping[str, Any], document: Mapping[str, Any]
) -> Iterator[str]:
    yield (
        f"<h2><span class='method'>{escape(method.upper())}</span><code>{escape(path)}</code> "
        f"{escape(operation.get('summary', ''))}</h2>"
    )
    yield f"<p>{_words(operation.get('description', ''))}</p>"
    rows = [*_fields(operation, document), *map(_parameter, operation.get("parameters", ()))]
    if rows:
        yield "<table><tr><th>name</th><th>where</th><th>meaning</th></tr>"
        yield from rows
        yield "</table>"
    yield "<h3>Answers</h3>"
    for status, reply in operation["responses"].items():
        yield (
            f"<details><summary><code>{escape(status)}</code> "
            f"{_words(reply.get('description', ''))}</summary>"
        )
        for media_type, content in reply.get("content", {}).items():
            yield f"<p class='quiet'>{escape(media_type)}</p>"
            if "example" in content:
                yield f"<pre>{escape(_example(content['example']))}</pre>"
        yield "</details>"


def _parameter(parameter: Mapping[str, Any]) -> str:
    meaning = parameter.get("description") or parameter.get("schema", {}).get("description", "")
    return _row(parameter["name"], parameter["in"], meaning)


def _fields(operation: Mapping[str, Any], document: Mapping[str, Any]) -> Iterator[str]:
    """Rows for the form fields of a request body."""
    for content in operation.get("requestBody", {}).get("content", {}).values():
        schema = content["schema"]
        if "$ref" in schema:
            schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]
        for name, field in schema.get("properties", {}).items():
            yield _row(name, "form", field.get("description", ""))


def _row(name: str, where: str, meaning: str) -> str:
    cells = (
        f"<td><code>{escape(name)}</code></td><td>{escape(where)}</td><td>{_words(meaning)}</td>"
    )
    return f"<tr>{cells}</tr>"


def _words(text: str) -> str:
    """Text with its `code` set as code."""
    pieces = escape(" ".join(text.split())).split("`")
    return "".join(f"<code>{p}</code>" if i % 2 else p for i, p in enumerate(pieces))


def _example(example: object) -> str:
    return example if isinstance(example, str) else json.dumps(example, indent=1)
