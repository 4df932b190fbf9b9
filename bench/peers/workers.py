"""The programs that use the clients, one or more a language.

Each takes a job as a JSON object, the scenario's fields and `topic`, `driver`, `address`, `server_pid` and
`ca`, and answers with one: `records`, `seconds`, `rate`, `client_cpu_us` and `server_cpu_us` (processor time for
each record), for times `p50_us` and `p99_us`. The kinds `fill` and `delete` prepare and remove a topic.
"""

import importlib
import json
import resource
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self

from drivers import Driver, Secure
from servers import ROOT
from turns import PATIENCE, Work, ask, python_worker
from worker import server_cpu

RELEASE = ROOT / "target" / "release"
NATS = ROOT / "target" / "peers" / "release" / "peers-nats"
JAVA = ROOT / "bench" / "java" / "target"
_C = ROOT / "bindings-c"


class Workers:
    """Builds and starts them when they are first asked for, and ends them with the `with` block."""

    def __init__(self, absent: dict[str, str], build: bool) -> None:
        self._absent = absent
        self._build = build
        self._folder = TemporaryDirectory()
        self._ready: dict[str, list[str]] = {}
        self._jvm: subprocess.Popen[str] | None = None

    def available(self, language: str, driver: str) -> bool:
        """Whether there is a worker; what is missing is noted and told."""
        name = language if language in ("python", "java") else f"{language}-{driver}"
        if name in self._ready:
            return True
        if name in self._absent:
            return False
        try:
            self._ready[name] = _PREPARE[name](Path(self._folder.name), self._build)
        except (OSError, subprocess.CalledProcessError, _Missing) as error:
            self._absent[name] = _reason(error)
            print(f"without {name}: {self._absent[name]}", file=sys.stderr)
            return False
        return True

    def of(self, language: str) -> Work:
        """Does the jobs of this language."""
        works: dict[str, Work] = {
            "python": python_worker,
            "rust": lambda job: ask(self._ready[f"rust-{job['driver']}"], job),
            "java": self._ask_jvm,
            "c": self._run_c,
        }
        return works[language]

    def _ask_jvm(self, job: dict[str, Any]) -> dict[str, float]:
        """One JVM does all jobs, a line each, so that its compiler's work is done once."""
        if self._jvm is None or self._jvm.poll() is not None:
            log = open(Path(self._folder.name) / "java.log", "ab")
            with log:
                self._jvm = subprocess.Popen(
                    self._ready["java"],
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
                )  # fmt: skip
        assert self._jvm.stdin is not None and self._jvm.stdout is not None
        self._jvm.stdin.write(json.dumps(job) + "\n")
        self._jvm.stdin.flush()
        line = self._jvm.stdout.readline()
        answer = json.loads(line) if line else {"error": "the JVM has ended"}
        if "error" in answer:
            log_text = (Path(self._folder.name) / "java.log").read_text(errors="replace")
            raise RuntimeError(f"{answer['error']}\n{log_text[-2000:]}")
        measured: dict[str, float] = answer
        return measured

    def _run_c(self, job: dict[str, Any]) -> dict[str, float]:
        """Programs of C take words; processor time is that of the whole process."""
        topics = _topics(job)
        if job["kind"] == "delete":
            topics.delete(job["topic"])
            return {}
        if job["kind"] != "consume":
            topics.create(job["topic"])
        kind = "produce" if job["kind"] == "fill" else job["kind"]
        words = [kind, job["address"], job["topic"], str(job["records"]), str(job["record_bytes"])]
        before, server_before = _children_cpu(), server_cpu(job["server_pid"])
        try:
            done = subprocess.run(
                [*self._ready[f"c-{job['driver']}"], *words],
                capture_output=True, text=True, timeout=PATIENCE,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise RuntimeError(f"it had not ended after {PATIENCE:g} s") from error
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        records = job["records"]
        client_cpu = (_children_cpu() - before) / records * 1e6
        server = (server_cpu(job["server_pid"]) - server_before) / records * 1e6
        rate, *quantiles = (float(word) for word in done.stdout.split())
        if job["kind"] not in ("fill", "consume"):
            topics.delete(job["topic"])
        return {
            "records": records, "seconds": records / rate, "rate": rate,
            "client_cpu_us": client_cpu, "server_cpu_us": server,
            **dict(zip(("p50_us", "p99_us"), quantiles, strict=False)),
        }  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._jvm is not None and self._jvm.stdin is not None:
            self._jvm.stdin.close()
            self._jvm.wait(30)
        self._folder.cleanup()


class _Missing(Exception):
    """What has to be built first."""


def _python(folder: Path, build: bool) -> list[str]:
    return [sys.executable]


def _rust(folder: Path, build: bool) -> list[str]:
    program = RELEASE / "flymq-bench"
    if build:
        _run("cargo", "build", "--release", "--quiet", "-p", "flymq-bench", "-p", "flymq-cli")
    return [str(_existing(program)), "worker"]


def _nats(folder: Path, build: bool) -> list[str]:
    if build:
        manifest = str(Path(__file__).with_name("async-nats") / "Cargo.toml")
        _run("cargo", "build", "--release", "--quiet", "--manifest-path", manifest,
             "--target-dir", str(NATS.parents[1]))  # fmt: skip
    return [str(_existing(NATS))]


def _java(folder: Path, build: bool) -> list[str]:
    if build:
        _run("mvn", "--batch-mode", "--quiet", "package", cwd=JAVA.parent)
    classes = _existing(JAVA / "classes" / "io" / "flymq" / "bench" / "Worker.class").parents[3]
    return ["java", "-cp", f"{classes}:{JAVA}/libraries/*", "io.flymq.bench.Worker"]


def _c_flymq(folder: Path, build: bool) -> list[str]:
    if build:
        _run("cargo", "build", "--release", "--quiet", "-p", "flymq-c", "--lib")
    soname = folder / "libflymq.so.0"
    soname.symlink_to(_existing(RELEASE / "libflymq.so"))
    program = folder / "flymq"
    _run("gcc", "-O2", "-D_GNU_SOURCE", str(_C / "bench" / "flymq.c"), f"-I{_C / 'include'}",
         "-o", str(program), str(soname), f"-Wl,-rpath,{folder}")  # fmt: skip
    return [str(program)]


def _c_rdkafka(folder: Path, build: bool) -> list[str]:
    program = folder / "rdkafka"
    try:
        _run("gcc", "-O2", "-D_GNU_SOURCE", str(_C / "bench" / "rdkafka.c"), "-o", str(program),
             "-lrdkafka")  # fmt: skip
    except subprocess.CalledProcessError as error:
        raise _Missing("install librdkafka (Debian: apt-get install librdkafka-dev)") from error
    return [str(program)]


_PREPARE = {
    "python": _python,
    "rust-flymq": _rust,
    "rust-nats": _nats,
    "java": _java,
    "c-flymq": _c_flymq,
    "c-rdkafka": _c_rdkafka,
}


def _existing(file: Path) -> Path:
    if not file.exists():
        raise _Missing(f"{file.relative_to(ROOT)} is not built")
    return file


def _run(*command: str, cwd: Path = ROOT) -> None:
    subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True)


def _reason(error: Exception) -> str:
    if isinstance(error, subprocess.CalledProcessError):
        last = (error.stderr or error.stdout or "").strip().splitlines()
        return f"{' '.join(error.cmd[:2])} failed: {last[-1] if last else error.returncode}"
    return str(error)


def _topics(job: dict[str, Any]) -> Driver:
    """Makes and removes topics, which the programs of C do not."""
    name = {"flymq": "flymq", "rdkafka": "confluent"}[job["driver"]]
    driver: Driver = importlib.import_module(f"drivers.{name}").Driver(
        job["address"], "default", job["durability"], Secure()
    )
    return driver


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
