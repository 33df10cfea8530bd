"""The first event of a study: everything that must be the same when it is opened again."""

from __future__ import annotations

import datetime
import hashlib
import inspect
import platform
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from typing import TYPE_CHECKING, Any

from searchitect.errors import ConfigError
from searchitect.storage.journal import Event
from searchitect.strategies.prior import PriorTrial, digest_of
from searchitect.study.stopping import rule_name

if TYPE_CHECKING:
    from searchitect.spaces.search_space import SearchSpace
    from searchitect.study.study import Study

__all__ = [
    "MIGRATED",
    "differences",
    "is_cut_off",
    "make_manifest",
    "prior_entry",
    "prior_of",
    "refuse_cut_off",
    "refuse_difference",
    "refuse_newer",
    "source_digest",
    "space_entry",
    "unusual",
    "versions",
]

VERSION = 1
"""Version of the event format; readers refuse a newer one."""

MIGRATED = "migrated_from"
"""What is recorded of a migrated study: where it came from, and how many events carried it over."""


def make_manifest(
    study: Study,
    strategy: str,
    options: Mapping[str, Any] | None,
    details: Mapping[str, Any] | None,
    recorded: Mapping[str, Any] | None,
) -> Event:
    """The manifest of a new study: what is compared when it is opened again, what is only kept, and the clock."""
    return {
        "kind": "manifest",
        "version": VERSION,
        "study": study.name,
        "space": space_entry(study.space),
        "strategy": {"name": strategy, "options": {k: _written(v) for k, v in (options or {}).items()}},
        "seed": study.seed,
        "settings": {
            "objectives": [str(objective) for objective in study.objectives],
            "constraints": [str(limit) for limit in study.constraints],
            "fidelity": study.setting.fidelity.to_json(),
            "budget": study.setting.budget,
            **unusual(study.setting.workers, study.setting.prior),
            **({} if study.pruning is None else {"prune_space": True}),
            **({} if study.stopping is None else {"stopping": rule_name(study.stopping)}),
            **({} if study.setting.scores is None else {"proxy_pool": study.setting.pool}),
        },
        "details": dict(details or {}),
        "recorded": {**(recorded or {}), **prior_entry(study.setting.prior)},
        "clock": {
            "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "versions": versions(),
        },
    }


def _written(option: Any) -> Any:
    """An option as JSON; a function, which no journal can hold, by its name."""
    if not callable(option):
        return option
    named = option if hasattr(option, "__qualname__") else type(option)
    return f"{named.__module__}.{named.__qualname__}"


def unusual(workers: int, prior: Sequence[PriorTrial]) -> dict[str, Any]:
    """Settings that most studies do without; left out there, so that older manifests still agree."""
    found: dict[str, Any] = {} if workers == 1 else {"workers": workers}
    return found | ({"prior": digest_of(prior)} if prior else {})


def prior_entry(prior: Sequence[PriorTrial]) -> dict[str, Any]:
    """The prior trials as they are recorded; `prior_of` reads them back."""
    return {"prior": [record.to_json() for record in prior]} if prior else {}


def prior_of(manifest: Event) -> tuple[PriorTrial, ...]:
    """The prior trials that a study began with: resuming it needs no store but its own."""
    return tuple(PriorTrial.from_json(record) for record in manifest["recorded"].get("prior", ()))


