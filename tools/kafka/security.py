"""What a secured cluster is secured with: certificates of its own, and users."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

#: A user of every mechanism.
USER, PASSWORD = "flymq", "gateway-secret"
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")

#: Listeners beside the plain one, and how they are secured. SSL wants a certificate of the client, and
#: MISNAMED has one that is not for its address. PROXIED is advertised elsewhere, where a test may listen.
LISTENERS = {
    "SSL": "SSL",
    "SASL_SSL": "SASL_SSL",
    "SASL_PLAINTEXT": "SASL_PLAINTEXT",
    "MISNAMED": "SSL",
    "PROXIED": "PLAINTEXT",
}

_LOGIN = "org.apache.kafka.common.security"


class Secrets:
    """A folder with all of it.

    `ca.pem` has signed the nodes' certificates and `client.pem`, and `foreign.pem` signs what the
    cluster does not know: `stranger.pem`. Keys are in `.key` beside their certificates.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        for authority in ("ca", "foreign"):
            self._make(authority, f"/CN={authority}")
        self._issue("node", "ca", "IP:127.0.0.1,DNS:localhost")
        self._issue("misnamed", "ca", "DNS:elsewhere.test")
        self._issue("client", "ca", "DNS:gateway.test")
        self._issue("stranger", "foreign", "DNS:gateway.test")
        for node in ("node", "misnamed"):
            # As Kafka reads it: the key and the certificate in one file.
            parts = [self.path(f"{node}.key"), self.path(f"{node}.pem")]
            self.path(f"{node}.keystore").write_text("".join(p.read_text() for p in parts))

    def path(self, name: str) -> Path:
        return self.folder / name

    def _issue(self, name: str, authority: str, names: str) -> None:
        signer = ("-CA", str(self.path(f"{authority}.pem")))
        signer += ("-CAkey", str(self.path(f"{authority}.key")))
        extensions = (f"subjectAltName={names}", "basicConstraints=critical,CA:FALSE")
        added = [argument for extension in extensions for argument in ("-addext", extension)]
        self._make(name, f"/CN={name}", *signer, *added)

    def _make(self, name: str, subject: str, *more: str) -> None:
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
        command += ["-nodes", "-days", "2", "-subj", subject, *more]
        command += ["-keyout", str(self.path(f"{name}.key")), "-out", str(self.path(f"{name}.pem"))]
        subprocess.run(command, check=True, capture_output=True)

    def properties(self) -> dict[str, object]:
        """What nodes are configured with, but for their listeners."""
        plain = f'{_LOGIN}.plain.PlainLoginModule required user_{USER}="{PASSWORD}";'
        scram = f"{_LOGIN}.scram.ScramLoginModule required;"
        properties: dict[str, object] = {
            "inter.broker.listener.name": "PLAINTEXT",
            "sasl.enabled.mechanisms": ",".join(MECHANISMS),
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": self.path("node.keystore"),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": self.path("ca.pem"),
            "listener.name.ssl.ssl.client.auth": "required",
            "listener.name.misnamed.ssl.keystore.location": self.path("misnamed.keystore"),
            "listener.name.misnamed.ssl.keystore.type": "PEM",
        }
        for listener in ("sasl_ssl", "sasl_plaintext"):
            for mechanism in MECHANISMS:
                key = f"listener.name.{listener}.{mechanism.lower()}.sasl.jaas.config"
                properties[key] = plain if mechanism == "PLAIN" else scram
        return properties

    def format_arguments(self) -> list[str]:
        """Users that the cluster begins with."""
        scram = [mechanism for mechanism in MECHANISMS if mechanism.startswith("SCRAM")]
        user = f"name={USER},password={PASSWORD}"
        return [part for m in scram for part in ("--add-scram", f"{m}=[{user}]")]

    def write_addresses(self, addresses: Mapping[str, str]) -> None:
        """Tells where listeners are: a file `SSL.address`, and so on, and `PROXY.address`."""
        for listener, address in addresses.items():
            self.path(f"{listener}.address").write_text(address)
        self.path("password").write_text(PASSWORD)
