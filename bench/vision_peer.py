"""Ultralytics' predict loop on a shipped export, for `bench.vision`; runs in the training environment.

Started with a model folder, a folder of pictures and how it computes. Says ``ready``, then for every line
on standard input runs one round and prints its seconds; the first round's answers are printed before, so
that both sides can be compared.

``f32`` and ``f16`` pin what the export is computed in (Ultralytics has no setting for it); ``shipped`` leaves
everything as Ultralytics comes: the export has FP16 weights, and OpenVINO chooses what this processor
computes in. What it came to is said before all else, since a pin is but a wish. The loop reads and decodes
the files itself, as the station decodes what its camera gives.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any


def watch(pin: str | None) -> list[str]:
    """Make OpenVINO compute in a precision, if one is named; return where what it took is written."""
    import openvino as ov

    original, told = ov.Core.compile_model, []
    wish = {"INFERENCE_PRECISION_HINT": pin} if pin else {}

    def compile_model(self: Any, model: Any, device_name: Any = None, config: Any = None) -> Any:
        compiled = original(self, model, device_name, {**(config or {}), **wish})
        told.append(compiled.get_property("INFERENCE_PRECISION_HINT").to_string())
        return compiled

    ov.Core.compile_model = compile_model
    return told


def lay_out(model: Path, into: Path) -> Path:
    """Copy an export to where Ultralytics finds one, with the metadata it asks for."""
    folder = into / "model_openvino_model"
    folder.mkdir()
    for name in ("model.xml", "model.bin"):
        shutil.copy(model / name, folder / name)
    card = json.loads((model / "card.json").read_text())
    side = card["input_size"]
    names = "".join(f"  {index}: {name}\n" for index, name in enumerate(card["classes"]))
    (folder / "metadata.yaml").write_text(
        f"task: detect\nstride: 32\nbatch: 1\nchannels: 3\nimgsz:\n- {side}\n- {side}\nnames:\n{names}"
        "args:\n  dynamic: false\n  nms: false\nend2end: false\n"
    )
    return folder


def answer(result: Any) -> list[list[float]]:
    """Return a picture's detections: box, score, class."""
    rows: list[list[float]] = result.boxes.data.tolist()
    return rows


def main() -> None:
    """Serve rounds until standard input ends."""
    computes = watch(None if sys.argv[3] == "shipped" else sys.argv[3])
    from ultralytics import YOLO

    pictures = sys.argv[2]
    with tempfile.TemporaryDirectory() as folder:
        model = YOLO(lay_out(Path(sys.argv[1]), Path(folder)), task="detect")
        settings = {"stream": True, "verbose": False, "save": False}
        answers = [answer(result) for result in model.predict(pictures, **settings)]
        print("computes " + computes[-1], flush=True)
        print("ready " + json.dumps(answers), flush=True)
        for _ in sys.stdin:
            started = time.perf_counter()
            count = sum(1 for _ in model.predict(pictures, **settings))
            print(json.dumps({"seconds": time.perf_counter() - started, "pictures": count}), flush=True)


if __name__ == "__main__":
    main()
