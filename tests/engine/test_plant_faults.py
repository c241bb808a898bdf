"""What is wrong with a plant file is told with file, line, column and mend, all of it at once."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from engine.plant import Fault, Plant, PlantError, load
from engine.plant.file import parse

PLANT = """\
name: Hall 3
machines:
  - name: lathe
    ideal_cycle_s: 12.5
    shifts:
      - {name: night, start: 22:00, end: 06:00, weekdays: [0, 1], breaks: [["02:00", "02:30"]]}
    tags:
      - {name: execution, type: text}
      - name: load
stations:
  - name: weld-1
    judges: lathe
    part_number: "4711"
    cameras:
      - {kind: simulated, name: camera-1, rate: 5}
sources:
  - {kind: shdr, name: adapter, machine: lathe, port: 7878}
"""


def faults(text: str) -> list[Fault]:
    with pytest.raises(PlantError) as refused:
        parse(text, "hall.yaml")
    assert str(refused.value).splitlines() == [
        f"hall.yaml:{fault.line}:{fault.column}: {fault.says}" for fault in refused.value.faults
    ]
    return list(refused.value.faults)


@pytest.mark.parametrize(
    ("old", "new", "at", "says"),
    [
        ("port: 7878", "prot: 7878", "prot", "there is no key prot here; did you mean port?"),
        ("name: Hall 3", "nom: x\nname: Hall 3", "nom", "there is no key nom here; write one of:"),
        ("rate: 5", "zoom: 5", "zoom", "there is no key zoom here; write one of:"),
        ("    ideal_cycle_s", "    7: 1\n    ideal_cycle_s", "7:", "there is no key 7 here; write one of:"),
        ("12.5", "fast", "fast", "ideal_cycle_s is 'fast'; write a number or 'modal'."),
        ("12.5", "-1", "-1", "ideal_cycle_s is '-1'; write a number above 0 or 'modal'."),
        ("12.5", ".nan", ".nan", "ideal_cycle_s is '.nan'; write a finite number or 'modal'."),
        ("rate: 5", "rate:", "}\nsources", "rate is empty; write a number, or remove the line."),
        ("port: 7878", "port: 78.5", "78.5", "port is '78.5'; write a whole number."),
        ("[0, 1]", "[0, 9]", "9]", "item 2 of weekdays is '9'; write a number that is 6 or less."),
        ("[0, 1]", "daily", "daily", "weekdays is 'daily'; write a list: items below it, each behind a"),
        (', "02:30"]', "]", '["02:00"]', "item 2 is missing in this list; add it."),
        ('["02:00", "02:30"]', "2", "2]}", "item 1 of breaks is '2'; write a list, like [a, b]."),
        ("type: text", "type: txt", "txt", "type is 'txt'; write 'number' or 'text'."),
        (
            "name: Hall 3",
            "name: Hall 3\nlog: {serve: {endpoint: 'tcp://10.0.0.5:5560'}}",
            "{endpoint",
            "serve: a log served beyond tcp://127.0.0.1 needs curve: who reads can free it; add it.",
        ),
        ('"4711"', "4711", "4711", 'part_number takes text; put the value in quotes: "4711".'),
        ("- name: load", "- unit: mm", "unit", "the key name is missing here; add a line name: with its"),
        ("kind: simulated", "kind: film", "film", "kind is 'film'; write folder or genicam or rtsp or"),
        ("kind: simulated, ", "", "{name: camera", "the key kind is missing here; add kind: folder or"),
        ("22:00", "25:00", "25:00", "start: '25:00' is not a time of day; write it like 06:30."),
        ("Hall 3", "Hall 3\ntimezone: Mars", "Mars", "timezone: 'Mars' is not a time zone; write one like"),
        ("Hall 3", "Hall 3\ntimezone: Asia", "Asia", "timezone: 'Asia' is not a time zone; write one like"),
        ("judges: lathe", "judges: lath", "lath\n", "lath is no machine; did you mean lathe?"),
        ("machine: lathe", "machine: press", "press", "press is no machine; write one of: lathe, weld-1."),
        ("weld-1", "lathe", "lathe\n    judges", "the machine or station name lathe is taken already;"),
        ("name: load", "name: execution", "execution\n", "the tag name execution is taken already; rename"),
        ("Hall 3", "Hall 3\nshard: ../x", "../x", "shard is '../x'; write letters, digits, dots, dashes and"),
        ("Hall 3", "Hall 3\nconsole: 7", "7\n", "console is '7'; write a section: keys below it, indented."),
        ("Hall 3", "Hall 3\nname: B", "name: B", "the key name stands in line 1 already; keep one of the"),
        ("type: text", "type: text, type: text", "type: text}", "the key type stands in line 8 already;"),
    ],
)  # fmt: skip
def test_one_fault_is_told_where_it_stands(old: str, new: str, at: str, says: str) -> None:
    text = PLANT.replace(old, new)
    (found,) = faults(text)
    assert found.says.startswith(says)
    before = text[: text.index(at)]
    assert (found.line, found.column) == (before.count("\n") + 1, len(before) - before.rfind("\n"))


@pytest.mark.parametrize(
    ("text", "line", "column", "says"),
    [
        ("name: a\n\tshard: b\n", 2, 1, "a tab stands here; YAML indents by spaces only, so put spaces"),
        ("name: a\n  shard: b\n", 2, 8, "mapping values are not allowed here); put the value in quotes, or"),
        ("name: [a\n", 1, 7, "close the bracket, or part its items by commas."),
        ("name: 'a\n", 1, 7, "close the quotes or the bracket that is open here."),
        ("name: a\nshard\n", 2, 1, "write the key, a colon and a space before its value."),
        ("name: @a\n", 1, 7, "put the value in quotes."),
        ("name: *a\n", 1, 7, "name an anchor that stands above, or put the word in quotes."),
        ("name: !!python/object a\n", 1, 7, "leave the tag out."),
        ("name: a\nshard: !!bool a\n", 2, 8, "(the value is not what its tag says); leave the tag out."),
        ("name: !!int ''\n", 1, 7, "leave the tag out."),
        ("name: !!timestamp 2026-99-99\n", 1, 7, "leave the tag out."),
        ("name: !!timestamp a\n", 1, 7, "leave the tag out."),
        ("name: a\n---\nname: b\n", 2, 1, "keep one plant in one file."),
        ("name: a\nb: x\0y\n", 2, 5, "the letter U+0000 may not stand here; remove it."),
        ("? [a]\n: b\n", 1, 3, "write a plain word as the key."),
        ("", 1, 1, "the file is empty; write a section"),
        ("- name: a\n", 1, 1, "the file is a list; write a section"),
        ("name: &a [*a]\n", 1, 7, "name is a list; write a text."),
    ],
)  # fmt: skip
def test_what_is_no_plant_at_all_is_told_where_it_begins(
    text: str, line: int, column: int, says: str
) -> None:
    (found,) = faults(text)
    assert (found.line, found.column) == (line, column)
    assert says in found.says


def test_all_faults_are_told_in_the_order_of_the_file() -> None:
    text = PLANT.replace("12.5", "fast").replace("judges: lathe", "judges: lath").replace("port", "prot")
    assert [fault.line for fault in faults("name: Hall 4\n" + text)] == [2, 5, 13, 18]


def test_one_fault_of_a_section_hides_no_other_of_it() -> None:
    found = faults(PLANT + "  - kind: zeromq\n")
    assert [fault.says.split(" is ")[0] for fault in found] == ["the key endpoint", "the key name"]


def test_what_stands_behind_an_anchor_is_found_where_it_stands() -> None:
    text = "name: a\nmachines:\n  - &one {name: one, tags: []}\n  - <<: *one\n    name: two\n    tagz: []\n"
    assert faults(text) == [(6, 5, "there is no key tagz here; did you mean tags?")]
    assert [item.name for item in parse(text.replace("    tagz: []\n", ""), "x").machines] == ["one", "two"]


@pytest.mark.parametrize("word", ["14:00", "yes", "2026-05-01", "2026-13-45", "0815", "1_000", "0x1f", "on"])
def test_plain_words_are_the_text_that_they_look_like(word: str) -> None:
    assert parse(f"name: {word}\n", "x").name == word


def test_plain_numbers_are_numbers() -> None:
    assert parse("name: a\nlog: {max_gb: 1e2, segment_mb: 7}\n", "x").log.max_gb == 100


def test_a_plant_built_in_python_is_held_to_the_same_names() -> None:
    with pytest.raises(ValueError, match="lath is no machine; did you mean lathe"):
        Plant.model_validate(
            {
                "name": "a",
                "machines": [{"name": "lathe", "tags": []}],
                "stations": [{"name": "s", "cameras": [], "judges": "lath"}],
            }
        )


def test_the_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "hall.yaml"
    file.write_text(PLANT.replace("port", "prot"), encoding="utf-8")
    with pytest.raises(
        PlantError, match=r"hall\.yaml:17:49: there is no key prot here; did you mean port\?$"
    ):
        load(file)


def test_a_station_judges_by_a_model_or_by_a_bank_of_good_parts() -> None:
    (fault,) = faults(PLANT.replace("judges: lathe", "model: null"))
    assert fault.says.endswith("station weld-1 has neither model nor anomaly; name one of both.")
    bank_alone = PLANT.replace("judges: lathe", "model: null\n    anomaly: good")
    (station,) = parse(bank_alone, "hall.yaml").stations
    assert (station.model, station.anomaly, station.anomaly_reject_above) == (None, "good", None)


def test_a_station_does_not_pass_what_it_rejects() -> None:
    (fault,) = faults(PLANT.replace("judges: lathe", "review_above: 0.7"))
    assert "review_above 0.7 lies above reject_above 0.5" in fault.says


def masters(good: str, bad: str) -> str:
    asked = f"[{{serial: '{good}', expect: OK}}, {{serial: '{bad}', expect: NG}}]"
    return PLANT.replace("judges: lathe", f"masters: {asked}").replace(
        "{kind: simulated, name: camera-1, rate: 5}",
        '{kind: zeromq, name: camera-1, endpoint: "tcp://127.0.0.1:5555"}',
    )


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ("M-1", "M-1"),
        ("M-*", "M-NG-1"),
        ("M-OK-7", "M-OK-?"),
        ("M-*", "*-1"),
        ("M-[0-9]", "M-7"),
        ("M*[!0-9]*", "M?-*"),
        ("O*K", "OK"),
    ],
)
def test_no_part_is_two_master_parts_at_once(good: str, bad: str) -> None:
    (fault,) = faults(masters(good, bad))
    assert fault.line == 11
    assert fault.says.endswith(
        f"station weld-1 has the master parts {good} and {bad}, and one part could be both;"
        " give each a serial that the other does not match."
    )


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ("M-1", "M-2"),
        ("M-OK-*", "M-NG-*"),
        ("m-1", "M-1"),
        ("M-[0-4]", "M-[!0-4]"),
        ("M-?", "M-1?"),
        ("*A", "*B"),
    ],
)
def test_master_parts_that_no_part_confuses_are_taken(good: str, bad: str) -> None:
    (station,) = parse(masters(good, bad), "hall.yaml").stations
    assert [master.serial for master in station.masters] == [good, bad]


@pytest.mark.parametrize("serial", ["*", "**", "?*", "????", "[!x]*"])
def test_a_master_part_is_not_every_part(serial: str) -> None:
    (fault,) = faults(masters("M-1", serial))
    assert fault.says == (
        f"serial: {serial} would make every part a master part; write letters of its own, like M-*."
    )


@pytest.mark.parametrize("name", ["line-1", "gateway"])
def test_a_station_is_not_named_like_another_process(name: str) -> None:
    (fault,) = faults(PLANT.replace("name: weld-1", f"name: {name}"))
    assert fault.says == f"{name} is the name of another process; rename the station."


SIDES = """\
    cameras:
      - {kind: zeromq, name: c1, view: top, endpoint: "tcp://127.0.0.1:5555"}
      - {kind: zeromq, name: c2, view: side, endpoint: "tcp://127.0.0.1:5556"}
