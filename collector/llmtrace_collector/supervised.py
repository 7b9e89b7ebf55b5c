"""Runs a module as a child that cannot outlive its supervisor: `python -m llmtrace_collector.supervised MODULE ...`.

The supervisor holds the other end of this process's standard input. However the supervisor ends, the kernel closes
that end; then this process is asked to stop, and two seconds later it is gone, with its ports and its locks.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
import time

_GRACE_S = 2.0


def _follow_supervisor() -> None:
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_GRACE_S)
    os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    """Runs the module named by the first argument with the other arguments."""
    threading.Thread(target=_follow_supervisor, name="follow-supervisor", daemon=True).start()
    module, sys.argv = sys.argv[1], sys.argv[1:]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
