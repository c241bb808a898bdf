"""What a model's card says besides its numbers, by what the model was trained on."""

from __future__ import annotations

from dataclasses import dataclass, field

from vision.simulate.protocol import KINDS


@dataclass(frozen=True, slots=True)
class Subject:
    """Pictures that a detector learns from: what its card must say of them."""

    page: str
    iso6520: dict[str, str]
    """Classes that are an imperfection of ISO 6520-1."""
    unproven: tuple[str, ...]
    ceiling_f1: dict[str, float] = field(default_factory=dict)
    """F1 at which several annotation passes over the same pictures agree: no detector proves more."""


SIGNED = """\
No model decides without a signature: this one may judge demo part numbers only.

## Licence

The weights were trained and exported with Ultralytics and are under AGPL-3.0 (`LICENSE`), apart from the
rest of the project.
"""

ENDING = (
    """\
## The export against the trained model

On the same pictures: mAP50 {export[map50_trained]:.4f} trained, {export[map50_exported]:.4f} exported.
Raw scores differ by {export[worst_score]:.4f} at most, boxes by {export[worst_box]:.2f} pixels; of
{export[detections]} detections after suppression {export[disagreeing]} are not in the other (of two near
equal boxes either may be kept). An export that disagrees beyond the tolerances in `vision/export.py` is not
written.

## What is unproven

{unproven_list}

"""
    + SIGNED
)
"""What the card of an export ends with."""

PHOTOGRAPHED = """\
# {name}: a detector of weld imperfections

{training[architecture]}, {input_size} px, OpenVINO with {weights} weights. `python -m vision.export` writes
this page from the numbers in `card.json`.

## What it was trained on

{training[pictures]} photographs of hand-made arc welds on steel tube ({training[data]}): the training side of
`{training[split]}`. The uploader states the MIT licence; **the provenance of the photographs is not
proven.** They show about five physical welds, consecutive frames of each, so a random split would say
nothing.

Trained from random weights with {training[trainer]}: {epochs} epochs, batch {training[batch]}, seed
{training[seed]}, finished {training[trained]}. {training[rendered]} rendered parts were among the pictures
of the last stage. There was no early stopping and no choice of a best epoch; stages after the first were
added when the one before had been measured on the test side: what stands below is chosen among so many looks.
{training[note]}

## How good it is

On {metrics[pictures]} photographs of unseen shots (the same welds, other frames, with a gap between):

{class_table}

mAP50 {metrics[map50_unseen_shot]:.3f}, mAP50-95 {metrics[map50_95_unseen_shot]:.3f}, mAP50 of the defects
alone {metrics[map50_defects]:.3f}. Several annotation passes over these photographs agree with F1
{ceiling_f1[all]:.2f} only (pores {ceiling_f1[Surface_pores]:.2f}): that is the ceiling.

Judged as whole parts, a photograph with a defect being a defective part:

{part_table}

On {metrics[rendered][pictures]} rendered parts of an unseen seed: mAP50 {metrics[rendered][map50]:.3f}.

"""

RENDERED = """\
# {name}: a detector of weld imperfections in rendered parts

{training[architecture]}, {input_size} px, OpenVINO with {weights} weights. `python -m vision.export` writes
this page from the numbers in `card.json`.

## What it was trained on

Rendered parts and nothing else in its last stage: {training[pictures]} pictures from every view of
`vision/simulate`, of the training seeds that `{training[split]}` fixes together with the kinds of flaws and
how hard they are to see. It knows what the simulated plant draws, and is there to judge that.

It goes on from `weld-pipe`, whose export was unfolded into a checkpoint (`vision.trainable`). Trained with
{training[trainer]}: {epochs} epochs in all, those of `weld-pipe` first, batch {training[batch]}, seed
{training[seed]}, finished {training[trained]}. There was no early stopping and no choice of a best epoch.
{training[note]}

## How good it is

On {metrics[pictures]} pictures of rendered parts of held-out seeds, half of them flawed:

{class_table}

mAP50 {metrics[map50_held_out]:.3f}, mAP50-95 {metrics[map50_95_held_out]:.3f}, mAP50 of the defects alone
{metrics[map50_defects]:.3f}.

Judged by one picture each, a picture that shows a flaw being a defective part:

{part_table}

A station sees a part from several views: what escapes the whole chain, `seamline evaluate demo` says.

"""

TAUGHT = """\
# {name}: a detector trained on {training[data]}

{training[architecture]}, {input_size} px, OpenVINO with {weights} weights. `python -m vision.export` writes
this page from the numbers in `card.json`.

## What it was trained on

{training[pictures]} pictures of the data set {training[data]}: the training side of `{training[split]}`.
Trained with {training[trainer]}: {epochs} epochs, batch {training[batch]}, seed {training[seed]}, finished
{training[trained]}; {training[rendered]} rendered parts were among the pictures. There was no early stopping
and no choice of a best epoch.
{training[note]}

## How good it is

On the {metrics[pictures]} pictures that the split holds out:

{class_table}

mAP50 {metrics[map50_held_out]:.3f}, mAP50-95 {metrics[map50_95_held_out]:.3f}, mAP50 of the defects alone
{metrics[map50_defects]:.3f}.

Judged as whole parts, a picture with a defect being a defective part:

{part_table}

"""

