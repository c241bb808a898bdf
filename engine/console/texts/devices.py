"""How troubles with devices, brokers, servers and the log are said in Chinese: who, and what is wrong."""

WHO = r"(?P<who>The [\w ]+? at \S+?(?:, unit \d+,)?|NATS at .+?)"
"""Whoever is at the other end; `NAMES` says each in Chinese."""

NAMES = (
    (r"The PLC at (?P<place>\S+)", "PLC {place}"),
    (r"The scanner at (?P<place>\S+)", "扫码器 {place}"),
    (r"The adapter at (?P<place>\S+)", "适配器 {place}"),
    (r"The broker at (?P<place>\S+)", "MQTT 服务器 {place}"),
    (r"The OPC UA server at (?P<place>\S+)", "OPC UA 服务器 {place}"),
    (r"The Modbus device at (?P<place>\S+), unit (?P<unit>\d+),", "Modbus 设备 {place}（站号 {unit}）"),
    (r"The S7 at (?P<place>\S+)", "S7 控制器 {place}"),
    (r"The controller at (?P<place>\S+)", "控制器 {place}"),
    (r"The agent at (?P<place>\S+)", "MTConnect 代理 {place}"),
    (r"The log appender at (?P<place>\S+)", "日志写入进程 {place}"),
    (r"NATS at (?P<place>.+)", "NATS 服务器 {place}"),
)

STATES = (
    (r"has not answered yet\.", "尚未应答。"),
    (r"does not answer\.", "无应答。"),
    (r"does not answer within (?P<s>\S+) s\.", "在 {s} 秒内无应答。"),
    (r"does not answer: (?P<why>.+)", "无应答：{why}。"),
    (r"is gone: (?P<why>.+)", "已断开连接：{why}。"),
    (r"is not who it should be: (?P<why>.+)", "身份不符：{why}。"),
    (r"was silent for (?P<s>\S+) s\.", "已有 {s} 秒没有数据。"),
    (r"was started anew\.", "已重新启动。"),
    (r"no longer has what came meanwhile\.", "已不再保存断线期间的数据。"),
    (r"is back; send again what was not acknowledged\.", "已恢复，请重发未确认的数据。"),
    (r"sends nothing more, not even that it lives\.", "不再发送任何数据，也没有心跳。"),
    (r"stands: its heartbeat does not change\.", "停止运行：心跳不变。"),
    (r"did not acknowledge the answer to part (?P<part>\d+) in time\.", "未按时确认第 {part} 件的结果。"),
    (r"did not lower its signals to part (?P<part>\d+) in time\.", "未按时复位第 {part} 件的信号。"),
    (r"cannot be read: (?P<why>.+)", "无法读取：{why}。"),
    (r"cannot be used: (?P<why>.+)", "无法使用：{why}。"),
    (r"ended the stream\.", "结束了数据流。"),
    (r"ended the subscription: (?P<status>\S+)\.", "结束了订阅（{status}）。"),
    (r"sent no whole document for (?P<s>\S+) s\.", "在 {s} 秒内没有发来完整的文档。"),
    (r"sent a document that is refused: (?P<why>.+)", "发来的文档不可用：{why}。"),
    (r"sent a document that is too long\.", "发来的文档过长。"),
    (r"has no state to tell: (?P<why>.+)", "无法给出当前状态：{why}。"),
    (r"cannot go on from (?P<number>\d+): (?P<why>.+)", "无法从 {number} 继续：{why}。"),
    (
        r"takes messages of (?P<size>\d+) bytes; set (?P<setting>.+) in the servers' configuration\.",
        "单条消息最多 {size} 字节，请在服务器配置中设置 {setting}。",
    ),
    (
        r"does not offer that security; it offers (?P<offers>.+)\.",
        "不提供所要求的安全策略，可用：{offers}。",
    ),
    (
        r"shows another certificate than the pinned one: SHA-256 (?P<shown>\S+), pinned (?P<pin>\S+);"
        r" is it the right server\?",
        "出示的证书与已登记的不同：SHA-256 {shown}，已登记 {pin}；请核对服务器是否正确。",
    ),
    (r"shows no certificate; it offers (?P<offers>.+)\.", "没有出示证书，可用：{offers}。"),
    (r"cannot prove that the certificate is its own\.", "无法证明证书属于它。"),
    (r"does not let in (?:user )?(?P<user>.+) \((?P<status>\w+)\)\.", "不允许 {user} 登录（{status}）。"),
    (
        r"does not trust (?P<file>.+) \((?P<status>\w+)\); let its operator accept it\.",
        "不信任证书 {file}（{status}），请其管理员接受该证书。",
    ),
    (r"refuses us: (?P<why>.+)", "拒绝连接：{why}。"),
    (r"refuses the topic (?P<topic>\S+): (?P<why>.+)", "拒绝订阅主题 {topic}：{why}。"),
    (
        r"refuses (?P<count>\d+) of (?P<all>\d+) points: (?P<why>.+)",
        "拒绝了 {all} 个点中的 {count} 个：{why}。",
    ),
    (r"refuses an entry: (?P<why>.+)", "拒绝了一条记录：{why}。"),
    (r"refuses: (?P<why>.+)", "拒绝了请求：{why}。"),
    (r"refuses (?P<question>\S+): (?P<why>.+)", "拒绝了请求 {question}：{why}。"),
    (r"refuses (?P<why>.+)", "拒绝读取 {why}。"),
)

