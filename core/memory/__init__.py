"""Readings and, above them, accounts of where this process's memory goes.

Most of it serves any program; what a photo needs (:mod:`core.memory.photo_needs`,
:mod:`core.memory.preflight`) is this one's. Nothing here draws.
"""
