"""The settings as a file of environment variables: ``.env.example``, for Docker and systemd.

Written by ``python -m core settings --env`` from the table in :mod:`core.settings`, so it names
every variable with its meaning and default; a test fails when the committed file differs. Each line
is commented out: a default that is not written down changes with the product.

Such a file is read by ``docker compose`` and by systemd's ``EnvironmentFile``, not by the product.
"""

from __future__ import annotations

import textwrap

from core.settings import Settings, variable_name
from core.settings_table import as_typed

WIDTH = 98

HEAD = """\
Settings of ClimbMate, one NAME=value a line, without quotes. Copy this file to .env for docker
compose, or to /etc/climbmate/env for systemd, and take the # away where a value is to differ.
Written by: python -m core settings --env"""


def environment_file() -> str:
    """Every variable with its meaning above it and its default, as the text of the file."""
    blocks = ["\n".join(f"# {line}" for line in HEAD.splitlines())]
    for field, info in Settings.model_fields.items():
        meaning = textwrap.wrap(
            info.description or "", WIDTH, initial_indent="# ", subsequent_indent="# "
        )
        default = "" if info.default_factory is not None else as_typed(info.default)
        blocks.append("\n".join([*meaning, f"#{variable_name(field)}={default}"]))
    return "\n\n".join(blocks) + "\n"