DEVICES = (
    *((f"{WHO} {pattern}", f"{{who}} {said}") for pattern, said in STATES),
    (r"No birth was heard of (?P<nodes>.+)\.", "尚未收到以下节点的 BIRTH 报文：{nodes}。"),
    (r"The key file (?P<file>.+) cannot be (?:read|written): (?P<why>.+)", "密钥文件 {file} 不可用：{why}。"),
    (
        r"Others may read the key file (?P<file>.+); run: (?P<run>.+)",
        "其他用户可读密钥文件 {file}，请运行：{run}",
    ),
    (r"(?P<file>\S+) holds no key; make one with: (?P<run>.+)", "{file} 中没有密钥，请运行：{run}"),
    (r"(?P<file>\S+) is there already; name a new file, or remove it\.", "{file} 已存在，请换名或删除。"),
    (r"The files of TLS \((?P<files>.+)\) cannot be used: (?P<why>.+)", "TLS 文件（{files}）不可用：{why}。"),
    (
        r"The certificates or the key for (?P<place>\S+) cannot be used: (?P<why>.+)",
        "{place} 的证书或密钥不可用：{why}。",
    ),
    (
        r"The file (?P<file>.+) has no column (?P<column>\S+); its columns are (?P<all>.+)\.",
        "文件 {file} 缺少列 {column}，现有列：{all}。",
    ),
    (r"The file (?P<file>.+) cannot be read: (?P<why>.+)", "文件 {file} 无法读取：{why}。"),
    (r"The file (?P<file>.+) is no table(?: of readings)?: (?P<why>.+)", "文件 {file} 不是数据表：{why}。"),
    (
        r"The next row comes in (?P<d>\d+) d, as its time says; mend that if it is wrong\.",
        "按其时间，下一行要在 {d} 天后才播放；若时间有误，请改正。",
    ),
    (
        r"There is no \*\.parquet in (?P<folder>.+); name the folder that holds them\.",
        "{folder} 中没有 *.parquet 文件，请指定正确的文件夹。",
    ),
    (
        r"The variable (?P<name>\S+) is not set; put the secret into it\.",
        "未设置环境变量 {name}，请把密码写入其中。",
    ),
    (r"The secret in (?P<file>.+) cannot be read: (?P<why>.+)", "无法读取密码文件 {file}：{why}。"),
    (r"The log (?P<place>\S+) cannot be written: (?P<why>.+)", "日志 {place} 无法写入：{why}。"),
    (
        r"The stream (?P<name>\S+) takes no more entries until its shard catches up\.",
        "数据流 {name} 已停止接收，待分片追上后恢复。",
    ),
    (
        r"This appender keeps the log (?P<kept>\S+), not (?P<asked>\S+)\.",
        "该写入进程保存的是日志 {kept}，不是 {asked}。",
    ),
    (
        r"Entry (?P<entry>\d+) was removed from (?P<place>.+): start from a newer snapshot\.",
        "第 {entry} 条记录已从 {place} 删除，请使用更新的快照。",
    ),
    (
        r"Entry (?P<entry>\d+) in (?P<place>.+) is unreadable: restore its segment\.",
        "{place} 中第 {entry} 条记录无法读取，请恢复该文件。",
    ),
    (
        r"Entry (?P<entry>\d+) is of kind (?P<kind>\d+), which this version cannot read: run the one .+\.",
        "第 {entry} 条记录的类型 {kind} 不为本版本所知，请使用写入它的版本。",
    ),
    (
        r"Entry (?P<entry>\d+) stands at (?P<position>\d+) of its stream: begin with a new stream\.",
        "第 {entry} 条记录位于数据流的第 {position} 位，请使用新的数据流。",
    ),
    (
        r"(?P<count>\d+) events are dead; look with (?P<command>seamline outbox), then add --again\.",
        "{count} 个事件无法送达，请运行 {command} 查看，再加 --again 重发。",
    ),
    (r"(?P<name>\S+) did not answer within (?P<s>\S+) s", "{name} 在 {s} 秒内无应答。"),
    (r"(?P<name>\S+) cannot be told: (?P<why>.+)", "无法通知 {name}：{why}。"),
    (r"(?P<name>\S+) answers (?P<status>\d+) (?P<why>.+)", "{name} 应答 {status}：{why}。"),
)
"""A trouble's pattern, and how Chinese says it."""
