"""How sentences recorded with verdicts are said in each language."""

REASONS = (
    (
        r"(?P<label>\S+) with score (?P<score>[\d.]+) in view (?P<view>.+)"
        r" lies in the review band (?P<low>[\d.]+) to (?P<high>[\d.]+)\.",
        {
            "en": "{label} with score {score} in view {view}: in the review band {low} to {high}.",
            "zh": "视角 {view} 检出{label}，得分 {score}，处于复核区间 {low} 至 {high}。",
        },
    ),
    (
        r"(?P<label>\S+) with score (?P<score>[\d.]+) in view (?P<view>.+)"
        r" lies above the limit of good parts\.",
        {
            "en": "{label} with score {score} in view {view}: above the limit of good parts.",
            "zh": "视角 {view} 检出{label}，得分 {score}，超出良品界限。",
        },
    ),
    (
        r"(?P<label>\S+) with score (?P<score>[\d.]+) in view (?P<view>.+)"
        r" lies above the review score (?P<low>[\d.]+)\.",
        {
            "en": "{label} with score {score} in view {view}: above the review score {low}.",
            "zh": "视角 {view} 检出{label}，得分 {score}，超过复核得分 {low}。",
        },
    ),
    (
        r"(?P<label>\S+) with score (?P<score>[\d.]+) in view (?P<view>.+)\.",
        {
            "en": "{label} with score {score} in view {view}.",
            "zh": "视角 {view} 检出{label}，得分 {score}。",
        },
    ),
    (
        r"(?P<label>\S+) in view (?P<view>.+): its (?P<what>\w+) cannot be judged without (?P<missing>[^(]+)"
        r" \(rule (?P<rule>.+)\)\.",
        {
            "en": "{label} in view {view}: its {what} cannot be judged without {missing} (rule {rule}).",
            "zh": "视角 {view} 检出{label}：缺少{missing}，无法判定其{what}（规则 {rule}）。",
        },
    ),
    (
        r"(?P<label>\S+) in view (?P<view>.+): (?P<what>length|area|depth) (?P<size>[\d.]+) (?P<unit>mm2?),"
        r" (?P<verdict>rejected|to be reviewed) from (?P<bound>[\d.]+) \(rule (?P<rule>.+)\)\.",
        {
            "en": "{label} in view {view}: {what} {size} {unit}, {verdict} from {bound} (rule {rule}).",
            "zh": "视角 {view} 检出{label}：{what} {size} {unit}，自 {bound} 起{verdict}（规则 {rule}）。",
        },
    ),
    (
        r"(?P<label>\S+) in view (?P<view>.+): (?P<count>\d+) of them(?: within (?P<length>[\d.]+) mm)?,"
        r" (?P<verdict>rejected|to be reviewed) from (?P<bound>\d+) \(rule (?P<rule>.+)\)\.",
        {
            "en": "{label} in view {view}: {count} of them, {verdict} from {bound} (rule {rule}).",
            "zh": "视角 {view} 检出{label}：共 {count} 个，自 {bound} 个起{verdict}（规则 {rule}）。",
        },
    ),
    (
        r"(?P<accepted>\d+) within limits, no defect in (?P<count>\d+) views?\.",
        {
            "en": "No defect found, {accepted} within limits.",
            "zh": "{count} 个视角未发现缺陷，{accepted} 项在界限内。",
        },
    ),
    (
        r"No defect in (?P<count>\d+) views?\.",
        {"en": "No defect found.", "zh": "{count} 个视角未发现缺陷。"},
    ),
    (
        r"View (?P<view>[^:]+): (?P<doubt>.+)\.",
        {"en": "View {view}: {doubt}.", "zh": "视角 {view}：{doubt}。"},
    ),
    (
        r"The PLC told no part number, and the station has several recipes\.",
        {
            "en": "The PLC told no part number, and the station has several recipes.",
            "zh": "PLC 未给出料号，而该工位有多个配方。",
        },
    ),
    (
        r"No recipe for part number (?P<number>.+) at this station\.",
        {
            "en": "No recipe for part number {number} at this station.",
            "zh": "该工位没有零件号 {number} 的配方，未判定。",
        },
    ),
    (
        r"No verdict within (?P<s>[\d.]+) s: the line was told NG\.",
        {"en": "No verdict within {s} s: the line was told NG.", "zh": "{s} 秒内没有结果：已向产线报 NG。"},
    ),
    (
        r"No verdict within (?P<s>[\d.]+) s: the line was told NG\. No picture of the part came\.",
        {
            "en": "No verdict within {s} s: the line was told NG. No picture of the part came.",
            "zh": "{s} 秒内没有收到该件的图像：已向产线报 NG。",
        },
    ),
    (
        r"The part was triggered while the station was not ready: (?P<why>.+)",
        {
            "en": "The part was triggered while the station was not ready: {why}",
            "zh": "工位未就绪时被触发：{why}。",
        },
    ),
    (
        r"The line triggered again while the part was judged\.",
        {"en": "The line triggered again while the part was judged.", "zh": "检测期间产线再次触发。"},
    ),
    (
        r"The PLC was away while the part was judged\.",
        {"en": "The PLC was away while the part was judged.", "zh": "检测期间 PLC 离线。"},
    ),
    (
        r"The pictures are not of one part: (?P<why>.+)\.",
        {"en": "The pictures are not of one part: {why}.", "zh": "图像不属于同一件：{why}。"},
    ),
    (
        r"Serial (?P<serial>.+) was inspected already; open a rework order for it\.",
        {
            "en": "Serial {serial} was inspected already; open a rework order for it.",
            "zh": "序列号 {serial} 已检测过，请开返工单。",
        },
    ),
    (
        r"The part has no serial: (?P<why>.+)\.",
        {"en": "The part has no serial: {why}.", "zh": "该件没有序列号：{why}。"},
    ),
    (
        r"The station has no recipe for part number (?P<number>.+)\.",
        {
            "en": "The station has no recipe for part number {number}.",
            "zh": "工位没有料号 {number} 的配方。",
        },
    ),
    (
        r"The serial could not be looked up: (?P<why>.+)\.",
        {"en": "The serial could not be looked up: {why}.", "zh": "无法查询序列号：{why}。"},
    ),
    (
        r"The part could not be inspected\.",
        {"en": "The part could not be inspected.", "zh": "该件无法检测。"},
    ),
    (r"No picture of the part came\.", {"en": "No picture of the part came.", "zh": "没有收到该件的图像。"}),
    (r"Missing views: (?P<views>.+)\.", {"en": "Missing views: {views}.", "zh": "缺少视角：{views}。"}),
)
"""Recorded sentences of verdicts: their pattern and how each language says it."""

