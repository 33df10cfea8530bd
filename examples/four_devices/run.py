"""One search, three models for four devices: python run.py FOLDER, with the IDX files of Fashion-MNIST.

Writes a deployable model for each scenario below runs/four_devices/portfolio, and one page for all of them. The same
from a shell: searchitect run FOLDER --scenarios devices.toml --size 3 --budget 24min
"""

import sys
from pathlib import Path

import searchitect as sa

DEVICES = Path(__file__).with_name("devices.toml")


def main(data, budget="24min", **tiny):
    result = sa.search(data, scenarios=DEVICES, size=3, budget=budget, name="four_devices", **tiny)
    portfolio = result.portfolio()
    for service in portfolio.services:
        if service.member is None:
            print(f"{service.scenario}: no model. {service.problem}")
        else:
            print(f"{service.scenario}: model {service.member}, accuracy {service.value:.3f}, {service.folder}")
    for one in portfolio.trade_offs:
        print(f"{one.scenario}: {one.limit} instead of {one.instead_of}: {100 * one.difference:+.1f} points")
    print(result.verdict.sentence)
    return result


if __name__ == "__main__":
    main(sys.argv[1])
