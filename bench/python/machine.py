"""What the measurements were made on."""

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path


def describe(data_dir: Path) -> dict[str, str | int]:
    data_dir.mkdir(parents=True, exist_ok=True)
    java = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False)
    return {
        "processor": _field("/proc/cpuinfo", "model name"),
        "cpus": os.cpu_count() or 0,
        "memory_mib": int(_field("/proc/meminfo", "MemTotal").split()[0]) >> 10,
        "filesystem": _filesystem(data_dir),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "java": java.stderr.partition("\n")[0],
    }


def words(on: dict[str, str | int]) -> str:
    """The hardware and its system, as documents tell it."""
    memory = round(int(on["memory_mib"]) / 1024)
    return f"{on['cpus']} × {on['processor']}, {memory} GiB, {on['filesystem']}, Linux {on['kernel']}"


def load() -> float:
    """How many threads wanted to run during the last minute, those of the measurements included."""
    return round(os.getloadavg()[0], 2)


def versions(packages: tuple[str, ...]) -> dict[str, str]:
    return {package: version(package) for package in packages}


def _field(file: str, name: str) -> str:
    for line in Path(file).read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return "unknown"


def _filesystem(directory: Path) -> str:
    command = ["stat", "--file-system", "--format", "%T", str(directory)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
