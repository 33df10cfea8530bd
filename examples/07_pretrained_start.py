"""A stem that learned five digits is given, frozen, to every model of a search over all ten."""

import torch
from safetensors.torch import save_file
from sklearn.datasets import load_digits
from torch import nn

import searchitect as sa


def train_stem(path, steps=100):
    x, y = (torch.tensor(a) for a in load_digits(n_class=5, return_X_y=True))
    x = ((x - x.mean()) / x.std()).float().reshape(-1, 1, 8, 8)
    model = nn.Sequential(sa.nn.conv_unit(1, 16), sa.nn.classifier((16, 8, 8), 5))
    adam = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(steps):
        adam.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        adam.step()
    save_file(model[0].state_dict(), path)


def main(path="stem.safetensors", budget="60s", **tiny):
    @sa.space
    class Network:
        widths: tuple[int, ...] = sa.repeat(sa.choice(16, 32, 64), 1, 3)

        def build(self, task: sa.TaskSpec) -> nn.Module:
            stem = sa.nn.pretrained(sa.nn.conv_unit(1, 16), path, freeze=True)
            units = map(sa.nn.conv_unit, (16, *self.widths), self.widths)
            return nn.Sequential(stem, *units, sa.nn.classifier((self.widths[-1], 8, 8), task.outputs))

    train_stem(path)
    result = sa.search("digits", Network, budget=budget, **tiny)
    print(result.verdict.sentence)
    return result


if __name__ == "__main__":
    main()
