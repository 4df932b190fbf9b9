"""The package inside what it will really run in: prefork servers, pools, notebooks, test runners."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import flymq
import pytest
from flymq import FlyMQClient
from helpers import DEADLINE, run


@contextmanager
def server(command: list[str], folder: Path, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """A server in a folder; gone at the end of the block, with the processes that it forked."""
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=folder,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.communicate()


def read_until(process: subprocess.Popen[str], words: str) -> str:
    """The line of a server's output that has the words."""
    assert process.stdout is not None
    seen = []
    for line in process.stdout:
        if words in line:
            return line
        seen.append(line)
    raise AssertionError("".join(seen))


def stop(process: subprocess.Popen[str]) -> None:
    """Has a server end by itself."""
    process.terminate()
    output, _ = process.communicate(timeout=DEADLINE)
    assert process.returncode == 0, output


# What a module opens when it is imported, a prefork server opens before it forks. Each worker opens
# its own when it is first used.
MODULE = """
import os, flymq
address, topic = os.environ["BROKER"], os.environ["TOPIC"]
inherited = flymq.Producer(address)
inherited.send(topic, b"parent").result(30)
own = None

def send():
    global own
    if own is None:
        try:
            inherited.send(topic, b"lost")
        except flymq.ForkError:
            own = flymq.Producer(address)
    own.send(topic, str(os.getpid())).result(30)
"""


def workers(client: FlyMQClient, topic: str) -> set[bytes | None]:
    """The processes that have sent, but for the parent."""
    return {message.value for message in client.fetch(topic, 0)} - {b"parent"}


