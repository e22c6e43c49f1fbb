"""A DCGAN in Keras, to be measured against: the networks of `gan/dcgan64` and the train step of TensorFlow's DCGAN tutorial.

    python -m venv tf && tf/bin/pip install tensorflow-cpu
    python benchmarks/gan.py --keras-python tf/bin/python

`benchmarks/gan.py` starts this file with a Python of its own: nothing of the program is imported here, and the program needs no
TensorFlow. The way of the tutorial: an `@tf.function` with two gradient tapes in which generated pictures are judged once, and a
`tf.data` pipeline. Keras pads a convolution with stride 2 by one pixel less at the top and left, the other way round than torch.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
WARM_UP = 3


def main() -> None:
    """Print a line of JSON: times of steps, or where the pictures lie that a trained generator has made."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, help="a .npy of uint8 [N, C, H, W]; noise without it")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--bf16", action="store_true")
    parser.add_argument("--made", type=Path, help="where to write --count generated pictures, uint8 [N, C, H, W]")
    parser.add_argument("--count", type=int, default=1000)
    given = parser.parse_args()
    try:
        import keras  # type: ignore[import-not-found]
        import numpy as np
        import tensorflow as tf  # type: ignore[import-untyped]
    except ImportError:
        print("no TensorFlow in this Python, nothing to measure: see the first lines of benchmarks/gan_keras.py")
        return
    tf.config.threading.set_intra_op_parallelism_threads(given.threads)
    tf.config.threading.set_inter_op_parallelism_threads(given.threads)
    keras.utils.set_random_seed(given.seed)
    if given.bf16:
        keras.mixed_precision.set_global_policy("mixed_bfloat16")
    if given.images:
        images = np.load(given.images)
    else:
        images = np.random.default_rng(0).integers(0, 256, (4 * given.batch_size, 3, 64, 64), dtype=np.uint8)
    both = networks(images.shape[1:], given.width)
    step = train_step(*both, images, given.batch_size, given.seed)
    weights = [sum(math.prod(weight.shape) for weight in network.trainable_weights) for network in both]
    report: dict[str, Any] = {"weights": weights}
    if given.made:
        began = time.perf_counter()
        for _ in range(given.steps):
            step()
        report |= {"seconds": time.perf_counter() - began}
        np.save(given.made, generated(both[0], given.count))
    else:
        report |= {"times": timed(step, given.steps)}
    print(json.dumps(report))


def timed(step: Callable[[], object], steps: int) -> list[float]:
    """Median seconds of a step by the clock, and its mean seconds of the processor."""
    for _ in range(WARM_UP):
        step()
    times, work = [], time.process_time()
    for _ in range(steps):
        began = time.perf_counter()
        step()
        times.append(time.perf_counter() - began)
    return [statistics.median(times), (time.process_time() - work) / steps]


def networks(shape: tuple[int, int, int], width: float) -> tuple[Any, Any]:
    """Generator and discriminator of `alebrije.gan.nets.dcgan` for pictures (C, H, W); the latter gives logits."""
    from keras import Sequential, initializers, layers

    channels, height, across = shape
    times = max(1, min(4, int(math.log2(min(height, across) / 4))))
    widths = [max(2, round(64 * 2**place * width)) for place in range(times)]
    options: dict[str, Any] = {"strides": 2, "padding": "same"}

    def begin() -> dict[str, Any]:
        return {"kernel_initializer": initializers.RandomNormal(0.0, 0.02)}

    def norm() -> Any:
        return layers.BatchNormalization(momentum=0.9, epsilon=1e-5, gamma_initializer=initializers.RandomNormal(1.0, 0.02))

    place = (height // 2**times, across // 2**times, widths[-1])
    generator = [layers.Input((100,)), layers.Dense(math.prod(place), **begin()), layers.Reshape(place), norm(), layers.ReLU()]
    for after in widths[-2::-1]:
        generator += [layers.Conv2DTranspose(after, 5, use_bias=False, **options, **begin()), norm(), layers.ReLU()]
    generator += [layers.Conv2DTranspose(channels, 5, **options, **begin()), layers.Activation("tanh", dtype="float32")]
    discriminator = [layers.Input((height, across, channels))]
    for place_, after in enumerate(widths):
        discriminator += [layers.Conv2D(after, 5, use_bias=place_ == 0, **options, **begin())]
        discriminator += [norm()] if place_ else []
        discriminator += [layers.LeakyReLU(negative_slope=0.2), layers.Dropout(0.5)]
    discriminator += [layers.Flatten(), layers.Dense(1, dtype="float32", **begin())]
    return Sequential(generator), Sequential(discriminator)


def train_step(generator: Any, discriminator: Any, images: Any, batch_size: int, seed: int) -> Callable[[], object]:
    """The tutorial's step, with the settings of the thesis, on a pipeline over `images` uint8 [N, C, H, W]."""
    import keras
    import tensorflow as tf

    judged = keras.losses.BinaryCrossentropy(from_logits=True)
    moves = [keras.optimizers.Adam(2e-4, beta_1=0.5, beta_2=0.999, epsilon=1e-8) for _ in range(2)]
    data = tf.data.Dataset.from_tensor_slices(images.transpose(0, 2, 3, 1)).shuffle(len(images), seed=seed).repeat()
    data = data.batch(batch_size).map(lambda batch: tf.cast(batch, tf.float32) / 127.5 - 1).prefetch(1)
    batches = iter(data)

    @tf.function  # type: ignore[untyped-decorator]
    def step(real: Any) -> tuple[Any, Any]:
        with tf.GradientTape() as of_generator, tf.GradientTape() as of_discriminator:
            fake = generator(tf.random.normal((batch_size, 100)), training=True)
            on_real, on_fake = discriminator(real, training=True), discriminator(fake, training=True)
            wanted = judged(tf.ones_like(on_fake), on_fake)
            right = judged(tf.ones_like(on_real), on_real) + judged(tf.zeros_like(on_fake), on_fake)
        both = ((generator, of_generator, wanted), (discriminator, of_discriminator, right))
        gradients = [tape.gradient(loss, network.trainable_variables) for network, tape, loss in both]
        for move, gradient, (network, _, _) in zip(moves, gradients, both, strict=True):
            move.apply_gradients(zip(gradient, network.trainable_variables, strict=True))
        return wanted, right

    return lambda: [float(loss) for loss in step(next(batches))]


def generated(generator: Any, count: int) -> Any:
    """As many pictures, uint8 [count, C, H, W], not training."""
    import numpy as np
    import tensorflow as tf

    parts = []
    for first in range(0, count, 100):
        drawn = generator(tf.random.normal((min(100, count - first), 100)), training=False).numpy()
        parts.append(np.clip((drawn + 1) * 127.5, 0, 255).round().astype(np.uint8).transpose(0, 3, 1, 2))
    return np.concatenate(parts)


if __name__ == "__main__":
    main()
