"""`alebrije doctor`: what this machine has and what the program found on it."""

from __future__ import annotations

from importlib import metadata, util
from typing import Any

from alebrije.cli import new_app
from alebrije.cli.flags import verb
from alebrije.cli.shell import Shell, human_bytes

app = new_app()

EXTRAS = {
    "demo": ("scikit-image", "skimage"),
    "weights": ("h5py", "h5py"),
    "heif": ("pillow-heif", "pillow_heif"),
    "video": ("av", "av"),
    "diffusers": ("diffusers", "diffusers"),
    "onnx": ("onnxruntime", "onnxruntime"),
}
"""What each extra brings: the package, and the module in it."""


@app.command()
@verb()
def doctor(shell: Shell) -> None:
    """Tell what this machine has and what is at hand.

    Versions, devices, precision support, threads, cache, networks, data and extras.
    """
    report = examine()
    shell.finish(report, _lines(report))


def examine() -> dict[str, Any]:
    """Everything `alebrije doctor` tells, as a dict."""
    import shutil

    import torch

    from alebrije import runs
    from alebrije.core import precision, weights
    from alebrije.core.files import cache_dir
    from alebrije.data import known
    from alebrije.features import NETWORKS

    devices = {"cpu": torch.device("cpu")}
    if torch.cuda.is_available():
        devices["cuda"] = torch.device("cuda")
    if torch.backends.mps.is_available():
        devices["mps"] = torch.device("mps")
    environment = runs.environment()
    environment.pop("command")
    return environment | {
        "devices": {
            name: {
                "name": torch.cuda.get_device_name(device) if name == "cuda" else environment["processor"],
                "fast_bf16": precision.has_fast_bf16(device),
            }
            for name, device in devices.items()
        },
        "processor_features": _processor_features(),
        "default_device": precision.choose_device().type,
        "threads": torch.get_num_threads(),
        "allocator_tuned": precision.tune_allocator(),
        "cache": str(cache_dir()),
        "disk_free_bytes": shutil.disk_usage(cache_dir()).free,
        "networks": {name: weights.at_hand(name) for name in sorted({*NETWORKS, *weights.SOURCES})},
        "data_sets": {
            "drawn creatures": True,
            "scikit-image photographs": util.find_spec("skimage") is not None,
            **{name: known.at_hand(name) for name in known.KNOWN},
        },
        "extras": {
            extra: metadata.version(package) if util.find_spec(module) else None for extra, (package, module) in EXTRAS.items()
        },
    }


def _processor_features() -> list[str]:
    import torch

    found = {
        "AVX2": torch.cpu._is_avx2_supported(),
        "AVX512": torch.cpu._is_avx512_supported(),
        "AVX512-bf16": torch.cpu._is_avx512_bf16_supported(),
        "AMX": torch.cpu._is_amx_tile_supported(),
    }
    return [name for name, present in found.items() if present]


def _lines(report: dict[str, Any]) -> list[str]:
    def yes(present: bool) -> str:
        return "yes" if present else "no"

    lines = [
        f"alebrije {report['alebrije']}, Python {report['python']}, {report['platform']}",
        "packages    " + ", ".join(f"{name} {version}" for name, version in report["packages"].items()),
        *(
            f"device      {name}: {device['name']}, fast bf16: {yes(device['fast_bf16'])}"
            + (" (default)" if name == report["default_device"] else "")
            for name, device in report["devices"].items()
        ),
        f"processor   {', '.join(report['processor_features']) or 'no vector extensions found'}; {report['threads']} threads",
        f"memory      C allocator tuned for large tensors: {yes(report['allocator_tuned'])} (ALEBRIJE_MALLOC=0 turns it off)",
        f"cache       {report['cache']}, {human_bytes(report['disk_free_bytes'])} free on that disk",
    ]
    for name, present in report["networks"].items():
        lines.append(f"network     {name:<28}" + ("at hand" if present else f"not here: {_remedy(name)}"))
    for name, present in report["data_sets"].items():
        lines.append(f"pictures    {name:<28}" + ("at hand" if present else f"not here: {_data_remedy(name)}"))
    for extra, version in report["extras"].items():
        lines.append(f"extra       {extra:<28}" + (version or f"not here: pip install {EXTRAS[extra][0]}"))
    return lines


def _data_remedy(name: str) -> str:
    """How to come by pictures."""
    return "pip install scikit-image" if "scikit-image" in name else f"alebrije dataset fetch {name}"


def _remedy(network: str) -> str:
    """How to come by the weights of a network: those without a source of their own are part of the package."""
    from alebrije.core.weights import SOURCES

    return f"alebrije weights fetch {network}" if SOURCES[network].sha256 else "it is shipped, so install Alebrije again"
