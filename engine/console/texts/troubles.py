"""How the troubles that processes tell of are said in each language."""

TROUBLES = (
    (r"The adapter at (?P<place>\S+) has not answered yet\.", "适配器 {place} 尚未应答。"),
    (r"The adapter at (?P<place>\S+) does not answer: (?P<why>.+)\.", "适配器 {place} 无应答：{why}。"),
    (r"The adapter at (?P<place>\S+) is gone: the connection ended\.", "适配器 {place} 已断开连接。"),
    (r"The log appender at (?P<place>\S+) does not answer\.", "日志写入进程 {place} 无应答。"),
    (
        r"The log (?P<place>\S+) takes no more entries \((?P<why>.+)\) until its shard catches up"
        r" or there is room on the disk\.",
        "日志 {place} 已停止接收（{why}），待分片追上或磁盘腾出空间后恢复。",
    ),
    (r"The database is away: (?P<why>.+)", "数据库无响应：{why}"),
    (r"The database does not answer: (?P<why>.+)", "数据库无响应：{why}"),
    (r"The database has not answered yet\.", "数据库尚未应答。"),
    (
        r"The clock of (?P<source>.+) jumped by (?P<jump>\S+) s at (?P<when>\S+); set it by a time server\.",
        "时钟在 {when} 跳变 {jump} 秒，请用时间服务器校准。",
    ),
    (
        r"Evidence cannot be written: (?P<why>.+); make room on the disk\.",
        "证据无法写入：{why}，请清理磁盘空间。",
    ),
    (
        r"Camera (?P<camera>.+): (?P<place>\S+) cannot be opened; check the plug or the path\.",
        "相机 {camera}：{place} 无法打开，请检查连接或路径。",
    ),
    (
        r"Camera (?P<camera>.+): (?P<place>\S+) gives no pictures; check the plug\.",
        "相机 {camera}：{place} 没有图像，请检查连接。",
    ),
    (
        r"Camera (?P<camera>.+): (?P<place>\S+) cannot be bound: (?P<why>.+)\.",
        "相机 {camera}：{place} 无法绑定：{why}。",
    ),
    (
        r"Camera (?P<camera>.+): the folder (?P<place>.+) cannot be read: (?P<why>.+)\.",
        "相机 {camera}：文件夹 {place} 无法读取：{why}。",
    ),
    (
        r"Camera (?P<camera>.+): the folder (?P<place>.+) holds no photographs; name another\.",
        "相机 {camera}：文件夹 {place} 中没有照片，请另选文件夹。",
    ),
)
"""A trouble's pattern, and how Chinese says it; English says it as it was told."""
