"""What happens around every test of a page, and the models that most of them want."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import streamlit as st

from core.analysis import Models
from tests.core.fakes import fake_models, found
from tests.core.make import make_colour
from tests.pages.driving import use


@pytest.fixture(autouse=True)
def no_models_of_other_tests() -> Iterator[None]:
    """Streamlit keeps the service for the whole process: each test begins without one."""
    st.cache_resource.clear()
    yield
    st.cache_resource.clear()


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> Models:
    """Models that find two columns of five holds, all unsure; a file may have its own."""
    holds = [found((x, 20 + 40 * i, x + 30, 45 + 40 * i)) for x in (50, 90) for i in range(5)]
    colour = make_colour("green", sure=False, confidence=0.55, alternatives=(("mint", 0.4),))
    return use(monkeypatch, fake_models(holds, colour))
