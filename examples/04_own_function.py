"""Your own training function, with any framework inside: here scikit-learn, and no torch at all."""

from sklearn.datasets import load_wine
from sklearn.model_selection import cross_val_score
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import searchitect as sa


@sa.space
class Network:
    widths: tuple[int, ...] = sa.repeat(sa.choice(4, 8, 16, 32), 1, 3)
    activation: str = sa.choice("relu", "tanh")
    alpha: float = sa.real(1e-5, 1e-1, log=True)


def evaluate(network, context):
    X, y = load_wine(return_X_y=True)  # noqa: N806
    model = MLPClassifier(
        network.widths, activation=network.activation, alpha=network.alpha,
        solver="lbfgs", max_iter=300, random_state=context.seed % 2**32,
    )  # fmt: skip
    return {"accuracy": float(cross_val_score(make_pipeline(StandardScaler(), model), X, y, cv=3).mean())}


def main(trials=30, **tiny):
    result = sa.search(space=Network, evaluate=evaluate, objectives="accuracy", trials=trials, **tiny)
    print(result.best.instance, result.best.mean)
    print(result.verdict.sentence)
    return result


if __name__ == "__main__":
    main()
