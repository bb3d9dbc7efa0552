"""What deploys: the Dockerfile, the files in the image, compose, the systemd unit, monitoring, and
the settings' file. ``python -m scripts.prove_dockerfile`` does the whole.
"""

from __future__ import annotations

import ast
import configparser
import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from api.closing import CLOSING_S
from benchmarks.memory_limit import LIMIT_MB
from core.environment_file import COMPOSE_VARIABLES, environment_file
from core.settings import ROWS, load_settings
from scripts import prove_dockerfile
from scripts.dockerfile import (
    Copy,
    Image,
    NotUnderstoodError,
    Run,
    image_files,
    read_dockerfile,
)

ROOT = Path(__file__).resolve().parent.parent
IMAGE = read_dockerfile((ROOT / "Dockerfile").read_text())
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]
PROBED = {"OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"}


def unit() -> dict[str, dict[str, list[str]]]:
    """The systemd unit: section, key, every value in order."""
    found: dict[str, dict[str, list[str]]] = {}
    section = ""
    for line in (ROOT / "deploy" / "climbmate.service").read_text().splitlines():
        if match := re.fullmatch(r"\[(\w+)\]", line):
            section = match[1]
        elif line and not line.startswith("#"):
            name, value = line.split("=", 1)
            found.setdefault(section, {}).setdefault(name, []).append(value)
    return found


# The image of this repository


def test_the_image_holds_what_serves_and_nothing_else() -> None:
    assert "no tests, training or history" in prove_dockerfile.check_files(IMAGE)
    assert prove_dockerfile.check_user(IMAGE) == "CMD runs as 10001:10001"
    tops = {source.split("/")[0] for source in image_files(IMAGE, ROOT).values()}
    assert {"LICENSE", "weights", "core", "pages", "api", "assets", ".streamlit"} <= tops


