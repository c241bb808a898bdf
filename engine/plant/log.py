"""The durable log in the plant file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from engine.plant.keys import CurveClientSection, CurveSection
from engine.plant.section import Positive, Section

HERE = re.compile(r"ipc://|tcp://(127\.|localhost:|\[::1\]:)")
"""Endpoints that only this computer reaches."""


class ServeSection(Section):
    """Readers on other nodes."""

    endpoint: str
    """Where we listen for them."""
    flow: Literal["here", "elsewhere"] = "here"
    """Where the shard runs that reads the log: one of another node's, then this node starts none."""
    curve: CurveSection | None = None
    """Who may read, and say what may be removed; left out: everybody of this computer, on loopback alone."""

    @model_validator(mode="after")
    def _is_kept(self) -> Self:
        if self.curve is None and not HERE.match(self.endpoint):
            raise ValueError("a log served beyond tcp://127.0.0.1 needs curve: who reads can free it; add it")
        return self


class RemoteSection(Section):
    """The log of another node."""

    endpoint: str
    """Where that node serves it."""
    curve: CurveClientSection | None = None
    """The keys, where that node asks for some."""


class JetStreamSection(Section):
    """NATS JetStream, which keeps the log on several nodes."""

    servers: Annotated[list[str], Field(min_length=1)]
    """Its servers, like nats://10.0.0.5:4222; the first that answers is used."""
    stream: Annotated[str, Field(pattern=r"^[\w-]*$")] = ""
    """Name of the stream; left out: the shard's."""
    replicas: Annotated[int, Field(ge=1, le=5)] = 1
    """On how many servers each entry is kept, once the stream is made; 3 survive the loss of one."""
    user: str = ""
    """Who we are; left out: nobody asks."""
    password_file: Path | None = None
    """The file that holds our password, and nothing else."""
    ca: Path | None = None
    """Certificate that those of the servers are signed with; left out: no TLS."""


class LogSection(Section):
    """The durable log of this node."""

    max_gb: Positive = 20.0
    """How large it may grow; what is committed is removed first."""
    segment_mb: Annotated[int, Field(gt=0)] = 64
    """Size of its files."""
    when_full: Literal["refuse", "drop_oldest"] = "refuse"
    """What happens when nothing committed is left to remove: sources wait, or the oldest goes, on record."""
    archive: Path | None = None
    """Folder that keeps every reading as Parquet, a file a day; left out: what leaves the log is gone."""
    serve: ServeSection | None = None
    """Lets shards on other nodes read it; left out: nobody else does."""
    remote: RemoteSection | None = None
    """For a shard that reads another node's log; left out: it reads this node's."""
    jetstream: JetStreamSection | None = None
    """Keeps the log on several nodes; left out: it is in files of this node."""
