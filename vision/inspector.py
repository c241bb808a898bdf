"""The pure centre of inspection: frames of one part in, a verdict out.

No clock, file or socket: the same frames, model and recipe give the same verdict, byte for byte.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import cv2
import openvino as ov

from vision import letterbox, pictures, quality
from vision.detect import OVERLAP, Detector
from vision.judge import Recipe, describe_findings, digest, judge
from vision.records import Finding, Frame, Verdict, Versions, View


def preprocessing(side: int) -> dict[str, object]:
    """Return everything that stands between a frame's bytes and a model's answer, besides the model."""
    return {
        "letterbox": side,
        "padding": letterbox.PADDING,
        "scale": "1/255 f32 rgb",
        "overlap": OVERLAP,
        "precision": "f32",
        "opencv": cv2.__version__,
        "openvino": ov.__version__,
    }


class Inspector:
    """Judge parts of one station by one model and one recipe."""

    def __init__(self, station: str, detector: Detector, recipe: Recipe) -> None:
        self.station = station
        self.recipe = recipe
        self._detector = detector
        self.versions = Versions(
            model=detector.model.hash,
            preprocessing=digest(preprocessing(detector.model.input_size)),
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
        views = tuple(self.look(frame) for frame in frames)
        outcome, reason = judge(self.recipe, views)
        return Verdict(
            station=self.station,
            serial=frames[0].serial,
            part_number=self.recipe.part_number,
            attempt=attempt,
            ts=max(frame.ts for frame in frames),
            outcome=outcome,
            reason=reason,
            versions=self.versions,
            views=views,
        )

    def look(self, frame: Frame) -> View:
        """Measure one frame and find what is in it; a frame that cannot be read has no findings."""
        image, defect = frame.image, frame.defect
        if image is None and not defect:
            image, defect = pictures.decode(frame.encoded)
        if image is None:
            return view_of(frame, (0, 0), {}, (), defect)
        fitted = self._detector.fit(image)
        measures = quality.measure(fitted.resized)
        rejected = defect or quality.refuse(measures, min(image.shape[:2]), self.recipe.limits)
        found = self._detector.detect_fitted(fitted, self.recipe.review_above)
        findings = describe_findings(found, self._detector.model.iso6520)
        return view_of(frame, image.shape[:2], measures, findings, rejected)


def view_of(
    frame: Frame,
    shape: tuple[int, ...],
    measures: dict[str, float],
    findings: tuple[Finding, ...],
    rejected: str,
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
    )
