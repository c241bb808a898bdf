"""Words of a station's release: blocked, bypassed, suspect."""

TEXTS = {
    "release.blocked": ("Blocked", "已锁定"),
    "release.bypassed": ("Bypassed", "旁路中"),
    "release.suspect": ("Suspect parts", "可疑零件"),
    "release.show": (
        "Parts are reviewed until these master parts were judged as expected: {parts}.",
        "在以下标准件判定符合预期之前，所有零件待复核：{parts}。",
    ),
    "release.bypass": (
        "Nothing is inspected until {until}, by {person}: {reason}.",
        "由 {person} 批准，至 {until} 不检测零件：{reason}。",
    ),
    "release.since": (
        "{count} parts since the last pass, as master part {serial} failed.",
        "标准件 {serial} 未通过，自上次通过以来共 {count} 件。",
    ),
}
"""Key -> English, Chinese."""

CAUSES = (
    (r"no master part was judged here yet", "尚未检测标准件"),
    (r"changeover to (?P<number>.+)", "换型至 {number}"),
    (r"changed: (?P<what>[\w, ]+)", "已变更：{what}"),
    (r"shift (?P<shift>.+) began", "班次 {shift} 开始"),
    (
        r"master part (?P<serial>.+) failed: judged (?P<said>\w+), expected (?P<expected>\w+)(?P<more>.*)",
        "标准件 {serial} 未通过：判定为 {said}，预期 {expected}",
    ),
    (
        r"master part (?P<serial>.+) failed: not rejected for (?P<label>\S+)",
        "标准件 {serial} 未通过：未检出{label}",
    ),
    (
        r"master part (?P<serial>.+) failed: (?P<what>light|focus) of view (?P<view>\S+) is (?P<share>[\d.]+)"
        r" of the reference's.*",
        "标准件 {serial} 未通过：视角 {view} 的{what}为参考图像的 {share}",
    ),
    (
        r"master part (?P<serial>.+) failed: view (?P<view>\S+) moved by (?P<share>[\d.]+) %"
        r" of the picture.*",
        "标准件 {serial} 未通过：视角 {view} 偏移 {share} %",
    ),
)
"""Why a station is not released: a pattern, and how Chinese says it; English says it as it was told."""

WORDS = {"model": "模型", "recipe": "配方", "cameras": "相机", "light": "照明", "focus": "对焦"}
"""What may have changed, or differ."""
