"""`SearchSpace`: a space class, compiled once, with everything a strategy, a study or a report asks of it."""

from __future__ import annotations

import hashlib
import inspect
import random
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

from searchitect.errors import SpaceError
from searchitect.spaces.architecture import Architecture, Value
from searchitect.spaces.compiled_space import CompiledSpace
from searchitect.spaces.encodings import Encoding
from searchitect.spaces.forms import Choose, active, fill
from searchitect.spaces.migrating import migrated
from searchitect.spaces.recipe import Recipe
from searchitect.spaces.sampling import default, draw, draw_even
from searchitect.spaces.task_spec import TaskSpec
from searchitect.spaces.variation import crossed, mutated, neighbouring

if TYPE_CHECKING:
    from typing import Self

    import numpy as np
    import numpy.typing as npt

__all__ = ["SearchSpace"]

CACHE = "__search_space__"


class _Cached:
    """Holds a compiled space on its class; travels empty, since a compiled space is made anew in no time."""

    def __init__(self, space: SearchSpace | None = None) -> None:
        self.space = space

    def __reduce__(self) -> tuple[object, ...]:
        return (_Cached, ())


class SearchSpace(CompiledSpace):
    """Sampling, moves, encodings, identity and building, on top of what belongs to the space.

    Get one by `SearchSpace.of(cls)`. Architectures passed in are trusted to belong to the space (`contains` tells);
    those handed out always do. It holds no state and draws only from the generator it is given.
    """

    @classmethod
    def of(cls, source: object) -> Self:
        """Return the search space of a class marked `@space`; compiled once per class.

        Raises:
            SpaceError: it is no such class, or cannot be compiled.
        """
        if isinstance(source, cls):
            return source
        if not isinstance(source, type):
            raise SpaceError(f"expected a class marked @sa.space, got {source!r}"[:200])
        cached = vars(source).get(CACHE)
        if not isinstance(cached, _Cached) or not isinstance(cached.space, cls):
            cached = _Cached(cls(source))
            setattr(source, CACHE, cached)
        assert isinstance(cached.space, cls)
        return cached.space

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self).of, (self.source,))

    def sample(self, rng: random.Random, uniform: Literal["decisions", "architectures"] = "decisions") -> Architecture:
        """Draw an architecture that satisfies all constraints.

        Args:
            uniform: "decisions": each decision in turn, evenly over its values or by its prior weights, so that
                short repeats are as likely as long ones; "architectures": every architecture equally likely (prior
                weights do not count, real numbers follow their own measure).

        Raises:
            SpaceError: no architecture satisfies the constraints.
        """
        values: dict[str, Value] = {}
        if uniform == "decisions":
            draw(self._root, "", rng, values)
        elif uniform == "architectures":
            draw_even(self._root, "", rng, values)
        else:
            raise SpaceError(f"uniform over 'decisions' or 'architectures', got {uniform!r}")
        return Architecture(self.digest, values)

    def default(self) -> Architecture:
        """Return the first option, lowest integer, middle real number, shortest repeat, absent optional of each."""
        values: dict[str, Value] = {}
        default(self._root, "", values)
        return Architecture(self.digest, values)

    def decide(self, choose: Choose) -> Architecture:
        """Return the architecture whose active decisions take the values that `choose(path, decision)` returns.

        It is asked in the order of the space, so that what was chosen says what is asked next. Conditions between
        decisions are not tested: `contains` tells.
        """
        values: dict[str, Value] = {}
        fill(self._root, "", choose, values)
        return Architecture(self.digest, values)

    def neighbours(self, architecture: Architecture) -> Iterator[Architecture]:
        """Yield, lazily, all architectures with one active decision changed (see `variation.neighbouring`)."""
        return (Architecture(self.digest, v) for v in neighbouring(self._root, architecture.decisions))

    def mutate(self, architecture: Architecture, rng: random.Random) -> Architecture:
        """Return a different, valid architecture with one active decision changed (see `variation.mutated`).

        Raises:
            SpaceError: the space holds one architecture only.
        """
        return Architecture(self.digest, mutated(self._root, architecture.decisions, rng))

    def crossover(self, first: Architecture, second: Architecture, rng: random.Random) -> Architecture:
        """Return a valid child that takes each decision from one of its parents (see `variation.crossed`)."""
        return Architecture(self.digest, crossed(self._root, first.decisions, second.decisions, rng))

    def encode(self, architecture: Architecture, kind: Encoding = "one_hot") -> npt.NDArray[np.float64]:
        """Return a vector of fixed length: "one_hot" or "unit_cube" (see `encodings`)."""
        return self._layout().encode(architecture.decisions, kind)

    def mask(self, architecture: Architecture, kind: Encoding = "one_hot") -> npt.NDArray[np.bool_]:
        """Return which entries of `encode(architecture, kind)` belong to active decisions."""
        return self._layout().mask(architecture.decisions, kind)

    def decode(self, vector: npt.ArrayLike) -> Architecture:
        """Return the architecture at a point of the unit cube; the inverse of `encode(…, "unit_cube")`.

        Raises:
            SpaceError: wrong length, a NaN, or a point whose architecture breaks a constraint.
        """
        values = self._layout().decode(vector)
        if self._root.constrained:
            self._require(values)
        return Architecture(self.digest, values)

    def canonical(self, architecture: Architecture) -> Architecture:
        """Return the representative of all architectures that are the same model written differently.

        The space may define `canonical`: a static or class method from architecture to architecture, or a method that
        takes the typed instance and returns one. Without it every architecture represents itself.
        """
        method = self._canonical
        if method is None:
            return architecture
        if isinstance(method, (staticmethod, classmethod)):
            found = self.source.canonical(architecture)  # type: ignore[attr-defined]
        else:
            found = self.instance(architecture).canonical()
        if isinstance(found, Architecture):
            return found
        return self.architecture(found)

    def key(self, architecture: Architecture) -> str:
        """Return 32 hexadecimal characters; equal for isomorphic architectures, whatever else the space holds."""
        return hashlib.blake2b(self.canonical(architecture).text.encode(), digest_size=16).digest().hex()

    def recipe(self, architecture: Architecture, base: Recipe | None = None) -> Recipe:
        """Return the training recipe: `base` with the training decisions filled in, or what `recipe(self)` of the
        outermost space returns (which may take `base` as second argument)."""
        base = Recipe() if base is None else base
        if hasattr(self.source, "recipe"):
            instance = self.instance(architecture)
            made = instance.recipe(base) if _arity(instance.recipe) else instance.recipe()
            if not isinstance(made, Recipe):
                raise SpaceError(f"{self.name}.recipe returned {type(made).__name__}, expected a sa.Recipe")
            return made
        chosen: dict[str, Value] = {}
        for path, form in active(self._root, "", architecture.decisions):
            name = path.rpartition(".")[2]
            if form.role == "training" and name in chosen:
                raise SpaceError(f"{self.name}: two active decisions fill the recipe's {name!r}, one is {path!r}")
            if form.role == "training":
                chosen[name] = architecture[path]
        return base.updated(chosen)

    def migrate(
        self,
        document: object,
        old_description: Mapping[str, Any] | None = None,
        values: Mapping[str, Value] | None = None,
    ) -> Architecture:
        """Carry an architecture of an older version of this space over, or refuse (rules: `migrating`).

        Raises:
            SpaceError: naming the decision that cannot be carried over.
        """
        return Architecture(self.digest, migrated(self._root, document, old_description, values))

    def build(self, architecture: Architecture, spec: TaskSpec | None = None) -> Any:
        """Return the model: `build(spec)` of the typed instance, or `build()` where it takes no argument.

        Raises:
            SpaceError: the space has no `build`, or it needs a task that was not given.
        """
        instance = self.instance(architecture)
        if not hasattr(instance, "build"):
            raise SpaceError(
                f"{self.name} has no build method", hint="write `def build(self, task: sa.TaskSpec) -> nn.Module`"
            )
        if not _arity(instance.build):
            return instance.build()
        if spec is None:
            raise SpaceError(f"{self.name}.build wants the shapes of a task", hint="pass a sa.TaskSpec")
        return instance.build(spec)


def _arity(method: Any) -> int:
    """How many positional arguments a bound method can take."""
    kinds = [p.kind for p in inspect.signature(method).parameters.values()]
    return sum(kind in (kind.POSITIONAL_ONLY, kind.POSITIONAL_OR_KEYWORD, kind.VAR_POSITIONAL) for kind in kinds)
