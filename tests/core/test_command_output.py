"""What a terminal is shown. (Streams that are closed or full: test_command_process.py.)"""

from __future__ import annotations

import io

import pytest

from core.command_output import ProgressBar, shown


def test_what_is_shown_of_odd_names() -> None:
    assert shown("Wände 壁.jpg") == "Wände 壁.jpg"
    assert shown("a\nb\x1b[31m\udcff") == r"a\nb\x1b[31m\udcff"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("length", [4, 41, 300])
def test_a_bar_stays_on_one_line_of_the_terminal(
    length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("COLUMNS", "80")
    bar = ProgressBar("x" * length)

    bar.show(0.5, "detect")

    line = terminal.getvalue().removeprefix("\r")
    assert len(line) < 80 and "[############............] detect" in line
    bar.end()
    assert terminal.getvalue().endswith("\r\033[K")


def test_no_bar_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    bar = ProgressBar("wall.jpg")

    bar.show(0.5, "detect")
    bar.end()

    assert capsys.readouterr() == ("", "")
