"""One target fuzzed in a process of its own, guided by coverage: what is new to the decoder is mutated on.

Run it as ``python -m bench.fuzz.worker NAME CASES SEED FOLDER SECONDS``; examples lie in ``FOLDER/examples``,
what fails goes into ``FOLDER/failed``, the figures into ``FOLDER/figures.json``.

Atheris runs libFuzzer on Python: it instruments the byte code of our decoders as they are imported, mutates
in C and tries 20,000 cases a second; native code that dies takes its process along, which is seen from
outside. A loop of our own on ``sys.monitoring`` needs Python 3.12; one on ``sys.settrace`` is far slower.
"""

from __future__ import annotations

import gc
import sys
from pathlib import Path

import atheris
from atheris.import_hook import HookManager

# Atheris never lets go of an array that a comparison made. Where columns are compared it follows
# which way the code goes, not what was compared.
with HookManager({"streams"}, set(), enable_loader_override=True, trace_dataflow=False):
    import streams.chain
    import streams.connectors.sparkplug_points  # noqa: F401

with atheris.instrument_imports(include=["engine", "streams", "vision"]):
    from bench.fuzz.cases import Cases
    from bench.fuzz.targets import TARGETS

NEVER = 1_000_000
"""Seconds after which libFuzzer ends a case: of the wall, so they prove nothing (see `bench.fuzz.cases`)."""
MEMORY_MB = 2048
"""Memory at which libFuzzer ends the process."""


def main() -> None:
    """Fuzz one target."""
    name, cases, seed, place, seconds = sys.argv[1:]
    folder, target = Path(place), TARGETS[name]
    options = {
        "seed": seed,
        "max_len": target.longest,
        "timeout": NEVER,
        "rss_limit_mb": MEMORY_MB,
        "artifact_prefix": f"{folder}/failed/",
        "verbosity": 0,
    }
    flags = [f"-{option}={value}" for option, value in options.items()]
    trial = Cases(target, int(cases), folder, float(seconds))
    gc.freeze()
    atheris.Setup([sys.argv[0], *flags, str(folder / "examples")], trial)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
