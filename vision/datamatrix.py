"""Read Data Matrix codes out of pictures, through ZXing."""

from __future__ import annotations

import zxingcpp

from vision.records import Image

WANTED = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.DataMatrix)


def read(image: Image) -> list[str]:
    """Return the texts of the codes in a picture, each once, as they stand from top to bottom.

    Codes that cannot be read whole, or whose checksum is wrong, are none.
    """
    found = zxingcpp.read_barcodes(image, formats=WANTED)
    placed = sorted((code.position.top_left.y, code.text) for code in found if code.valid)
    return list(dict.fromkeys(text for _, text in placed))


def draw(text: str, scale: int = 8) -> Image:
    """Return a picture of a code, black on white, with its quiet zone.

    >>> read(draw("W1-000042"))
    ['W1-000042']
    """
    import cv2
    import numpy as np

    code = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.DataMatrix)
    grey = np.array(code.to_image(scale=scale, add_quiet_zones=True))
    picture: Image = cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)
    return picture
