"""An object as the interpreter has it: size, attributes and module, without asking the object.

A proxy does something when it is asked: Streamlit's deprecated names write a warning to the log,
and a lazy module is imported. Whoever goes over all objects of a process must leave them asleep.

Not done here: what an object refers to (the collector knows it), and how often it counts.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Mapping
from typing import Any


def size_teller(kind: type) -> Callable[[Any], int]:
    """What tells the shallow bytes of instances of ``kind``: ``sys.getsizeof`` where that comes to
    C alone, else ``object.__sizeof__``.

    Written in Python, as pandas does, a size would count what is walked over anyway.
    """
    try:
        told = kind.__sizeof__
    except AttributeError:  # a metaclass that hides it
        return object.__sizeof__
    return sys.getsizeof if isinstance(told, types.MethodDescriptorType) else object.__sizeof__


def attributes_of(item: Any) -> Mapping[str, Any] | None:
    """The ``__dict__`` of an object; None where it has none.

    Python 3.11 keeps the attributes of a plain object outside of a dict until it is asked.
    """
    if not type(item).__dictoffset__:  # its class would be asked, and may answer for another
        return None
    try:
        held: Mapping[str, Any] = object.__getattribute__(item, "__dict__")
    except AttributeError:
        return None
    return held


def module_of(kind: type) -> str:
    """The module of a type; empty where ``__module__`` is no text, as of a proxy's type."""
    module = kind.__module__
    return module if isinstance(module, str) else ""
