"""What Streamlit's own controls say, in the reader's language.

Streamlit 1.67 has no languages: the button of its uploader says "Upload" to everybody. In a
language other than English, an element that nobody sees (``assets/control_words``) replaces such
texts in the browser. Here stands which texts there are on our pages, and where.
"""

from __future__ import annotations

import streamlit as st

from pages.element_files import source
from pages.words import N_, language, told

TOOLS = [
    N_("Show/hide columns"),
    N_("Download as CSV"),
    N_("Download as PNG"),
    N_("Copy Vega-Lite spec"),
    N_("Search"),
    N_("Fullscreen"),
    N_("Close fullscreen"),
    N_("Show data"),
    N_("Show chart"),
    N_("Switch camera"),
    N_("Copy column name"),
]
"""Of the small buttons over a table or a chart: shown as tips, and read aloud."""

TEXTS = {
    '[data-testid="stSkipToContent"]': [N_("Skip to main content")],
    '[data-testid="stFileUploader"]': [
        N_("Upload"),
        N_("Drag and drop files here"),
        N_("Drag and drop a file here"),
        N_("{size} per file"),
        N_("{kind} files are not allowed."),
        N_("File must be {size} or smaller."),
        N_("Error:"),
        N_("add icon"),
    ],
    '[data-testid="stCameraInput"]': [
        N_("Take Photo"),
        N_("Clear photo"),
        N_("This app would like to use your camera."),
        N_("Learn how to allow access."),
    ],
    '[data-testid="InputInstructions"]': [N_("Press Enter to apply")],
    '[role="listbox"], [role="dialog"], [data-testid="stSelectboxVirtualDropdown"]': [
        N_("No results"),
        N_("Select all"),
        N_("Add: {word}"),
    ],
    '[role="menu"], [data-testid="stDataFrameColumnMenu"]': [
        N_("Sort ascending"),
        N_("Sort descending"),
        N_("Statistics"),
        N_("Format"),
        N_("Autosize"),
        N_("Pin column"),
        N_("Unpin column"),
        N_("Hide column"),
    ],
    '[data-testid="stTooltipContent"], [role="tooltip"]': TOOLS,
    "[data-live-announcer]": [
        N_("{count} options available."),
        N_("1 option available."),
    ],
}
"""Selector of a place -> the English texts that Streamlit writes there. A text belongs to a place,
so that what a setter typed is never taken for one."""

LABELS = [
    *TOOLS,
    N_("Choose options"),
    N_("Choose an option"),
    N_("Choose or add options"),
    N_("Choose or add an option"),
    N_("Sidebar"),
    N_("Expand sidebar"),
    N_("Collapse sidebar"),
    N_("App pages"),
    N_("Link to heading"),
    N_("file upload"),
    N_("Add files"),
    N_("Close"),
    N_("Dismiss"),
    N_("Open"),
    N_("Clear all"),
    N_("Clear value"),
    N_("Clear entry"),
    N_("Selected values"),
    N_("Increment"),
    N_("Decrement"),
    N_("Scroll tabs left"),
    N_("Scroll tabs right"),
    N_("Running..."),
    N_("Show/hide columns: {what}"),
    N_("Download as CSV: {what}"),
    N_("Download as PNG: {what}"),
    N_("Copy Vega-Lite spec: {what}"),
    N_("Search: {what}"),
    N_("Fullscreen: {what}"),
    N_("Close fullscreen: {what}"),
    N_("Show data: {what}"),
    N_("Show chart: {what}"),
    N_("Help for {what}"),
    N_("Remove {what}"),
]
"""What screen readers say of the controls, and what stands in empty fields: whole attributes, which
no setter writes."""

_mount = st.components.v2.component(
    "climbmate_control_words", js=source("control_words/control_words.js")
)


def show_control_words() -> None:
    """Have the browser replace them. Called where it always stands in the same place."""
    with st.container(key="control_words"):
        if language() != "en":
            texts = [(where, text, told(text)) for where, row in TEXTS.items() for text in row]
            labels = [(text, told(text)) for text in LABELS]
            _mount(key="control_words_element", data={"texts": texts, "labels": labels})
