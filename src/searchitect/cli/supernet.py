"""`supernet train|search|rank|extract`: weights shared by all architectures of a space."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from searchitect.cli import text
from searchitect.cli.exits import boundary, stoppable
from searchitect.cli.options import Debug, Json, Limits, Name, Objectives, Quiet, Store, Target, Workers, option
from searchitect.cli.probabilities import probabilities
from searchitect.cli.progress import progress
from searchitect.cli.running import answer
from searchitect.config import parse_options
from searchitect.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from searchitect.api.gradients import Gradients
    from searchitect.api.trained_supernet import TrainedSupernet

__all__ = ["supernet"]

SAMPLED = ("spos", "fairnas", "sandwich", "ofa", "enas")
GRADIENT = ("darts", "darts2", "gdas", "snas", "pc_darts", "dr_nas", "proxyless")
SAVE_EVERY = 50
"""Steps between checkpoints within an epoch."""

supernet = typer.Typer(
    help="Share one set of weights between all architectures of a space.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
)


_Task = Annotated[str, typer.Argument(metavar="TASK|PATH", help="Data, as for `run`.")]
_Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the supernet was trained.")]
_Space = Annotated[
    str | None, option("A name from `list spaces`, FILE.py:CLASS (trusted: it is run), or a file of layers.", "SPACE")
]
_Method = Annotated[str, option(f"{', '.join(SAMPLED)} [default: spos]; by gradients: {', '.join(GRADIENT)}.", "NAME")]
_Epochs = Annotated[int | None, option("Passes over the training data.", "N")]
_Fix = Annotated[
    list[str] | None, option("A decision that is not shared: stem=16; repeat for more.", "NAME=VALUE", "--fix")
]
_Costs = Annotated[
    list[str] | None,
    option(
        "By gradients: aim at an expected flops, parameters or latency_ms; repeat for more.", "NAME=TARGET", "--cost"
    ),
]
_Time = Annotated[str | None, option("Stop the training after this time: 10min.", "TIME")]
_Seeds = Annotated[int, typer.Option(metavar="N", help="Runs of a search by gradients.")]
_Seed = Annotated[int, typer.Option(metavar="N", help="Same seed, same weights.")]
_Device = Annotated[str, typer.Option(metavar="DEVICE", help="Torch device.")]
_SaveEvery = Annotated[int, typer.Option(metavar="N", help="Steps between checkpoints within an epoch.")]
_Out = Annotated[
    Path | None, option("Receives weights and checkpoints [default: runs/supernets/…].", "FOLDER", "--out")
]
_Strategy = Annotated[str, typer.Option(metavar="NAME", help="How to search; see `list strategies`.")]
_Ranks = Annotated[int, typer.Option(metavar="N", help="Programs that train the weights together, on CPU.")]
_Options = Annotated[list[str] | None, option("An option of the strategy; repeat for more.", "NAME=VALUE")]
_Trials = Annotated[int | None, option("Evaluations by shared weights [default: 200].", "N")]
_Budget = Annotated[str | None, option("Time for everything, the supernet's training included.", "TIME")]
_Alone = Annotated[int | None, option("Passes of each training alone.", "N")]
_Trust = Annotated[str, typer.Option(metavar="WORD", help="measured: refuse ranks no better than chance; or anyway.")]
_Model = Annotated[Path | None, option("Folder for the model and its report.", "DIR", "--out")]
_Random = Annotated[bool, typer.Option(" /--no-random", help="Leave out random search at equal cost.")]
_Architectures = Annotated[int, typer.Option(metavar="N", help="Subnets to train alone.")]
_AloneEpochs = Annotated[int, typer.Option(metavar="N", help="Of each training alone.")]
_File = Annotated[Path | None, option("Decisions of the architecture.", "FILE.json")]
_Best = Annotated[bool, typer.Option("--best", help="What the last search in this folder found.")]
_ModelFolder = Annotated[Path, typer.Option("--out", metavar="DIR", help="Receives the model's files.")]


@supernet.callback()
def _supernet() -> None:
    """Share one set of weights between all architectures of a space."""


@supernet.command("train")
def train(
    task: _Task,
    space: _Space = None,
    target: Target = None,
    method: _Method = "spos",
    epochs: _Epochs = None,
    fix: _Fix = None,
    cost: _Costs = None,
    budget: _Time = None,
    seeds: _Seeds = 3,
    seed: _Seed = 0,
    device: _Device = "cpu",
    save_every: _SaveEvery = SAVE_EVERY,
    ranks: _Ranks = 1,
    out: _Out = None,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Train shared weights, or search by gradients. Stopped and typed again it goes on, in the middle of an epoch."""
    with _kept(debug):
        _check_method(method, ranks)
        fixed, costs = parse_options(fix or []), parse_options(cost or [])
        folder = out or Path("runs") / "supernets" / _name(task, space, method, seed)
        from searchitect import api

        if method in GRADIENT:
            with probabilities(quiet=quiet) as shower:
                found = api.gradient_search(
                    task, space, target=target, method=method, epochs=epochs, fixed=fixed, costs=costs, seeds=seeds,
                    seed=seed, device=device, folder=folder, save_every=save_every, report=shower,
                )  # fmt: skip
            typer.echo(text.as_json(found.document()) if as_json else "\n".join(_gradient_lines(found, folder)))
            return
        if costs:
            raise ConfigError(
                f"costs enter a search by gradients, and {method!r} samples",
                hint=f"--method gdas, or afterwards searchitect supernet search {folder} --constraint 'flops<=1e7'",
            )
        trained = api.train_supernet(
            task, space, target=target, method=method, epochs=epochs, fixed=fixed, budget=budget, seed=seed,
            device=device, folder=folder, save_every=save_every, ranks=ranks, report=_reporter(quiet),
        )  # fmt: skip
        typer.echo(text.as_json(_document(trained, folder)) if as_json else "\n".join(_lines(trained, folder)))


