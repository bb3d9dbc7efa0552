"""Why a setting was refused, in a sentence that needs no knowledge of pydantic.

The sentence names the variable, its value and what was expected instead, but no password. Which
values are refused is decided in :mod:`core.settings`.
"""

from __future__ import annotations

import re

from pydantic_core import ErrorDetails

_SECRETS = (
    (re.compile(r"//.*@"), "//***@"),
    (re.compile(r"(?<=password=)[^&']*"), "***"),
)
"""User and password of an address, and a password among its options: they must not get into a log.
Up to the last ``@``, since what is refused may be refused for a password that was not escaped."""

LONGEST_VALUE = 80
"""Characters of a value that are shown; a longer one is cut."""


def refusal(name: str, row: ErrorDetails) -> str:
    """The sentence about the setting ``name`` whose value pydantic refused for ``row``."""
    return f"{name} has the value {_shown(row)}: {_expectation(row)}."


def refused_choice(name: str, row: ErrorDetails) -> str:
    """The same about a request's own wish for the setting."""
    return f"The choice {name}={_shown(row)} is refused: {_expectation(row)}."


def _shown(row: ErrorDetails) -> str:
    """The value, without a password and not too long."""
    given = row["input"]
    if isinstance(given, tuple):  # words that a page has taken apart
        given = ",".join(map(str, given))
    shown = repr(given)
    for secret, stand_in in _SECRETS:
        shown = secret.sub(stand_in, shown)
    if len(shown) > LONGEST_VALUE:
        shown = f"{shown[: LONGEST_VALUE - 4]}...'"
    return shown


def _expectation(row: ErrorDetails) -> str:
    """What pydantic wanted, in words that need no knowledge of pydantic."""
    limits = row.get("ctx", {})
    match row["type"]:
        case "int_parsing" | "int_type" | "int_from_float" | "int_parsing_size":
            return "expected a whole number"
        case "float_parsing" | "float_type":
            return "expected a number"
        case "finite_number":
            return "expected a finite number"
        case "bool_parsing" | "bool_type":
            return "expected true or false"
        case "greater_than_equal":
            return f"expected at least {limits['ge']}"
        case "greater_than":
            return f"expected more than {limits['gt']}"
        case "less_than_equal":
            return f"expected at most {limits['le']}"
        case "multiple_of":
            return f"expected a multiple of {limits['multiple_of']}"
        case "literal_error":
            return f"expected {limits['expected']}"
        case "value_error":
            return str(limits["error"])
        case _:
            return row["msg"].rstrip(".")
