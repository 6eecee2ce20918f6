"""Resident memory of one process: at rest, and at most since then. Linux keeps the peak."""

from __future__ import annotations

from pathlib import Path

__all__ = ["PeakMemory"]


class PeakMemory:
    """Begins anew when it is made."""

    def __init__(self, pid: int) -> None:
        self._of = Path(f"/proc/{pid}")
        (self._of / "clear_refs").write_text("5")
        self._at_rest_mib = self._mib("VmRSS")

    def told(self) -> dict[str, int]:
        """In MiB."""
        return {
            "service's MiB at rest": self._at_rest_mib,
            "its MiB at most while it serves": self._mib("VmHWM"),
        }

    def _mib(self, name: str) -> int:
        lines = (self._of / "status").read_text().splitlines()
        found = next(line for line in lines if line.startswith(f"{name}:"))
        return int(found.split()[1]) // 1024
