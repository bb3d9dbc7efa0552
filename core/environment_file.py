"""The settings as a file of environment variables: ``.env.example``, for Docker and systemd.

Written by ``python -m core settings --env`` from the table in :mod:`core.settings`, so it names
every variable with its meaning and default, and those that docker compose alone reads; a test fails
when the committed file differs. Each line is commented out: a default that is not written down
changes with the product.

Such a file is read by ``docker compose`` and by systemd's ``EnvironmentFile``, not by the product.
"""

from __future__ import annotations

import textwrap

from core.settings import ROWS
from core.settings_table import as_typed

WIDTH = 98

HEAD = """\
Settings of ClimbMate, one NAME=value a line, without quotes. Copy this file to .env for docker
compose, or to /etc/climbmate/env for systemd, and take the # away where a value is to differ.
Written by: python -m core settings --env"""

COMPOSE_VARIABLES = {
    "METRICS_KEY": "One of the plain keys in API_KEYS, with which Prometheus asks. Read by docker "
    "compose alone, for its profile `monitoring`.",
    "GRAFANA_PASSWORD": "Password of Grafana's user `admin`. Read by docker compose alone, for its "
    "profile `monitoring`.",
}
"""What docker-compose.yml takes from the same file and the product itself does not read."""


def environment_file() -> str:
    """Every variable with its meaning above it and its default, as the text of the file."""
    blocks = ["\n".join(f"# {line}" for line in HEAD.splitlines())]
    for row in ROWS.values():
        default = "" if row.default is None else as_typed(row.default)
        blocks.append(_block(row.variable, row.description, default))
    blocks += [_block(name, meaning, "") for name, meaning in COMPOSE_VARIABLES.items()]
    return "\n\n".join(blocks) + "\n"


def _block(name: str, meaning: str, default: str) -> str:
    lines = textwrap.wrap(meaning, WIDTH, initial_indent="# ", subsequent_indent="# ")
    return "\n".join([*lines, f"#{name}={default}"])