@supernet.command("search")
def search(
    folder: _Folder,
    strategy: _Strategy = "regularized_evolution",
    option: _Options = None,
    trials: _Trials = None,
    budget: _Budget = None,
    objective: Objectives = None,
    constraint: Limits = None,
    epochs: _Alone = None,
    trust: _Trust = "measured",
    workers: Workers = None,
    space: _Space = None,
    seed: _Seed = 0,
    store: Store = None,
    name: Name = None,
    out: _Model = None,
    random: _Random = True,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Search by shared weights, confirm by training alone, with random search at equal cost beside it.

    After a search by gradients: train what it found alone, with random search at equal cost beside it.
    """
    with _kept(debug):
        if (folder / "gradients.json").is_file():
            if trials is not None or budget is not None or option or objective or constraint:
                raise ConfigError(
                    "a search by gradients has ended here: what it found is trained alone, as long as it takes",
                    hint=f"searchitect supernet search {folder}, without --trials, --budget, objectives and limits",
                )
            with progress(quiet=quiet) as following:
                found = _confirmed(folder, space, epochs, workers, store, name, out, random, following.on_event)
            answer(found, as_json=as_json)
            return
        trained = _opened(folder, space)
        from searchitect.spaces import Recipe

        with progress(quiet=quiet) as following:
            result = trained.search(
                strategy, trials, options=parse_options(option or []), objectives=objective or None,
                constraints=constraint or (), budget=budget, workers=workers, seed=seed, store=store, name=name,
                folder=out, random_search=random, trust=trust,  # type: ignore[arg-type]
                recipe=None if epochs is None else Recipe(epochs=epochs), on_event=following.on_event,
            )  # fmt: skip
        answer(result, as_json=as_json)


@supernet.command("rank")
def rank(
    folder: _Folder,
    architectures: _Architectures = 12,
    epochs: _AloneEpochs = 10,
    space: _Space = None,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Train some subnets alone: do shared weights rank as real training does?"""
    with _kept(debug):
        trained = _opened(folder, space)
        report = trained.ranks(architectures, epochs=epochs, report=None if quiet else _count)
        typer.echo(text.as_json(report.to_json()) if as_json else report.text())


@supernet.command("extract")
def extract(
    folder: _Folder,
    out: _ModelFolder,
    architecture: _File = None,
    best: _Best = False,
    space: _Space = None,
    debug: Debug = False,
) -> None:
    """Write one architecture as a model of its own, with the weights it inherits."""
    with _kept(debug):
        if best == (architecture is not None):
            raise ConfigError("which architecture?", hint="either --best or --architecture FILE.json")
        trained = _opened(folder, space)
        from searchitect.api.supernet_files import read_architecture

        chosen = trained.best if architecture is None else read_architecture(architecture)
        typer.echo(f"{out}: {', '.join(trained.export(chosen, out))}")


def _confirmed(
    folder: Path,
    space: str | None,
    epochs: int | None,
    workers: int | None,
    store: Any,
    name: str | None,
    out: Path | None,
    random: bool,
    on_event: Callable[[Any], None],
) -> Any:
    from searchitect import api
    from searchitect.spaces import Recipe

    recipe = None if epochs is None else Recipe(epochs=epochs)
    return api.open_gradients(folder, space=space).confirm(
        recipe=recipe, workers=workers, store=store, name=name, folder=out, random_search=random, on_event=on_event
    )


def _gradient_lines(found: Gradients, folder: Path) -> Iterator[str]:
    for place, run in enumerate(found.search.runs, 1):
        ended = "" if run.stopped is None else f" (stopped: {run.stopped})"
        yield f"{place}. hold-out {run.score:.4f}{ended}: {_decisions(run.architecture)}"
    yield found.gap.text()
    yield f"files {folder}: gradients.json, best.json"
    yield f"next: searchitect supernet search {folder} (did it help? random search at equal cost beside it)"


def _decisions(architecture: Any) -> str:
    return " ".join(f"{path}={text.measured(value)}" for path, value in architecture.items())


def _opened(folder: Path, space: str | None) -> TrainedSupernet:
    from searchitect import api

    return api.TrainedSupernet.open(folder, space=space)


def _check_method(method: str, ranks: int) -> None:
    if method not in SAMPLED + GRADIENT:
        raise ConfigError(
            f"no way to train a supernet is called {method!r}", hint=did_you_mean(method, SAMPLED + GRADIENT)
        )
    if ranks != 1 and method in GRADIENT:
        raise ConfigError(f"a gradient search such as {method!r} is run by one program", hint="leave --ranks out")


def _name(task: str, space: str | None, method: str, seed: int) -> str:
    """A folder that the same command finds again."""
    from searchitect.api.preparing import folder_name

    parts = [Path(task).stem or task, *([] if space is None else [Path(space.rpartition(":")[2]).stem]), method]
    return folder_name("-".join([*parts, f"seed{seed}"]))


@contextmanager
def _kept(debug: bool) -> Iterator[None]:
    """A user's error is one sentence; an interruption says how to go on."""
    with boundary(debug, go_on=lambda: "Checkpoints are kept. To go on: the same command again."), stoppable():
        yield


def _reporter(quiet: bool) -> Callable[[int, Mapping[str, float]], None] | None:
    def report(epoch: int, figures: Mapping[str, float]) -> None:
        shown = ", ".join(f"{name} {text.measured(value)}" for name, value in figures.items() if name != "epoch")
        _say(f"epoch {epoch}: {shown}")

    return None if quiet else report


def _count(done: int, total: int) -> None:
    _say(f"{done} of {total} trained alone")


def _say(sentence: str) -> None:
    sys.stderr.write(sentence + "\n")
    sys.stderr.flush()


def _lines(trained: TrainedSupernet, folder: Path) -> Iterator[str]:
    last = trained.history[-1] if trained.history else {}
    largest = f", largest subnet {last['accuracy']:.4f}" if "accuracy" in last else ""
    yield (
        f"{trained.method}: {trained.supernet.space.name} on {trained.task.name}, {len(trained.history)} epochs, "
        f"{trained.seconds:.0f} s{largest}"
    )
    yield f"weights {folder}"
    yield f"next: searchitect supernet rank {folder}, then search {folder}"


def _document(trained: TrainedSupernet, folder: Path) -> dict[str, Any]:
    kept = {
        name: trained.facts[name] for name in ("method", "seed", "seconds", "epochs", "stopped", "history", "fixed")
    }
    return {"folder": str(folder), "task": trained.task.name, "space": trained.supernet.space.name, **kept}
