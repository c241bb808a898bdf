"""The text of a plant file: YAML, its plain words read as YAML 1.2 does, each with its place.

``14:00``, ``yes`` and ``2026-05-01`` are text, as editors show them, and ``1e5`` is a number. PyYAML
reads YAML 1.1, where they are 840, true, a date and text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import yaml

from engine.plant.errors import Fault

Step = str | int
"""A key of a section, or an index into a list."""

WORDS = {
    "null": (r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    "bool": (r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    "int": (r"[-+]?(?:0|[1-9][0-9]{0,18})", list("-+0123456789")),
    "float": (
        r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
    "merge": (r"<<", ["<"]),
}
"""Plain words that are no text, by their type, and the letters that they begin with."""

DEEPEST = 50
"""Sections within sections."""
TOO_DEEP = "sections within sections without end"
FALSE_TAG = "the value is not what its tag says"
MENDS = {
    "mapping values are not allowed": "put the value in quotes, or indent the line like those above it",
    "could not find expected ':'": "write the key, a colon and a space before its value",
    "expected <block end>": "indent the line like those beside it",
    "unexpected end of stream": "close the quotes or the bracket that is open here",
    "expected ',' or": "close the bracket, or part its items by commas",
    "undefined alias": "name an anchor that stands above, or put the word in quotes",
    "cannot start any token": "put the value in quotes",
    "another document": "keep one plant in one file",
    "unhashable key": "write a plain word as the key",
    "could not determine a constructor": "leave the tag out",
    TOO_DEEP: "close the brackets that are open",
    FALSE_TAG: "leave the tag out",
}
"""What mends an error of YAML, by a part of what the parser says."""


MOST = 2_000_000
"""Values of a file, those of an alias wherever it stands; a plant of 100,000 tags has fewer."""

SHOWN = 40
"""Letters of a value that are repeated."""

UNFINISHED = ("end of stream", "stream end", "expected ':'")
"""What the parser says where something ended too late: the fault is where it began."""


class NotYaml(Exception):
    """The text is not YAML at all, from the one place on that its ``fault`` names."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.says)
        self.fault = fault


class Loader(yaml.SafeLoader):
    """A loader that knows no plain words but ours, and follows sections no deeper than any plant has them."""

    yaml_implicit_resolvers: dict[str, Any] = {}
    _depth = 0

    def fetch_flow_collection_start(self, kind: type[yaml.Token]) -> None:
        """Take an opening bracket; behind it the scanner looks through all that are open at every word."""
        if self.flow_level >= DEEPEST:
            raise yaml.scanner.ScannerError(None, None, TOO_DEEP, self.get_mark())
        super().fetch_flow_collection_start(kind)

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Return the next node."""
        self._depth += 1
        if self._depth > DEEPEST:
            raise yaml.composer.ComposerError(None, None, TOO_DEEP, self.peek_event().start_mark)  # type: ignore[no-untyped-call]
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Return what a node is; the library's own errors of a tag like ``!!int x`` have no place."""
        try:
            return super().construct_object(node, deep)
        except (ValueError, LookupError, AttributeError) as exc:
            raise yaml.constructor.ConstructorError(None, None, FALSE_TAG, node.start_mark) from exc