CHINESE_DOUBTS = {
    "the picture is too small": "图像过小",
    "the picture is too dark": "图像过暗",
    "the picture is too bright": "图像过亮",
    "the picture shows nothing": "图像中没有内容",
    "part of the picture is blank": "图像部分空白",
    "the picture is too large for what the model looks through": "图像相对模型的输入尺寸过大",
    "the picture is blurred": "图像模糊",
    "something covers the part": "零件被遮挡",
    "the picture is the one of the part before": "图像与前一零件相同（画面冻结）",
    "the picture has no bytes": "图像为空",
    "the picture cannot be read": "图像无法读取",
    "the file is no JPEG, PNG or BMP": "文件不是 JPEG、PNG 或 BMP",
    "only part of the picture arrived": "图像只收到一部分",
    "part of the picture's data is damaged": "图像的部分数据已损坏",
    "the picture is too large to be decoded": "图像过大，无法解码",
    "the picture would take too long to be decoded": "图像解码耗时过长",
    "the picture's colours are not 8-bit grey or RGB": "图像颜色不是 8 位灰度或 RGB",
    "the picture has not the bytes that its size needs": "图像字节数与其尺寸不符",
    "the camera's message cannot be read": "相机消息无法读取",
}
"""Why a frame was refused."""

CHINESE_WORDS = {
    "doubt": CHINESE_DOUBTS,
    "what": {"length": "长度", "area": "面积", "depth": "深度", "number": "数量"},
    "missing": {"calibration": "标定", "height data": "高度数据"},
    "verdict": {"rejected": "判为不合格", "to be reviewed": "需复核"},
}
"""Words within recorded sentences, by the field that they stand in."""
