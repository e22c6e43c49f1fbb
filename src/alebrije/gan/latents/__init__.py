"""Tools for a generator's latents: style mixing, principal directions, projection, and a start for all of them from a file."""

from __future__ import annotations

from alebrije.core.generating import GenerateConfig
from alebrije.core.image import Picture
from alebrije.errors import ConfigError
from alebrije.events import Events, Warned
from alebrije.gan.latents.space import open_space


def generate(run: str, config: GenerateConfig, picture: Picture | None = None) -> Events:
    """The tool that the settings name (`mix` or `directions`), or with `picture` its projection. Ends with `Done(saved.Made)`.

    Raises `RunError` and `WeightsError` for a run or a start that cannot be used, `ConfigError` for a setting that is wrong.
    """
    from alebrije.gan.latents import directions, mixing, projection, saved

    asked = {"--mix": config.mix, "--directions": config.directions, "--project": picture}
    named = [name for name, value in asked.items() if value is not None]
    if len(named) != 1:
        raise ConfigError(f"{' and '.join(named)} are tools of their own: give one of them")
    space = open_space(run, config)
    start = None
    if config.start:
        start, notice = saved.read_point(config.start, space)
        if notice:
            yield Warned(notice)
    if picture is not None:
        yield from projection.project(space, config, picture, start)
    elif config.mix:
        yield from mixing.mix(space, config, start)
    else:
        yield from directions.show(space, config, start)