def space_entry(space: SearchSpace) -> dict[str, Any]:
    """What the manifest says of a space."""
    return {
        "name": space.name,
        "digest": space.digest,
        "source_digest": source_digest(*space.classes()),
        "description": space.describe(),
    }


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that results depend on."""
    found = {"python": platform.python_version()}
    for package in ("searchitect", "torch", "numpy", "scikit-learn"):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def source_digest(*sources: object) -> str | None:
    """Hash of the source text of classes or functions.

    Returns:
        None where one of them has no text to read: made from data, or typed into an interactive session.
    """
    try:
        texts = [inspect.getsource(source) for source in sources]  # type: ignore[arg-type]
    except (OSError, TypeError):
        return None
    return hashlib.blake2b("\n".join(texts).encode(), digest_size=16).hexdigest()


def refuse_difference(old: Event, new: Event, allow_changed_code: bool = False) -> None:
    """Compare the manifest in the store with the one of this run.

    Raises:
        ConfigError: they differ in something that matters; the message names the first difference.
    """
    refuse_newer(old)
    for path, before, now in differences(old, new):
        if path.endswith("source_digest"):
            if allow_changed_code or before is None or now is None:
                continue
            raise ConfigError(
                f"study {new['study']!r} exists, and the source of its space or function has changed since",
                hint="--allow-changed-code goes on all the same; --name starts another study",
            )
        _refuse_older_split(old, new)
        what = path.removeprefix("details.")
        raise ConfigError(
            f"study {new['study']!r} exists with another {what}: {_short(before)}, now {_short(now)}",
            hint=_MIGRATE
            if path == "space.digest"
            else "repeat the earlier setting to go on, or start another study with --name",
        )


def _refuse_older_split(old: Event, new: Event) -> None:
    """Regressions of few examples were not stratified in earlier versions; their splits cannot be made any more."""
    before, now = (_at(manifest, "details.task") for manifest in (old, new))
    if not isinstance(before, Mapping) or not isinstance(now, Mapping):
        return  # a study of one's own may note its task in any words
    same = all(before.get(name) == now.get(name) for name in ("name", "spec", "sizes"))
    older, newer = (dict(task.get("source", {})) for task in (before, now))
    if same and newer.pop("strata", None) is not None and older == newer:
        raise ConfigError(
            f"study {new['study']!r} was made by an earlier searchitect, which split regressions of few examples"
            " without regard to their targets",
            hint="show, report, export and predict work on it as it is; --name starts another study",
        )


_MIGRATE = "`searchitect migrate STUDY NEW --space …` carries its trials over; --name starts another study"


def refuse_newer(manifest: Event) -> None:
    """Let nothing read a journal whose format it does not know.

    Raises:
        ConfigError: the manifest is of a newer version.
    """
    if manifest.get("version", 0) > VERSION:
        raise ConfigError(
            f"study {manifest.get('study')!r} was written by a newer searchitect "
            f"(format {manifest['version']} > {VERSION})",
            hint="upgrade: pip install -U searchitect",
        )


def refuse_cut_off(manifest: Event, events: int) -> None:
    """Let nothing go on with a migrated study that lacks some of the trials that were to be carried over.

    Args:
        events: how many the journal has.

    Raises:
        ConfigError: the migration was cut off.
    """
    if is_cut_off(manifest, events):
        old = manifest["recorded"][MIGRATED]["study"]
        raise ConfigError(
            f"the migration that made study {manifest['study']!r} was cut off",
            hint=f"migrate {old!r} to this name again; what was left half done is replaced",
        )


def is_cut_off(manifest: Event, events: int) -> bool:
    """Whether a journal of so many events ends before its migration did."""
    return bool(events < manifest["recorded"].get(MIGRATED, {}).get("events", 0))


_COMPARED = ("space.name", "space.digest", "strategy", "seed", "settings", "details", "space.source_digest")


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Yield (path, before, now) for every compared entry of two manifests that is not the same."""
    for path in _COMPARED:
        yield from _differences(path, _at(old, path), _at(new, path))


def _differences(path: str, before: Any, now: Any) -> Iterator[tuple[str, Any, Any]]:
    """Go down to the entries that differ: a whole task or recipe tells a reader nothing."""
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        for key in dict.fromkeys([*before, *now]):
            yield from _differences(f"{path}.{key}", before.get(key), now.get(key))
    elif before != now:
        yield path, before, now


def _at(document: Mapping[str, Any], path: str) -> Any:
    value: Any = document
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 120 else text[:117] + "…"
