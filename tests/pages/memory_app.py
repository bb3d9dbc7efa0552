"""The dashboard with the debugger on, for tests of its pages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import debug_memory
from core import analysis
from core.memory import owners
from core.memory.ledger import install
from tests.core.fakes import fake_models, found

PATIENCE_S = 60


@contextmanager
def new_debugger(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Within, neither debugger nor service are those of another test; nothing is left behind."""
    monkeypatch.setattr(debug_memory, "_workbench", None)
    monkeypatch.setattr(owners, "_probes", {})
    before = install(None)
    st.cache_resource.clear()
    yield
    st.cache_resource.clear()
    install(before)


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch, clean_environment: Any) -> Iterator[None]:
    """Fake models, and no workbench of another test."""
    del clean_environment
    monkeypatch.setattr(analysis, "load_models", lambda *_: fake_models([found((50, 50, 90, 90))]))
    with new_debugger(monkeypatch):
        yield


@pytest.fixture
def on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DEBUG_MEMORY", "true")
    monkeypatch.setenv("CLIMBMATE_CACHE_DIR", str(tmp_path / "cache"))


def open_app(repository: Path) -> AppTest:
    return checked(
        AppTest.from_file(str(repository / "streamlit_app.py"), default_timeout=PATIENCE_S).run()
    )


def checked(app: AppTest) -> AppTest:
    assert not app.exception, app.exception
    assert not app.error, [error.value for error in app.error]
    return app


def start_page(app: AppTest) -> AppTest:
    """Run the app on its first page. AppTest would run that page's file alone from then on, because
    it knows the file from the folder of pages, and the panel belongs to the app."""
    app._page_hash = app._finished_page_script_hash = ""
    return checked(app.run())


def view(app: AppTest, name: str = "Timeline") -> AppTest:
    checked(app.switch_page("pages/memory.py").run())
    (chooser,) = [group for group in app.button_group if group.key == "memory_view"]
    assert name in chooser.options
    return checked(chooser.set_value([name] if isinstance(chooser.value, list) else name).run())


def press(app: AppTest, label: str) -> AppTest:
    (button,) = [button for button in app.button if button.label == label]
    assert not button.disabled
    button.click()
    return start_page(app) if app._page_hash == "" else checked(app.run())


def captions(app: AppTest) -> str:
    return "\n".join(caption.value for caption in app.caption)
