"""How one reader sees words, times and numbers: a language and the plant's time zone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from engine.console.texts import CATALOG, CHINESE_WORDS, HTML_LANGUAGES, PARTS, REASONS, TROUBLES
from engine.console.texts.release import CAUSES, WORDS
from streams.clock import SECOND

Patterns = tuple[tuple[str, str], ...]
"""What is looked for, and how it is said."""
DASH = "–"
HASH = 12
"""Characters of a hash that are shown."""


@dataclass(frozen=True, slots=True)
class Locale:
    """Speak one language in one time zone; call it with a key of `texts` to get a sentence."""

    language: str
    zone: ZoneInfo

    def __call__(self, key: str, **fields: str | int) -> str:
        """Return a text with its fields filled in."""
        return CATALOG[self.language][key].format(**fields)

    @property
    def html(self) -> Literal["en-US", "zh-CN"]:
        """Return the language as browsers name it."""
        return HTML_LANGUAGES[self.language]

    def label(self, name: str) -> str:
        """Return what people call a class of the model; an unknown one keeps its own name."""
        return CATALOG[self.language].get(f"label.{name}", name.replace("_", " "))

    def rule(self, name: str) -> str:
        """Return what people call a rule; one of a rule set keeps its own name."""
        return CATALOG[self.language].get(f"rule.{name}", name)

    def measure(self, name: str) -> str:
        """Return what people call a measure of a picture; an unknown one keeps its own name."""
        return CATALOG[self.language].get(f"measure.{name}", name)

    def reason(self, sentence: str) -> str:
        """Return a verdict's recorded sentence in this language; as recorded where no pattern fits.

        A station that may not judge gives its trouble as the reason.
        """
        for pattern, templates in REASONS:
            if found := re.fullmatch(pattern, sentence):
                said = templates[self.language].format(
                    **{key: self._part(key, text) for key, text in found.groupdict().items()}
                )
                return said[:1].upper() + said[1:]
        return self.trouble(sentence)

    def cause(self, words: str) -> str:
        """Return why a station is not released, in this language; as it was told where no pattern fits."""
        if self.language == "zh":
            for pattern, template in CAUSES:
                if found := re.fullmatch(pattern, words):
                    return template.format(
                        **{key: self._cause(key, text) for key, text in found.groupdict().items()}
                    )
        return words

    def _cause(self, key: str, text: str) -> str:
        if key == "label":
            return self.label(text)
        return ", ".join(WORDS.get(word, word) for word in text.split(", ")) if key == "what" else text

    def trouble(self, sentence: str) -> str:
        """Return a process's trouble in this language; as it was told where no pattern fits."""
        return self._told(sentence, TROUBLES) or self._told(sentence, PARTS) or sentence

    def _told(self, words: str, patterns: Patterns) -> str:
        """Return words in this language by the first pattern that fits; empty where none does."""
        for pattern, template in patterns if self.language == "zh" else ():
            if found := re.fullmatch(pattern, words, re.DOTALL):
                told = {key: self._inside(key, text or "") for key, text in found.groupdict().items()}
                return template.format(**told).strip()
        return ""

    def _inside(self, key: str, text: str) -> str:
        """Return what a trouble names in this language: who, why, or the cause of a blocked station."""
        if key == "cause":
            return self.cause(text)
        if key not in {"who", "why"}:
            return text
        bare = text.removesuffix(".")  # a sentence has lost its end where it stands inside of another
        return (self._told(f"{bare}.", TROUBLES) or self._told(bare, PARTS)).rstrip("。") or bare

    def _part(self, key: str, text: str) -> str:
        if key == "label":
            return self.label(text)
        if self.language != "zh":
            return text
        return self._inside(key, CHINESE_WORDS.get(key, {}).get(text, text))

    def clock(self, ts: datetime) -> str:
        """Return the time of day."""
        return ts.astimezone(self.zone).strftime("%H:%M:%S")

    def hour(self, ts: datetime) -> str:
        """Return the time of day to the minute."""
        return ts.astimezone(self.zone).strftime("%H:%M")

    def moment(self, ts: datetime, now: datetime) -> str:
        """Return the time of day, with the date where it is not today."""
        today = ts.astimezone(self.zone).date() == now.astimezone(self.zone).date()
        return self.hour(ts) if today else ts.astimezone(self.zone).strftime("%Y-%m-%d %H:%M")

    def date(self, ts: datetime) -> str:
        """Return date and time of day."""
        return ts.astimezone(self.zone).strftime("%Y-%m-%d %H:%M:%S")

    def duration(self, span: timedelta) -> str:
        """Return a length of time in its two largest units."""
        seconds = max(0, int(span.total_seconds()))
        minutes, hours = seconds // 60, seconds // 3600
        if seconds < 60:  # noqa: PLR2004
            return self("seconds", s=seconds)
        if minutes < 10:  # noqa: PLR2004
            return self("minutes_seconds", m=minutes, s=seconds % 60)
        if hours < 1:
            return self("minutes", m=minutes)
        if hours < 24:  # noqa: PLR2004
            return self("hours_minutes", h=hours, m=minutes % 60)
        return self("days_hours", d=hours // 24, h=hours % 24)

    def microseconds(self, span: int) -> str:
        """Return a length of time given in microseconds; a negative one is time that was gained."""
        return ("-" if span <= -SECOND else "") + self.duration(timedelta(microseconds=abs(span)))


def number(value: float) -> str:
    """Return a count with thousands apart."""
    return f"{value:,.0f}"


def percent(share: float | None, digits: int = 1) -> str:
    """Return a share in percent; a dash where it is not defined."""
    return DASH if share is None else f"{round(100 * share, digits) + 0.0:.{digits}f} %"


def short(digest: str) -> str:
    """Return the beginning of a hash."""
    return digest[:HASH] or DASH
