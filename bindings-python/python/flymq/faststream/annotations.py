"""What handlers may ask for by annotations."""

from __future__ import annotations

from typing import Annotated

from faststream._internal.context import Context
from faststream.annotations import ContextRepo, Logger
from faststream.params import NoCast

import flymq

from . import broker, message

__all__ = ["Client", "Consumer", "ContextRepo", "FlyMQBroker", "FlyMQMessage", "Logger", "NoCast"]

FlyMQMessage = Annotated[message.FlyMQMessage, Context("message")]
FlyMQBroker = Annotated[broker.FlyMQBroker, Context("broker")]
Consumer = Annotated[flymq.AsyncConsumer, Context("handler_.consumer")]
Client = Annotated[flymq.AsyncFlyMQClient, Context("broker._connection")]
