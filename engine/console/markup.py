"""HTML from Python: every text is escaped unless it is `Html` already."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

VOID = frozenset({"br", "hr", "img", "input", "link", "meta"})


class Html(str):
    """Text that is HTML and safe to send."""

    __slots__ = ()


def el(name: str, *children: str | None, **attributes: str | float | bool | None) -> Html:
    """Return one element; None and False leave a child or an attribute out.

    A trailing underscore of an attribute's name is dropped, others become hyphens.

    >>> el("a", "1 < 2", href="/x?a&b", class_="link")
    '<a href="/x?a&amp;b" class="link">1 &lt; 2</a>'
    """
    opening = name + "".join(_attribute(key, value) for key, value in attributes.items())
    if name in VOID:
        return Html(f"<{opening}>")
    return Html(f"<{opening}>{join(children)}</{name}>")


def join(children: Iterable[str | None]) -> Html:
    """Return children one after another, escaped where they are plain text."""
    return Html("".join(_child(child) for child in children if child is not None))


def _child(child: str) -> str:
    return child if isinstance(child, Html) else escape(child, quote=False)


def _attribute(key: str, value: str | float | bool | None) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    if value is True:
        return f" {name}"
    return f' {name}="{escape(format(value, ".6g") if isinstance(value, float) else str(value))}"'
