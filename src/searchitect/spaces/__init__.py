"""A search space is a class marked `@space` whose fields are decisions; an architecture is one point of it, a value.

This room is the language of spaces and everything that can be asked of one without training: sampling, counting, moves,
encodings, identity. It knows no torch. Start reading at `declarations` (the words), `forms` (the compiled tree) and
`search_space` (what can be asked).
"""

from searchitect.spaces.architecture import Architecture, Value
from searchitect.spaces.declarations import choice, integer, nested, optional, real, recursive, repeat, subset
from searchitect.spaces.describing import Decision
from searchitect.spaces.recipe import Recipe
from searchitect.spaces.search_space import SearchSpace
from searchitect.spaces.space_class import constraint, make_space, space
from searchitect.spaces.task_spec import TaskSpec

__all__ = [
    "Architecture",
    "Decision",
    "Recipe",
    "SearchSpace",
    "TaskSpec",
    "Value",
    "choice",
    "constraint",
    "integer",
    "make_space",
    "nested",
    "optional",
    "real",
    "recursive",
    "repeat",
    "space",
    "subset",
]