for _type, (_pattern, _letters) in WORDS.items():
    Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_type}", re.compile(f"^(?:{_pattern})$"), _letters)


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a value stands and how it was written; ``key`` is its key, or itself where it has none."""

    key: yaml.Node
    node: yaml.Node

    @property
    def raw(self) -> str | None:
        """The words of the file, None for a section or a list."""
        return self.node.value if isinstance(self.node, yaml.ScalarNode) else None

    def __str__(self) -> str:
        """Return the value as a person would tell it."""
        if self.raw is None:
            return "a list" if isinstance(self.node, yaml.SequenceNode) else "a section"
        return repr(self.raw[:SHOWN]) if self.raw else "empty"


class Document:
    """A text that was read, and the places in it.

    Raises
    ------
    NotYaml
        It cannot be read.
    """

    def __init__(self, text: str) -> None:
        try:
            loader = Loader(text)
        except yaml.reader.ReaderError as exc:
            raise NotYaml(_odd_letter(text, exc)) from exc
        try:
            self._root = loader.get_single_node() or yaml.ScalarNode("tag:yaml.org,2002:null", "")
            if (values := unfolded(self._root, {})) > MOST:
                raise NotYaml(Fault(1, 1, f"its aliases make it {values} values, {MOST} at most; use fewer."))
            self.doubled = list(doubled(self._root, set()))
            """Keys that stand twice in a section; YAML would silently take the last."""
            self.value = loader.construct_document(self._root)
            """What the file says, in plain Python."""
        except yaml.MarkedYAMLError as exc:
            raise NotYaml(_fault(exc)) from exc
        finally:
            loader.dispose()
        self._found: dict[yaml.MappingNode, dict[str, Spot]] = {}

    def find(self, steps: Sequence[Step]) -> Spot:
        """Return where a value stands; steps that lead nowhere are passed over."""
        spot = Spot(self._root, self._root)
        for step in steps:
            spot = self._child(spot.node, step) or spot
        return spot

    def _child(self, node: yaml.Node, step: Step) -> Spot | None:
        if isinstance(node, yaml.MappingNode):
            return self._keys(node).get(str(step))
        if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            return Spot(node.value[step], node.value[step])
        return None

    def _keys(self, node: yaml.MappingNode) -> dict[str, Spot]:
        """Return what stands under each key of a section: found once, as every fault asks."""
        if node not in self._found:
            pairs = [pair for pair in node.value if isinstance(pair[0], yaml.ScalarNode)]
            self._found[node] = {key.value: Spot(key, value) for key, value in pairs}
        return self._found[node]


def unfolded(node: yaml.Node, known: dict[yaml.Node, int]) -> int:
    """Return how many values a node is once its aliases stand for what they name; within itself it is one."""
    if node not in known:
        known[node] = 1
        items = chain.from_iterable(node.value) if isinstance(node, yaml.MappingNode) else node.value
        inner = () if isinstance(node, yaml.ScalarNode) else items
        known[node] = 1 + sum(unfolded(item, known) for item in inner)
    return known[node]


def doubled(node: yaml.Node, seen: set[int]) -> Iterator[Fault]:
    """Yield every key that its section has already."""
    if id(node) in seen or isinstance(node, yaml.ScalarNode):
        return
    seen.add(id(node))
    lines: dict[str, int] = {}
    for item in node.value:
        key, value = item if isinstance(node, yaml.MappingNode) else (None, item)
        if key is not None and isinstance(key.value, str):
            if key.value in lines:
                first = f"the key {key.value} stands in line {lines[key.value]} already"
                yield fault_at(key, f"{first}; keep one of the two.")
            lines.setdefault(key.value, key.start_mark.line + 1)
        yield from doubled(value, seen)


def fault_at(node: yaml.Node, says: str) -> Fault:
    """Return a fault that stands where a key or value begins."""
    mark = node.start_mark
    return Fault(1, 1, says) if mark is None else Fault(mark.line + 1, mark.column + 1, says)


def _fault(exc: yaml.MarkedYAMLError) -> Fault:
    problem = exc.problem or ""
    if r"\t" in problem:
        says = "a tab stands here; YAML indents by spaces only, so put spaces in its place."
    else:
        mend = next((mend for part, mend in MENDS.items() if part in problem), "look at the line above, too")
        says = f"this is not YAML ({problem}); {mend}."
    begun = any(words in problem for words in UNFINISHED)
    mark = (exc.context_mark if begun else None) or exc.problem_mark
    return Fault(1, 1, says) if mark is None else Fault(mark.line + 1, mark.column + 1, says)


def _odd_letter(text: str, exc: yaml.reader.ReaderError) -> Fault:
    before = text[: exc.position]
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    return Fault(line, column, f"the letter U+{ord(text[exc.position]):04X} may not stand here; remove it.")
