"""The program's version, for whoever is told it: the REST face, and baselines of memory.

``pyproject.toml`` has it too, but is not where the program is served from an image; a test holds
both against each other. What the version means is not decided here.
"""

from __future__ import annotations

VERSION = "0.1.0"
