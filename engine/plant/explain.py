"""What pydantic found wrong, as sentences that name the place in the file and the mend."""

from __future__ import annotations

from functools import cache
from itertools import groupby
from typing import Any

from pydantic import BaseModel, ValidationError

from engine.plant.document import Document, Spot, fault_at
from engine.plant.errors import Fault
from engine.plant.plant import Plant
from engine.plant.references import Steps, misfits, nearest

WANTED = {
    "float": "a number",
    "finite": "a finite number",
    "int": "a whole number",
    "bool": "true or false",
    "string_pattern": "letters, digits, dots, dashes and underscores only",
    "string_too_short": "a text that is not empty",
    "list": "a list: items below it, each behind a dash",
    "tuple": "a list, like [a, b]",
    "too_long": "fewer items",
    "dict": "a section: keys below it, indented",
    "model": "a section: keys below it, indented",
    "path": "a path",
    "string": "a text",
    "greater_than_equal": "a number that is {ge:g} or more",
    "greater_than": "a number above {gt:g}",
    "less_than_equal": "a number that is {le:g} or less",
    "less_than": "a number below {lt:g}",
    "literal": "{expected}",
}
"""What should stand there, by the beginning of pydantic's name of the error."""


Root = type[BaseModel]
"""What a file is: a plant, or another section that has a file of its own."""


def explain(error: ValidationError, document: Document, root: Root = Plant) -> list[Fault]:
    """Return one fault for every place in which something is wrong, names that do not fit among them."""
    found: list[dict[str, Any]] = [dict(item) for item in error.errors(include_url=False)]
    faults = [_fault(list(items), document, root) for _, items in groupby(found, _place(document))]
    if root is Plant and not any(item["type"] == "misfit" for item in found):
        # pydantic looks at names only when all else is well.
        faults += [fault_at(document.find(steps).node, says) for steps, says in misfits(document.value)]
    return faults


def _place(document: Document) -> Any:
    """Tell errors of one value, which belong together, from those of another or of a missing key."""

    def place(item: dict[str, Any]) -> Any:
        missing = item["loc"] if item["type"] == "missing" else ()
        return id(document.find(item["loc"]).node), missing

    return place


def _fault(items: list[dict[str, Any]], document: Document, root: Root) -> Fault:
    """Return the fault that one or several errors of one value are: a union complains once a member."""
    first = items[0]
    loc, ctx, spot = first["loc"], first.get("ctx", {}), document.find(first["loc"])
    match first["type"]:
        case "missing":
            return fault_at(spot.node, _missing(loc))
        case "extra_forbidden" | "invalid_key":
            return fault_at(spot.key, _unknown_key(loc, root))
        case "union_tag_invalid" | "union_tag_not_found":
            return _wrong_kind(loc, document, root)
    return fault_at(spot.node, ctx["says"] if first["type"] == "misfit" else _wrong_value(items, spot))


def _wrong_value(items: list[dict[str, Any]], spot: Spot) -> str:
    first = items[0]
    name = _named(first["loc"], spot)
    if first["type"] == "value_error":
        return f"{name}: {first['ctx']['error']}."
    if first["type"] == "string_type" and spot.raw:
        return f'{name} takes text; put the value in quotes: "{spot.raw}".'
    wanted = " or ".join(dict.fromkeys(_wanted(item) for item in items))
    removed = ", or remove the line" if spot.raw == "" and first["loc"] else ""
    return f"{name} is {spot}; write {wanted}{removed}."


def _named(loc: Steps, spot: Spot) -> str:
    """Return what a person calls the value: its key, or the number of an item under the list's key."""
    keys = [step for step in loc if isinstance(step, str) and spot.key.value == step]
    if keys:
        return keys[-1]
    listed, named = "the file", "the file"
    for step in loc:
        if isinstance(step, int):
            named = f"item {step + 1} of {listed}"
        else:
            listed = step
    return named


def _wanted(item: dict[str, Any]) -> str:
    found = next((text for start, text in WANTED.items() if item["type"].startswith(start)), "")
    return found.format_map(item.get("ctx", {})) or f"what it takes ({item['msg']})"


def _missing(loc: Steps) -> str:
    if isinstance(loc[-1], int):
        return f"item {loc[-1] + 1} is missing in this list; add it."
    return f"the key {loc[-1]} is missing here; add a line {loc[-1]}: with its value."


def _unknown_key(loc: Steps, root: Root) -> str:
    known = sorted(section_at(loc[:-1], root).get("properties", {}))
    return f"there is no key {loc[-1]} here; {nearest(str(loc[-1]), known)}"


def _wrong_kind(loc: Steps, document: Document, root: Root) -> Fault:
    chosen = section_at(loc, root)["discriminator"]
    key, kinds = chosen["propertyName"], sorted(chosen["mapping"])
    spot = document.find((*loc, key))
    if spot.node is document.find(loc).node:
        return fault_at(spot.node, f"the key {key} is missing here; add {key}: {' or '.join(kinds)}.")
    return fault_at(spot.node, f"{key} is {spot}; write {' or '.join(kinds)}.")


@cache
def _schema(root: Root) -> dict[str, Any]:
    return root.model_json_schema()


def section_at(loc: Steps, root: Root = Plant) -> dict[str, Any]:
    """Return the JSON Schema of what stands at a place."""
    found: dict[str, Any] = _schema(root)
    for step in loc:
        if isinstance(step, int):
            found = found.get("items", {})
        elif "discriminator" in found:
            found = {"$ref": found["discriminator"]["mapping"].get(step)}
        else:
            found = found.get("properties", {}).get(step, {})
        found = _resolved(found, root)
    return found


def _resolved(schema: dict[str, Any], root: Root) -> dict[str, Any]:
    for choice in schema.get("anyOf", []):
        if "$ref" in choice or "discriminator" in choice:
            return _resolved(choice, root)
    if reference := schema.get("$ref"):
        return dict(_schema(root)["$defs"][reference.rpartition("/")[2]])
    return schema
