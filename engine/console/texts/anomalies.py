"""Words of the anomalies page: scores, alarms, the tags that explain them."""

TEXTS = {
    "title.anomalies": ("Anomalies", "异常"),
    "anomalies.alarm": ("Alarm", "报警"),
    "anomalies.quiet": ("As usual", "正常"),
    "anomalies.old": ("No score", "无分数"),
    "anomalies.none": ("no score yet", "暂无分数"),
    "anomalies.most": ("{tag} deviates most: {share} of the score", "{tag} 偏差最大，占分数的 {share}"),
    "anomalies.threshold": ("threshold", "阈值"),
    "anomalies.usual": ("usual", "常态"),
    "anomalies.list": ("Alarms since {time}", "{time} 以来的报警"),
    "anomalies.no_alarm": ("The score stayed below its threshold.", "分数始终低于阈值。"),
    "anomalies.count": ("{count} in all, {share} of the scores", "共 {count} 次，占全部分数的 {share}"),
    "anomalies.more": ("and {count} earlier ones", "以及更早的 {count} 次"),
    "anomalies.peak": ("peak {peak}", "峰值 {peak}"),
    "anomalies.unwatched": (
        "No tag is watched. Set detect: true for a tag in the plant file.",
        "没有受监视的变量。请在工厂文件中为变量设置 detect: true。",
    ),
    "anomalies.about": (
        "The score compares each machine with its own past: 1 is usual. It knows no faults. "
        "Beside each tag stands how much of the alarm it explains at least.",
        "分数将每台设备与其自身的过去相比，1 为常态；它不识别具体故障。变量旁为其至少能解释的报警比例。",
    ),
}
"""Key -> English, Chinese."""
