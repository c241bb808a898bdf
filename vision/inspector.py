"""The pure centre of inspection: frames of one part in, a verdict out.

No clock, file or socket: the same frames, models and recipe give the same verdict, byte for byte.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice

import cv2
import openvino as ov
import simplejpeg

from vision import letterbox, locate, network, pictures, quality
from vision.anomaly import AnomalyDetector, maps
from vision.assembly import Part
from vision.canvas import Canvas
from vision.detect import OVERLAP, Detector
from vision.heads import YOLO, Head
from vision.judge import Recipe, describe_findings, digest, judge
from vision.measure import Box, measure
from vision.records import Finding, Frame, Image, Verdict, Versions, View
from vision.reference import Comparison, compare, covered
from vision.reference import read as read_reference


def preprocessing(
    sides: int | list[int],
    anomaly_side: int | None = None,
    precision: str = "f32",
    head: Head = YOLO,
    grey: bool = False,
    decodes: bool = True,
) -> dict[str, object]:
    """Return everything that stands between a frame's bytes and a model's answer, besides the models."""
    mapped = {"anomaly": {"letterbox": anomaly_side, **maps.describe()}} if anomaly_side else {}
    decoded = {"head": "decoded in f64"} if decodes else {}
    answered = {} if head == YOLO else {"answer": asdict(head)}
    return (
        mapped
        | decoded
        | answered
        | {
            "letterbox": sides,
            "orientation": "as read",
            "padding": letterbox.PADDING,
            "scale": f"1/255 f32 {'grey' if grey else 'rgb'}",
            "overlap": None if head.end_to_end else OVERLAP,
            "precision": precision,
            "jpeg": simplejpeg.__version__,
            "opencv": cv2.__version__,
            "openvino": ov.__version__,
            "instructions": network.instructions(),
        }
    )


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A frame at the model's scale, with its measures; without a picture where none can be read."""

    frame: Frame
    image: Image | None
    fitted: letterbox.Fitted | None
    measures: dict[str, float]
    rejected: str


