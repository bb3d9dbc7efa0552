"""Which arguments are turned down, and why, before anything is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.command_arguments import output_files, parse_arguments

Captured = pytest.CaptureFixture[str]


def refusal(capsys: Captured, *arguments: str) -> str:
    """What is said of arguments that are turned down."""
    with pytest.raises(SystemExit) as caught:
        parse_arguments(["analyze", *arguments])
    assert caught.value.code == 2
    return capsys.readouterr().err


def test_a_photo_is_never_overwritten(tmp_path: Path, capsys: Captured) -> None:
    photo, other = str(tmp_path / "wall.jpg"), str(tmp_path / "wall.overlay.jpg")

    assert "would be overwritten" in refusal(capsys, photo, "--overlay", photo)
    assert "would be overwritten" in refusal(capsys, photo, other, "--out", str(tmp_path))


def test_nor_through_a_link(tmp_path: Path, capsys: Captured) -> None:
    photo, link = tmp_path / "wall.jpg", tmp_path / "link.jpg"
    link.symlink_to(photo)

    assert "would be overwritten" in refusal(capsys, str(photo), "--overlay", str(link))


def test_one_result_does_not_take_the_place_of_another(tmp_path: Path, capsys: Captured) -> None:
    same = str(tmp_path / "same")

    assert "asked for twice" in refusal(capsys, "a.jpg", "--csv", same, "--coco", same)
    out = ("--out", str(tmp_path), "--csv", str(tmp_path / "a.json"))
    assert "asked for twice" in refusal(capsys, "a.jpg", *out)


def test_links_in_a_circle_are_left_to_the_reader(tmp_path: Path) -> None:
    link = tmp_path / "wall.jpg"
    link.symlink_to(link)

    assert parse_arguments(["analyze", str(link), "--csv", "x.csv"]).photos == [str(link)]


@pytest.mark.parametrize(
    "options", [["--json", "-"], ["--json", "x.json"], ["--overlay", "x.jpg"]], ids=" ".join
)
def test_two_photos_need_a_folder(options: list[str], capsys: Captured) -> None:
    assert "--out DIR" in refusal(capsys, "wall.jpg", "other.jpg", *options)


def test_two_photos_of_one_name_would_share_their_results(capsys: Captured) -> None:
    assert "'wall'" in refusal(capsys, "wall.jpg", "a/wall.jpg", "--out", "out")


@pytest.mark.parametrize("option", ["--out", "--json", "--csv", "--coco", "--overlay"])
def test_an_empty_name_is_no_name(option: str, capsys: Captured) -> None:
    assert "expected a name, got an empty one" in refusal(capsys, "a.jpg", option, "")
    assert "expected a name, got an empty one" in refusal(capsys, "")


def test_an_overlay_is_a_jpeg_in_a_file(capsys: Captured) -> None:
    assert "name a file" in refusal(capsys, "a.jpg", "--overlay", "-")
    assert "writes a JPEG" in refusal(capsys, "a.jpg", "--overlay", "out.PNG")
    for name in ("out.jpg", "out.JPEG", "wall.overlay", "out"):
        assert parse_arguments(["analyze", "a.jpg", "--overlay", name]).overlay == name


def test_stdout_takes_one_result(capsys: Captured) -> None:
    assert "only one" in refusal(capsys, "a.jpg", "--json", "-", "--csv", "-")


def test_the_files_that_are_asked_for() -> None:
    arguments = parse_arguments(
        ["analyze", "in/a.jpg", "b.png", "--out", "d", "--csv", "c.csv", "--coco", "-"]
    )

    assert [str(path) for path in output_files(arguments)] == [
        "c.csv", "d/a.json", "d/a.overlay.jpg", "d/b.json", "d/b.overlay.jpg",
    ]  # fmt: skip
