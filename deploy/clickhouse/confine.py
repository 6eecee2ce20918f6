"""The kernel's own refusal (Landlock, Linux 5.19 or newer): a last line behind grants and `guard`.

From the call on this thread and those that it starts write below the data directory only, run no
other program and, since Linux 6.7, connect to nobody. Reading is not confined: Python and the
engine read all over the system.
"""

from __future__ import annotations

import ctypes
import os
import struct
from pathlib import Path

__all__ = ["confine"]

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_ASK_VERSION = 1
_PATH_BENEATH = 1
_NO_NEW_PRIVILEGES = 38
_EXECUTE = 1 << 0
_WRITE_FILE = 1 << 1
# removing, making, linking and renaming; truncating came with version 3
_CHANGE_FOLDERS = sum(1 << bit for bit in range(4, 14))
_TRUNCATE = 1 << 14
_CONNECT_TCP = 1 << 1
_OLDEST_WITH_RENAME = 2
_OLDEST_WITH_TRUNCATE = 3
_OLDEST_WITH_NETWORK = 4


def confine(data_dir: Path) -> bool:
    """Confine the process to its data directory; False where the kernel can't."""
    system = ctypes.CDLL(None, use_errno=True)
    if not hasattr(system, "prctl"):
        return False
    version = system.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _ASK_VERSION)
    if version < _OLDEST_WITH_RENAME:
        return False
    writing = _WRITE_FILE | _CHANGE_FOLDERS
    if version >= _OLDEST_WITH_TRUNCATE:
        writing |= _TRUNCATE
    network = _CONNECT_TCP if version >= _OLDEST_WITH_NETWORK else 0
    handled = struct.pack("=QQ", writing | _EXECUTE, network)
    ruleset = _checked(system.syscall(_CREATE_RULESET, handled, ctypes.c_size_t(len(handled)), 0))
    try:
        _allow(system, ruleset, data_dir, writing)
        _allow(system, ruleset, Path(os.devnull), _WRITE_FILE)
        _checked(system.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0))
        _checked(system.syscall(_RESTRICT_SELF, ruleset, 0))
    finally:
        os.close(ruleset)
    return True


def _allow(system: ctypes.CDLL, ruleset: int, path: Path, rights: int) -> None:
    parent = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        rule = struct.pack("=Qi", rights, parent)
        _checked(system.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, rule, 0))
    finally:
        os.close(parent)


def _checked(answer: int) -> int:
    if answer < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"Landlock: {os.strerror(number)}")
    return answer
