"""Search a small image task and keep the best model: three lines. Random search runs beside it on its own."""

import searchitect as sa


def main(budget="60s", **tiny):
    result = sa.search("digits", budget=budget, **tiny)
    print(result.verdict.sentence)
    return result


if __name__ == "__main__":
    main()
