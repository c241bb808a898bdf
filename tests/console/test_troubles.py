"""Every sentence that the code can tell an operator is said in Chinese; they are read from the code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest

from engine.console.locale import Locale

ROOT = Path(__file__).parents[2]
CHINESE = Locale("zh", ZoneInfo("Asia/Shanghai"))
ROOMS = (
    "streams/connectors/*.py",
    "streams/log/archive.py",
    "streams/log/reader.py",
    "streams/log/segments.py",
    "streams/log/writer.py",
    "streams/log/producer.py",
    "streams/log/server.py",
    "streams/log/jetstream/link.py",
    "streams/log/jetstream/writer.py",
    "vision/cameras/*.py",
    "vision/anomaly/bank.py",
    "vision/anomaly/scorer.py",
    "vision/detect.py",
    "vision/network.py",
    "vision/registry.py",
    "engine/handshake/*.py",
    "engine/identity/*.py",
    "engine/release/gate.py",
    "engine/approvals/chain.py",
    "engine/approvals/ledger.py",
    "engine/outbox/*.py",
    "engine/plant/secrets.py",
    "engine/sources/*.py",
    "engine/console/poller.py",
    "engine/appender.py",
    "engine/archive.py",
    "engine/cameras.py",
    "engine/clocks.py",
    "engine/shard.py",
    "engine/station*.py",
    "engine/writer.py",
)
"""Where troubles come from: what a process says of its parts (`engine.health.Part`)."""
SQL = re.compile("(SELECT|INSERT|UPDATE) ")
FRAGMENTS = ("Lost", "Refused")
"""What is raised with a part of a sentence, which stands inside of another."""
SAMPLES = {
    "broker": "The broker at 10.0.0.7:1883",
    "self._broker": "The broker at 10.0.0.7:1883",
    "server": "The OPC UA server at opc.tcp://10.0.0.8:4840",
    "self._where": "The OPC UA server at opc.tcp://10.0.0.8:4840",
    "agent": "The agent at http://10.0.0.9:5000",
    "self._agent": "The agent at http://10.0.0.9:5000",
    "self._adapter": "The adapter at 10.0.0.9:7878",
    "device": "The Modbus device at 10.0.0.9:502, unit 1,",
    "self._device": "The S7 at 10.0.0.9:102",
    "place_of(section)": "The PLC at 10.0.0.5:502",
    "place_of(self._section)": "The PLC at opc.tcp://10.0.0.5:4840",
    "_status(server, ua.StatusCode(exc.code))": "refuses: Overload (BadTooManySessions)",
    "_why(exc)": "does not answer: [Errno 111] Connection refused",
    "why": "Connection refused",
    "what": "acknowledge the answer",
    "streams/connectors/mtconnect.py why": "was started anew",
    "streams/connectors/mtconnect_http.py self": "The agent at http://10.0.0.9:5000",
    "streams/log/writer.py needed or CATCHES_UP": "shard catches up",
    "streams/log/writer.py why": "it holds 7 of 9 bytes",
    "vision/cameras/genicam.py why": "no picture for 7 s",
    "vision/cameras/producers.py what": "no device",
    "', '.join(told)": "holding:0 (illegal data address (exception 2))",
    "hint": ".",
    "RESTORE": "put the file back from the newest backup",
    "stays": "The model in use stays:",
    "cause": "changed: model",
    "reason": "Connection refused",
    "until": "2026-03-02 12:00:00",
    "jump": "7.0 s at 12:00",
    "moment": "12:00",
}
"""What stands in a placeholder; everything else is 7."""
UNSEEN = {
    "engine/archive.py": [
        "The plant file names no archive",
        "An archive is written where the log's files are",
    ],
    "engine/writer.py": ["7 was closed before 7 entries were committed."],
    "engine/identity/book.py": [
        "A rework order names who opens it",
        "Serial 7 was never inspected here",
        "A rework order for serial 7 is open",
    ],
    "engine/approvals/chain.py": ["The key is not that of 7"],
    "streams/connectors/csv.py": ["The file 7 cannot be read at row"],
    "streams/connectors/zeromq_sender.py": ["A message of 7", "The log knows 7 already"],
    "streams/log/producer.py": ["The producer is closed"],
    "vision/anomaly/bank.py": ["7 cannot be a bank's name", "7 is the name of a model"],
    "vision/registry.py": ["7 calls it 7;"],
}
"""Sentences of these rooms that are no part's trouble: printed by a command, logged, or quarantined."""


class Told(NamedTuple):
    """One sentence of the code, its placeholders filled in."""

    room: str
    line: int
    says: str


def filled(node: ast.expr, room: str) -> str:
    """Return a literal's text, its placeholders filled in."""
    if isinstance(node, ast.Constant):
        return re.sub(r"\{[\w:.]*\}", "7", str(node.value))
    assert isinstance(node, ast.JoinedStr)
    return "".join(
        sample(ast.unparse(part.value), room) if isinstance(part, ast.FormattedValue) else filled(part, room)
        for part in node.values
    )


def sample(expression: str, room: str) -> str:
    return SAMPLES.get(f"{room} {expression}", SAMPLES.get(expression, "7"))


def literals(tree: ast.AST) -> Iterator[ast.expr]:
    """Yield the texts of a module outermost first, docstrings left out."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
            continue
        if isinstance(child, ast.JoinedStr) or (
            isinstance(child, ast.Constant) and isinstance(child.value, str)
        ):
            yield child
        else:
            yield from literals(child)


def fragments(tree: ast.AST) -> Iterator[ast.expr]:
    """Yield what is raised with a part of a sentence."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in FRAGMENTS:
            yield from (item for item in node.args if isinstance(item, ast.Constant | ast.JoinedStr))


