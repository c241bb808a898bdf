"""How troubles with cameras, models and the release of a station are said in Chinese."""

OF_CAMERAS = (
    (r"is not open yet\.", "尚未打开。"),
    (
        r"cannot be opened; check plug and path, and that nothing else uses it\.",
        "无法打开，请检查连接和路径，并确认没有被其他程序占用。",
    ),
    (r"gives no pictures; check the plug\.", "没有图像，请检查连接。"),
    (
        r"gives no pictures \((?P<why>.+)\); check (?:plug|address|sender) and network\.",
        "没有图像（{why}），请检查连接、地址和网络。",
    ),
    (r"sends no video; name another path\.", "不发送视频，请更换路径。"),
    (r"cannot be bound: (?P<why>.+)", "无法绑定：{why}。"),
)
"""What is wrong with the place where a camera is, or with itself."""

SIGHTS = (
    (r"Camera (?P<camera>.+) is not open yet\.", "相机 {camera} 尚未打开。"),
    (r"Camera (?P<camera>.+?): (?P<why>.+)", "相机 {camera}：{why}。"),
    *((rf"(?:it|(?P<place>\S+)) {pattern}", f"{{place}} {said}") for pattern, said in OF_CAMERAS),
    (r"the folder (?P<place>.+) cannot be read: (?P<why>.+)", "文件夹 {place} 无法读取：{why}。"),
    (
        r"the folder (?P<place>.+) holds no photographs; name another\.",
        "文件夹 {place} 中没有照片，请另选文件夹。",
    ),
    (
        r"the device has no feature (?P<name>\w+); did you mean (?P<near>\w+)\?\.?",
        "设备没有参数 {name}，最接近的是 {near}。",
    ),
    (r"the device has no feature (?P<name>\w+)\.", "设备没有参数 {name}。"),
    (r"a USB camera has no (?P<name>\w+); say (?P<names>.+?)\.?", "USB 相机没有参数 {name}，可用：{names}。"),
    (
        r"(?P<name>\w+) cannot be (?P<value>\S+), it stays (?P<has>\S+?)\.?",
        "{name} 不能设为 {value}，保持为 {has}。",
    ),
    (r"(?P<name>\w+) cannot be (?P<value>\S+); it is a number\.?", "{name} 不能设为 {value}，应为数字。"),
    (r"(?P<place>\S+) is no device that takes settings\.?", "{place} 不是可设置参数的设备。"),
    (
        r"its pictures do not carry (?P<name>\w+); switch it on in its settings \((?P<names>.+)\)\.",
        "图像不带 {name}，请在设置中启用（{names}）。",
    ),
    (
        r"GenICam needs harvesters; install Seamline with the extra genicam\.",
        "GenICam 需要 harvesters，请安装带 genicam 附加组件的 Seamline。",
    ),
    (
        r"the producer (?P<file>.+) is not there; install the camera's driver\.",
        "找不到驱动文件 {file}，请安装相机驱动。",
    ),
    (
        r"(?P<file>\S+) reaches no device(?P<which>.*); there are: (?P<there>.+)\.",
        "{file} 找不到设备{which}，现有：{there}。",
    ),
    (
        r"(?P<file>\S+) reaches more than one device(?P<which>.*); there are: (?P<there>.+)\.",
        "{file} 找到不止一台设备{which}，现有：{there}。",
    ),
    (
        r"the device cannot be opened \((?P<why>.+)\); end what else uses it\.",
        "设备无法打开（{why}），请结束占用它的程序。",
    ),
    (
        r"how far it is cannot be noted: (?P<why>.+); make room on the disk\.",
        "进度无法写入：{why}，请清理磁盘空间。",
    ),
    (
        r"Its clock is (?P<s>-?\d+) s away from the station's; set it\."
        r" Until then its frames carry their arrival\.",
        "相机时钟与工位相差 {s} 秒，请校准；在此之前按到达时间记录图像。",
    ),
    (r"(?P<name>\w+) cannot be (?P<value>\S+) \((?P<why>.+)\)\.", "{name} 不能设为 {value}（{why}）。"),
    (
        r"The release cannot be noted: (?P<why>.+); make room on the disk\.",
        "放行状态无法写入：{why}，请清理磁盘空间。",
    ),
    (r"another cannot be loaded: (?P<error>\w+)\.", "无法载入新模型（{error}）。"),
    (
        r"The model that looks on failed on (?P<serial>.+): (?P<error>\w+)\.",
        "旁观模型检测 {serial} 时出错（{error}）。",
    ),
    (
        r"(?P<file>\S+) names no models; run (?P<command>seamline models shadow) again\.",
        "{file} 中没有模型，请重新运行 {command}。",
    ),
    (r"The model in (?P<place>\S+) cannot be read: (?P<why>.+)", "无法读取模型 {place}：{why}。"),
    (
        r"The model in (?P<place>\S+) lacks (?P<file>\S+); export it anew\.",
        "模型 {place} 缺少 {file}，请重新导出。",
    ),
    (
        r"The card of the model in (?P<place>\S+) cannot be read: (?P<why>.+); export it anew\.",
        "模型 {place} 的模型卡无法读取：{why}，请重新导出。",
    ),
    (
        r"The model answers with what is no number; export it anew, or take another\.",
        "模型输出不是数值，请重新导出或更换模型。",
    ),
    (
        r"The model answers with a class that it does not name; export it anew\.",
        "模型输出了未命名的类别，请重新导出。",
    ),
    (
        r"Several models begin with (?P<name>\S+): (?P<found>.+); write more of the hash\.",
        "有多个模型以 {name} 开头：{found}，请写出更多哈希位。",
    ),
    (
        r"(?P<folder>\S+) holds no bank of good parts: (?P<why>.+); fit one by that name\.",
        "{folder} 中没有良品库：{why}，请建立同名良品库。",
    ),
    (
        r"The bank in (?P<place>\S+) is not the one that its card vouches for; fit it anew\.",
        "良品库 {place} 与其卡片不符，请重新建立。",
    ),
    (
        r"The bank was fitted with another version of (?P<name>\S+); fit it anew\.",
        "良品库所用的 {name} 版本不同，请重新建立。",
    ),
    (
        r"The model in (?P<place>\S+) gives no vectors of cells; name a backbone\.",
        "模型 {place} 不输出特征向量，请指定骨干网络。",
    ),
    (r"(?P<file>\S+) cannot be read: (?P<why>.+)", "{file} 无法读取：{why}。"),
    (r"(?P<file>\S+) cannot be written: (?P<why>.+)", "{file} 无法写入：{why}。"),
    (
        r"Nobody enrolled (?P<person>.+); one who may sign runs: (?P<run>.+)\.",
        "{person} 未登记，请有签核权的人运行：{run}。",
    ),
)
"""A trouble's pattern, and how Chinese says it."""
