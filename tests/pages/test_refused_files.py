"""What a browser tells of files that its uploader refused is read with care."""

from __future__ import annotations

import pytest

from pages.refused_files import MAX_FILES, MAX_NAME_LENGTH, RefusedFile, read_refused


def test_each_file_has_its_uploader_its_name_and_its_bytes() -> None:
    told = {"turn": 2, "files": [["huge.jpg", 26_000_000], ["wide.png", 30_000_000]]}

    assert read_refused(told) == [
        RefusedFile(2, "huge.jpg", 26_000_000),
        RefusedFile(2, "wide.png", 30_000_000),
    ]


@pytest.mark.parametrize(
    "value",
    [
        None,
        "huge.jpg",
        {"files": []},
        {"turn": "0", "files": []},
        {"turn": True, "files": [["huge.jpg", 1]]},
        {"turn": 0, "files": "huge.jpg"},
        {"turn": 0, "files": ["huge.jpg"]},
        {"turn": 0, "files": [["huge.jpg"]]},
        {"turn": 0, "files": [["huge.jpg", 1.5]]},
        {"turn": 0, "files": [["", 1]]},
        {"turn": 0, "files": [["x" * (MAX_NAME_LENGTH + 1), 1]]},
        {"turn": 0, "files": [[7, 1]]},
    ],
)
def test_anything_else_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="expected"):
        read_refused(value)


def test_a_long_list_is_cut_off() -> None:
    rows = [["huge.jpg", number] for number in range(MAX_FILES + 1)]

    assert len(read_refused({"turn": 0, "files": rows})) == MAX_FILES
