"""The shop of the demo: two weld cells and a mill that speak SHDR, a press that sends over ZeroMQ."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from streams.catalog import Calendar, Shift
from streams.simulate.model import Channel, Duty, Fault, Minor, Model, Program, Tool, Wearing

ZONE = "Asia/Shanghai"
SEED = 2


def calendar(first_break: int) -> Calendar:
    """Return three shifts of eight hours with two breaks each.

    ``first_break`` is how many minutes after the shift's start; machines take turns, so that the shop
    never rests as a whole.
    """
    shifts = []
    for name, start in (("early", 6 * 60), ("late", 14 * 60), ("night", 22 * 60)):
        breaks = tuple((start + low, start + low + 20) for low in (first_break, first_break + 210))
        shifts.append(Shift(name, start, start + 8 * 60, breaks=breaks))
    return Calendar(ZoneInfo(ZONE), tuple(shifts))


WELD_CHANNELS = (
    Channel("weld_current", "A", 0.04),
    Channel("arc_voltage", "V", 0.02),
    Channel("wire_feed", "m/min", 0.02),
    Channel("gas_flow", "l/min", 0.01),
)
WELD_MINORS = (
    Minor("TIP_CLEANING", 0.035, (20.0, 60.0)),
    Minor("WAIT_PARTS", 0.012, (30.0, 180.0)),
    Minor("CLAMP_SENSOR", 0.012, (20.0, 90.0)),
)
WELD_FAULTS = (
    Fault("WIRE_JAM", "wire feed motor overload", life_h=7.0, shape=1.0, repair_min=9.0),
    Fault("ROBOT_FAULT", "axis 4 following error", life_h=22.0, shape=1.4, repair_min=22.0),
    Fault("WELD_SOURCE", "power source over temperature", life_h=35.0, shape=2.0, repair_min=30.0),
)
WELD_TOOL = Tool("TIP_CHANGE", life_min=150.0, change_s=(90.0, 200.0))

WELD_CELL_1 = Model(
    name="weld-cell-1",
    calendar=calendar(95),
    programs=(
        Program("bracket-10", 40, (182.0, 21.4, 8.1, 15.0)),
        Program("bracket-12", 42, (204.0, 22.8, 9.2, 15.0)),
        Program("bracket-14", 44, (216.0, 23.5, 9.7, 16.0)),
    ),
    channels=WELD_CHANNELS,
    body=("torch_temp", 95.0),
    auxiliary="fan",
    minors=WELD_MINORS,
    faults=WELD_FAULTS,
    duties=(Duty("CLEANING", 400, 10),),
    tool=WELD_TOOL,
    lot=(90, 150),
    setup_s=(240.0, 480.0),
    loading_s=(4.0, 7.0),
    judged_s=40,
)
"""Its parts are those that the inspection station sees."""

WELD_CELL_2 = Model(
    name="weld-cell-2",
    calendar=calendar(125),
    programs=(
        Program("cross-beam-2", 64, (221.0, 24.1, 10.2, 16.0)),
        Program("strut-7", 47, (175.0, 21.0, 7.8, 14.0)),
    ),
    channels=WELD_CHANNELS,
    body=("torch_temp", 95.0),
    auxiliary="fan",
    minors=(*WELD_MINORS, Minor("OPERATOR_HELP", 0.02, (40.0, 200.0))),
    faults=WELD_FAULTS,
    duties=(Duty("CLEANING", 430, 10),),
    tool=WELD_TOOL,
    lot=(60, 110),
    setup_s=(300.0, 660.0),
    loading_s=(6.0, 10.0),
)

MILL = Model(
    name="mill-1",
    calendar=calendar(155),
    programs=(
        Program("flange-20", 95, (55.0, 2100.0, 28.0, 16.0, 610.0)),
        Program("collar-30", 61, (29.0, 4100.0, 15.0, 9.0, 950.0)),
        Program("housing-5", 148, (41.0, 3200.0, 22.0, 12.0, 820.0)),
    ),
    channels=(
        Channel("Sload", "%", 0.05, wear=0.25),
        Channel("Srpm", "1/min", 0.002),
        Channel("Xload", "%", 0.06, wear=0.2),
        Channel("Zload", "%", 0.06, wear=0.2),
        Channel("Fact", "mm/min", 0.01),
    ),
    body=("spindle_temp", 24.0),
    auxiliary="fan",
    minors=(
        Minor("CHIPS", 0.03, (30.0, 120.0)),
        Minor("WAIT_PARTS", 0.02, (40.0, 200.0)),
        Minor("GAUGING", 0.05, (30.0, 70.0)),
    ),
    faults=(
        Fault("COOLANT_LOW", "coolant level low", life_h=10.0, shape=1.2, repair_min=8.0),
        Fault("TOOL_BROKEN", "tool broken, load limit exceeded", life_h=14.0, shape=1.5, repair_min=15.0),
        Fault("SPINDLE_DRIVE", "spindle drive overload", life_h=45.0, shape=1.1, repair_min=50.0),
    ),
    duties=(Duty("MEETING", 0, 10),),
    tool=Tool("TOOL_CHANGE", life_min=70.0, change_s=(120.0, 260.0)),
    lot=(25, 45),
    setup_s=(480.0, 840.0),
    loading_s=(8.0, 14.0),
    wearing=Wearing(first_h=(2.5, 2.7), again_h=(5.0, 9.0), growth_min=18.0),
)
"""The fan that cools its spindle wears out: sound for half an hour, damaged for an hour and a half."""

PRESS = Model(
    name="press-1",
    calendar=calendar(65),
    programs=(
        Program("bracket-blank", 11, (820.0, 148.0)),
        Program("rail-blank", 15, (1150.0, 176.0)),
    ),
    channels=(Channel("force", "kN", 0.03, wear=0.08), Channel("pressure", "bar", 0.02, wear=0.03)),
    body=("oil_temp", 22.0),
    auxiliary="pump",
    minors=(
        Minor("SHEET_FEED", 0.015, (15.0, 70.0)),
        Minor("SCRAP_BIN", 0.005, (40.0, 110.0)),
    ),
    faults=(
        Fault("HYDRAULIC_LEAK", "oil level low", life_h=18.0, shape=1.3, repair_min=25.0),
        Fault("LIGHT_CURTAIN", "light curtain does not reset", life_h=9.0, shape=1.0, repair_min=8.0),
    ),
    duties=(Duty("LUBRICATION", 250, 10),),
    tool=Tool("DIE_POLISH", life_min=180.0, change_s=(200.0, 400.0)),
    lot=(260, 420),
    setup_s=(420.0, 780.0),
    loading_s=(1.5, 2.5),
    adapter=False,
)

SHOP = (WELD_CELL_1, WELD_CELL_2, MILL, PRESS)


def model(name: str) -> Model:
    """Return a machine of the shop.

    Raises
    ------
    KeyError
        It has none of that name.
    """
    return {one.name: one for one in SHOP}[name]
