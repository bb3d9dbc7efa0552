"""GET /docs: a page of our own that needs no network and no script."""

from __future__ import annotations

import base64
import hashlib
import re

from starlette.testclient import TestClient

from api.docs_page import docs_page


def test_the_page_tells_every_operation_and_loads_nothing(client: TestClient) -> None:
    page = client.get("/docs")
    document = client.get("/openapi.json").json()

    for path, methods in document["paths"].items():
        assert f"<code>{path}</code>" in page.text
        for operation in methods.values():
            assert operation["summary"].replace("'", "&#x27;") in page.text
    assert "<script" not in page.text and "http" not in page.text.lower()
    assert set(re.findall(r"(?:src|href)=['\"]([^'\"]+)", page.text)) == {"openapi.json"}


def test_the_policy_allows_its_one_style_sheet(client: TestClient) -> None:
    page = client.get("/docs")

    (style,) = re.findall(r"<style>(.*?)</style>", page.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in page.headers["content-security-policy"]


def test_descriptions_are_text_not_markup() -> None:
    operation = {
        "summary": "<b>s</b>",
        "description": "a <script>x</script> `y<z`",
        "parameters": [{"name": "<n>", "in": "query", "description": "&"}],
        "responses": {"200": {"description": "<d>", "content": {"t/x": {"example": "<e>"}}}},
    }
    document = {
        "info": {"title": "<t>", "version": "1", "description": ""},
        "paths": {"/<p>": {"get": operation}},
    }

    page = docs_page(document)

    assert "<script" not in page and "<b>" not in page and "<e>" not in page
    assert "<code>y&lt;z</code>" in page and "<code>&lt;n&gt;</code>" in page
