"""The jars of a Kafka node, fetched once by Maven."""

import fcntl
import shutil
import subprocess
import tempfile
from pathlib import Path

VERSION = "4.3.1"
HERE = Path(__file__).resolve().parent
CACHE = HERE.parents[1] / ".cache"


def fetch() -> Path:
    """The folder of the jars. Whoever comes while another process fetches them waits for it."""
    jars = CACHE / f"kafka-{VERSION}"
    CACHE.mkdir(exist_ok=True)
    with open(CACHE / "kafka.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not jars.exists():
            _fetch(jars)
    return jars


def _fetch(jars: Path) -> None:
    if shutil.which("mvn") is None:
        raise RuntimeError("install Maven (Debian: apt-get install maven): it fetches Kafka's jars")
    # The folder has its name only once it is complete.
    partial = Path(tempfile.mkdtemp(prefix="kafka-", dir=CACHE))
    try:
        command = ["mvn", "--batch-mode", "--quiet", "--file", str(HERE / "pom.xml")]
        command += [f"-Dkafka.version={VERSION}", f"-DoutputDirectory={partial}"]
        command += ["-DincludeScope=runtime", "dependency:copy-dependencies"]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"Maven could not fetch Kafka {VERSION}:\n{done.stdout}")
        partial.rename(jars)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
