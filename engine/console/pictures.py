"""Serve evidence: the exact bytes inspected, and small copies of them for rows of parts."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from fastapi import APIRouter, HTTPException
from fastapi.responses import FileResponse, Response

from vision import evidence

SMALL = 160
"""Longest side of a small copy, in pixels."""
QUALITY = 80
KEPT = 512
"""Small copies kept in memory, about 6 kB each."""
HEADERS = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
"""Bytes under a hash never change."""
KINDS = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG": "image/png", b"BM": "image/bmp", b"RIFF": "image/webp"}


def router(folder: Path) -> APIRouter:
    """Return the routes that serve a folder of evidence."""
    routes = APIRouter()

    @routes.get("/evidence/{digest}")
    def whole(digest: str) -> FileResponse:
        """Return the bytes inspected."""
        path = find(folder, digest)
        return FileResponse(path, media_type=kind(path), headers=HEADERS)

    @routes.get("/evidence/{digest}/small")
    def small(digest: str) -> Response:
        """Return a small JPEG copy."""
        return Response(shrink(find(folder, digest)), media_type="image/jpeg", headers=HEADERS)

    return routes


def find(folder: Path, digest: str) -> Path:
    """Return the file of a hash.

    Raises
    ------
    HTTPException
        404: the text is no hash, or nothing is kept under it.
    """
    try:
        path = evidence.path(folder, digest)
    except ValueError as exc:
        raise HTTPException(404, "A picture is asked for by the SHA-256 of its bytes.") from exc
    if not path.is_file():
        raise HTTPException(404, "No picture is kept under this hash.")
    return path


def kind(path: Path) -> str:
    """Return the media type that a picture's first bytes tell."""
    with path.open("rb") as file:
        start = file.read(4)
    return next(
        (name for magic, name in KINDS.items() if start.startswith(magic)), "application/octet-stream"
    )


@lru_cache(maxsize=KEPT)
def shrink(path: Path) -> bytes:
    """Return a small JPEG copy of a picture.

    Raises
    ------
    HTTPException
        415: the bytes are no picture.
    """
    image = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    if image is None:
        raise HTTPException(415, "The bytes kept under this hash are no picture.")
    scale = SMALL / max(image.shape[:2])
    if scale < 1:
        image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()
