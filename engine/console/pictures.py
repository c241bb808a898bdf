"""Serve evidence: the exact bytes inspected, and small copies of them for rows of parts."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from fastapi import APIRouter, HTTPException
from fastapi.responses import Response

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
    def whole(digest: str) -> Response:
        """Return the bytes inspected."""
        content = find(folder, digest)
        return Response(content, media_type=kind(content), headers=HEADERS)

    @routes.get("/evidence/{digest}/small")
    def small(digest: str) -> Response:
        """Return a small JPEG copy."""
        return Response(shrink(folder, digest), media_type="image/jpeg", headers=HEADERS)

    return routes


def find(folder: Path, digest: str) -> bytes:
    """Return the picture of a hash.

    Raises
    ------
    HTTPException
        404: the text is no hash, or nothing is kept under it; 410: what is kept was changed since.
    """
    try:
        evidence.path(folder, digest)
    except ValueError as exc:
        raise HTTPException(404, "A picture is asked for by the SHA-256 of its bytes.") from exc
    try:
        return evidence.read(folder, digest)
    except OSError as exc:
        raise HTTPException(404, "No picture is kept under this hash.") from exc
    except ValueError as exc:
        raise HTTPException(410, "The picture kept under this hash was changed since.") from exc


def kind(content: bytes) -> str:
    """Return the media type that a picture's first bytes tell."""
    return next(
        (name for magic, name in KINDS.items() if content.startswith(magic)), "application/octet-stream"
    )


@lru_cache(maxsize=KEPT)
def shrink(folder: Path, digest: str) -> bytes:
    """Return a small JPEG copy of a picture.

    Raises
    ------
    HTTPException
        415: the bytes are no picture; as `find` does.
    """
    content = np.frombuffer(find(folder, digest), np.uint8)
    image = cv2.imdecode(content, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    if image is None:
        raise HTTPException(415, "The bytes kept under this hash are no picture.")
    scale = SMALL / max(image.shape[:2])
    if scale < 1:
        image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()