def test_every_module_that_the_image_imports_is_in_it() -> None:
    files = set(image_files(IMAGE, ROOT).values())
    own = {
        path.name.removesuffix(".py") for path in ROOT.iterdir() if not path.name.startswith(".")
    }
    missing = set()
    for name in sorted(files):
        if not name.endswith(".py"):
            continue
        for node in ast.walk(ast.parse((ROOT / name).read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                modules = [node.module]
            elif isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            else:
                continue
            for module in modules:
                path = module.replace(".", "/")
                if module.split(".")[0] in own and not files & {
                    f"{path}.py",
                    f"{path}/__init__.py",
                    *(file for file in files if file.startswith(f"{path}/")),
                }:
                    missing.add(f"{name}: {module}")

    assert missing == set()


def test_every_page_asset_and_model_is_in_the_image() -> None:
    files = set(image_files(IMAGE, ROOT).values())
    tracked = subprocess.run(
        ["git", "ls-files", "pages", "api", "core", "weights", "assets", "locales", ".streamlit"],
        cwd=ROOT, capture_output=True, text=True,
    ).stdout.split("\n")[:-1]  # fmt: skip
    if not tracked:
        pytest.skip("not a checkout with its history")
    meant = [
        name
        for name in tracked
        if not name.endswith((".po", ".pot", "make_fonts.py")) and "weights/cards" not in name
    ]

    assert [name for name in meant if name not in files and (ROOT / name).exists()] == []


def test_a_file_of_the_tests_in_the_image_would_be_noticed() -> None:
    image = Image(steps=[Copy(("LICENSE",), "/app", True)], base="x:1", user="0:0")
    prove_dockerfile.check_files(image)

    with pytest.raises(prove_dockerfile.NotProvenError, match="other than 0"):
        prove_dockerfile.check_user(image)
    with pytest.raises(NotUnderstoodError, match="unknown command"):
        stage = prove_dockerfile.Stage(ROOT, Path(sys.executable), None, None)
        prove_dockerfile.run_step(Run(("apt-get", "install", "gcc"), "/", {}), stage)


def test_the_image_installs_serving_alone_and_leaves_no_installer() -> None:
    runs = [step.words for step in IMAGE.steps if isinstance(step, Run)]
    installs = [words for words in runs if "install" in words and words[0] == "python"]
    asked = [words[words.index("-r") + 1] for words in installs]

    assert asked == ["requirements-serve.txt"]
    assert all("--only-binary=:all:" in words for words in installs)
    assert ("python", "-m", "pip", "uninstall") in [words[:4] for words in runs]
    assert re.fullmatch(r"python:3\.11\.\d+-slim-\w+", IMAGE.base)


def test_the_images_variables_are_those_of_a_small_server(
    clean_environment: pytest.MonkeyPatch,
) -> None:
    told = IMAGE.environment

    assert told["MALLOC_ARENA_MAX"] == "2" and {told[name] for name in PROBED} == {"2"}
    assert told["CLIMBMATE_CACHE_DIR"] in IMAGE.volumes
    for name, value in told.items():
        clean_environment.setenv(name, value)
    settings = load_settings()
    assert (settings.host, str(settings.port)) == ("0.0.0.0", told["PORT"])
    assert settings.omp_num_threads == 2


# Compose


def test_compose_has_the_keys_that_the_specification_has() -> None:
    top = {"name", "services", "volumes", "secrets"}
    service = {
        "build", "image", "restart", "env_file", "environment", "ports", "volumes", "mem_limit",
        "memswap_limit", "pids_limit", "read_only", "tmpfs", "cap_drop", "security_opt", "init",
        "stop_grace_period", "logging", "profiles", "command", "user", "secrets", "depends_on",
    }  # fmt: skip

    assert set(COMPOSE) == top
    for told in SERVICES.values():
        assert set(told) <= service
        for volume in told["volumes"]:
            source = volume.split(":")[0]
            assert source in COMPOSE["volumes"] or (ROOT / source).exists(), volume
        for secret in told.get("secrets", ()):
            assert secret["source"] in COMPOSE["secrets"]
        assert set(told.get("depends_on", ())) <= set(SERVICES)


def test_the_server_in_compose_lives_under_the_limit_without_swap() -> None:
    server = SERVICES["climbmate"]

    assert server["mem_limit"] == server["memswap_limit"] == f"{LIMIT_MB}m"
    assert server["read_only"] is True and server["cap_drop"] == ["ALL"]
    assert "profiles" not in server
    assert f"{server['environment']['CLIMBMATE_CACHE_DIR']}" in IMAGE.volumes
    # The analysis that runs may end, and the server after it.
    assert int(server["stop_grace_period"].removesuffix("s")) > CLOSING_S + 2


def test_the_others_in_compose_are_optional_pinned_and_bounded() -> None:
    others = {name: told for name, told in SERVICES.items() if name != "climbmate"}

    assert {name: told["profiles"] for name, told in others.items()} == {
        "redis": ["redis"],
        "prometheus": ["monitoring"],
        "grafana": ["monitoring"],
    }
    for told in others.values():
        assert re.search(r":v?\d+\.\d+\.\d+(-\w+)?$", told["image"]), told["image"]
        assert told["mem_limit"] == told["memswap_limit"]
    for told in SERVICES.values():  # nothing is reachable from elsewhere without a proxy
        assert all(port.startswith("127.0.0.1:") for port in told.get("ports", ()))


def test_redis_starts_with_what_compose_says(tmp_path: Path) -> None:
    if shutil.which("redis-server") is None:
        pytest.skip("no redis-server on this machine")
    server, *arguments = SERVICES["redis"]["command"]
    command = [server, *arguments, "--port", "0", "--unixsocket", str(tmp_path / "s")]
    process = subprocess.Popen([*command, "--dir", str(tmp_path)], stdout=-1, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if "ready to accept" in line.lower():
            break
    process.terminate()
    process.communicate(timeout=20)

    assert process.returncode == 0


# Monitoring


def test_prometheus_asks_the_server_for_what_it_has() -> None:
    told = yaml.safe_load((ROOT / "deploy" / "prometheus.yml").read_text())
    (job,) = told["scrape_configs"]
    port = SERVICES["climbmate"]["environment"]["PORT"]

    assert job["metrics_path"] == "/metrics"
    assert job["static_configs"] == [{"targets": [f"climbmate:{port}"]}]
    secret = Path(job["authorization"]["credentials_file"])
    assert secret.parent == Path("/run/secrets")
    assert secret.name in {item["source"] for item in SERVICES["prometheus"]["secrets"]}
    (config,) = [v for v in SERVICES["prometheus"]["volumes"] if "prometheus.yml" in v]
    assert f"--config.file={config.split(':')[1]}" in SERVICES["prometheus"]["command"]


def test_grafana_finds_prometheus_and_the_dashboard() -> None:
    folder = ROOT / "deploy" / "grafana" / "provisioning"
    (source,) = yaml.safe_load((folder / "datasources" / "prometheus.yml").read_text())[
        "datasources"
    ]
    (provider,) = yaml.safe_load((folder / "dashboards" / "climbmate.yml").read_text())["providers"]
    grafana = SERVICES["grafana"]
    mounts = dict(volume.split(":")[:2] for volume in grafana["volumes"])
    home = grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]

    assert source["url"] == "http://prometheus:9090" and "prometheus" in SERVICES
    assert mounts["./deploy/grafana/climbmate.json"] == home
    assert str(Path(home).parent) == provider["options"]["path"]
    dashboard = json.loads((ROOT / "deploy" / "grafana" / "climbmate.json").read_text())
    (variable,) = dashboard["templating"]["list"]
    assert variable["query"] == source["type"]


# systemd


def test_the_unit_limits_restarts_and_hardens() -> None:
    service = unit()["Service"]
    one = {name: values[0] for name, values in service.items() if len(values) == 1}

    assert one["MemoryMax"] == f"{LIMIT_MB}M" and one["MemorySwapMax"] == "0"
    assert one["Restart"] == "on-failure" and one["NoNewPrivileges"] == "yes"
    assert one["ProtectSystem"] == "strict" and one["CapabilityBoundingSet"] == ""
    assert one["ExecStart"].endswith("/python server.py") and (ROOT / "server.py").exists()
    assert int(one["TimeoutStopSec"]) > CLOSING_S + 2
    words = [word for line in service["Environment"] for word in shlex.split(line)]
    told = dict(word.split("=", 1) for word in words)
    same = {"MALLOC_ARENA_MAX", "PYTHONUNBUFFERED", *PROBED}
    assert {k: told[k] for k in same} == {k: IMAGE.environment[k] for k in same}
    assert told["CLIMBMATE_CACHE_DIR"] == f"%C/{one['CacheDirectory']}"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here")
def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    text = (ROOT / "deploy" / "climbmate.service").read_text()
    place = tmp_path / "climbmate.service"
    place.write_text(text.replace("/opt/climbmate/.venv/bin/python", sys.executable))

    done = subprocess.run(
        ["systemd-analyze", "verify", str(place)], capture_output=True, text=True, timeout=60
    )

    ours = [line for line in done.stderr.splitlines() if "climbmate" in line]
    assert ours == [] and done.returncode == 0, done.stderr


# The settings' file


def test_the_settings_file_is_the_one_that_the_command_writes() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "core", "settings", "--env"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip

    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    assert text == done.stdout == environment_file(), (
        "write it anew: python -m core settings --env > .env.example"
    )


@pytest.mark.usefixtures("clean_environment")
def test_the_settings_file_names_every_variable_with_its_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    told = dict(line[1:].split("=", 1) for line in lines if re.match(r"#[A-Z_0-9]+=", line))
    settings = [row.variable for row in ROWS.values()]
    assert list(told) == [*settings, *COMPOSE_VARIABLES]

    # GIVEN every comment sign taken away, WHEN the product starts, THEN nothing has changed.
    before = load_settings()
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    assert load_settings() == before
    assert all(line.startswith("#") or not line for line in lines)


def test_systemd_and_docker_can_read_the_settings_file() -> None:
    """Neither takes quotes or remarks behind a value; ini is the strictest reader at hand."""
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    values = [line[1:] for line in lines if re.match(r"#[A-Z_0-9]+=", line)]
    parser = configparser.ConfigParser(interpolation=None, allow_no_value=False)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string("\n".join(["[all]", *values]))

    assert len(parser["all"]) == len(ROWS) + len(COMPOSE_VARIABLES)
    assert not any(set(value) & set("'\"$\\") for value in parser["all"].values())


def test_the_settings_file_has_what_docker_compose_takes_from_it() -> None:
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    secrets = {told["environment"] for told in COMPOSE["secrets"].values()}

    assert secrets | set(re.findall(r"\$\{(\w+)", text)) == set(COMPOSE_VARIABLES)


def test_the_guide_to_deploying_names_only_what_is_there() -> None:
    text = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    variables = set(re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", text))
    known = {row.variable for row in ROWS.values()} | set(IMAGE.environment)

    for path in re.findall(r"`((?:deploy|scripts|docs|benchmarks)/[\w./-]+)`", text):
        assert (ROOT / path).exists(), path
    assert variables - known <= set(COMPOSE_VARIABLES)
    for option in set(re.findall(r"--profile (\w+)", text)):
        assert option in {name for told in SERVICES.values() for name in told.get("profiles", ())}
