"""The REST face: it translates between HTTP and :mod:`core.service`, and computes nothing."""
