"""Recurrent layers: torch's own ones, alone or sliced gate by gate."""

import pytest
import torch
from torch import nn

import searchitect as sa
from searchitect.errors import SpaceError
from searchitect.nn import RECURRENT, recurrent
from searchitect.supernet import open_build
from tests.nn.opened import opened

SEQUENCE = sa.TaskSpec((7, 5), 2, domain="sequence")


def batch(count=3, seed=0):
    return torch.randn(count, *SEQUENCE.inputs, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("kind", RECURRENT)
@pytest.mark.parametrize("direction", ["forward", "both"])
def test_a_stack_computes_what_torch_computes(kind, direction):
    ours = recurrent(kind, 5, 6, 2, direction=direction)
    torchs = RECURRENT[kind](5, 6, 2, batch_first=True, bidirectional=direction == "both")
    cells = [m for m in ours.modules() if isinstance(m, nn.RNNBase)]
    with torch.no_grad():
        for layer, cell in enumerate(cells):
            for name, parameter in cell.named_parameters():
                torchs.get_parameter(name.replace("l0", f"l{layer}")).copy_(parameter)
    states, last = torchs(batch())
    hidden = last[0] if kind == "lstm" else last
    expected = hidden[-1] if direction == "forward" else torch.cat((hidden[-2], hidden[-1]), 1)
    torch.testing.assert_close(ours(batch()), expected)
    every = recurrent(kind, 5, 6, 2, direction=direction, result="sequence")
    every.load_state_dict(ours.state_dict())
    torch.testing.assert_close(every(batch()), states)
    mean = recurrent(kind, 5, 6, 2, direction=direction, result="mean")
    mean.load_state_dict(ours.state_dict())
    torch.testing.assert_close(mean(batch()), states.mean(1))


@pytest.mark.parametrize("direction", ["forward", "both"])
@pytest.mark.parametrize("kind", RECURRENT)
def test_an_open_stack_is_the_plain_one_with_copied_weights(kind, direction):
    space = opened(
        lambda s, task: recurrent(kind, 5, s.hidden, s.layers, direction=direction), hidden=(3, 5, 8), layers=(1, 3)
    )
    supernet = open_build(space, SEQUENCE).double().eval()
    for architecture in supernet.space.enumerate():
        plain = supernet.extract(architecture).double().eval()
        with torch.no_grad():
            expected, got = plain(batch().double()), supernet(batch().double())
        assert expected.shape == (3, architecture["hidden"] * (2 if direction == "both" else 1))
        assert float((got - expected).abs().max()) <= 1e-6 * float(expected.abs().max())
        assert type(plain[0][0].cell) is RECURRENT[kind]


def test_kind_direction_and_result_may_be_open():
    space = opened(
        lambda s, task: recurrent(s.kind, 5, s.hidden, direction=s.direction, result=s.result),
        kind=("gru", "lstm", "rnn"),
        direction=("forward", "both"),
        result=("last", "mean"),
        hidden=(3, 4),
    )
    supernet = open_build(space, SEQUENCE).eval()
    for architecture in supernet.space.enumerate():
        plain = supernet.extract(architecture).eval()
        with torch.no_grad():
            torch.testing.assert_close(supernet(batch()), plain(batch()))


def test_gradients_touch_the_active_rows_of_every_gate_only():
    supernet = open_build(opened(lambda s, task: recurrent("lstm", 5, s.hidden), hidden=(2, 6)), SEQUENCE)
    supernet.activate(next(iter(supernet.space.enumerate())))
    supernet(batch()).square().sum().backward()
    full = next(m for m in supernet.modules() if isinstance(m, nn.LSTM))
    read, kept = (full.get_parameter(f"weight_{name}_l0").grad.unflatten(0, (4, 6)) for name in ("ih", "hh"))
    assert read[:, :2].abs().amin() > 0
    assert read[:, 2:].abs().sum() == 0
    assert kept[:, :2, :2].abs().amin() > 0
    assert kept[:, 2:].abs().sum() == kept[..., 2:].abs().sum() == 0


def test_a_second_layer_reads_the_first_values_of_both_directions():
    space = opened(lambda s, task: recurrent("gru", 5, s.hidden, 2, direction="both"), hidden=(2, 6))
    supernet = open_build(space, SEQUENCE)
    few, many = (
        [m for m in supernet.extract(a).modules() if isinstance(m, nn.GRU)][1] for a in supernet.space.enumerate()
    )
    rows, whole = few.weight_ih_l0.unflatten(0, (3, 2)), many.weight_ih_l0.unflatten(0, (3, 6))[:, :2]
    assert torch.equal(rows.unflatten(2, (2, 2)), whole.unflatten(2, (2, 6))[..., :2])


def test_an_extracted_stack_survives_saving(tmp_path):
    from safetensors.torch import load_model, save_model

    space = opened(lambda s, task: recurrent("gru", 5, s.hidden, 2), hidden=(2, 6))
    supernet = open_build(space, SEQUENCE).eval()
    architecture = next(iter(supernet.space.enumerate()))
    subnet = supernet.extract(architecture)
    save_model(subnet, tmp_path / "w.safetensors")
    again = supernet.space.build(architecture, SEQUENCE).eval()
    load_model(again, tmp_path / "w.safetensors")
    assert torch.equal(again(batch()), subnet(batch()))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: recurrent("ltsm", 5, 6), "did you mean 'lstm'"),
        (lambda: recurrent("gru", 5, 6, direction="forwards"), "did you mean 'forward'"),
        (lambda: recurrent("gru", 5, 6, result="lats"), "did you mean 'last'"),
        (lambda: recurrent("gru", 5, 0), "hidden of at least 1, got 0"),
    ],
)
def test_what_makes_no_layer_is_refused(call, words):
    with pytest.raises(SpaceError, match=words):
        call()