def test_gunicorn(broker: flymq.EmbeddedBroker, client: FlyMQClient, topic: str, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(
        MODULE
        + """
def app(environ, start_response):
    send()
    start_response("200 OK", [])
    return [b"sent"]
"""
    )
    command = ["gunicorn", "--preload", "--workers", "2", "--bind", "127.0.0.1:0", "app:app"]
    with server(command, tmp_path, BROKER=broker.address, TOPIC=topic) as process:
        url = read_until(process, "Listening at").split("Listening at: ")[1].split()[0]
        deadline = time.monotonic() + DEADLINE
        while len(workers(client, topic)) < 2:
            assert time.monotonic() < deadline
            with urllib.request.urlopen(url, timeout=DEADLINE) as response:
                assert response.read() == b"sent"
        stop(process)
    values = [message.value for message in client.fetch(topic, 0)]
    assert b"lost" not in values and str(process.pid).encode() not in values


def test_celery_prefork(
    broker: flymq.EmbeddedBroker, client: FlyMQClient, topic: str, tmp_path: Path
) -> None:
    (tmp_path / "queue").mkdir()
    (tmp_path / "tasks.py").write_text(
        MODULE
        + """
from celery import Celery
folder = {"data_folder_in": "queue", "data_folder_out": "queue", "control_folder": "queue"}
app = Celery("tasks", broker="filesystem://", broker_connection_retry_on_startup=True)
app.conf.broker_transport_options = folder
app.task(name="send", ignore_result=True)(send)
"""
    )
    worker = ["celery", "-A", "tasks", "worker", "--pool", "prefork", "--concurrency", "2"]
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "info"]
    with server(worker + quiet, tmp_path, BROKER=broker.address, TOPIC=topic) as process:
        read_until(process, "ready.")
        call = [sys.executable, "-m", "celery", "-b", "filesystem://", "-A", "tasks", "call", "send"]
        environment = {**os.environ, "BROKER": broker.address, "TOPIC": topic}
        subprocess.run(call, cwd=tmp_path, env=environment, check=True, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + DEADLINE
        while not workers(client, topic):
            assert time.monotonic() < deadline
        stop(process)
    assert str(process.pid).encode() not in workers(client, topic)


POOL = """
import multiprocessing, os, sys, warnings
import flymq

address, topic, method = sys.argv[1:4]

def begin(address):
    global client
    client = flymq.FlyMQClient(address)

def send(number):
    offset = client.produce(topic, str(number))
    return client.consume(topic, offset)

if __name__ == "__main__":
    warnings.simplefilter("ignore")
    with flymq.FlyMQClient(address) as parents, flymq.Producer(parents) as producer:
        producer.send(topic, b"parent")
        with multiprocessing.get_context(method).Pool(2, begin, (address,)) as pool:
            messages = pool.map(send, range(20))
            pool.close()
            pool.join()
        assert sorted(int(m.value) for m in messages) == list(range(20))
        assert parents.latest(topic) == 21
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing(
    broker: flymq.EmbeddedBroker, topic: str, tmp_path: Path, method: str
) -> None:
    (tmp_path / "pool.py").write_text(POOL)
    subprocess.run(
        [sys.executable, "pool.py", broker.address, topic, method],
        cwd=tmp_path,
        timeout=DEADLINE,
        check=True,
    )


def test_jupyter(broker: flymq.EmbeddedBroker, topic: str) -> None:
    manager_module = pytest.importorskip("jupyter_client.manager")
    manager, kernel = manager_module.start_new_kernel(kernel_name="python3")
    try:

        def cell(code: str) -> list[str]:
            output: list[str] = []

            def note(message: dict[str, dict[str, str]]) -> None:
                content = message["content"]
                output.append(content.get("text") or content.get("ename") or "")

            kernel.execute_interactive(code, output_hook=note, timeout=DEADLINE)
            return [text for text in output if text]

        # A cell runs within an event loop; the blocking API blocks it, and works.
        setup = f"import asyncio, flymq; client = flymq.connect({broker.address!r})"
        assert cell(f"{setup}; asyncio.get_running_loop() and None") == []
        assert cell(f"print(client.produce({topic!r}, 'x'))") == ["0\n"]
        # The square of the toolbar interrupts what blocks.
        kernel.execute(f"client.fetch({topic!r}, 1, max_wait=60)", stop_on_error=False)
        while kernel.get_iopub_msg(timeout=DEADLINE)["msg_type"] != "execute_input":
            pass
        manager.interrupt_kernel()
        while (message := kernel.get_iopub_msg(timeout=DEADLINE))["msg_type"] != "error":
            pass
        assert message["content"]["ename"] == "KeyboardInterrupt"
        assert cell(f"print(client.latest({topic!r}))") == ["1\n"]
    finally:
        kernel.stop_channels()
        manager.shutdown_kernel(now=True)


XDIST = """
import pytest

@pytest.mark.parametrize("number", range(8))
def test_orders_are_stored(flymq_client, flymq_topic, number):
    offset = flymq_client.produce(flymq_topic, str(number))
    assert flymq_client.consume(flymq_topic, offset).value == str(number).encode()
"""


def test_pytest_xdist(tmp_path: Path) -> None:
    (tmp_path / "test_orders.py").write_text(XDIST)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "2", str(tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0 and "8 passed" in done.stdout, done.stdout + done.stderr


SUBINTERPRETER = """
import sys
if sys.version_info >= (3, 14):
    from concurrent import interpreters
    interpreter = interpreters.create()
    def load():
        interpreter.exec("import flymq")
elif sys.version_info >= (3, 13):
    import _interpreters
    interpreter = _interpreters.create()
    def load():
        failed = _interpreters.exec(interpreter, "import flymq")
        if failed:
            raise ImportError(failed.formatted)
else:
    import _xxsubinterpreters
    interpreter = _xxsubinterpreters.create()
    def load():
        _xxsubinterpreters.run_string(interpreter, "import flymq")

import flymq
try:
    load()
except Exception as error:
    print(error)
flymq.EmbeddedBroker().close()
"""


def test_a_sub_interpreter_is_refused() -> None:
    refusal = run(SUBINTERPRETER)
    assert "interpreter" in refusal


def test_the_module_needs_no_gil() -> None:
    # Of a build without a GIL, importing a module that needs it turns it on.
    run("import flymq, sys; assert not getattr(sys, '_is_gil_enabled', lambda: False)() or not "
        "__import__('sysconfig').get_config_var('Py_GIL_DISABLED')")
