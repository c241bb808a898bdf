"""What was found, as a part of a plant file: machines with tags, and the source with its points. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import yaml

from engine.discover.abc import Discovery, Found
from engine.plant.document import Loader

WIDTH = 1000
LISTED = 20
"""Addresses of a reason that are written out."""


class Dumper(yaml.SafeDumper):
    """A dumper that puts in quotes what our loader, or that of others, would not read as text."""


for _letter, _resolvers in Loader.yaml_implicit_resolvers.items():
    for _type, _pattern in _resolvers:
        Dumper.add_implicit_resolver(_type, _pattern, [_letter])


def _text(dumper: Dumper, text: str) -> yaml.ScalarNode:
    """Write a text; letters that nobody sees are spelled out."""
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if text.isprintable() else '"')


Dumper.add_representer(str, _text)


def fragment(source: dict[str, Any], found: Iterable[Found]) -> dict[str, Any]:
    """Return machines and source for a plant file.

    Parameters
    ----------
    source
        The source's keys as the plant file has them, without points.
    """
    machines: dict[str, list[dict[str, str]]] = {}
    points = []
    for one in unique(found):
        text = {} if one.numeric else {"type": "text"}
        unit = {"unit": one.unit} if one.unit else {}
        machines.setdefault(one.machine, []).append({"name": one.tag} | text | unit)
        points.append({"address": one.address, "machine": one.machine, "tag": one.tag})
    listed = [{"name": name, "tags": tags} for name, tags in machines.items()]
    return {"machines": listed, "sources": [source | {"points": points}]}


def unique(found: Iterable[Found]) -> Iterator[Found]:
    """Give each tag of a machine a name of its own, and each address one tag.

    >>> twice = [Found("a", "oven", "heat"), Found("b", "oven", "heat"), Found("a", "oven", "heat")]
    >>> [(one.address, one.tag) for one in unique(twice)]
    [('a', 'heat'), ('b', 'heat-2')]
    """
    taken: set[tuple[str, str]] = set()
    addresses: set[str] = set()
    for one in found:
        if one.address in addresses:
            continue
        addresses.add(one.address)
        tag, number = one.tag, 1
        while (one.machine, tag) in taken:
            number += 1
            tag = f"{one.tag}-{number}"
        taken.add((one.machine, tag))
        yield replace(one, tag=tag)


def write(title: str, source: dict[str, Any], discovery: Discovery) -> str:
    """Return the fragment as YAML, with what was left out in comments."""
    comments = [f"# {_plain(title)}"]
    for why, number in Counter(why for _, why in discovery.left_out).items():
        comments.append(f"# left out: {number} ({_plain(why)})")
        addresses = [_plain(address) for address, reason in discovery.left_out if reason == why]
        comments += [f"#   {address}" for address in addresses[:LISTED]]
    return "\n".join(comments) + "\n" + dump(fragment(source, discovery.found))


def dump(value: Any) -> str:
    """Return a value as YAML, the innermost sections in one line each."""
    return yaml.dump(
        value, Dumper=Dumper, default_flow_style=None, width=WIDTH, allow_unicode=True, sort_keys=False
    )


def _plain(text: str) -> str:
    """Return a text that stays in its comment, whatever a device calls its values."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
