"""A station's whole chain over simulated parts whose flaws are known: camera, assembly, inspector, verdict.

It is the station's own code without Ray, log and disk. The truth is looked up by serial afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from itertools import count, islice

from vision.assembly import Assembly, Part, Stray
from vision.cameras import Camera, Run, SimulatedCamera
from vision.inspector import Inspector
from vision.pipeline import Job, Pipeline, PipelineError, always
from vision.records import Verdict
from vision.simulate.line import Line, serial

PER_SEED = 100
"""Parts of one seed: another seed is another steel."""


class TrialError(Exception):
    """A part could not be judged; the message says why."""


def assemble(seed: int, views: Sequence[str], size: int) -> Iterator[Part]:
    """Yield the parts of a seed without end, photographed from all views and brought together by serial."""
    line, assembly = Line(seed, size), Assembly(views)
    with ExitStack() as open_cameras:
        cameras = [open_cameras.enter_context(closing(camera(line, seed, view))) for view in views]
        while True:
            for source in cameras:
                frame = source.read()
                part = None if frame is None else assembly.add(frame, 0.0)
                if isinstance(part, Stray):
                    raise TrialError(f"A frame of {part.frame.serial} fits no part: {part.reason}.")
                if part is not None:
                    yield part


def camera(line: Line, seed: int, view: str) -> Camera:
    """Put a camera up at a line, as fast as it is read; the run's number is 1."""
    run = Run(f"camera-{view}", view, "1", lambda: 0)
    return SimulatedCamera(run, line.enter(view), lambda part: serial(seed, part, 1), count(1).__next__)


def parts_of(seeds: Iterable[int], number: int, views: Sequence[str], size: int) -> Iterator[Part]:
    """Yield ``number`` parts, `PER_SEED` of each seed."""
    rows = (islice(assemble(seed, views, size), PER_SEED) for seed in seeds)
    return islice((part for row in rows for part in row), number)


def judge(
    parts: Iterable[Part], inspector: Inspector, tell: Callable[[Part, Verdict], None], workers: int
) -> None:
    """Judge parts as a station does, side by side, and tell each verdict in the parts' order.

    Raises
    ------
    TrialError
        A part could not be judged.
    """

    def finish(jobs: Sequence[Job]) -> None:
        for job in jobs:
            if job.part is None or job.verdict is None:
                raise TrialError(f"A part could not be judged: {job.reason}.")
            tell(job.part, job.verdict)

    pipeline = Pipeline(always(inspector.inspect_parts), finish, workers, depth=4 * workers)
    try:
        for part in parts:
            pipeline.offer(part)
    except PipelineError as exc:
        raise exc.__cause__ or exc from None
    finally:
        pipeline.close()
    if pipeline.failure:
        raise pipeline.failure
