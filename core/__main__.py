"""The entry of ``python -m core``; the command line itself is :mod:`core.command_line`.

Only what has to happen before anything else is imported stands here: Ctrl-C during the imports ends
the process at once, as it ends any program of the shell, and a Python without the packages is told
in a sentence; neither is a traceback. No garbage is looked for meanwhile.
"""

import gc
import os
import signal
import sys

if __name__ == "__main__":
    # What modules are made of stays: searching it for garbage, over and over, took a twentieth of a
    # command. Whatever goes on to work lets the collector run again.
    gc.disable()
    # numpy and OpenCV bring a library each that starts threads when it is imported. What is
    # multiplied with it is too small for two; the models and OpenCV itself have their own threads.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Where Ctrl-C is ignored (a background job of a script) it stays ignored.
    interrupted = signal.getsignal(signal.SIGINT)
    if interrupted is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        from core.command_line import leave, main
    except ModuleNotFoundError as error:
        if (error.name or "core").startswith("core"):  # a mistake here, not a missing package
            raise
        sys.stderr.write(
            f"error: {error.name} is not installed for {sys.executable}.\n"
            "  Make the environment with `make run` or `make install`, then use its Python: "
            ".venv/bin/python -m core ...\n"
        )
        sys.exit(2)

    signal.signal(signal.SIGINT, interrupted)
    leave(main())
