"""Readings and, above them, accounts of where this process's memory goes."""
