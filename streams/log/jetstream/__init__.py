"""A partition of the log as a stream of NATS JetStream, which may be replicated over several nodes."""

from streams.log.jetstream.link import Link, Stream
from streams.log.jetstream.reader import JetStreamLog
from streams.log.jetstream.writer import JetStreamWriter

__all__ = ["JetStreamLog", "JetStreamWriter", "Link", "Stream"]