QUANTISED = (
    """\
# {name}: {quantised[of]} in INT8

{training[architecture]}, {input_size} px, OpenVINO. `python -m vision.quantise` writes this page from the
numbers in `card.json`. It is `{quantised[of]}` with weights and activations in INT8; only what the head
computes of its answers keeps its precision. All that the card of `{quantised[of]}` says of training, of
photographs, of looks at the held-out side and of what nobody has proven holds here, too. It was made of the
one with the hash `{quantised[of_hash]}`.

## How it was made

By {quantised[by]}, after training, from {quantised[calibrated_on]} pictures of the training side of
`{training[split]}`. **Declared gate: at most {quantised[map50_loss_allowed]} of mAP50 may be lost**, measured
on the held-out side by the runtime's own detector; else nothing is written. A verdict of this model carries
another preprocessing hash than one of `{quantised[of]}`: its precision is `INT8`. A card that does not
declare it is refused.

## How good it is

On {metrics[pictures]} held-out pictures: mAP50 {metrics[map50]:.4f} ({metrics[map50_before]:.4f} before),
mAP50-95 {metrics[map50_95]:.4f}, mAP50 of the defects alone {metrics[map50_defects]:.4f}. Of
{export[detections]} findings of either from a score of 0.25, {export[disagreeing]} have no equal in the
other: the same box and class, and a score within 0.02.

{class_table}

Judged as whole parts, a picture with a defect being a defective part:

{part_table}

## What is unproven

{unproven_list}
- the same answers on another processor: without INT8 instructions OpenVINO may round elsewhere

"""
    + SIGNED
)

ADOPTED = """\
# {name}: a detector that was exported elsewhere

{input_size} px, in {precision}, exported by {adopted[by]}, {adopted[at]}. Licence: {licence}.
`seamline models register` wrote this page; what stands here of its making is what the export notes of itself.

"""

UNCOMPARED = """\
## Classes

{class_list}

## What is unproven

{unproven_list}

It may look on, and be measured. Before it can be signed it must be compared with the model that it was
exported from: `seamline models register EXPORT --trained best.pt --data SET`.
"""

COMPARED = """\
## How good it is

On the {metrics[pictures]} pictures that `{compared[split]}` of the data set {compared[data]} holds out:

{class_table}

mAP50 {metrics[map50_held_out]:.3f}, mAP50-95 {metrics[map50_95_held_out]:.3f}, mAP50 of the defects alone
{metrics[map50_defects]:.3f}.

Judged as whole parts, a picture with a defect being a defective part:

{part_table}

## The export against the trained model

On the same pictures: mAP50 {export[map50_trained]:.4f} trained (checkpoint `{compared[checkpoint]}`),
{export[map50_exported]:.4f} exported. Raw scores differ by {export[worst_score]:.4f} at most, boxes by
{export[worst_box]:.2f} pixels; of {export[detections]} detections after suppression {export[disagreeing]} are
not in the other (of two near equal boxes either may be kept).

## What is unproven

{unproven_list}
"""

SUBJECTS = {
    "welds-pipe": Subject(
        page=PHOTOGRAPHED + ENDING,
        # ``crater`` has no code: the photographs do not show whether it is a crater pipe (2024) or an end
        # crater (2025); the other classes group several.
        iso6520={"Surface_pores": "2017"},
        unproven=(
            "welds that none of the training photographs show: the unseen photographs are of the same few"
            " welds",
            "other lighting, other cameras, other distances",
            "other processes and materials than hand-made arc welds on steel tube",
            "anything by rendered parts: how well it judges them says nothing about real welds",
        ),
        ceiling_f1={"all": 0.82, "Surface_pores": 0.75},
    ),
    "rendered parts": Subject(
        page=RENDERED + ENDING,
        iso6520={name: kind.iso6520 for name, kind in KINDS.items() if kind.iso6520},
        unproven=(
            "any real weld: every picture that it was last trained on and measured on is rendered",
            "flaws of other kinds, or harder to see, than those that are drawn",
            "other views, lamps and distances than those of `vision/simulate/views.py`",
        ),
    ),
}
"""By the name of the data in the card."""

OWN = Subject(
    page=TAUGHT + ENDING,
    iso6520={},
    unproven=(
        "anything that the held-out pictures do not show: other welds, lighting, cameras, distances",
        "that the two sides of the split show different welds, unless `weld_group` says so",
    ),
)
"""Of data that are none of these."""


def subject_of(data: str) -> Subject:
    """Return what a card says of the data of a name."""
    return SUBJECTS.get(data, OWN)
