"""Drawn signs: a verdict or a state is told by shape and word, never by colour alone."""

from __future__ import annotations

from engine.console.markup import Html, el

SHAPES = {
    "OK": '<circle cx="12" cy="12" r="10.5" fill="none" stroke="currentColor" stroke-width="2.2"/>'
    '<path d="M7 12.6l3.4 3.4L17.2 8.6" fill="none" stroke="currentColor" stroke-width="2.8"/>',
    "NG": '<path d="M7.6 1.5h8.8l6.1 6.1v8.8l-6.1 6.1H7.6l-6.1-6.1V7.6z" fill="none" '
    'stroke="currentColor" stroke-width="2.2"/>'
    '<path d="M8 8l8 8M16 8l-8 8" fill="none" stroke="currentColor" stroke-width="2.8"/>',
    "REVIEW": '<path d="M12 2.2L23 21.4H1z" fill="none" stroke="currentColor" stroke-width="2.2"/>'
    '<path d="M12 9v6" stroke="currentColor" stroke-width="2.8"/>'
    '<circle cx="12" cy="18.2" r="1.6" fill="currentColor"/>',
    "run": '<path d="M6 3.5l14 8.5-14 8.5z" fill="currentColor"/>',
    "stop": '<rect x="4.5" y="4.5" width="15" height="15" rx="2" fill="currentColor"/>',
    "setup": '<path d="M12 4a8 8 0 1 0 8 8" fill="none" stroke="currentColor" stroke-width="3"/>'
    '<path d="M12 0l6 4-6 4z" fill="currentColor"/>',
    "planned_stop": '<path d="M6 4h4.4v16H6zM13.6 4H18v16h-4.4z" fill="currentColor"/>',
    "no_data": '<circle cx="12" cy="12" r="9" fill="none" stroke="currentColor" stroke-width="2.6" '
    'stroke-dasharray="3.5 3.5"/>',
    "warning": '<path d="M12 2.2L23 21.4H1z" fill="none" stroke="currentColor" stroke-width="2.2"/>'
    '<path d="M12 9v6" stroke="currentColor" stroke-width="2.8"/>'
    '<circle cx="12" cy="18.2" r="1.6" fill="currentColor"/>',
    "info": '<circle cx="12" cy="12" r="10.5" fill="none" stroke="currentColor" stroke-width="2.2"/>'
    '<path d="M12 11v7" stroke="currentColor" stroke-width="2.8"/>'
    '<circle cx="12" cy="6.8" r="1.6" fill="currentColor"/>',
    "theme": '<circle cx="12" cy="12" r="9.5" fill="none" stroke="currentColor" stroke-width="2"/>'
    '<path d="M12 2.5a9.5 9.5 0 0 1 0 19z" fill="currentColor"/>',
    "mark": '<path d="M1 16c3 0 3-8 5.5-8S9 16 12 16s3-8 5.5-8S20 16 23 16" fill="none" '
    'stroke="currentColor" stroke-width="3"/>',
}


def icon(name: str, class_: str = "icon") -> Html:
    """Return one sign as inline SVG, hidden from screen readers (the word stands beside it)."""
    return el("svg", Html(SHAPES[name]), viewBox="0 0 24 24", class_=class_, aria_hidden="true")
