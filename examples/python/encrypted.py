"""Values that the broker cannot read, and a change of keys while everything goes on."""

import base64
import os

import flymq


def new_key() -> str:
    """As `flymq key generate` makes them."""
    return base64.b64encode(os.urandom(32)).decode()


def main() -> None:
    this_year, next_year = new_key(), new_key()
    with flymq.EmbeddedBroker() as broker:
        address = os.environ.get("FLYMQ_BOOTSTRAP_SERVERS", broker.address)

        keys = flymq.Keyring({"2026": this_year})
        with flymq.FlyMQClient(address, encryption_keyring=keys) as client:
            client.create_topic("diary")
            client.produce("diary", "written in 2026")
            keys.add("2027", next_year)  # readers have to know a key before anybody writes with it
            keys.encrypt_with("2027")
            client.produce("diary", "written in 2027")
            print([message.value for message in client.fetch("diary", 0)])

        with flymq.FlyMQClient(address, decrypt=False) as broker_eyes:
            stored = [message.value or b"" for message in broker_eyes.fetch("diary", 0)]
            print("the broker sees the words:", any(b"written" in value for value in stored))

        with flymq.FlyMQClient(address, encryption_keyring={"2026": this_year}) as late:
            try:
                late.consume("diary", 1)
            except flymq.UnknownEncryptionKeyError as error:
                print("2027" in error.message, error.name)


if __name__ == "__main__":
    main()
