"""What a browser tells of files that its uploader refused is read with care."""

from __future__ import annotations

import pytest

from pages.refused_files import MAX_FILES, MAX_NAME_LENGTH, RefusedFile, read_refused


def test_each_file_has_its_name_and_its_bytes() -> None:
    told = [["huge.jpg", 26_000_000], ["plan.pdf", 3_000]]

    assert read_refused(told) == [
        RefusedFile("huge.jpg", 26_000_000),
        RefusedFile("plan.pdf", 3_000),
    ]


@pytest.mark.parametrize(
    "value",
    [
        None,
        "huge.jpg",
        {"files": []},
        ["huge.jpg"],
        [["huge.jpg"]],
        [["huge.jpg", 1.5]],
        [["huge.jpg", True]],
        [["", 1]],
        [["x" * (MAX_NAME_LENGTH + 1), 1]],
        [[7, 1]],
    ],
)
def test_anything_else_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="expected"):
        read_refused(value)


def test_a_long_list_is_cut_off() -> None:
    rows = [["huge.jpg", number] for number in range(MAX_FILES + 1)]

    assert len(read_refused(rows)) == MAX_FILES
