"""What opening a model leaves behind: nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

OPEN = """
from pathlib import Path
from core.sessions import open_session
from core.weights import EMBEDDED
open_session(EMBEDDED / "colour" / "image.onnx", 1)
"""


def test_the_runtime_keeps_no_record_of_the_machine_and_sends_none(tmp_path: Path) -> None:
    # GIVEN a home of its own, as a new user has it
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("ORT_", "XDG_"))}
    environment = kept | {"HOME": str(tmp_path)}

    # WHEN a model is opened
    subprocess.run([sys.executable, "-B", "-c", OPEN], env=environment, check=True)

    # THEN no identifier and no event waits there to be sent
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
