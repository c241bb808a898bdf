"""What tests of detectors share."""

from __future__ import annotations

from dataclasses import replace

import pytest

from vision.detect import open_request


@pytest.fixture
def answering(monkeypatch):
    """Have every request's answers changed, once it has computed them for so many pictures."""

    def begin(change):
        def open_changed(graph, threads, pictures=1):
            request = open_request(graph, threads, pictures)
            infer = request.compiled.infer

            class Compiled:
                def infer(self, share_outputs):
                    infer(share_outputs=share_outputs)
                    change(request.answers, pictures)

            return replace(request, compiled=Compiled())

        monkeypatch.setattr("vision.detect.open_request", open_changed)

    return begin
