"""The settings of the agent's own port: where it listens, who may come in, and how often."""

from __future__ import annotations

import ipaddress
from datetime import timedelta
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from agent.config.places import InputFile
from agent.config.scalars import PositiveDuration
from agent.config.yamlfile import Strict

_HEADER = r"^[A-Za-z][A-Za-z0-9-]{0,63}$"


def _network(text: str) -> str:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        raise ValueError(f"'{text}' is no address or network; write 192.0.2.7 or 192.0.2.0/24") from error
    return text


Network = Annotated[str, AfterValidator(_network)]


class TlsSection(Strict):
    """With what the port proves who it is; reloaded with the configuration."""

    cert_file: InputFile = Field(description="our certificate and what leads to the one that is trusted")
    key_file: InputFile = Field(
        description="its key; a relative name is looked up in systemd's credentials folder"
    )


class ProxySection(Strict):
    """A reverse proxy that people sign in to, and that says in a header who they are."""

    addresses: list[Network] = Field(
        min_length=1, description="where it comes from; from anywhere else the header means nothing"
    )
    user_header: str = Field(
        default="X-Forwarded-User",
        pattern=_HEADER,
        description="names the person; the proxy must set it anew",
    )
    secret_header: str = Field(
        default="X-Opsmend-Proxy", pattern=_HEADER, description="carries what is in secret_file"
    )
    secret_file: InputFile | None = Field(
        default=None,
        description="what only the proxy knows; a must on this machine, where everybody can connect",
    )

    @model_validator(mode="after")
    def _known_by_a_secret(self) -> Self:
        local = [text for text in self.addresses if _holds_loopback(text)]
        if local and self.secret_file is None:
            raise ValueError(
                f"'secret_file' is needed with {local[0]}: every user of this machine can connect from there "
                "and would be whoever they say"
            )
        return self


class LimitsSection(Strict):
    """How often may be asked. Who asks oftener is told when to come again."""

    per_caller: float = Field(
        default=50, gt=0, le=1_000_000, description="requests a second of one token, person or user"
    )
    per_address: float = Field(
        default=100, gt=0, le=1_000_000, description="requests a second from one address, whoever asks"
    )
    failures: float = Field(
        default=20, gt=0, le=1_000_000, description="wrong tokens a minute from one address"
    )


class ApiSection(Strict):
    """The agent's own port: pages, approvals, alerts that are handed in, metrics."""

    listen: str | None = Field(
        default="127.0.0.1:9469",
        pattern=r"^\S+:[0-9]{1,5}$",
        description="address:port; null: no port. Elsewhere than on this machine it needs tls",
    )
    tls: TlsSection | None = None
    tokens_file: InputFile | None = Field(
        default=None, description="YAML, name: token; readable by the agent's user only"
    )
    proxy: ProxySection | None = None
    session: PositiveDuration = Field(
        default=timedelta(hours=12), description="how long somebody who signed in with a browser stays so"
    )
    limits: LimitsSection = LimitsSection()
    public_url: str | None = Field(
        default=None, pattern=r"^https?://[^\s?#]+$", description="how people reach it, for links in messages"
    )

    @model_validator(mode="after")
    def _safe_elsewhere(self) -> Self:
        if self.listen is not None and not self.is_local and self.tls is None:
            raise ValueError(
                f"'listen' is {self.listen}, which other machines can reach: that needs 'tls', "
                "or tokens could be read on their way. Behind a proxy listen on 127.0.0.1"
            )
        return self

    @property
    def is_local(self) -> bool:
        """Return whether only this machine can reach the port."""
        host = (self.listen or "").rpartition(":")[0].strip("[]")
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"


def _holds_loopback(text: str) -> bool:
    network = ipaddress.ip_network(text, strict=False)
    loopback = "127.0.0.0/8" if network.version == 4 else "::1/128"
    return network.overlaps(ipaddress.ip_network(loopback))