class Inspector:
    """Judge parts of one station by a detector, by a bank of good parts or by both, and one recipe.

    ``references`` are pictures of a good part, by view: then what covers a part is seen.

    Raises
    ------
    ValueError
        There is neither detector nor bank, or a reference is no picture.
    """

    def __init__(
        self,
        station: str,
        detector: Detector | None,
        recipe: Recipe,
        anomaly: AnomalyDetector | None = None,
        references: Mapping[str, bytes] | None = None,
    ) -> None:
        self.station = station
        self.recipe = recipe
        self._detector = detector
        self._anomaly = anomaly
        self._canvas = canvas_of(detector, anomaly)
        self.references = {
            view: read_reference(encoded, self._canvas) for view, encoded in (references or {}).items()
        }
        self.versions = Versions(
            model=hash_of(detector, anomaly),
            preprocessing=digest(
                preprocessing(
                    self._canvas.sides,
                    anomaly.side if anomaly else None,
                    detector.model.precision if detector else "f32",
                    detector.model.head if detector else YOLO,
                    bool(detector and detector.model.grey),
                    bool(detector and detector.decodes),
                )
            ),
            recipe=recipe.hash,
        )

    def inspect(self, frames: Sequence[Frame], attempt: int = 1) -> Verdict:
        """Judge one part by all its frames.

        Parameters
        ----------
        frames
            At least one; all of one serial. The verdict's time is the latest capture.
        attempt
            How often this serial has been inspected here, this time included.
        """
        return self.inspect_parts([Part(frames[0].serial, attempt, tuple(frames))])[0]

    def inspect_parts(self, parts: Sequence[Part]) -> list[Verdict]:
        """Judge parts, each as `inspect` judges it alone; the detector looks at their frames together."""
        views = iter(self.look([frame for part in parts for frame in part.frames]))
        return [self._verdict(part, list(islice(views, len(part.frames)))) for part in parts]

    def look(self, frames: Sequence[Frame]) -> list[View]:
        """Measure frames and find what is in them; a frame that cannot be read has no findings."""
        seen = [self._see(frame) for frame in frames]
        asked = [item.fitted for item in seen if item.fitted and item.rejected != quality.FROZEN]
        found = iter(self._detect(asked))
        return [
            self._tell(item, next(found) if item.fitted and item.rejected != quality.FROZEN else ())
            for item in seen
        ]

    def _verdict(self, part: Part, views: Sequence[View]) -> Verdict:
        ruling = judge(self.recipe, views)
        return Verdict(
            station=self.station,
            serial=part.frames[0].serial,
            part_number=self.recipe.part_number,
            attempt=part.attempt,
            ts=max(frame.ts for frame in part.frames),
            outcome=ruling.outcome,
            reason=ruling.reason,
            versions=self.versions,
            views=ruling.views,
            decision=ruling.decision,
            recipe=self.recipe.title,
        )

    def _see(self, frame: Frame) -> Seen:
        """Decode a frame and measure it."""
        image, defect = frame.image, frame.defect
        if image is None and not defect:
            image, defect = pictures.decode(frame.encoded)
        if image is None:
            return Seen(frame, None, None, {}, defect)
        fitted = letterbox.onto(image, self._canvas)
        measures = self._measure(fitted, frame.view)
        rejected = defect or quality.refuse(measures, fitted, self.recipe.limits)
        return Seen(frame, image, fitted, measures, quality.FROZEN if frame.repeated else rejected)

    def _tell(self, seen: Seen, found: tuple[Finding, ...]) -> View:
        """Return what a frame contributes, by what the detector found in it."""
        frame, image, fitted = seen.frame, seen.image, seen.fitted
        if image is None or fitted is None:
            return view_of(frame, (0, 0), {}, (), seen.rejected)
        if seen.rejected == quality.FROZEN:
            return view_of(frame, image.shape[:2], seen.measures, (), seen.rejected)
        findings = found + (() if seen.rejected else self._compare(image, fitted))
        seam = self._locate(fitted, findings)
        scale = self.recipe.calibration.get(frame.view)
        sized = tuple(measure(finding, seam, scale) for finding in findings)
        return view_of(frame, image.shape[:2], seen.measures, sized, seen.rejected, seam, scale)

    def _measure(self, fitted: letterbox.Fitted, view: str) -> dict[str, float]:
        """Return what the quality gate looks at, a reference of the view among it where there is one."""
        measures = quality.measure(fitted.resized)
        if reference := self.references.get(view):
            measures["covered"] = covered(fitted.resized, reference)
        return measures

    def compare(self, frame: Frame) -> Comparison | None:
        """Return how a frame is beside the reference of its view; None where one of the two is missing."""
        known = self.references.get(frame.view)
        image = pictures.decode(frame.encoded)[0] if frame.image is None else frame.image
        if known is None or image is None:
            return None
        resized = letterbox.onto(image, self._canvas).resized
        return compare(image, quality.measure(resized), known)

    def _locate(self, fitted: letterbox.Fitted, findings: Sequence[Finding]) -> Box | None:
        """Return where the seam is; the picture itself is asked only where a rule set needs to know."""
        seam = locate.by_findings(findings, self.recipe.rules.features)
        if seam is not None or self.recipe.rule_set is None:
            return seam
        return locate.by_picture(fitted.resized, (fitted.width, fitted.height))

    def _detect(self, pictures: Sequence[letterbox.Fitted]) -> list[tuple[Finding, ...]]:
        """Return what the detector finds in each picture, best first."""
        if not self._detector:
            return [() for _ in pictures]
        found = self._detector.detect_fitted(pictures, self.recipe.rules.floor)
        return [describe_findings(item, self._detector.model.iso6520) for item in found]

    def _compare(self, image: Image, fitted: letterbox.Fitted) -> tuple[Finding, ...]:
        """Return what no good part has, worst first; a frame that the gate refused looks like none anyway."""
        if not self._anomaly:
            return ()
        square = Canvas.square(self._anomaly.side)
        return self._anomaly.find(fitted if square == self._canvas else letterbox.onto(image, square))


def canvas_of(detector: Detector | None, anomaly: AnomalyDetector | None) -> Canvas:
    """Return what frames are laid on, to be looked at and measured.

    Raises
    ------
    ValueError
        There is neither detector nor bank.
    """
    if detector:
        return detector.model.canvas
    if anomaly:
        return Canvas.square(anomaly.side)
    raise ValueError("an inspector needs a detector or a bank of good parts")


def hash_of(detector: Detector | None, anomaly: AnomalyDetector | None) -> str:
    """Return what a verdict calls its model: one hash, or the SHA-256 over both hashes."""
    hashes = ([detector.model.hash] if detector else []) + ([anomaly.hash] if anomaly else [])
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()


def view_of(
    frame: Frame,
    shape: tuple[int, ...],
    measures: dict[str, float],
    findings: tuple[Finding, ...],
    rejected: str,
    seam: Box | None = None,
    mm_per_pixel: float | None = None,
) -> View:
    """Return what a frame contributes to a verdict; its hash is empty where no bytes arrived."""
    return View(
        camera=frame.camera,
        view=frame.view,
        run=frame.run,
        sequence=frame.sequence,
        ts=frame.ts,
        frame_hash=hashlib.sha256(frame.encoded).hexdigest() if frame.encoded else "",
        width=shape[1],
        height=shape[0],
        quality=measures,
        findings=findings,
        rejected=rejected,
        seam=seam,
        mm_per_pixel=mm_per_pixel,
    )
