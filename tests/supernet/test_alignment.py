from torch import nn

from searchitect.supernet.alignment import align, new_parts


def unit(before, after, stride=1):
    return nn.Sequential(nn.Conv2d(before, after, 3, stride, padding=1), nn.BatchNorm2d(after), nn.ReLU())


def names(parent, child):
    return {leaf.name: None if source is None else source.name for source, leaf in align(parent, child)}


def test_equal_models_are_aligned_name_by_name():
    model = nn.Sequential(unit(3, 8), unit(8, 8), nn.Flatten(), nn.Linear(8, 2))
    assert all(name == source for name, source in names(model, model).items())


def test_a_unit_more_is_new_as_a_whole():
    parent = nn.Sequential(unit(3, 8), nn.MaxPool2d(2), unit(8, 8), nn.Linear(8, 2))
    child = nn.Sequential(unit(3, 8), unit(8, 8), nn.MaxPool2d(2), unit(8, 8), nn.Linear(8, 2))
    aligned = names(parent, child)
    assert aligned["0.0"] == "0.0"
    assert aligned["3.0"] == "2.0"
    assert aligned["4"] == "3"
    assert [name for name, source in aligned.items() if source is None] == ["1.0", "1.1", "1.2"]
    assert [(name, sequence) for name, _, sequence in new_parts(child, align(parent, child))] == [("1", True)]


def test_strides_tell_layers_of_equal_shape_apart():
    parent = nn.Sequential(unit(8, 8), unit(8, 8, stride=2))
    child = nn.Sequential(unit(8, 8), unit(8, 8), unit(8, 8, stride=2))
    assert names(parent, child)["2.0"] == "1.0"


def test_what_stands_beside_something_is_told_from_what_stands_in_a_sequence():
    class Beside(nn.Module):
        def __init__(self, shortcut):
            super().__init__()
            self.body, self.shortcut = nn.Linear(4, 4), shortcut

    parent, child = Beside(nn.Identity()), Beside(nn.Conv1d(4, 4, 1))
    assert [(name, sequence) for name, _, sequence in new_parts(child, align(parent, child))] == [("shortcut", False)]


def test_layers_of_another_kind_never_continue_one():
    parent = nn.Sequential(nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4))
    child = nn.Sequential(nn.Conv2d(4, 4, 3, groups=4), nn.GroupNorm(2, 4))
    assert set(names(parent, child).values()) == {None}
