"""Read the Dockerfile and .dockerignore of this repository, strictly: what is not understood fails.

:func:`read_dockerfile` gives the image's settings and its steps; :func:`context_files` the files
that ``docker build`` would send, by the rules of .dockerignore. This is a reader for one Dockerfile
of one stage, not a builder: variables, heredocs, flags of COPY and shell syntax beyond ``&&`` are
refused, so that nothing passes as proven that was skipped.

Sources: the Dockerfile reference, and its section on .dockerignore.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

SHELL_SYNTAX = re.compile(r"[|;<>$`*?()\[\]{}~]|(?<!&)&(?!&)|&&&")
WITHOUT_EFFECT = ("LABEL", "EXPOSE", "STOPSIGNAL")
"""Instructions that tell others something and change no file and no process."""


class NotUnderstoodError(ValueError):
    """The Dockerfile says something that this reader does not know."""


@dataclass(frozen=True, slots=True)
class Copy:
    """COPY: ``sources`` of the build context to ``target``, an absolute path in the image."""

    sources: tuple[str, ...]
    target: str
    into_folder: bool


@dataclass(frozen=True, slots=True)
class Run:
    """One command of a RUN, with the folder and the variables it runs with."""

    words: tuple[str, ...]
    workdir: str
    environment: dict[str, str]


@dataclass(slots=True)
class Image:
    """What the Dockerfile describes."""

    base: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    workdir: str = "/"
    user: str = ""
    volumes: list[str] = field(default_factory=list)
    command: tuple[str, ...] = ()
    health: tuple[str, ...] = ()
    steps: list[Copy | Run] = field(default_factory=list)


def instructions(text: str) -> list[tuple[str, str]]:
    """(name, rest) of every instruction, with continued lines joined and comments left out."""
    found: list[tuple[str, str]] = []
    pending = ""
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        pending += line.strip()
        if pending.endswith("\\"):
            pending = pending[:-1].rstrip() + " "
            continue
        name, _, rest = pending.partition(" ")
        found.append((name.upper(), rest.strip()))
        pending = ""
    if pending:
        raise NotUnderstoodError("the last line is continued, and nothing follows")
    return found


def read_dockerfile(text: str) -> Image:
    """The image of a Dockerfile. Raises :class:`NotUnderstoodError`."""
    image = Image()
    for name, rest in instructions(text):
        if name == "FROM":
            if image.base or " " in rest:
                raise NotUnderstoodError(f"expected one stage, FROM image:tag, got FROM {rest}")
            image.base = rest
        elif not image.base:
            raise NotUnderstoodError(f"expected FROM first, got {name}")
        elif name not in WITHOUT_EFFECT:
            _apply(image, name, rest)
    if not image.base or not image.command:
        raise NotUnderstoodError("expected FROM and CMD")
    return image


def _apply(image: Image, name: str, rest: str) -> None:
    if name == "ENV":
        image.environment.update(_variables(rest))
    elif name == "WORKDIR":
        image.workdir = _absolute(image, _plain(rest))
    elif name == "USER":
        image.user = _plain(rest)
    elif name == "VOLUME":
        image.volumes.append(_absolute(image, _plain(rest)))
    elif name == "CMD":
        image.command = _words(rest)
    elif name == "HEALTHCHECK":
        options, _, command = rest.partition("CMD ")
        if not command or any(not word.startswith("--") for word in options.split()):
            raise NotUnderstoodError(f"expected HEALTHCHECK --options CMD [...], got {rest}")
        image.health = _words(command)
    elif name == "COPY":
        image.steps.append(_copy(image, rest))
    elif name == "RUN":
        image.steps += _runs(image, rest)
    else:
        raise NotUnderstoodError(f"unknown instruction {name} {rest}")


def _plain(text: str) -> str:
    if not text or " " in text or SHELL_SYNTAX.search(text):
        raise NotUnderstoodError(f"expected one plain word, got {text!r}")
    return text


def _variables(rest: str) -> dict[str, str]:
    pairs = {}
    for word in shlex.split(rest):
        name, equals, value = word.partition("=")
        if not equals or "$" in value:
            raise NotUnderstoodError(f"expected NAME=value without variables, got {word!r}")
        pairs[name] = value
    return pairs


def _words(rest: str) -> tuple[str, ...]:
    try:
        words = json.loads(rest)
    except ValueError:
        words = None
    if not isinstance(words, list) or not words or not all(isinstance(w, str) for w in words):
        raise NotUnderstoodError(f'expected a command as ["word", ...], got {rest}')
    return tuple(words)


def _absolute(image: Image, path: str) -> str:
    return str(PurePosixPath(image.workdir, path))


def _copy(image: Image, rest: str) -> Copy:
    *sources, target = rest.split()
    if not sources or any(
        word.startswith(("--", "[", "<")) or "*" in word for word in rest.split()
    ):
        raise NotUnderstoodError(f"expected COPY source ... target, got COPY {rest}")
    return Copy(tuple(sources), _absolute(image, target), target.endswith(("/", ".")))


def _runs(image: Image, rest: str) -> list[Run]:
    if rest.startswith(("[", "--", "<<")) or SHELL_SYNTAX.search(rest):
        raise NotUnderstoodError(f"expected plain commands joined by &&, got RUN {rest}")
    return [
        Run(tuple(shlex.split(part)), image.workdir, dict(image.environment))
        for part in rest.split("&&")
    ]


def context_files(root: Path) -> list[str]:
    """The files below ``root`` that a build may copy, as relative paths, sorted.

    As in Docker, a path is left out when the last line of .dockerignore that matches it, or a
    folder above it, has no ``!``. Links are refused.
    """
    rules = _rules((root / ".dockerignore").read_text(encoding="utf-8"))
    found = []
    for folder, folders, files in os.walk(root):
        # Nothing below can come back when no later rule has a `!` for it.
        here = Path(folder).relative_to(root)
        folders[:] = [name for name in folders if _may_hold(here / name, rules)]
        for name in files:
            path = here / name
            if not _ignored(path.as_posix(), rules):
                if (root / path).is_symlink():
                    raise NotUnderstoodError(f"{path} is a link")
                found.append(path.as_posix())
    return sorted(found)


@dataclass(frozen=True, slots=True)
class _Rule:
    pattern: re.Pattern[str]
    back: bool
    first: re.Pattern[str]


def _rules(text: str) -> list[_Rule]:
    rules = []
    for line in text.splitlines():
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        back, glob = stripped.startswith("!"), stripped.removeprefix("!").strip("/")
        if re.search(r"[\[\]\\?]", glob):
            raise NotUnderstoodError(f"unknown pattern {stripped} in .dockerignore")
        rules.append(_Rule(_expression(glob), back, _expression(glob.split("/")[0])))
    return rules


def _expression(glob: str) -> re.Pattern[str]:
    parts = re.split(r"(\*\*/|\*\*|\*)", glob)
    known = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*"}
    return re.compile("".join(known.get(part, re.escape(part)) for part in parts))


def _ignored(path: str, rules: list[_Rule]) -> bool:
    parts = path.split("/")
    prefixes = ["/".join(parts[: count + 1]) for count in range(len(parts))]
    ignored = False
    for rule in rules:
        if any(rule.pattern.fullmatch(prefix) for prefix in prefixes):
            ignored = not rule.back
    return ignored


def _may_hold(folder: Path, rules: list[_Rule]) -> bool:
    """Whether anything below ``folder`` may be in the context: it is itself, or a line with ``!``
    may begin with its first part."""
    if not _ignored(folder.as_posix(), rules):
        return True
    return any(rule.back and rule.first.fullmatch(folder.parts[0]) for rule in rules)


def image_files(image: Image, root: Path) -> dict[str, str]:
    """Every file that the COPY steps put into the image: path in the image to path in ``root``.

    Raises :class:`NotUnderstoodError` for a source that is not in the context.
    """
    context = context_files(root)
    placed: dict[str, str] = {}
    for step in image.steps:
        if isinstance(step, Copy):
            for source in step.sources:
                placed |= _placed(step, source.removeprefix("./").rstrip("/"), context)
    return placed


def _placed(step: Copy, source: str, context: list[str]) -> dict[str, str]:
    target = PurePosixPath(step.target)
    if source in context:
        name = target / PurePosixPath(source).name if step.into_folder else target
        return {str(name): source}
    prefix = "" if source in ("", ".") else f"{source}/"
    below = [path for path in context if path.startswith(prefix)]
    if not below:
        raise NotUnderstoodError(f"{source} is not in the build context")
    return {str(target / path.removeprefix(prefix)): path for path in below}
