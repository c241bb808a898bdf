"""Words of the board: few, as they are read from afar."""

TEXTS = {
    "title.board": ("Board", "看板"),
    "board.oee": ("OEE", "综合效率"),
    "board.rejects": ("Rejects today", "今日不良"),
    "board.parts": ("parts", "件"),
    "board.most": ("deviates most", "偏差最大"),
    "board.no_part": ("No part", "无零件"),
    "board.calm": ("No alarm", "无报警"),
    "board.stop": ("stopped", "停机"),
    "board.no_data": ("no data", "无数据"),
    "board.anomaly": ("unusual", "异常"),
    "board.ledger": ("{count} frames not accounted for", "{count} 帧去向不明"),
    "board.more": ("and {count} more", "另有 {count} 项"),
}
"""Key -> English, Chinese."""
