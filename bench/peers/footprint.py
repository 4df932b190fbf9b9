"""How quickly servers start, and the memory they take."""

import statistics
from pathlib import Path
from typing import Any

from drivers import ServerName
from servers import Missing, Servers


def measure(
    names: list[ServerName], data_dir: Path, runs: int, used: dict[str, float]
) -> dict[str, Any]:
    """Starts each so many times, in turn, with an empty folder.

    `start_ms` is from the command until it takes connections; Kafka's folder was formatted before, by a
    JVM of its own. `idle_mib` is what it then has in memory, `used_mib` what
    it had after the measurements.
    """
    found: dict[str, Any] = {
        name: {"start_ms": [], "idle_mib": [], "used_mib": used.get(name)} for name in names
    }
    for _ in range(runs):
        for name in names:
            servers = Servers(data_dir, "os")
            try:
                server = servers.get(name)
                found[name]["start_ms"].append(server.started_in * 1e3)
                found[name]["idle_mib"].append(resident(server.pid))
            except (Missing, RuntimeError, TimeoutError):
                # It is named where it was to be measured.
                continue
            finally:
                servers.close()
    return found


def resident(pid: int) -> float:
    """MiB of memory that a process has in use now."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"/proc/{pid}/status has no VmRSS")


def medians(found: dict[str, Any]) -> dict[str, tuple[float, float, float | None]]:
    """What there is to say of each: ms to start, MiB idle and MiB used."""
    return {
        name: (statistics.median(of["start_ms"]), statistics.median(of["idle_mib"]), of["used_mib"])
        for name, of in found.items()
        if of["start_ms"]
    }
