"""A setting that cannot be used: the sentence names variable, value and what was expected."""

from __future__ import annotations

import pytest

from core.errors import SettingsError
from core.settings import load_settings

Environment = pytest.MonkeyPatch

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
    (
        "REDIS_URL",
        "redis://host?socket_timeout=soon",
        "expected an address whose options Redis takes",
    ),
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


@pytest.mark.usefixtures("clean_environment")
@pytest.mark.parametrize(
    "address",
    [
        "http://user:s3cret@localhost:6379",
        "redis://:s3/cret@localhost:6379/0",  # refused for its port, which would be "s3"
        "redis://:a@s3cret@localhost:99999",
        "redis://localhost:6379/0?password=s3cret&health_check_interval=often",
    ],
)
def test_a_password_is_not_repeated(address: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(redis_url=address)

    assert "REDIS_URL" in str(caught.value) and "***" in str(caught.value)
    assert "localhost:" in str(caught.value)
    assert "s3" not in str(caught.value) and "cret" not in str(caught.value)