"""
PLC = """\
    handshake:
      kind: modbus
      host: plc
      asks: {trigger: {address: "coil:0"}, acknowledge: {address: "coil:1"}}
      answers: {ready: {address: "coil:8"}, ok: {address: "coil:9"}, ng: {address: "coil:10"}}
"""
PROOF = "    masters: [{serial: A, expect: OK}, {serial: B, expect: NG}]\n"
WELD = "name: x\nstations:\n  - name: weld\n" + SIDES
RUNS = WELD + "    recipes: [plain, whole]\n"
RECIPES = """\
recipes:
  - name: whole
    version: "1"
    part_number: A-1
    views: [top, side]
  - name: plain
    version: "1"
    part_number: A-2
"""


@pytest.mark.parametrize(
    ("text", "line", "who"),
    [
        (WELD + PLC, 3, "weld"),
        (WELD + PROOF, 3, "weld"),
        (WELD + "    views: []\n" + PLC, 7, "weld"),
        (RUNS + PLC + RECIPES, 7, "plain"),
        (RUNS + RECIPES + PROOF, 7, "plain"),
    ],
)
def test_a_part_of_several_sides_is_not_judged_by_its_first_picture(text: str, line: int, who: str) -> None:
    (fault,) = faults(text)
    assert (fault.line, fault.says) == (
        line,
        f"{who} would judge a part by its first picture alone, though the cameras of weld show top, side;"
        " write views: [top, side] into it.",
    )


@pytest.mark.parametrize(
    "text",
    [
        WELD,
        RUNS + RECIPES,
        WELD + PLC + "    views: [top, side]\n",
        WELD + PROOF + "    views: [top]\n",
        WELD.replace("side", "top") + PLC,
        "name: x\nstations:\n  - name: weld\n    cameras: []\n" + PLC,
    ],
)
def test_frames_of_one_side_and_frames_that_are_parts_need_no_views(text: str) -> None:
    assert parse(text, "hall.yaml").stations


STATION = "name: x\nstations:\n  - name: weld\n    cameras: []\n" + PLC.replace(
    'coil:1"}}', 'coil:1"}, bin: {address: "coil:2"}, release: {address: "coil:3"}}'
).replace('coil:10"}}', 'coil:10"}, stop: {address: "coil:11"}}')
REVIEW = STATION.replace('coil:11"}}', 'coil:11"}, review: {address: "coil:12"}}')


@pytest.mark.parametrize("takes", ["NG", "REVIEW"])
def test_a_bin_takes_what_its_line_can_tell_apart(takes: str) -> None:
    (fault,) = faults(STATION + f"      bin: {{takes: [{takes}]}}\n")
    assert "without the signal review of answers the line is told NG for REVIEW" in fault.says
    assert parse(STATION + "      bin: {}\n", "hall.yaml").stations
    assert parse(REVIEW + f"      bin: {{takes: [{takes}]}}\n", "hall.yaml").stations


@pytest.mark.parametrize(
    ("camera", "says"),
    [
        ('path: "http://ann:hunter2@cam/v.mjpg"', "user and password do not stand in an address"),
        ("path: /dev/video0, user: ann", "user and password are for an address; leave them out"),
    ],
)
def test_a_camera_s_password_does_not_stand_in_the_plant_file(camera: str, says: str) -> None:
    video = "cameras: [{kind: video, name: c, %s}]\n"
    (fault,) = faults("name: x\nstations:\n  - name: weld\n    " + video % camera)
    assert says in fault.says and "hunter2" not in fault.says
    assert parse("name: x\nstations:\n  - name: weld\n    " + video % "path: a@b.mp4", "hall.yaml").stations


def test_a_sensors_name_is_its_own() -> None:
    sensors = "    sensors: [{name: bearing, unit: g}, {name: bearing}]\nstations:"
    (fault,) = faults(PLANT.replace("stations:", sensors))
    assert fault.says == "the sensor name bearing is taken already; rename one of the two."


POLLED = """\
sources:
  - kind: KIND
    name: plc
    host: 10.0.0.7
    port: 502
    points:
      - {address: ADDRESS, machine: lathe, tag: load}
