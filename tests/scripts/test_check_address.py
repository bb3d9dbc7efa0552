"""Before the dashboard starts: an address or a port that cannot be is told in a sentence."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.check_address import refusal
from tests.ports import free_port


@pytest.mark.parametrize("address", ["", "127.0.0.1", "localhost", "0.0.0.0"])
def test_where_a_server_can_listen_nothing_is_said(address: str) -> None:
    assert refusal(address, str(free_port())) == ""


@pytest.mark.parametrize("port", ["banana", "", "0", "-1", "65536", "80a", "8501.0", "²"])
def test_what_is_no_port(port: str) -> None:
    assert refusal("127.0.0.1", port).startswith(f"PORT={port} is no port. Give a whole number")


@pytest.mark.parametrize("address", ["256.1.1.1", "a..b"])
def test_what_is_no_address(address: str) -> None:
    assert refusal(address, str(free_port())).startswith(f"ADDRESS={address} is no address.")


def test_an_address_of_another_machine() -> None:
    # 192.0.2.0/24 is kept for documentation (RFC 5737): no machine has it.
    assert refusal("192.0.2.1", str(free_port())).startswith(
        "ADDRESS=192.0.2.1 is not of this machine."
    )


def test_a_port_that_is_taken_and_another_to_choose() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        asked = refusal("127.0.0.1", str(port))

    assert asked == f"Port {port} is taken. Choose another: make run PORT={port + 1}"


def test_the_command_ends_with_2_and_the_sentence(repository: Path) -> None:
    command = [sys.executable, "scripts/check_address.py", "", "banana"]

    done = subprocess.run(command, cwd=repository, capture_output=True, text=True)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("ClimbMate cannot start. PORT=banana is no port.")
    assert done.stderr.count("\n") == 1
