"""Models as users write them: plain PyTorch, nothing of ours. Each with a batch that it takes."""

import torch
from torch import nn
from torch.nn import functional as F


def vgg():
    """Features in one sequence, flattened into a classifier with dropout."""
    layers, channels = [], 3
    for width in (8, "pool", 12, 12, "pool"):
        if width == "pool":
            layers.append(nn.MaxPool2d(2))
        else:
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
            channels = width
    head = [nn.Flatten(), nn.Linear(12 * 4, 20), nn.ReLU(inplace=True), nn.Dropout(0.5), nn.Linear(20, 5)]
    return nn.Sequential(*layers, *head), torch.randn(3, 3, 8, 8)


class BasicBlock(nn.Module):
    def __init__(self, inputs, outputs, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        identity = x if self.downsample is None else self.downsample(x)
        out = F.relu_(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += identity
        return F.relu(out)


class ResNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 7, 1, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(8)
        self.layer1 = nn.Sequential(BasicBlock(8, 8), BasicBlock(8, 8))
        self.layer2 = nn.Sequential(BasicBlock(8, 16, 2), BasicBlock(16, 16))
        self.fc = nn.Linear(16, 5)

    def forward(self, x):
        x = self.layer2(self.layer1(F.relu(self.bn1(self.conv1(x)))))
        return self.fc(x.mean((2, 3)))


def resnet():
    return ResNet(), torch.randn(3, 3, 8, 8)


class Perceptron(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(10, 16), nn.Linear(16, 12)
        self.norm, self.head = nn.LayerNorm(12), nn.Linear(12, 3)

    def forward(self, x):
        return self.head(self.norm(torch.tanh(self.second(F.gelu(self.first(x))))))


def perceptron():
    return Perceptron(), torch.randn(4, 10)


class Transformer(nn.Module):
    """Tokens; torch's own encoder, whose fused path does not call the layers' forward."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(20, 16)
        self.position = nn.Parameter(torch.randn(1, 6, 16))
        layer = nn.TransformerEncoderLayer(16, 4, 24, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 3)
        self.head = nn.Linear(16, 4)

    def forward(self, tokens):
        return self.head(self.encoder(self.embedding(tokens) + self.position).mean(1))


def transformer():
    return Transformer(), torch.randint(0, 20, (3, 6))


class Conv1d(nn.Module):
    """Two windows side by side, joined; grouped and depthwise convolutions; a gated unit."""

    def __init__(self):
        super().__init__()
        self.short, self.long = nn.Conv1d(2, 6, 3, padding="same"), nn.Conv1d(2, 10, 7, padding=3)
        self.depthwise = nn.Conv1d(16, 32, 5, padding=2, groups=16)
        self.pointwise = nn.Conv1d(32, 12, 1)
        self.norm = nn.GroupNorm(4, 12)
        self.grouped = nn.Conv1d(12, 24, 3, padding=1, groups=4)
        self.gate = nn.Conv1d(24, 20, 1)
        self.head = nn.Linear(10 * 4, 3)

    def forward(self, x):
        x = torch.cat([self.short(x), self.long(x)], dim=1)
        x = F.silu(self.norm(self.pointwise(F.relu(self.depthwise(x)))))
        x = F.glu(self.gate(F.max_pool1d(self.grouped(x), 2)), dim=1)
        return self.head(x.reshape(len(x), -1))


def conv1d():
    return Conv1d(), torch.randn(3, 2, 8)


MODELS = {"vgg": vgg, "resnet": resnet, "mlp": perceptron, "transformer": transformer, "conv1d": conv1d}


def make(name, seed=0):
    """Return a model in eval mode, with statistics that are not those of a fresh one, and a batch."""
    torch.manual_seed(seed)
    model, batch = MODELS[name]()
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            nn.init.uniform_(module.running_mean, -0.5, 0.5)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
            nn.init.uniform_(module.weight, 0.5, 1.5)
    return model.eval(), batch
