import searchitect as sa
from searchitect.spaces.graphs import paths
from searchitect.strategies.cell_graphs import graph_reader
from tests.strategies.spaces import ALL


@sa.space
class Edges:
    edge_0_1: str = sa.choice("none", "conv", "skip")
    edge_0_2: str = sa.choice("none", "conv", "skip")
    edge_1_2: str = sa.choice("none", "conv", "skip")


@sa.space
class Vertices:
    edge_0_1: bool = sa.choice(False, True)
    edge_0_2: bool = sa.choice(False, True)
    edge_1_2: bool = sa.choice(False, True)
    operation_1: str = sa.choice("conv", "pool")
    learning_rate: float = sa.real(1e-3, 1.0, log=True, role="training")


def ways(instance):
    space = sa.SearchSpace.of(type(instance))
    return paths(*graph_reader(space)(space.architecture(instance)))


def test_operations_on_edges_are_recognised_by_name():
    assert ways(Edges("conv", "skip", "skip")) == {("skip",), ("conv", "skip")}
    assert ways(Edges("conv", "none", "none")) == set()


def test_operations_in_vertices_are_recognised_by_name():
    assert ways(Vertices(True, True, True, "pool", 0.1)) == {(), ("pool",)}
    assert ways(Vertices(True, True, False, "pool", 0.1)) == {()}


def test_a_method_of_the_class_says_it_best():
    @sa.space
    class Chain:
        first: str = sa.choice("a", "b")
        second: str = sa.choice("a", "b")

        def graph(self):
            return [[0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [0, 0, 0, 0]], ["in", self.first, self.second, "out"]

    assert ways(Chain("b", "a")) == {("b", "a")}


def test_other_spaces_show_no_graph():
    assert all(graph_reader(sa.SearchSpace.of(source)) is None for source in ALL)

    @sa.space
    class Mixed:
        edge_0_1: str = sa.choice("none", "conv")
        width: int = sa.choice(1, 2)

    assert graph_reader(sa.SearchSpace.of(Mixed)) is None
