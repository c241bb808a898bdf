"""Words that frame every page: the head, the age of the data, lengths of time."""

TEXTS = {
    "theme": ("Light or dark", "浅色或深色"),
    "live": ("live", "实时"),
    "as_of": ("data as of {time}, {age} ago", "数据截至 {time}，{age}前"),
    "plant_time": ("plant time", "工厂时间"),
    "replay": ("replay, {speed}×", "回放，{speed} 倍速"),
    "simulated": (
        "Simulated plant: rendered parts. How they are judged proves nothing about real welds.",
        "仿真工厂：零件为渲染图像，其判定结果不能证明对真实焊缝的判定能力。",
    ),
    "waiting.title": ("Waiting for the first data", "正在等待首批数据"),
    "waiting.body": (
        "The line {shard} has committed nothing yet. The page fills by itself.",
        "产线 {shard} 尚未提交任何数据，页面会自动更新。",
    ),
    "stale.title": ("No new data for {age}", "已有 {age}没有新数据"),
    "stale.body": (
        "Nothing has been committed for line {shard}. Everything below is as of {time}.",
        "产线 {shard} 没有新的提交。以下内容均截至 {time}。",
    ),
    "away.title": ("Database away since {since} ({age})", "数据库自 {since} 起无响应（{age}）"),
    "away.body": (
        "The page shows the last known data, as of {time}, and goes on by itself.",
        "页面显示截至 {time} 的最后已知数据，恢复后自动继续。",
    ),
    "away.nothing": (
        "The page fills by itself as soon as the database answers.",
        "数据库恢复后页面会自动更新。",
    ),
    "never": ("never", "从未"),
    # units
    "seconds": ("{s} s", "{s} 秒"),
    "minutes": ("{m} min", "{m} 分钟"),
    "minutes_seconds": ("{m} min {s} s", "{m} 分 {s} 秒"),
    "hours_minutes": ("{h} h {m} min", "{h} 小时 {m} 分"),
    "days_hours": ("{d} d {h} h", "{d} 天 {h} 小时"),
}
"""Key -> English, Chinese."""
