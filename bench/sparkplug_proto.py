"""Sparkplug B's payload for protobuf's own parser, described at run time; its peer, and the tests' encoder.

Written from `sparkplug_b.proto` of the Eclipse Sparkplug specification 3.0: what of it a metric needs.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PACKAGE = "seamline.sparkplug"
KINDS = descriptor_pb2.FieldDescriptorProto
SCALARS = {
    "uint64": KINDS.TYPE_UINT64,
    "uint32": KINDS.TYPE_UINT32,
    "float": KINDS.TYPE_FLOAT,
    "double": KINDS.TYPE_DOUBLE,
    "bool": KINDS.TYPE_BOOL,
    "string": KINDS.TYPE_STRING,
    "bytes": KINDS.TYPE_BYTES,
}
MESSAGES = {
    "Payload": "timestamp:uint64=1 metrics:*Metric=2 seq:uint64=3 uuid:string=4 body:bytes=5",
    "Metric": (
        "name:string=1 alias:uint64=2 timestamp:uint64=3 datatype:uint32=4 is_historical:bool=5 "
        "is_transient:bool=6 is_null:bool=7 metadata:bytes=8 properties:PropertySet=9 "
        "value.int_value:uint32=10 value.long_value:uint64=11 value.float_value:float=12 "
        "value.double_value:double=13 value.boolean_value:bool=14 value.string_value:string=15 "
        "value.bytes_value:bytes=16 value.dataset_value:bytes=17 value.template_value:bytes=18"
    ),
    "PropertySet": "keys:*string=1 values:*PropertyValue=2",
    "PropertyValue": (
        "type:uint32=1 is_null:bool=2 value.int_value:uint32=3 value.long_value:uint64=4 "
        "value.float_value:float=5 value.double_value:double=6 value.boolean_value:bool=7 "
        "value.string_value:string=8"
    ),
}
"""Fields of each message as ``name:type=number``; ``*`` repeats it, ``value.`` puts it into the oneof."""


def _message(name: str, fields: str) -> descriptor_pb2.DescriptorProto:
    message = descriptor_pb2.DescriptorProto(name=name)
    for written in fields.split():
        label, _, rest = written.partition(":")
        kind, _, number = rest.partition("=")
        union, _, short = label.rpartition(".")
        field = message.field.add(name=short, number=int(number))
        field.label = KINDS.LABEL_REPEATED if kind.startswith("*") else KINDS.LABEL_OPTIONAL
        if scalar := SCALARS.get(kind.removeprefix("*")):
            field.type = scalar
        else:
            field.type, field.type_name = KINDS.TYPE_MESSAGE, f".{PACKAGE}.{kind.removeprefix('*')}"
        if union:
            field.oneof_index = 0
    if any(field.HasField("oneof_index") for field in message.field):
        message.oneof_decl.add(name="value")
    return message


def payload_class() -> Any:
    """Return protobuf's class of a payload."""
    pool = descriptor_pool.DescriptorPool()
    file = descriptor_pb2.FileDescriptorProto(name="sparkplug.proto", package=PACKAGE, syntax="proto2")
    file.message_type.extend(_message(name, fields) for name, fields in MESSAGES.items())
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.Payload"))


Payload = payload_class()
