"""What the value of a setting may be, as schemas of pydantic's core.

Its core alone: the layer of classes above it takes as long to import as numpy does, in every run of
the command line. Which setting is of which kind is told in :mod:`core.settings`, what is said of a
value that was refused in :mod:`core.refused_settings`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic_core import CoreSchema, core_schema

from core.shown_text import can_be_shown

TEXT: CoreSchema = core_schema.str_schema()
SWITCH: CoreSchema = core_schema.bool_schema()


def whole(least: int, most: int | None = None, *, multiple_of: int | None = None) -> CoreSchema:
    """A whole number from ``least`` to ``most``."""
    return core_schema.int_schema(ge=least, le=most, multiple_of=multiple_of)


def number(least: float, most: float) -> CoreSchema:
    """A number from ``least`` to ``most``."""
    return core_schema.float_schema(ge=least, le=most, allow_inf_nan=False)


def above_zero(most: float) -> CoreSchema:
    """A number above 0, up to ``most``."""
    return core_schema.float_schema(gt=0, le=most, allow_inf_nan=False)


def threads(most: int) -> CoreSchema:
    """A number of threads. OpenMP allows a list such as "4,2", one number per level of nesting; the
    first is ours."""
    return _typed(lambda text: text.split(",")[0], whole(1, most))


def one_of(*words: str) -> CoreSchema:
    """One of ``words`` in capitals, however it is written."""
    return _typed(lambda text: text.strip().upper(), core_schema.literal_schema([*words]))


def several(check: Callable[[tuple[str, ...]], tuple[str, ...]]) -> CoreSchema:
    """Texts, separated by commas, as ``check`` gives them back."""
    texts = core_schema.tuple_schema([TEXT], variadic_item_index=0)
    return _checked(check, _typed(lambda text: tuple(text.split(",")), texts))


def text(check: Callable[[str], str]) -> CoreSchema:
    """A text, as ``check`` gives it back."""
    return _checked(check, TEXT)


def folder() -> CoreSchema:
    """A folder, as a text or a path."""
    return core_schema.no_info_plain_validator_function(_folder)


def colour_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """At least two names of colours, each once, in small letters."""
    known = dict.fromkeys(" ".join(name.lower().split()) for name in names)
    cleaned = tuple(name for name in known if name)
    if len(cleaned) < 2:
        raise ValueError("expected at least two colour names, separated by commas")
    if not all(map(can_be_shown, cleaned)):
        raise ValueError("expected names without characters that cannot be shown")
    if too_long := [name for name in cleaned if len(name) > 40]:
        raise ValueError(f"expected names of at most 40 characters, got {too_long[0]!r}")
    return cleaned


def origins(given: tuple[str, ...]) -> tuple[str, ...]:
    """Origins of web pages, without what may stand at their ends."""
    cleaned = tuple(origin.strip().rstrip("/") for origin in given if origin.strip())
    for origin in cleaned:
        if not re.fullmatch(r"https?://[^/\s*?#@]+", origin):
            raise ValueError("expected origins such as https://gym.example, without a path")
    return cleaned


def rate(given: str) -> str:
    """A number per time, such as "60/minute"; empty for "off"."""
    cleaned = "".join(given.lower().split())
    if cleaned == "off":  # an empty variable means the default, so that needs a word
        return ""
    if cleaned and not re.fullmatch(r"[1-9]\d{0,8}/(second|minute|hour|day)", cleaned):
        raise ValueError("expected a number per second, minute, hour or day, as 60/minute")
    return cleaned


def redis_address(given: str) -> str:
    """An address that a Redis client can be made of, or none."""
    if not given:
        return given
    if not given.startswith(("redis://", "rediss://", "unix://")):
        raise ValueError("expected an address that begins with redis://, rediss:// or unix://")
    try:
        urlsplit(given).port  # noqa: B018 (a port that is no number raises here)
    except ValueError as error:
        raise ValueError("expected an address with a port from 0 to 65535") from error
    # Only its own client knows what else an address may say.
    from redis.connection import parse_url

    try:
        parse_url(given)  # type: ignore[no-untyped-call]
    except ValueError as error:
        raise ValueError("expected an address whose options Redis takes") from error
    return given


def _folder(given: object) -> Path:
    if not isinstance(given, str | os.PathLike):
        raise ValueError("expected a path")
    # No shell has looked at what comes from a file of variables.
    try:
        return Path(given).expanduser()
    except RuntimeError as error:
        raise ValueError("expected a folder; this ~ is nobody's home") from error


def _typed(reader: Callable[[str], object], kind: CoreSchema) -> CoreSchema:
    """A value of ``kind``; what was typed is put through ``reader`` before."""

    def read(given: object) -> object:
        return reader(given) if isinstance(given, str) else given

    return core_schema.no_info_before_validator_function(read, kind)


def _checked(check: Callable[[Any], Any], kind: CoreSchema) -> CoreSchema:
    """A value of ``kind``, as ``check`` gives it back; it may raise ``ValueError``."""
    return core_schema.no_info_after_validator_function(check, kind)