"""


@pytest.mark.parametrize(
    ("kind", "address", "says"),
    [
        ("modbus", "40101", "address takes text"),
        (
            "modbus",
            '"40101"',
            "'40101' is no address of Modbus; write the table and the number, as holding:100",
        ),
        ("modbus", "coil:70000", "coil:70000 ends behind the table's last number, 65535"),
        ("modbus", "holding:7, type: string", "holding:7 is of type string: a string has a length"),
        ("mc", "D1F", "D1F is not numbered in decimal digits, as its device is"),
        ("mc", "Q7", "'Q7' is no device that can be read; write it as D100, M8, X1F or D100.F"),
    ],
)
def test_an_address_that_a_device_cannot_have_is_told(kind: str, address: str, says: str) -> None:
    text = PLANT.partition("sources:")[0] + POLLED.replace("KIND", kind).replace("ADDRESS", address)
    (fault,) = faults(text)
    assert says in fault.says


@pytest.mark.parametrize("text", ["name: x\nmachines: " + "[" * 5000, "- " * 5000, "{" * 5000])
def test_sections_without_end_are_followed_for_a_while_only(text: str) -> None:
    (fault,) = faults(text)
    assert (
        fault.says
        == "this is not YAML (sections within sections without end); close the brackets that are open."
    )


def test_a_file_of_nothing_but_faults_is_told_in_time_that_grows_with_it() -> None:
    begun = time.process_time()
    assert len(faults("".join(f"key{number}: 1\n" for number in range(20_000)))) == 20_001
    assert time.process_time() - begun < 15


def test_aliases_of_aliases_are_counted_before_they_are_followed() -> None:
    many = (
        "name: x\nmachines:\n - &m {name: y, tags: [&t {name: x}" + ", *t" * 1500 + "]}\n" + " - *m\n" * 1500
    )
    (fault,) = faults(many)
    assert fault.says == "its aliases make it 6766513 values, 2000000 at most; use fewer."


def test_a_number_that_no_field_can_hold_is_told_like_any_other() -> None:
    (fault,) = faults("name: x\ntenant: " + "9" * 5000)
    assert fault.says.endswith("write a whole number.")
