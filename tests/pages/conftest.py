"""What happens around every test of a page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import streamlit as st


@pytest.fixture(autouse=True)
def no_models_of_other_tests() -> Iterator[None]:
    """Streamlit keeps the service for the whole process: each test begins without one."""
    st.cache_resource.clear()
    yield
    st.cache_resource.clear()
