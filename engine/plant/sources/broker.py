"""An MQTT broker in the plant file: what MQTT and Sparkplug share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from engine.plant.secrets import SecretSection
from engine.plant.section import Port, Section
from streams.connectors.mqtt_session import Broker
from streams.connectors.tls import Tls

PORT, TLS_PORT = 1883, 8883


class TlsSection(Section):
    """An encrypted connection: whom we trust and who we are."""

    ca: Path | None = None
    """Certificates of the authorities that may vouch for the server; left out: the system's."""
    certificate: Path | None = None
    """Our own certificate, where the server asks for one."""
    key: Path | None = None
    """Its private key."""

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("a certificate goes with its key; write both certificate: and key:")
        return self

    def build(self) -> Tls:
        """Return the paths as TLS takes them."""
        return Tls(*(None if path is None else str(path) for path in (self.ca, self.certificate, self.key)))


class BrokerSection(Section):
    """A broker and who we are for it."""

    name: str
    """Names the source in the log and in quarantine."""
    host: str = "127.0.0.1"
    """Where the broker listens."""
    port: Port | None = None
    """Its port; left out: 1883, or 8883 with TLS."""
    version: Literal["3.1.1", "5"] = "5"
    """Which MQTT it speaks."""
    client_id: str = ""
    """Who we are: under this name the broker keeps what comes meanwhile; left out: seamline-SHARD-NAME."""
    user: str | None = None
    """Our user name, where the broker asks for one."""
    password: SecretSection | None = None
    """Where its password is kept: env: or file:."""
    tls: TlsSection | None = None
    """An encrypted connection; left out: none."""
    window: Annotated[int, Field(ge=1, le=65535)] = 256
    """Messages that may be unacknowledged before the broker waits (MQTT 5)."""

    def broker(self, shard: str) -> Broker:
        """Return the broker; its password is read when we connect."""
        return Broker(
            host=self.host,
            port=self.port or (TLS_PORT if self.tls else PORT),
            client_id=self.client_id or f"seamline-{shard}-{self.name}",
            version=self.version,
            user=self.user,
            password=self.password.read if self.password else None,
            tls=self.tls.build() if self.tls else None,
            window=self.window,
        )
