"""The entry of ``python -m core``; the command line itself is :mod:`core.command_line`.

Only what has to happen before anything else is imported stands here: Ctrl-C during the imports ends
the process at once, as it ends any program of the shell, and not with a traceback.
"""

import signal

if __name__ == "__main__":
    # Where Ctrl-C is ignored (a background job of a script) it stays ignored.
    interrupted = signal.getsignal(signal.SIGINT)
    if interrupted is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from core.command_line import leave, main

    signal.signal(signal.SIGINT, interrupted)
    leave(main())
