"""How large a finding is and where it lies: in millimetres, where the recipe knows the view's calibration."""

from __future__ import annotations

from dataclasses import replace

from vision.records import Finding

Box = tuple[float, float, float, float]


def measure(finding: Finding, seam: Box | None, mm_per_pixel: float | None) -> Finding:
    """Return a finding with its size and whether it lies on the seam.

    Length and area are those of its box, so they are never less than those of the imperfection in it.

    Examples
    --------
    >>> pore = Finding("pore", 0.9, (10, 10, 14, 18))
    >>> found = measure(pore, (0, 0, 20, 100), 0.5)
    >>> found.length_mm, found.area_mm2, found.on_seam
    (4.0, 8.0, True)
    """
    on_seam = None if seam is None else lies_on(finding.box, seam)
    if mm_per_pixel is None:
        return finding if on_seam is None else replace(finding, on_seam=on_seam)
    x0, y0, x1, y1 = finding.box
    across, down = (x1 - x0) * mm_per_pixel, (y1 - y0) * mm_per_pixel
    length, area = round(max(across, down), 4), round(across * down, 4)
    return replace(finding, length_mm=length, area_mm2=area, on_seam=on_seam)


def lies_on(box: Box, seam: Box) -> bool:
    """Say whether the middle of a box lies within the seam's."""
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return seam[0] <= x <= seam[2] and seam[1] <= y <= seam[3]
