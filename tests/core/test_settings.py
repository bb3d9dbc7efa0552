"""Settings: what is read from the environment, what it defaults to, what a request may change."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import pytest

from core.errors import ChoiceError, SettingsError
from core.settings import (
    DEFAULT_PALETTE,
    MAX_THREADS,
    available_cores,
    changed_settings,
    default_cache_dir,
    default_threads,
    load_settings,
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


def test_overrides_win_over_the_environment(clean_environment: Environment) -> None:
    clean_environment.setenv("MAX_HOLDS", "10")
    clean_environment.setenv("CLIMBMATE_CACHE_DIR", "/a")

    settings = load_settings(max_holds=20, cache_dir=Path("/b"))

    assert (settings.max_holds, settings.cache_dir) == (20, Path("/b"))


@pytest.mark.usefixtures("clean_environment")
def test_settings_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        load_settings().max_holds = 3  # type: ignore[misc]


@pytest.mark.usefixtures("clean_environment")
def test_keys_are_not_shown_with_the_rest() -> None:
    settings = load_settings(api_keys="k3y-of-sixteen-letters")

    assert settings.api_keys == "k3y-of-sixteen-letters"
    assert "k3y" not in repr(settings) and "yolo_conf=0.35" in repr(settings)


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


@pytest.mark.usefixtures("clean_environment")
def test_settings_are_changed_for_one_request() -> None:
    settings = load_settings(cache_dir="/tmp/here", yolo_img_size=320)

    changed = changed_settings(settings, yolo_conf="0.5", palette="Red, Blue")

    assert (changed.yolo_conf, changed.palette) == (0.5, ("red", "blue"))
    assert settings.yolo_conf == 0.35
    same = {"yolo_conf": 0.35, "palette": DEFAULT_PALETTE}
    assert replace(changed, **same) == settings


@pytest.mark.usefixtures("clean_environment")
def test_a_change_that_cannot_be_used_is_the_requests_error() -> None:
    with pytest.raises(ChoiceError) as caught:
        changed_settings(load_settings(), yolo_conf=2, max_holds="many")

    assert caught.value.status == 422
    assert "The choice yolo_conf=2 is refused: expected at most 0.99." in caught.value.message
    assert caught.value.hint == "Correct yolo_conf and max_holds, or leave it out."
