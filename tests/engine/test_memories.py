"""What a gateway remembers of its sources is kept in a file, and a bad file is as none."""

from __future__ import annotations

import pytest

from engine.memories import Memories
from streams.connectors.memory import Standing

STANDING = Standing(heard=5, until=7, told=(("mill", "execution"),))


class Told:
    """A contact that stood as it was told."""

    def standing(self, by):
        return STANDING if by >= STANDING.until else None


def test_what_was_noted_is_there_after_a_restart(tmp_path):
    before = Memories(tmp_path / "heard" / "line-1.json")
    before.of("mill").keep("", Told())
    before.of("mill").note(6)
    before.save()
    assert Memories(tmp_path / "heard" / "line-1.json").of("mill").recall("") is None
    before.of("mill").note(7)
    before.save()
    after = Memories(tmp_path / "heard" / "line-1.json")
    assert after.of("mill").recall("") == STANDING
    assert after.of("other").names == set()


@pytest.mark.parametrize("text", ["", "{half", "[]", '{"mill": 5}', '{"mill": {"": {"heard": "x"}}}'])
def test_a_file_that_is_none_is_as_if_there_were_none_and_is_complained_of(tmp_path, capsys, text):
    path = tmp_path / "line-1.json"
    path.write_text(text)
    assert Memories(path).of("mill").names == set()
    assert "gateway.remembers_nothing" in capsys.readouterr().out


def test_a_disk_that_takes_nothing_is_complained_of_once(tmp_path, capsys):
    (tmp_path / "heard").write_text("a file where a folder belongs")
    memories = Memories(tmp_path / "heard" / "line-1.json")
    memories.of("mill")
    memories.save()
    memories.save()
    assert capsys.readouterr().out.count("gateway.forgets") == 1
