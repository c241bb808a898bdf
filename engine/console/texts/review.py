"""Words of the review page: parts that wait for a person."""

TEXTS = {
    "title.review": ("Review", "复核"),
    "review.empty": (
        "Nothing waits for a decision: the models are sure of every part.",
        "没有待复核的零件：模型对所有零件均有把握。",
    ),
    "review.station": ("Station", "工位"),
    "review.captured": ("Captured", "采集时间"),
    "review.uncertainty": ("Uncertain", "不确定度"),
    "review.novelty": ("Unlike good parts", "新颖度"),
    "review.priority": ("How much a decision teaches", "复核价值"),
    "review.next": ("Comes next", "接下来"),
    "review.person": ("Your name", "您的姓名"),
    "review.reason": ("Why", "理由"),
    "review.label": ("Defect", "缺陷类别"),
    "review.OK": ("It is OK", "判为合格"),
    "review.NG": ("It is NG", "判为不合格"),
    "review.say_why": (
        "Say who you are and why: nobody can ask you later.",
        "请填写姓名和理由，以便日后追溯。",
    ),
    "review.away": (
        "The database does not answer; nothing was written, decide again.",
        "数据库无响应，未写入任何内容，请重新判定。",
    ),
    "review.about": (
        "Parts near the limits come first, and parts unlike all good ones. What you decide is kept under"
        " your name, and becomes what the next model learns from.",
        "接近判定界限以及与合格件差异最大的零件排在最前。您的判定将署名保存，并用于训练下一个模型。",
    ),
}
