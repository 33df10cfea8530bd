"""Your own loop: ask for a trial, evaluate it in any way, tell what came out. Two strategies side by side."""

import searchitect as sa


@sa.space
class Shape:
    depth: int = sa.integer(1, 12)
    width: int = sa.integer(8, 128, step=8)
    rate: float = sa.real(1e-4, 1e-1, log=True)


def loss(shape):
    """Stands for an experiment of yours: best at depth 7, width 64, rate 0.01."""
    return abs(shape.depth - 7) / 12 + abs(shape.width - 64) / 128 + abs(shape.rate - 0.01)


def search(strategy, trials):
    study = sa.Study(Shape, strategy=strategy, objectives=["loss"], budget=trials, seed=1)
    for _ in range(trials):
        trial = study.ask()
        study.tell(trial, loss=loss(study.instance(trial)))
    return study.best


def main(trials=200):
    best = {name: search(name, trials) for name in ("regularized_evolution", "random")}
    for name, trial in best.items():
        print(f"{name:<22} loss {trial.measurements['loss']:.4f} after {trials} trials")
    return best


if __name__ == "__main__":
    main()
