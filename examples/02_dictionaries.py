"""A space from plain dictionaries; stop after two minutes or at an accuracy of 0.97, whichever comes first."""

import searchitect as sa

Network = sa.layers(
    [
        {"type": "Conv2D", "filters": [16, 32, 64], "kernel_size": [3, 5]},
        {"type": "MaxPooling2D"},
        {"type": "Conv2D", "filters": [32, 64], "kernel_size": [3, 5]},
        {"type": "Dropout", "rate": [0.1, 0.3]},
        {"type": "Dense", "units": [64, 128]},
    ]
)


def main(budget="2min", **tiny):
    result = sa.search("digits", Network, budget=budget, until="accuracy>=0.97", **tiny)
    print(f"stopped by: {result.stopped_by}")
    print(result.best.instance)
    print(result.verdict.sentence)  # the comparison with random search at equal cost
    return result


if __name__ == "__main__":
    main()
