"""Words on a station's handshake with its PLC."""

TEXTS = {
    "handshake": ("PLC", "PLC 握手"),
    "handshake.works": ("hears and is heard", "通信正常"),
    "handshake.cycles": ("Parts triggered", "触发次数"),
    "handshake.last": ("Last answer after", "最近响应耗时"),
    "handshake.time_out": ("not judged in time", "检测超时"),
    "handshake.not_ready": ("triggered while not ready", "未就绪时触发"),
    "handshake.triggered_again": ("triggered twice", "重复触发"),
    "handshake.plc_away": ("PLC away meanwhile", "检测期间 PLC 离线"),
    "handshake.mixed_parts": ("pictures of two parts", "图像混件"),
    "handshake.repeated_serial": ("serial inspected already", "序列号重复"),
    "handshake.no_serial": ("without a serial", "缺少序列号"),
    "handshake.unknown_part_number": ("unknown part number", "未知料号"),
    "handshake.inspection_failed": ("inspection failed", "检测失败"),
    "handshake.no_picture": ("no picture", "没有图像"),
    "handshake.serial_not_noted": ("serial not noted", "序列号无法登记"),
    "handshake.connections_lost": ("connections lost", "连接中断"),
    "handshake.acknowledged_again": ("acknowledged twice", "重复确认"),
    "handshake.unacknowledged": ("not acknowledged in time", "确认超时"),
    "handshake.withdrawn": ("answers withdrawn", "已撤回的结果"),
    "handshake.stuck": ("signals not lowered", "信号未复位"),
}
