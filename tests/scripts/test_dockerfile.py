"""The reader of Dockerfiles: what it reads, and that what it does not know ends it."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.dockerfile import (
    Copy,
    Image,
    NotUnderstoodError,
    Run,
    context_files,
    image_files,
    read_dockerfile,
)


def test_a_dockerfile_is_read() -> None:
    text = """
# syntax of ours
FROM python:3.11-slim
LABEL a="b c"
ENV A=1 \\
    # between continued lines
    B="two words"
WORKDIR /app
COPY a.txt b.txt ./
RUN python -m pip install x && install -d -o 1 -g 2 /data
WORKDIR sub
COPY . /there/
USER 7:7
HEALTHCHECK --timeout=5s CMD ["python", "-c", "pass"]
CMD ["python", "x.py"]
"""
    image = read_dockerfile(text)

    variables = {"A": "1", "B": "two words"}
    assert image.steps == [
        Copy(("a.txt", "b.txt"), "/app", True),
        Run(("python", "-m", "pip", "install", "x"), "/app", variables),
        Run(("install", "-d", "-o", "1", "-g", "2", "/data"), "/app", variables),
        Copy((".",), "/there", True),
    ]
    assert (image.base, image.workdir, image.user) == ("python:3.11-slim", "/app/sub", "7:7")
    assert image.command == ("python", "x.py") and image.health == ("python", "-c", "pass")


REFUSED = [
    "ADD https://example.org/x /x",
    "ARG VERSION",
    "ONBUILD RUN x",
    "COPY --from=builder /a /b",
    "COPY *.py ./",
    'COPY ["a b", "c"]',
    "COPY a",
    "RUN pip install $PACKAGES",
    "RUN a | b",
    "RUN a; b",
    "RUN a || b",
    "RUN a > b",
    "RUN --mount=type=cache a",
    "RUN <<EOF",
    "ENV A=$B",
    "ENV A b",
    "USER $USER",
    "HEALTHCHECK NONE",
    "CMD python server.py",
    "FROM second:1",
    "WORKDIR /a b",
    "RUN a \\",
]


@pytest.mark.parametrize("line", REFUSED)
def test_what_is_not_understood_ends_the_reading(line: str) -> None:
    good = 'FROM python:3.11\nCMD ["python"]\n'
    assert read_dockerfile(good).command == ("python",)

    with pytest.raises(NotUnderstoodError):
        read_dockerfile(good + line)


@pytest.mark.parametrize("text", ["", "FROM a:1", 'CMD ["python"]', 'RUN x\nFROM a:1\nCMD ["p"]'])
def test_an_image_has_a_base_and_a_command(text: str) -> None:
    with pytest.raises(NotUnderstoodError):
        read_dockerfile(text)


# As https://docs.docker.com documents .dockerignore: the last line that matches decides, a pattern
# matches what is below a folder too, * stays within a folder and ** does not.
IGNORED = [
    ("*\n!a", {"a/x.py", "a/b/y.txt"}),
    ("a", {"c.txt", "d/a/z.txt"}),
    ("*/b", {"a/x.py", "c.txt", "d/a/z.txt"}),
    ("**/*.txt\n!c.txt", {"a/x.py", "c.txt"}),
    ("**\n!**/a/z.txt", {"d/a/z.txt"}),
    ("*.txt", {"a/x.py", "a/b/y.txt", "d/a/z.txt"}),
    ("!c.txt\n*.txt", {"a/x.py", "a/b/y.txt", "d/a/z.txt"}),
    ("*\n!a\na/b\n!a/b/y.txt", {"a/x.py", "a/b/y.txt"}),
    ("# a\n\n/a/", {"c.txt", "d/a/z.txt"}),
]


@pytest.mark.parametrize(("rules", "expected"), IGNORED)
def test_dockerignore(rules: str, expected: set[str], tmp_path: Path) -> None:
    for name in ("a/x.py", "a/b/y.txt", "c.txt", "d/a/z.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    (tmp_path / ".dockerignore").write_text(rules)

    assert set(context_files(tmp_path)) - {".dockerignore"} == expected


def test_patterns_and_links_that_are_not_known_are_refused(tmp_path: Path) -> None:
    (tmp_path / ".dockerignore").write_text("[ab]")
    with pytest.raises(NotUnderstoodError):
        context_files(tmp_path)
    (tmp_path / ".dockerignore").write_text("")
    (tmp_path / "link").symlink_to("/etc/passwd")
    with pytest.raises(NotUnderstoodError):
        context_files(tmp_path)


def test_files_go_where_copy_says(tmp_path: Path) -> None:
    (tmp_path / ".dockerignore").write_text(".dockerignore")
    (tmp_path / "a").mkdir()
    for name in ("a/x.py", "y.txt"):
        (tmp_path / name).write_text("x")

    def placed(*sources: str, target: str, into: bool) -> dict[str, str]:
        return image_files(Image(steps=[Copy(sources, target, into)]), tmp_path)

    assert placed("y.txt", target="/app", into=True) == {"/app/y.txt": "y.txt"}
    assert placed("y.txt", target="/z.txt", into=False) == {"/z.txt": "y.txt"}
    assert placed("a", target="/app", into=True) == {"/app/x.py": "a/x.py"}
    assert placed(".", target="/w", into=True) == {"/w/a/x.py": "a/x.py", "/w/y.txt": "y.txt"}
    with pytest.raises(NotUnderstoodError):
        placed("absent", target="/w", into=True)
