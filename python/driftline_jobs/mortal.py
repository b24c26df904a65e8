"""Programs that die with their parent, and with all that they started: python mortal.py PROGRAM ARGUMENTS.. Standard library only.

vLLM's server starts processes that outlive it when it is killed, and hold its GPU. So a guard stands between it and its asker: when the
asker dies, however that happens, or when the server does, the guard ends the server's whole group of processes, and then itself.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from types import FrameType

PR_SET_PDEATHSIG = 1

PATIENCE = 3.0
"""Seconds in which the server may put its things in order."""


def die_with_parent(by: signal.Signals = signal.SIGKILL) -> None:
    """The kernel sends this process a signal when its parent dies. The promise outlives exec, and is no child's."""
    if sys.platform != "linux":
        return
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, by, 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), by)


def guard(command: Sequence[str]) -> int:
    """Runs a program in a group of its own until it ends, or this process is told to end; then ends what is left of the group."""
    told: list[int] = []

    def tell(number: int, _frame: FrameType | None) -> None:
        told.append(number)

    signal.signal(signal.SIGTERM, tell)
    signal.signal(signal.SIGINT, tell)
    die_with_parent(signal.SIGTERM)
    child = subprocess.Popen(command, start_new_session=True, preexec_fn=die_with_parent)
    try:
        while not told:
            with contextlib.suppress(subprocess.TimeoutExpired):
                return child.wait(0.5)
        child.terminate()
        until = time.monotonic() + PATIENCE
        while child.poll() is None and time.monotonic() < until:
            time.sleep(0.05)
        return child.poll() or 0
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


if __name__ == "__main__":
    code = guard(sys.argv[1:])
    sys.exit(code if code >= 0 else 128 - code)
