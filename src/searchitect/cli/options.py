"""The options of the commands. Those of `run` and `plan` fill a `RunSettings`, one option for each field."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from searchitect.cli.exits import boundary
from searchitect.config import RunSettings, parse_options, read_settings

__all__ = [
    "Confidence",
    "Debug",
    "Devices",
    "Json",
    "Limits",
    "Name",
    "Objectives",
    "Quiet",
    "Shown",
    "Store",
    "StudyName",
    "Target",
    "Workers",
    "option",
    "takes_settings",
]


def option(help: str, metavar: str | None = None, *flags: str) -> Any:  # noqa: A002 - typer's word
    """An option whose default, which is to leave the choice to the program, is not shown."""
    return typer.Option(*flags, metavar=metavar, help=help, show_default=False)


Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout, nothing else.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
Store = Annotated[
    str | None, typer.Option(metavar="URL", help="Where studies are kept: a file, sqlite:///FILE or postgresql://…")
]
StudyName = Annotated[str, typer.Argument(metavar="STUDY", help="Name of a study; see `list studies`.")]
Target = Annotated[str | None, option("Column to predict, for a table.", "COLUMN")]
Objectives = Annotated[list[str] | None, option("Optimise this; repeat for more, most important first.", "NAME")]
Limits = Annotated[list[str] | None, option("Keep this limit: 'parameters<=100000'; repeat for more.", "LIMIT")]
Devices = Annotated[
    list[str] | None, option("Where it must run: a name from `list devices`, or FILE; repeat for more.", "DEVICE")
]
Confidence = Annotated[float | None, option("How sure a limit on a prediction must be kept [0.95].", "SHARE")]
Workers = Annotated[int | None, option("Processes that train at the same time.", "N")]
Name = Annotated[str | None, option("Name of the study.", "NAME")]


@dataclass(frozen=True, slots=True)
class Shown:
    """How a command answers."""

    json: bool = False
    quiet: bool = False
    debug: bool = False


def _option(kind: Any, help: str, metavar: str | None = None, *flags: str) -> Any:  # noqa: A002 - typer's word
    return Annotated[kind, option(help, metavar, *flags)]


_TEXT, _NUMBER, _TEXTS, _SWITCH = str | None, int | None, list[str] | None, bool | None
_FIGURE = float | None

_SETTINGS: dict[str, Any] = {
    "task": Annotated[
        _TEXT,
        typer.Argument(
            metavar="TASK|PATH",
            help="A name from `list tasks`, or data: a folder of images, .csv, .npz, IDX …",
            show_default=False,
        ),
    ],
    "target": Target,
    "group": _option(_TEXT, "Column whose values stay together in one split: patient, site …", "COLUMN"),
    "time": _option(_TEXT, "Column of times: train before validation before test.", "COLUMN"),
    "space": _option(
        _TEXT,
        "What to search: a name from `list spaces`, FILE.py:CLASS (trusted: the file is run), or a file of layers.",
        "SPACE",
    ),
    "strategy": _option(_TEXT, "How to search; see `list strategies`.", "NAME"),
    "option": _option(_TEXTS, "An option of the strategy: population_size=20; repeat for more.", "NAME=VALUE"),
    "warm_start": _option(_TEXTS, "Start from STUDY, STUDY@STORE, @STORE or optuna:URL; repeat for more.", "STUDY"),
    "stopping": _option(_TEXT, "End trials early that fall behind: median, curve.", "RULE"),
    "prune_space": _option(_SWITCH, "Leave out options that are not worth trying.", None, "--prune-space"),
    "proxies": _option(_TEXT, "Start from zero-cost scores: default, or names such as nwot,flops.", "NAMES"),
    "trials": _option(_NUMBER, "Evaluations of the search, at most.", "N"),
    "budget": _option(_TEXT, "For everything: 90s, 5min, 1h30m; 50trials; 2kWh, 500Wh.", "TIME"),
    "until": _option(_TEXT, "Stop once this holds: 'accuracy>=0.95'.", "CONDITION"),
    "objective": Objectives,
    "constraint": Limits,
    "devices": Devices,
    "confidence": Confidence,
    "scenarios": _option(_TEXT, "Search for all places in this TOML file at once.", "FILE"),
    "size": _option(_NUMBER, "Models for the scenarios, at most; one for each by default.", "K"),
    "reference": _option(_TEXT, "Measure agreement and negative_flips against this deployed model.", "DIR"),
    "epochs": _option(_NUMBER, "Passes over the data for each evaluation.", "N"),
    "workers": Workers,
    "memory": _option(_TEXT, "What one evaluation may take: 2GB, 512MB; more fails that trial alone.", "SIZE"),
    "device": _option(_TEXT, "Torch device: cpu, cuda, cuda:1 …", "DEVICE"),
    "seed": _option(_NUMBER, "Same seed, same study (serial or --deterministic).", "N"),
    "deterministic": _option(_SWITCH, "The same journal for the same number of workers.", None, "--deterministic"),
    "random": _option(_SWITCH, "Leave out the comparison with random search at equal cost.", None, " /--no-random"),
    "profile": _option(_SWITCH, "Write a profiler trace of one trial.", None, "--profile"),
    "store": Store,
    "out": _option(_TEXT, "Folder for the model and its report.", "DIR"),
    "name": Name,
    "executor": _option(_TEXT, "Where trials run: serial, processes, ray.", "NAME"),
    "ray_address": _option(_TEXT, "Join this Ray cluster: HOST:PORT or auto; one is started here without.", "ADDRESS"),
    "trial_cpus": _option(_FIGURE, "CPUs of the cluster that a trial needs [1].", "N"),
    "trial_gpus": _option(_FIGURE, "GPUs of the cluster that a trial needs: 0.25 shares one [0].", "N"),
    "trial_seconds": _option(_FIGURE, "Stop a trial after so long.", "SECONDS"),
    "hang_seconds": _option(_FIGURE, "Stop a trial without a sign of life for so long [600].", "SECONDS"),
    "retries": _option(_NUMBER, "Run a trial again whose worker or machine was lost [2].", "N"),
    "max_failures": _option(_FIGURE, "Stop once more than this share of the trials fail [0.8].", "SHARE"),
    "ranks": _option(_NUMBER, "Programs that train each model together, data-parallel, on CPU [1].", "N"),
    "disk": _option(_TEXT, "What weights of trials may take: 10GB.", "SIZE"),
    "artifacts": _option(_TEXT, "Keep weights of trials below this URL, not in the folder: s3://bucket/runs.", "URL"),
    "allow_changed_code": _option(
        _SWITCH, "Go on although the source of the space has changed.", None, "--allow-changed-code"
    ),
}
_CONFIG = Annotated[
    Path | None, typer.Option(metavar="FILE.toml", help="Settings from a file; what is typed here wins.")
]


def takes_settings(command: Callable[[RunSettings, Shown], None]) -> Callable[..., None]:
    """Give a command one option for each field of `RunSettings`, and `--config`, `--json`, `--quiet`, `--debug`.

    A user's error within the command ends it with one sentence.
    """

    @functools.wraps(command)
    def parsed(
        config: Path | None, as_json: bool, quiet: bool, debug: bool, **given: str | int | bool | list[str] | None
    ) -> None:
        with boundary(debug):
            settings = RunSettings() if config is None else read_settings(config)
            command(settings.updated(_typed(given)), Shown(as_json, quiet, debug))

    parsed.__signature__ = _signature()  # type: ignore[attr-defined]  # what typer reads
    parsed.__annotations__ = {}
    del parsed.__wrapped__
    return parsed


def _typed(given: Mapping[str, Any]) -> dict[str, Any]:
    """What was given on the command line; an option that may repeat is an empty list when it was not."""
    typed = {name: value for name, value in given.items() if value is not None and value != []}
    return typed | ({"option": parse_options(typed["option"])} if "option" in typed else {})


def _signature() -> inspect.Signature:
    shared = {"config": (_CONFIG, None), "as_json": (Json, False), "quiet": (Quiet, False), "debug": (Debug, False)}
    options = {name: (annotation, None) for name, annotation in _SETTINGS.items()} | shared
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Signature(
        [inspect.Parameter(name, kind, default=default, annotation=a) for name, (a, default) in options.items()]
    )
