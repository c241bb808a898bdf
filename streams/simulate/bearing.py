"""A bearing that goes: sound until an onset, then damage that grows exponentially up to the trip."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from streams.clock import DAY, HOUR, MINUTE
from streams.records import Float64, Int64
from streams.simulate.model import AUXILIARY, Wearing

FOLDS = 5.0
"""E-folds between onset and trip."""
NEVER = 10_000 * DAY


@dataclass(frozen=True, slots=True)
class Response:
    """How a quantity of the auxiliary shows damage: level when sound, noise, share added at the trip."""

    level: float
    noise: float
    gain: float


RESPONSES = (
    Response(level=1.1, noise=0.03, gain=5.5),
    Response(level=0.08, noise=0.08, gain=30.0),
    Response(level=36.0, noise=0.006, gain=0.7),
    Response(level=2.4, noise=0.02, gain=0.15),
)
"""One for each of `AUXILIARY`. At the trip the velocity is 7.15 mm/s."""

assert len(RESPONSES) == len(AUXILIARY)


@dataclass(frozen=True, slots=True)
class Life:
    """One bearing, from its fitting to the moment at which the interlock trips; microseconds."""

    born: int
    onset: int
    trip: int

    def damage(self, ts: Int64) -> Float64:
        """Return the damage at some times: 0 up to the onset, 1 at the trip and behind it.

        >>> Life(0, 0, 100).damage(np.array([-5, 0, 50, 100])).round(3).tolist()
        [0.0, 0.0, 0.076, 1.0]
        """
        way = np.clip((ts - self.onset) / (self.trip - self.onset), 0.0, 1.0)
        grown: Float64 = np.expm1(FOLDS * way) / np.expm1(FOLDS)
        return grown


def fitted(rng: np.random.Generator, born: int, wearing: Wearing | None, first: bool = False) -> Life:
    """Draw the life of a bearing that is fitted at a time."""
    if wearing is None:
        return Life(born, born + NEVER, born + NEVER + DAY)
    sound_h = rng.uniform(*(wearing.first_h if first else wearing.again_h))
    onset = born + int(sound_h * HOUR)
    return Life(born, onset, onset + int(FOLDS * wearing.growth_min * MINUTE))


def measured(rng: np.random.Generator, life: Life, ts: Int64) -> Float64:
    """Return readings (n, 4) of the auxiliary at some times (n,), in the order of `AUXILIARY`."""
    level, noise, gain = (np.array([getattr(one, name) for one in RESPONSES]) for name in Response.__slots__)
    shown = level * (1 + gain * life.damage(ts)[:, None])
    told: Float64 = shown * (1 + noise * rng.normal(size=shown.shape))
    return told
