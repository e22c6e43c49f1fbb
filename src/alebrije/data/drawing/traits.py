"""What a creature is: one choice a category, drawn from the seed, and the tags that say so."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from alebrije.data.drawing.palette import BESIDE, HUES

POSES: dict[str, tuple[str, ...]] = {
    "quadruped": ("standing", "walking", "leaping", "sitting"),
    "biped": ("standing", "walking"),
    "hexapod": ("standing", "walking"),
    "serpent": ("slithering",),
    "fish": ("swimming",),
}
LEGS = {"quadruped": "four_legs", "biped": "two_legs", "hexapod": "six_legs", "serpent": "no_legs", "fish": "no_legs"}
TAILS: dict[str, tuple[str, ...]] = {
    "quadruped": ("long_tail", "curled_tail", "plume_tail", "arrow_tail", "fish_tail"),
    "biped": ("plume_tail", "arrow_tail", "fish_tail"),
    "hexapod": ("long_tail", "curled_tail", "arrow_tail"),
    "serpent": ("plume_tail", "arrow_tail", "fish_tail"),
    "fish": ("fish_tail", "plume_tail"),
}

TAGS: dict[str, tuple[str, ...]] = {
    "plan": tuple(POSES),
    "legs": ("no_legs", "two_legs", "four_legs", "six_legs"),
    "pose": ("standing", "walking", "leaping", "sitting", "slithering", "swimming"),
    "facing": ("facing_right", "facing_left"),
    "head": ("cat_head", "rabbit_head", "fox_head", "owl_head", "axolotl_head", "deer_head", "dragon_head",
             "bird_head"),
    "wings": ("no_wings", "feather_wings", "bat_wings", "butterfly_wings"),
    "horns": ("no_horns", "antlers", "ram_horns", "bull_horns", "unicorn_horn", "antennae"),
    "tail": ("long_tail", "curled_tail", "plume_tail", "arrow_tail", "fish_tail"),
    "crest": ("no_crest", "mane", "spikes", "plumes"),
    "pattern": ("dots", "stripes", "zigzag", "scales", "flowers", "swirls"),
    "colour": tuple(HUES),
    "accent": tuple(f"{hue}_details" for hue in HUES),
    "background": ("white", "landscape"),
    "scenery": ("no_scenery", "desert", "mountains", "meadow"),
    "sky": ("no_sky", "day", "sunset", "night"),
}


@dataclass(frozen=True)
class Traits:
    """One tag a category, under the names of `TAGS`."""

    plan: str
    legs: str
    pose: str
    facing: str
    head: str
    wings: str
    horns: str
    tail: str
    crest: str
    pattern: str
    colour: str
    accent: str
    background: str
    scenery: str
    sky: str

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags in the order of the categories."""
        return tuple(getattr(self, category) for category in TAGS)


def draw_traits(seed: int, background: str) -> Traits:
    """The traits of the creature with this seed. `background` forces white or landscape and changes nothing else."""
    rng = Random(f"alebrije traits {seed}")
    plan = rng.choices(list(POSES), weights=[9, 5, 3, 4, 4])[0]
    head = rng.choice(TAGS["head"])
    colour = rng.choice(TAGS["colour"])
    choices = {
        "pose": rng.choice(POSES[plan]),
        "facing": rng.choice(TAGS["facing"]),
        "head": head,
        "wings": rng.choices(TAGS["wings"], weights=[3, 3, 2, 2])[0],
        "horns": rng.choices(TAGS["horns"], weights=[4, 3, 2, 2, 2, 2])[0],
        "tail": rng.choice(TAILS[plan]),
        "crest": rng.choices(TAGS["crest"], weights=[3, 3, 3, 3])[0],
        "pattern": rng.choice(TAGS["pattern"]),
        "accent": f"{rng.choice(BESIDE[colour])}_details",
        "background": rng.choice(TAGS["background"]),
        "scenery": rng.choice(TAGS["scenery"][1:]),
        "sky": rng.choice(TAGS["sky"][1:]),
    }
    if background != "auto":
        choices["background"] = background
    if choices["background"] == "white":
        choices |= {"scenery": "no_scenery", "sky": "no_sky"}
    return Traits(plan=plan, legs=LEGS[plan], colour=colour, **choices)