def is_sentence(text: str) -> bool:
    begins = text[:1].isupper() or text[:1] == "7"
    return begins and text.endswith((".", "?")) and text.count(" ") > 1 and not SQL.match(text)


def told_by(room: str, code: str) -> Iterator[Told]:
    """Yield what one module can say."""
    tree = ast.parse(code)
    for node in literals(tree):
        if is_sentence(says := filled(node, room)):
            yield Told(room, node.lineno, says)
    for node in fragments(tree):
        if " " in (says := filled(node, room)):
            yield Told(room, node.lineno, says)


FILES = sorted({file for room in ROOMS for file in ROOT.glob(room)})
TOLD = [
    told for file in FILES for told in told_by(str(file.relative_to(ROOT)), file.read_text(encoding="utf-8"))
]


def is_unseen(told: Told) -> bool:
    return any(told.says.startswith(begins) for begins in UNSEEN.get(told.room, ()))


def english(said: str) -> str | None:
    """Return a text in which two words are still English, or that has no Chinese at all."""
    rest = re.sub(r"seamline [\w@ .-]+|--[\w-]+|chmod 600", "", said, flags=re.ASCII)
    if not re.search("[\u4e00-\u9fff]", rest):
        return said
    return said if re.search(r"[a-z]{2,}[,;:]? [a-z]{2,}", rest) else None


def test_the_code_is_read_whole():
    assert {told.room.split("/")[0] for told in TOLD} == {"streams", "vision", "engine"}
    assert len(TOLD) > 150
    assert all(list(ROOT.glob(room)) for room in ROOMS)


@pytest.mark.parametrize("room", sorted({told.room for told in TOLD}))
def test_every_trouble_is_said_in_chinese(room: str):
    seen = [told for told in TOLD if told.room == room and not is_unseen(told)]
    say = CHINESE.reason if room.endswith("reasons.py") else CHINESE.trouble
    left = [f"{told.room}:{told.line}: {told.says}" for told in seen if english(say(told.says))]
    assert left == [], "say it in engine/console/texts, or name it in UNSEEN if no operator sees it"


def test_nothing_is_named_unseen_that_is_said_no_more():
    gone = [
        (room, begins)
        for room, all_of_room in UNSEEN.items()
        for begins in all_of_room
        if not any(told.room == room and told.says.startswith(begins) for told in TOLD)
    ]
    assert gone == []


def test_a_sentence_that_nobody_translated_is_found():
    code = (
        '"""A docstring is none."""\n\ndef f(x):\n    """Nor is this."""\n    raise Lost(f"the {x} fell")\n'
    )
    code += '    self.trouble = f"The {x} fell into the sea."\n'
    told = [one.says for one in told_by("new.py", code)]
    assert told == ["The 7 fell into the sea.", "the 7 fell"]
    assert [english(CHINESE.trouble(says)) for says in told] == told
    assert english("PLC 7 无应答：the cable fell。")
    assert english("PLC 7 无应答。") is None


@pytest.mark.parametrize(
    ("says", "said"),
    [
        (
            "The broker at h:1883 does not answer: [Errno 111] Connection refused.",
            "MQTT 服务器 h:1883 无应答：连接被拒绝。",
        ),
        (
            "The Modbus device at h:502, unit 1, refuses holding:0 (illegal data address (exception 2)).",
            "Modbus 设备 h:502（站号 1） 拒绝读取 holding:0（地址不存在（异常码 2））。",
        ),
        (
            "The PLC at h:102 does not answer: The variable PLC is not set; put the secret into it.",
            "PLC h:102 无应答：未设置环境变量 PLC，请把密码写入其中。",
        ),
        (
            "Camera top: the device has no feature Expo; did you mean ExposureTime?",
            "相机 top：设备没有参数 Expo，最接近的是 ExposureTime。",
        ),
        ("Camera top: it gives no pictures (no picture for 30 s); check plug and network.",
         "相机 top：没有图像（30 秒内没有图像），请检查连接、地址和网络。"),
        ("Camera top: tcp://*:7001 gives no pictures (no picture for 0.5 s); check sender and network.",
         "相机 top：tcp://*:7001 没有图像（0.5 秒内没有图像），请检查连接、地址和网络。"),
        (
            "The adapter at h:7878 is gone: it said nothing for 30 s.",
            "适配器 h:7878 已断开连接：已 30 秒没有数据。",
        ),
        (
            "The adapter at h:7878 is gone: its machine is unplugged or switched off.",
            "适配器 h:7878 已断开连接：网线脱落或设备断电。",
        ),
        ("The model in use stays: Something new.", "继续使用当前模型：Something new。"),
    ],
)  # fmt: skip
def test_sentences_inside_of_sentences(says: str, said: str):
    assert CHINESE.trouble(says) == said


@pytest.mark.parametrize(
    ("says", "said"),
    [
        (
            "The part was triggered while the station was not ready: Evidence cannot be written:"
            " No space left on device; make room on the disk.",
            "工位未就绪时被触发：证据无法写入：磁盘空间不足，请清理磁盘空间。",
        ),
        ("The part has no serial: no code was scanned.", "该件没有序列号：没有扫到条码。"),
        (
            "The part has no serial: no Data Matrix can be read in top.",
            "该件没有序列号：top 中读不出二维码。",
        ),
    ],
)
def test_why_a_part_is_in_doubt_is_said_in_chinese_too(says: str, said: str):
    assert CHINESE.reason(says) == said
