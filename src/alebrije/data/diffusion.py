"""Stable Diffusion by way of diffusers, an extra: text to picture, and picture to picture.

Weights are read from safetensors only, no code of a model's is run, and nothing is fetched but with `download`.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from alebrije.errors import MissingExtraError, WeightsError

if TYPE_CHECKING:
    from alebrije.data.prompts import PromptsConfig

OF_SECOND = 2**63  # is added to a pair's seed for its second picture, which else would get the first one's noise again
QUIET = ("HF_HUB_DISABLE_TELEMETRY", "DISABLE_TELEMETRY", "HF_HUB_DISABLE_PROGRESS_BARS")


class Painter(NamedTuple):
    """A loaded model: `paint` makes the first picture of a record, `paint_over` the second from it; both Pillow pictures,
    None where the model's safety checker withholds them."""

    paint: Callable[[dict[str, Any]], Any]
    paint_over: Callable[[dict[str, Any], Any], Any]


def load_painter(config: PromptsConfig) -> Painter:
    """Load the model from this machine, or with `config.download` from Hugging Face.

    Raises `MissingExtraError` without diffusers, and `WeightsError` if the model is not at hand or of another form.
    """
    diffusers = _import_diffusers()
    import torch

    from alebrije.core.precision import choose_device, choose_dtype

    device = choose_device(config.device)
    options = {"torch_dtype": choose_dtype(config.precision, device), "local_files_only": not config.download}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what diffusers has to say to programmers
            text = diffusers.AutoPipelineForText2Image.from_pretrained(
                config.model, use_safetensors=True, trust_remote_code=False, **options
            ).to(device)
            over = diffusers.AutoPipelineForImage2Image.from_pipe(text)
    except MemoryError:
        raise
    except Exception as error:  # diffusers, transformers, huggingface_hub and safetensors raise almost anything
        raise WeightsError(_reason(config, error)) from error
    for pipeline in (text, over):
        pipeline.set_progress_bar_config(disable=True)

    def call(pipeline: Any, record: dict[str, Any], prompt: str, seed: int, **given: Any) -> Any:
        noise = torch.Generator("cpu").manual_seed(seed % 2**64)  # on the CPU: the same on every device
        result = pipeline(
            prompt=prompt, negative_prompt=record["negative"] or None, num_inference_steps=config.steps,
            guidance_scale=config.guidance, generator=noise, **given,
        )  # fmt: skip
        withheld = getattr(result, "nsfw_content_detected", None)
        return None if withheld and withheld[0] else result.images[0].convert("RGB")

    def paint(record: dict[str, Any]) -> Any:
        return call(text, record, record["first"], record["seed"], width=config.size, height=config.size)

    def paint_over(record: dict[str, Any], first: Any) -> Any:
        seed = record["seed"] + OF_SECOND
        return call(over, record, record["second"], seed, image=first, strength=config.strength)

    return Painter(paint, paint_over)


def _import_diffusers() -> Any:
    """Import diffusers and transformers, silent and without telemetry. Raises `MissingExtraError`."""
    for name in QUIET:
        os.environ.setdefault(name, "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    try:
        import diffusers
        import huggingface_hub.constants
        import transformers
    except ImportError as error:
        package = (error.name or "diffusers").partition(".")[0]
        raise MissingExtraError(package, "diffusers", "making pairs from prompts") from error
    huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY = True  # should somebody have imported it before us
    for library in (diffusers, transformers):
        library.utils.logging.set_verbosity_error()
        library.utils.logging.disable_progress_bar()
    return diffusers


def _reason(config: PromptsConfig, error: Exception) -> str:
    """Why the model cannot be loaded, in one line with the remedy."""
    folder = Path(config.model)
    if folder.is_dir():
        detail = " ".join(str(error).split())[:200]
        return f"cannot use the model in {folder} ({detail}): it needs the format of diffusers with safetensors"
    if not config.download:
        return (
            f"the model {config.model} is not at hand: add --download to fetch it from Hugging Face (several gigabytes), "
            "or name a folder that has it with --model"
        )
    detail = (" ".join(str(error).split()) or type(error).__name__)[:200]
    return (
        f"cannot fetch the model {config.model} ({detail}): check its name, the network and the proxy settings (HTTPS_PROXY), "
        "or name a folder that has it with --model"
    )
