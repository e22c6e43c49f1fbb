"""Pairs by a real pipeline of diffusers: tiny, untrained, saved and loaded as a large one would be."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alebrije.data.diffusion import load_painter
from alebrije.data.prompts import PromptsConfig, generate_pairs
from alebrije.errors import WeightsError
from alebrije.events import Started, last

SMALL = PromptsConfig(model="tiny", size=16, steps=4, device="cpu", precision="fp32")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Stable Diffusion of a few thousand random weights, as diffusers saves it."""
    diffusers = pytest.importorskip("diffusers")
    transformers = pytest.importorskip("transformers")
    import torch

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("model")
    words = [
        "<|startoftext|>",
        "<|endoftext|>",
        *(chr(code) for code in range(97, 123)),
        *(f"{chr(code)}</w>" for code in range(97, 123)),
    ]
    (folder / "vocab.json").write_text(json.dumps({word: index for index, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    text = transformers.CLIPTextConfig(
        vocab_size=len(words), hidden_size=32, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
        max_position_embeddings=77, bos_token_id=0, eos_token_id=1, pad_token_id=1)  # fmt: skip
    pipeline = diffusers.StableDiffusionPipeline(
        vae=diffusers.AutoencoderKL(
            block_out_channels=(8, 8), down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
            latent_channels=4, norm_num_groups=4, sample_size=16),
        text_encoder=transformers.CLIPTextModel(text),
        tokenizer=transformers.CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=77),
        unet=diffusers.UNet2DConditionModel(
            block_out_channels=(8, 16), layers_per_block=1, sample_size=8, cross_attention_dim=32, attention_head_dim=4,
            norm_num_groups=4, down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D")),
        scheduler=diffusers.DDIMScheduler(num_train_timesteps=100, clip_sample=False, steps_offset=1, set_alpha_to_one=False),
        safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip
    pipeline.save_pretrained(folder / "saved", safe_serialization=True)
    return folder / "saved"


@pytest.mark.slow
def test_a_real_pipeline_makes_pairs_that_depend_on_words_and_seeds(tiny: Path, tmp_path: Path) -> None:
    file = tmp_path / "prompts.txt"
    file.write_text("a lion | an old man\na lion | an old man\na lion | a tree\n")
    config = SMALL.model_copy(update={"model": str(tiny)})
    assert last(generate_pairs(file, tmp_path / "one", config)).made == 3
    assert last(generate_pairs(file, tmp_path / "two", config)).made == 3
    one, two = (
        {path.name: np.asarray(Image.open(path)) for path in sorted((tmp_path / name).glob("*.png"))} for name in ("one", "two")
    )
    assert list(one) == ["0001_a.png", "0001_b.png", "0002_a.png", "0002_b.png", "0003_a.png", "0003_b.png"]
    for name, picture in one.items():
        assert picture.shape == (16, 16, 3)
        assert picture.std() > 0
        np.testing.assert_array_equal(picture, two[name])  # the same seeds, the same pictures
    assert (one["0001_a.png"] != one["0002_a.png"]).any()  # the same words, other seeds
    started = [event.stage for event in generate_pairs(file, tmp_path / "two", config) if isinstance(event, Started)]
    assert "loading the model" not in started


@pytest.mark.slow
def test_strength_says_how_far_the_second_picture_leaves_the_first(tiny: Path) -> None:
    record = {"first": "a lion", "second": "a tree", "negative": "text", "seed": 3}
    distances = []
    for strength in (0.25, 0.5, 1.0):
        config = SMALL.model_copy(update={"model": str(tiny), "steps": 8, "strength": strength})
        painter = load_painter(config)
        first = painter.paint(record)
        second = painter.paint_over(record, first)
        distances.append(float(np.abs(np.asarray(first, dtype=float) - np.asarray(second, dtype=float)).mean()))
    assert distances == sorted(distances)


@pytest.mark.slow
def test_a_model_that_is_not_at_hand_is_told_in_one_line(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(WeightsError, match="nobody/nothing is not at hand: add --download"):
        load_painter(SMALL.model_copy(update={"model": "nobody/nothing"}))
    import huggingface_hub.constants

    assert huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(WeightsError, match="cannot fetch the model nobody/nothing") as caught:
        load_painter(SMALL.model_copy(update={"model": "nobody/nothing", "download": True}))
    assert "\n" not in str(caught.value)
    with pytest.raises(WeightsError, match="it needs the format of diffusers"):
        load_painter(SMALL.model_copy(update={"model": str(tmp_path)}))


@pytest.mark.slow
def test_pickled_weights_and_foreign_code_are_refused(tiny: Path, tmp_path: Path) -> None:
    pickled = tmp_path / "pickled"
    shutil.copytree(tiny, pickled)
    weights = pickled / "unet" / "diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))
    with pytest.raises(WeightsError, match="safetensors"):
        load_painter(SMALL.model_copy(update={"model": str(pickled)}))
    foreign = tmp_path / "foreign"
    shutil.copytree(tiny, foreign)
    index = json.loads((foreign / "model_index.json").read_text())
    index["unet"] = ["mine", "Mine"]
    (foreign / "model_index.json").write_text(json.dumps(index))
    (foreign / "unet" / "mine.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Mine: pass\n")
    with pytest.raises(WeightsError):
        load_painter(SMALL.model_copy(update={"model": str(foreign)}))
    assert not (tmp_path / "ran").exists()
