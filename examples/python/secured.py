"""TLS, a user with a password, and a rule for each: a broker that is not open to everybody."""

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import flymq


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        # For a real broker, take those of your certificate authority.
        certs = Path(folder) / "certs"
        subprocess.run(
            [sys.executable, "-m", "flymq", "certs", "dev", str(certs)],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        with flymq.EmbeddedBroker(
            users={"ada": "correct horse"},
            tls_cert_file=certs / "server.pem",
            tls_key_file=certs / "server.key",
        ) as broker:
            address = f"localhost:{broker.port}"
            with flymq.FlyMQClient(
                address,
                tls_enabled=True,
                tls_ca_file=certs / "ca.pem",
                username="ada",
                password="correct horse",
            ) as client:
                client.create_topic("private")
                client.produce("private", "only for us")
                print("logged in as", client.whoami())

            attempts: list[Callable[[], flymq.FlyMQClient]] = [
                lambda: flymq.FlyMQClient(address),
                lambda: flymq.FlyMQClient(
                    address,
                    tls_enabled=True,
                    tls_ca_file=certs / "ca.pem",
                    username="ada",
                    password="a guess",
                ),
            ]
            for attempt in attempts:
                try:
                    attempt().close()
                except flymq.FlyMQError as error:
                    print(f"{error.name}: {error.hint}")


if __name__ == "__main__":
    main()
