"""Why this architecture? Five sentences, one page, and the pieces behind them as plain data."""

import searchitect as sa


@sa.space
class Network:
    depth: int = sa.choice(1, 2, 3, 4)
    kernel: int = sa.choice(3, 5, 7)
    width: int = sa.choice(16, 32, 64)
    pool: str = sa.choice("max", "average")


def train(network: Network, context: object = None) -> dict[str, float]:
    """Stands for a training of yours: depth decides, a kernel of 5 helps, width costs."""
    accuracy = 0.7 + 0.06 * network.depth - 0.01 * network.depth**2 + 0.02 * (network.kernel == 5)
    return {"accuracy": accuracy, "latency_ms": 0.1 * network.width * network.depth}


def main(page: str = "why.html", trials: int = 40, **options):
    result = sa.search(space=Network, evaluate=train, objectives=["accuracy"], trials=trials, **options)
    why = result.explain(limits=["latency_ms<=3.2"])
    for sentence in why.sentences:
        print("-", sentence)
    for one in why.importances.everywhere.decisions:
        print(f"{one.name:8} {one.share:6.1%}  ({one.low:.1%} to {one.high:.1%})")
    for one in why.otherwise:
        print("-", one.text)
    print("page:", why.write(page))  # the same as JSON lies beside it
    return why


if __name__ == "__main__":
    main()
