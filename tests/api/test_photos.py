"""Names of uploads: what callers send is not trusted."""

from __future__ import annotations

import pytest

from api.photos import NAME_LENGTH, photo_name

NAMES = [
    ("wall.jpg", "wall.jpg"),
    ("/etc/passwd", "passwd"),
    ("C:\\photos\\wall.jpg", "wall.jpg"),
    ("../../wall.jpg", "wall.jpg"),
    ("벽 사진.jpg", "벽 사진.jpg"),
    ("a\nb\x1b[31m\u202e.jpg", "ab[31m.jpg"),
    ("", "photo"),
    (None, "photo"),
    ("..", ".."),
    ("\x00\x01", "photo"),
    ("   ", "photo"),
    ("x" * 500, "x" * NAME_LENGTH),
]


@pytest.mark.parametrize(("sent", "kept"), NAMES)
def test_a_name_is_only_a_name(sent: str | None, kept: str) -> None:
    assert photo_name(sent) == kept
