"""ResNet-18 without its classifier: a picture in 512 numbers, to be fine-tuned.

He, Zhang, Ren, Sun 2016, "Deep Residual Learning for Image Recognition", table 1 (18 layers) and figure 3: a 7x7
convolution and a pooling, then four stages of two basic blocks with 64, 128, 256 and 512 channels, each stage but the first
at half the size of the one before, then the mean over the picture. Shortcuts are option B: the identity, and a 1x1
convolution where the shape changes.

The tensors have torchvision's names (``conv1.weight``, ``layer1.0.bn2.running_mean``, ``layer2.0.downsample.0.weight``), so
that its published file fits. Its classifier (``fc``) is left out.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

FEATURES = 512
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet, red first: what the published weights want taken off and divided by."""

STAGES = ((64, 64, 1), (64, 128, 2), (128, 256, 2), (256, 512, 2))
"""Channels in, channels out, stride of the first block."""


class BasicBlock(nn.Module):
    """Two 3x3 convolutions, and what came in added before the last ReLU (figure 2)."""

    def __init__(self, channels_in: int, channels_out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels_out)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels_out)
        self.downsample = nn.Sequential()
        if stride != 1 or channels_in != channels_out:
            self.downsample.append(nn.Conv2d(channels_in, channels_out, 1, stride, bias=False))
            self.downsample.append(nn.BatchNorm2d(channels_out))

    def forward(self, x: Tensor) -> Tensor:
        change = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(change + self.downsample(x))


class ResNet18(nn.Module):
    """Pictures [B, in_channels, H, W], normalised as the weights want it, of 32 pixels a side or more -> [B, 512], 0 and up.

    Random at first, with the variance that keeps the gradient's size (He et al. 2015, fan-out), as the paper has it.
    """

    def __init__(self, in_channels: int = 3) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1, self.layer2, self.layer3, self.layer4 = (
            nn.Sequential(BasicBlock(first, out, stride), BasicBlock(out, out, 1)) for first, out, stride in STAGES
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return x.mean((2, 3))
