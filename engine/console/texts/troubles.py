"""How the troubles that processes tell of are said in each language."""

TROUBLES = (
    (
        r"Nobody signed the model (?P<model>\S+) \((?P<hash>\w+)\) for part number (?P<part>.+): run"
        r" (?P<command>seamline models sign .+)\.",
        "模型 {model}（{hash}）未经签核，不得用于零件号 {part}：请运行 {command}。",
    ),
    (
        r"The bank (?P<bank>\S+) judges alone and was signed unmeasured for part number (?P<part>.+): run"
        r" (?P<command>seamline models gate .+), then sign it again\.",
        "良品库 {bank} 单独判定，但签核时未对零件号 {part} 做过测试：请运行 {command}，然后重新签核。",
    ),
    (r"The model in use stays: (?P<why>.+)", "继续使用当前模型：{why}。"),
    (r"Nobody looks on: (?P<why>.+)", "旁观模型未载入：{why}。"),
    (
        r"The model (?P<model>\S+) knows other classes than (?P<known>\S+): (?P<told>.+);"
        r" look at the recipe, .+\.",
        "模型 {model} 的类别与 {known} 不同（{told}）；请核对判定规则，再在工厂文件中指定该模型。",
    ),
    (
        r"Rule (?P<rule>.+) of (?P<file>.+) names the (?:class|ISO 6520-1 number) (?P<name>.+), but the model"
        r" (?P<model>\S+) knows (?P<known>.+); .+",
        "规则集 {file} 的规则 {rule} 指定了 {name}，而模型 {model} 只识别 {known}；请更正名称，或更换模型。",
    ),
    (
        r"The list of features of (?P<file>.+) names the class (?P<name>.+), but the model"
        r" (?P<model>\S+) knows (?P<known>.+); .+",
        "规则集 {file} 的特征列表指定了 {name}，而模型 {model} 只识别 {known}；请更正名称，或更换模型。",
    ),
    (
        r"Master part (?P<serial>.+) of \w+ (?P<recipe>.+) names the class (?P<name>.+), but the model"
        r" (?P<model>\S+) knows (?P<known>.+); .+",
        "{recipe} 的标准件 {serial} 指定了 {name}，而模型 {model} 只识别 {known}；请更正名称，或更换模型。",
    ),
    (
        r"OpenVINO cannot read the model in (?P<place>\S+); export it anew\.",
        "无法读取模型 {place}，请重新导出。",
    ),
    (
        r"Weights of the model in (?P<place>\S+) lie in another file, .+; export it as one file\.",
        "模型 {place} 的权重在另一文件中，不受哈希保护；请导出为单个文件。",
    ),
    (
        r"The model in (?P<place>\S+) names the classes (?P<named>.+), its card (?P<told>.+);"
        r" register the export anew\.",
        "模型 {place} 自述类别为 {named}，模型卡为 {told}；请重新登记该导出文件。",
    ),
    (
        r"The model in (?P<place>\S+) has the shapes (?P<shapes>.+), its card says otherwise\.",
        "模型 {place} 的输入输出形状为 {shapes}，与模型卡不符。",
    ),
    (
        r"The model in (?P<place>\S+) computes in (?P<precision>\S+), its card declares (?P<told>\S+)\.",
        "模型 {place} 的计算精度为 {precision}，模型卡声明为 {told}。",
    ),
    (
        r"(?P<file>\S+) is not the file that its card vouches for; export the model anew\.",
        "{file} 与模型卡不符，请重新导出该模型。",
    ),
    (r"There is no model (?P<model>.+) in (?P<places>.+); put its folder there .+\.", "找不到模型 {model}。"),
    (
        r"View (?P<view>.+): (?P<measure>\w+) has drifted from (?P<low>\S+) to (?P<high>\S+)"
        r" \(index (?P<index>\S+)\); look at lamp, lens and parts, or begin a new reference:"
        r" (?P<command>.+)\.",
        "视角 {view}：{measure} 已由 {low} 漂移至 {high}（指数 {index}）；"
        "请检查光源、镜头和零件，或重设基准：{command}。",
    ),
    (
        r"(?P<file>\S+) lacks lines that were there \(up to (?P<line>\d+)\); put the file back .+\.",
        "{file} 缺少原有的记录（应至第 {line} 行）；请从最新备份恢复该文件。",
    ),
    (
        r"Line (?P<line>\d+) of (?P<file>\S+) was changed \((?P<why>.+)\); put the file back .+\.",
        "{file} 第 {line} 行被改动（{why}）；请从最新备份恢复该文件。",
    ),
    (
        r"The stream (?P<name>\S+) at (?P<place>.+) has (?P<said>.+), and NATS does not change that"
        r" \((?P<why>.+)\): mend the plant file, or begin with a new stream\.",
        "NATS（{place}）上的流 {name} 的设置是 {said}，NATS 不允许更改（{why}）；"
        "请修改工厂文件，或换用新的流。",
    ),
    (
        r"The log's time is (?P<ahead>\d+) s ahead of this computer's clock, .+\.",
        "日志时间比本机时钟快 {ahead} 秒，在时钟赶上之前以半速前进；请先校准时钟，"
        "若读数仍被拒收，再启用新的日志（docs/operating.md）。",
    ),
    (
        r"Shifts and windows that began before (?P<moment>\S+) stand as they were committed, .+\.",
        "{moment} 之前开始的班次和时间窗保持已提交的数值，因为日志已不含其开头；之后的数值完整。",
    ),
    (
        r"Reject (?P<part>.+) was not seen in its bin within (?P<s>[\d.]+) s; find it and release the line\.",
        "不良品 {part} 在 {s} 秒内未进入料箱，请找到后放行产线。",
    ),
    (
        r"The station began anew; see that every reject before it lies in the bin and release the line\.",
        "工位已重新启动，请确认此前的不合格件均在料箱中，再放行产线。",
    ),
    (
        r"A part that was not rejected fell into the bin; find it and release the line\.",
        "未判不良的零件落入料箱，请找到后放行产线。",
    ),
    (
        r"The book of serials (?P<place>\S+) cannot be (?:used|written): (?P<why>.+);"
        r" (?:take that of a backup instead|make room on the disk)\.",
        "序列号登记册 {place} 不可用：{why}，请清理磁盘空间或使用备份。",
    ),
    (r"No camera is read yet\.", "尚未读取任何相机。"),
    (
        r"Camera (?P<camera>.+): it cannot be read \((?P<why>.+)\); see the station's log\.",
        "无法读取相机 {camera}（{why}），请查看检测站日志。",
    ),
    (r"The station stops\.", "工位正在停止。"),
    (
        r"The log (?P<place>\S+) takes no more entries \((?P<why>.+)\) until its shard catches up"
        r" or there is room on the disk\.",
        "日志 {place} 已停止接收（{why}），待分片追上或磁盘腾出空间后恢复。",
    ),
    (
        r"The log (?P<place>\S+) takes no more entries \((?P<why>.+)\) until its archive is written"
        r" or there is room on the disk\.",
        "日志 {place} 已停止接收（{why}），待归档写入或磁盘腾出空间后恢复。",
    ),
    (r"The archive (?P<place>\S+) cannot be written: (?P<why>.+)\.", "归档 {place} 无法写入：{why}。"),
    (r"The database is away: (?P<why>.+)", "数据库无响应：{why}。"),
    (r"The database does not answer: (?P<why>.+)", "数据库无响应：{why}。"),
    (r"The database has not answered yet\.", "数据库尚未应答。"),
    (
        r"The clock of (?P<source>.+) jumped by (?P<jump>\S+) s at (?P<when>\S+); set it by a time server\.",
        "时钟在 {when} 跳变 {jump} 秒，请用时间服务器校准。",
    ),
    (
        r"The times of (?P<source>.+) are (?P<s>\d+) s behind the plant's; set its clock by a time server,"
        r" or write the timezone of its times into the plant file\.",
        "{source} 的时间戳比工厂时间慢 {s} 秒，请用时间服务器校准其时钟，或在工厂文件中写明其时区。",
    ),
    (
        r"The times of (?P<source>.+) are (?P<s>\d+) s ahead of the plant's; set its clock by a time server,"
        r" or write the timezone of its times into the plant file\.",
        "{source} 的时间戳比工厂时间快 {s} 秒，请用时间服务器校准其时钟，或在工厂文件中写明其时区。",
    ),
    (
        r"Evidence cannot be written: (?P<why>.+); make room on the disk\.",
        "证据无法写入：{why}，请清理磁盘空间。",
    ),
    (r"Station not released: (?P<cause>.+)\.", "工位未放行：{cause}。"),
    (r"The cameras still stand as for (?P<number>.+)\.", "相机参数仍为料号 {number} 的设置。"),
    (r"Not inspected: a bypass held\.", "未检测：旁路期间放行。"),
    (
        r"Not inspected: bypass by (?P<person>.+) until (?P<until>[\d: -]+) UTC, (?P<reason>.+)\."
        r" No picture of the part came\.",
        "未检测：{person} 批准旁路至 {until} UTC，{reason}。没有收到该件的图像。",
    ),
    (
        r"Not inspected: bypass by (?P<person>.+) until (?P<until>[\d: -]+) UTC, (?P<reason>.+)\.",
        "未检测：{person} 批准旁路至 {until} UTC，{reason}。",
    ),
    (
        r"The PLC told no part number, and the station has several recipes\.",
        "PLC 未给出料号，而该工位有多个配方。",
    ),
    (
        r"No recipe for part number (?P<number>.+) at this station\.",
        "该工位没有零件号 {number} 的配方。",
    ),
    (
        r"Recipe (?P<recipe>.+) is not what parts were judged by under this version, or its rule set .+\.",
        "配方 {recipe} 的内容（或其规则集、参考图像）与此版本判定过零件时不同：请提高版本号，或恢复原内容。",
    ),
    (
        r"Recipe (?P<recipe>.+) cannot be noted: (?P<why>.+); make room on the disk\.",
        "配方 {recipe} 无法写入：{why}，请清理磁盘空间。",
    ),
)
"""A trouble's pattern, and how Chinese says it; English says it as it was told."""
