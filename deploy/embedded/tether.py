"""Runs a program that the kernel kills when its supervisor dies, however that dies.

Started by file path, as `python -I -S tether.py SUPERVISOR_PID PROGRAM ARGUMENT…`; it asks the
kernel for SIGKILL on its parent's death (Linux) and becomes PROGRAM, so the process id stays. The
kernel's "parent" is the *thread* that forked: whoever uses this must start children from a thread
that lives as long as they do. A child's own children are not tethered. What the program writes is
for its owner alone: servers keep events. Imports nothing of the project: it runs once a child and
must be quick. Elsewhere than on Linux it only sets the mask and starts the program.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
_CANNOT_START = 127
_FOR_ITS_OWNER_ALONE = 0o077


def tethered(argv: tuple[str, ...]) -> list[str]:
    """The argument list that runs `argv` tethered to this process."""
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), *argv]


def _main() -> None:
    supervisor = int(sys.argv[1])
    argv = sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != supervisor:  # it died before we had asked
            os._exit(_CANNOT_START)
    os.umask(_FOR_ITS_OWNER_ALONE)
    # Python ignores SIGPIPE, and what is ignored stays so through exec.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        os.execvp(argv[0], argv)  # noqa: S606 - becoming the program is the purpose
    except OSError as error:
        print(f"cannot start {argv[0]}: {error.strerror}", file=sys.stderr, flush=True)
        os._exit(_CANNOT_START)


if __name__ == "__main__":
    _main()
