"""Settings: one table, and messages that name the variable."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from core.errors import ChoiceError, SettingsError
from core.settings import (
    DEFAULT_PALETTE,
    MAX_THREADS,
    Settings,
    available_cores,
    changed_settings,
    default_cache_dir,
    default_threads,
    load_settings,
    markdown_table,
    variable_name,
)

Environment = pytest.MonkeyPatch


@pytest.mark.usefixtures("clean_environment")
def test_defaults() -> None:
    settings = load_settings()

    assert settings.palette == DEFAULT_PALETTE
    assert (settings.yolo_img_size, settings.yolo_conf, settings.max_holds) == (640, 0.35, 0)
    assert settings.omp_num_threads == min(4, available_cores())


READ = [
    ("YOLO_IMG_SIZE", "960", "yolo_img_size", 960),
    ("YOLO_CONF", " 0.4 ", "yolo_conf", 0.4),
    ("yolo_conf", "0.5", "yolo_conf", 0.5),
    ("MAX_HOLDS", "", "max_holds", 0),
    ("MAX_PHOTO_MB", "1e1", "max_photo_mb", 10.0),
    ("PALETTE", "Red, dark  Blue,red,", "palette", ("red", "dark blue")),
    ("OMP_NUM_THREADS", "3", "omp_num_threads", 3),
    ("OMP_NUM_THREADS", "2,1", "omp_num_threads", 2),
    ("CLIMBMATE_CACHE_DIR", "/tmp/a b", "cache_dir", Path("/tmp/a b")),
    ("LOG_LEVEL", " info ", "log_level", "INFO"),
    ("CLIP_MODEL", "ViT-B-32", "clip_model", "ViT-B-32"),
    ("RATE_LIMIT", " 5 / Second", "rate_limit", "5/second"),
    ("RATE_LIMIT", "Off", "rate_limit", ""),
    ("RATE_LIMIT", "", "rate_limit", "60/minute"),
]


@pytest.mark.parametrize(("name", "value", "field", "expected"), READ)
def test_a_value_is_read(
    clean_environment: Environment, name: str, value: str, field: str, expected: object
) -> None:
    clean_environment.setenv(name, value)

    assert getattr(load_settings(), field) == expected


WRONG_ADDRESS = "expected an address that begins with redis://, rediss:// or unix://"

REFUSED = [
    ("YOLO_IMG_SIZE", "641", "expected a multiple of 32"),
    ("YOLO_IMG_SIZE", "256", "expected at least 320"),
    ("YOLO_IMG_SIZE", "2048", "expected at most 1280"),
    ("YOLO_IMG_SIZE", "large", "expected a whole number"),
    ("YOLO_CONF", "abc", "expected a number"),
    ("YOLO_CONF", "nan", "expected a finite number"),
    ("YOLO_CONF", "1", "expected at most 0.99"),
    ("MAX_IMAGE_SIZE", "100", "expected at least 320"),
    ("MAX_HOLDS", "-1", "expected at least 0"),
    ("MAX_HOLDS", "1.5", "expected a whole number"),
    ("MAX_PHOTO_MB", "0", "expected more than 0.0"),
    ("MAX_PHOTO_MB", "inf", "expected a finite number"),
    ("MAX_PHOTO_PIXELS", "12MP", "expected a whole number"),
    ("CLIP_BATCH_SIZE", "0", "expected at least 1"),
    ("PALETTE", "red", "expected at least two colour names, separated by commas"),
    ("PALETTE", ",,", "expected at least two colour names, separated by commas"),
    ("PALETTE", "red," + "x" * 41, f"expected names of at most 40 characters, got '{'x' * 41}'"),
    ("OMP_NUM_THREADS", "many", "expected a whole number"),
    ("OMP_NUM_THREADS", "0", "expected at least 1"),
    ("QUEUE_SIZE", "-1", "expected at least 0"),
    ("REQUEST_TIMEOUT_S", "0", "expected more than 0.0"),
    ("ENABLE_MODEL_CACHE", "perhaps", "expected true or false"),
    ("MODEL_CACHE_SIZE", "0", "expected at least 1"),
    ("MODEL_CACHE_MB", "inf", "expected a finite number"),
    ("REDIS_URL", "localhost:6379", WRONG_ADDRESS),
    ("REDIS_URL", "redis://localhost:port", "expected an address with a port from 0 to 65535"),
    ("LOG_LEVEL", "LOUD", "expected 'DEBUG', 'INFO', 'WARNING' or 'ERROR'"),
]


@pytest.mark.parametrize(("name", "value", "expected"), REFUSED)
def test_a_bad_value_is_named(
    clean_environment: Environment, name: str, value: str, expected: str
) -> None:
    clean_environment.setenv(name, value)

    with pytest.raises(SettingsError) as caught:
        load_settings()

    assert caught.value.code == "bad_setting"
    assert caught.value.message == f"{name} has the value {value!r}: {expected}."
    assert caught.value.hint == f"Correct or unset {name}, and start again."


def test_all_bad_values_are_named_at_once(clean_environment: Environment) -> None:
    clean_environment.setenv("YOLO_CONF", "7")

    with pytest.raises(SettingsError) as caught:
        load_settings(cache_dir=5)

    assert "YOLO_CONF has the value '7': expected at most 0.99." in caught.value.message
    assert "CLIMBMATE_CACHE_DIR has the value 5: expected a path." in caught.value.message
    assert "YOLO_CONF and CLIMBMATE_CACHE_DIR" in caught.value.hint


def test_a_long_value_is_cut(clean_environment: Environment) -> None:
    clean_environment.setenv("LOG_LEVEL", "X" * 500)

    with pytest.raises(SettingsError) as caught:
        load_settings()

    assert len(caught.value.message) < 200


def test_overrides_win_over_the_environment(clean_environment: Environment) -> None:
    clean_environment.setenv("MAX_HOLDS", "10")
    clean_environment.setenv("CLIMBMATE_CACHE_DIR", "/a")

    settings = load_settings(max_holds=20, cache_dir=Path("/b"))

    assert (settings.max_holds, settings.cache_dir) == (20, Path("/b"))


@pytest.mark.usefixtures("clean_environment")
def test_settings_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_settings().max_holds = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"MKL_NUM_THREADS": "3", "NUMEXPR_NUM_THREADS": "2"}, 2),
        ({"MKL_NUM_THREADS": " 6 "}, 6),
        ({"MKL_NUM_THREADS": "0"}, 1),
        ({"MKL_NUM_THREADS": "9999"}, MAX_THREADS),
        ({"MKL_NUM_THREADS": "auto", "NUMEXPR_NUM_THREADS": "²"}, None),
        ({}, None),
    ],
)
def test_threads_follow_the_kin_of_omp(
    clean_environment: Environment, environment: dict[str, str], expected: int | None
) -> None:
    for name, value in environment.items():
        clean_environment.setenv(name, value)

    assert default_threads() == (expected or min(4, available_cores()))
    assert load_settings().omp_num_threads == default_threads()


def test_cores_without_an_affinity_call(monkeypatch: Environment) -> None:
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)

    assert available_cores() == 1


def test_the_cache_follows_xdg(monkeypatch: Environment) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert default_cache_dir() == Path("/cache/climbmate")

    monkeypatch.setenv("XDG_CACHE_HOME", "")
    assert default_cache_dir() == Path.home() / ".cache" / "climbmate"


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can change its user")
def test_a_user_without_a_home_is_served(repository: Path) -> None:
    # As `docker run --user 54321` does: no HOME, and no line in /etc/passwd.
    script = (
        "import os; from core.settings import load_settings; "
        "os.setuid(54321); print(load_settings().cache_dir)"
    )
    environment = {k: v for k, v in os.environ.items() if k not in ("HOME", "XDG_CACHE_HOME")}

    done = subprocess.run(
        [sys.executable, "-c", script], cwd=repository, env=environment, capture_output=True
    )

    assert done.stdout.decode().strip() == "/nonexistent/.cache/climbmate", done.stderr.decode()


def test_a_home_in_a_file_of_variables(clean_environment: Environment) -> None:
    clean_environment.setenv("HOME", "/home/setter")
    clean_environment.setenv("CLIMBMATE_CACHE_DIR", "~/models")
    assert load_settings().cache_dir == Path("/home/setter/models")

    clean_environment.setenv("CLIMBMATE_CACHE_DIR", "~nobody-by-that-name/models")
    with pytest.raises(SettingsError, match=r"CLIMBMATE_CACHE_DIR has .*nobody's home"):
        load_settings()


@pytest.mark.parametrize("field", list(Settings.model_fields))
def test_every_setting_has_a_sentence_of_help_and_a_row(field: str) -> None:
    description = Settings.model_fields[field].description or ""

    assert re.fullmatch(r"[A-Z].{15,}\.", description), description
    assert "|" not in description
    rows = [row for row in markdown_table().splitlines() if f"`{variable_name(field)}` |" in row]
    assert len(rows) == 1
    assert description in rows[0]


def test_the_table_shows_defaults_as_one_types_them() -> None:
    table = markdown_table()

    assert "| `YOLO_WEIGHTS` | empty |" in table
    assert "| `CLIMBMATE_CACHE_DIR` | automatic |" in table
    assert f"| `PALETTE` | `{','.join(DEFAULT_PALETTE)}` |" in table


def test_the_readme_holds_this_table(repository: Path) -> None:
    readme = (repository / "README.md").read_text(encoding="utf-8")

    found = re.search(r"<!-- settings -->\n(.*?)\n<!-- /settings -->", readme, re.DOTALL)

    assert found, "README.md has no table between the settings markers"
    assert found.group(1).strip() == markdown_table(), (
        "run `python -m core settings --markdown` and put its output between the markers"
    )


@pytest.mark.usefixtures("clean_environment")
def test_a_password_is_not_repeated() -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(redis_url="http://user:s3cret@localhost:6379")

    assert "REDIS_URL" in str(caught.value) and "***@localhost" in str(caught.value)
    assert "s3cret" not in str(caught.value)


@pytest.mark.usefixtures("clean_environment")
def test_settings_are_changed_for_one_request() -> None:
    settings = load_settings(cache_dir="/tmp/here", yolo_img_size=320)

    changed = changed_settings(settings, yolo_conf="0.5", palette="Red, Blue")

    assert (changed.yolo_conf, changed.palette) == (0.5, ("red", "blue"))
    assert settings.yolo_conf == 0.35
    same = {"yolo_conf": 0.35, "palette": DEFAULT_PALETTE}
    assert changed.model_copy(update=same) == settings


@pytest.mark.usefixtures("clean_environment")
def test_a_change_that_cannot_be_used_is_the_requests_error() -> None:
    with pytest.raises(ChoiceError) as caught:
        changed_settings(load_settings(), yolo_conf=2, max_holds="many")

    assert caught.value.status == 422
    assert "yolo_conf has the value 2: expected at most 0.99." in caught.value.message
    assert caught.value.hint == "Correct yolo_conf and max_holds, or leave it out."
