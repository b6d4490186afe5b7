"""Training runs: they learn, can be stepped, paused, watched and continued, and say how they end."""

import math
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from amtlib.fdn.design import design_fdn
from amtlib.fdn.matrices import orthogonality_error
from amtlib.fdn.measures import colouration
from amtlib.fdn.modes import modal_decomposition, modal_excitation_std
from amtlib.fdn.response import render
from amtlib.train import (
    Step,
    Trainable,
    TrainingRun,
    TrainLog,
    build_fdn,
    build_objective,
    extract_build,
    output_domain,
    train_fdn,
    trainable_from_build,
)

DELAYS = [61, 73, 83, 97]
NFFT = 2**10


def model(rt: float | None = None, **more: Any) -> Any:
    return build_fdn(**{"delays": DELAYS, "rt": rt, "rng": 1, "nfft": NFFT, "device": "cpu", **more})


def run(rt: float | None = None, **more: Any) -> TrainingRun:
    settings: dict[str, Any] = {"max_steps": 20, "lr": 1e-2, "rng": 0, "sparsity_alpha": 0.05, **more}
    return TrainingRun(model(rt), "colorless", **settings)


@pytest.fixture
def room() -> np.ndarray:
    """The response of a small network, to be matched by another."""
    return render(design_fdn(delays=DELAYS, rt=0.01, rng=5), NFFT / 48000)


def short(**more: Any) -> Any:
    return model(0.01, **more)


# ---------------------------------------------------------------------- learning


def test_colorless_training_lowers_the_loss_and_keeps_the_matrix_orthogonal() -> None:
    network = model()
    log = train_fdn(network, "colorless", max_steps=100, lr=1e-2, sparsity_alpha=0.05)
    assert log.best_loss < 0.7 * log.train_loss[0]
    # float32
    assert orthogonality_error(extract_build(network).A) < 1e-5


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    "delays", [[187, 236, 298, 375], [100, 105, 298, 375], [101, 110, 117, 131, 144, 156]]
)
def test_the_default_colorless_call_makes_the_modes_more_even_from_every_start(
    delays: list[int], seed: int
) -> None:
    # the published networks with an eighth of their delays and of the FFT: the same modes per bin
    network = build_fdn(delays=delays, rt=None, rng=seed, nfft=2**11, device="cpu")
    before = modal_excitation_std(modal_decomposition(extract_build(network)))
    train_fdn(network, "colorless", max_steps=200, lr=5e-3)
    assert modal_excitation_std(modal_decomposition(extract_build(network))) < before


def test_modes_too_close_for_the_transform_are_told_before_the_first_step() -> None:
    network = build_fdn(delays=[1499, 1889, 2381, 2999], rt=None, rng=0, nfft=2**12, device="cpu")
    with pytest.warns(
        UserWarning, match=r"lie 5\.47 Hz apart, and nfft = 4096 tells apart 11\.7 Hz.* nfft = 16384"
    ):
        TrainingRun(network, "colorless")


def test_modes_hidden_at_drawn_frequencies_are_told_before_the_first_step() -> None:
    with pytest.warns(UserWarning, match=r"103 Hz wide by the decay .* alias_decay_db=44"):
        TrainingRun(model(), "colorless", frequencies=128)


def test_power_variance_makes_a_lossless_network_less_coloured() -> None:
    network = model()
    before = colouration(extract_build(network))
    train_fdn(network, "colorless", objective="power_variance", max_steps=300, lr=1e-2, rng=0)
    after = colouration(extract_build(network))
    assert after.modal_std < 0.7 * before.modal_std
    assert after.peak_to_rms < before.peak_to_rms


def test_power_variance_keeps_the_norms_of_the_gains() -> None:
    network = model()
    before = extract_build(network)
    train_fdn(network, "colorless", objective="power_variance", max_steps=20, lr=1e-1, rng=0)
    after = extract_build(network)
    for a, b in ((after.B, before.B), (after.C, before.C)):
        assert np.linalg.norm(a) == pytest.approx(np.linalg.norm(b), rel=1e-6)  # float32
    assert not np.allclose(after.B, before.B)


@pytest.mark.parametrize("mode", ["match_spectrogram", "match_mel_spectrogram"])
@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_matching_comes_closer_to_the_target(mode: str, optimizer: str, room: np.ndarray) -> None:
    steps, lr = (60, 1e-2) if optimizer == "adam" else (4, 1.0)
    log = train_fdn(
        short(),
        mode,
        target=room,
        mss_nfft=(64, 128),
        sparsity_alpha=0.0,
        max_steps=steps,
        lr=lr,
        optimizer=optimizer,
    )
    assert log.best_loss < 0.8 * log.train_loss[0]


def test_a_mimo_target_is_matched_input_by_input() -> None:
    rng = np.random.default_rng(0)
    gains = {"input_gain": rng.normal(size=(4, 2)), "output_gain": rng.normal(size=(3, 4))}
    goal = design_fdn(delays=DELAYS, rt=0.01, rng=1, **gains)
    other = design_fdn(
        delays=DELAYS, rt=0.01, rng=1, input_gain=gains["input_gain"] + 0.1, output_gain=gains["output_gain"]
    )
    network = trainable_from_build(
        other, nfft=NFFT, device="cpu", trainable=Trainable(feedback=False, output_gain=False)
    )
    train_fdn(
        network,
        "match_spectrogram",
        target=render(goal, NFFT / 48000),
        mss_nfft=(64, 128),
        max_steps=300,
        lr=5e-3,
    )
    found = extract_build(network).B
    # the only difference there was; spectrograms do not see signs, so the start decides them
    assert np.abs(found - goal.B).max() < 0.02


def test_one_line_trains() -> None:
    network = build_fdn(delays=[97], rt=None, nfft=NFFT, device="cpu")
    log = train_fdn(network, "colorless", max_steps=5, sparsity_alpha=0.0)
    assert all(math.isfinite(loss) for loss in log.train_loss)
    assert extract_build(network).A.tolist() == [[1.0]] or extract_build(network).A.tolist() == [[-1.0]]


def test_drawn_frequencies_train_towards_the_same() -> None:
    losses = []
    for frequencies in (None, 128):
        network = model(0.02)
        train_fdn(
            network, "colorless", max_steps=60, lr=1e-2, frequencies=frequencies, rng=0, sparsity_alpha=0.05
        )
        whole = TrainingRun(network, "colorless", max_steps=1, sparsity_alpha=0.05)
        losses.append(next(iter(whole)).loss)
    # a quarter of the bins: noise of the gradient
    assert losses[1] < 1.15 * losses[0]


# ---------------------------------------------------------------------- the log


def test_log_keys_are_those_of_the_specification(room: np.ndarray) -> None:
    keys = {}
    for mode in ("colorless", "match_spectrogram", "match_mel_spectrogram"):
        target = None if mode == "colorless" else room
        network = model() if mode == "colorless" else short()
        alpha = 0.05 if mode == "colorless" else 1e-10
        log = train_fdn(network, mode, target=target, mss_nfft=(64,), max_steps=2, sparsity_alpha=alpha)
        keys[mode] = list(log.loss_log)
        assert all(len(values) == log.steps_run == len(log.train_loss) for values in log.loss_log.values())
    assert keys == {
        "colorless": ["mse_loss", "_ColorlessSparsity"],
        "match_spectrogram": ["mss_loss", "_ColorlessSparsity"],
        "match_mel_spectrogram": ["mel_mss_loss", "_ColorlessSparsity"],
    }


def test_terms_are_logged_unweighted_before_the_step() -> None:
    network = model()
    log = train_fdn(network, "colorless", max_steps=1, sparsity_alpha=0.05)
    total = log.loss_log["mse_loss"][0] + 0.05 * log.loss_log["_ColorlessSparsity"][0]
    assert log.train_loss[0] == pytest.approx(total, rel=1e-6)
    response = render(extract_build(model()), NFFT / 48000)
    assert log.loss_log["mse_loss"][0] == pytest.approx(
        float(np.square(np.abs(np.fft.rfft(response)) - 1.0).mean()),
        rel=5e-3,  # what comes later wraps around: -60 dB
    )


def test_no_steps_leave_empty_lists() -> None:
    log = train_fdn(model(), "colorless", max_steps=0)
    assert log == TrainLog([], {"mse_loss": [], "_ColorlessSparsity": []}, 0, False, "max_steps")


def test_a_plateau_ends_the_run_early() -> None:
    log = train_fdn(model(), "colorless", max_steps=50, lr=1e-12, patience=3, tol=1e-3, sparsity_alpha=0.05)
    assert (log.reason, log.stopped_early, log.steps_run) == ("plateau", True, 4)


class Level(nn.Module):
    def forward(self, y_pred: Tensor, y_true: Tensor) -> Tensor:
        return (y_pred.mean() - 2.0).square()


def test_custom_criteria_replace_the_losses_and_are_logged_by_class() -> None:
    seen = []

    def entry(y_pred: Tensor, y_true: Tensor, network: Any) -> Tensor:
        seen.append((tuple(y_pred.shape), tuple(y_true.shape), network))
        return y_pred.sum() * 0.0

    network = model()
    log = train_fdn(
        network,
        "colorless",
        criteria=[(Level(), 1.0, False), (Level(), 0.5, False), (entry, 1.0, True)],
        max_steps=2,
    )
    assert list(log.loss_log) == ["Level", "Level_2", "entry"]
    assert seen[0] == ((1, NFFT // 2 + 1, 1), (1, NFFT // 2 + 1, 1), network)
    assert log.train_loss[0] == pytest.approx(1.5 * log.loss_log["Level"][0], rel=1e-6)


# ---------------------------------------------------------------------- the best state


def test_the_model_is_left_in_the_best_state() -> None:
    network = model()
    log = train_fdn(network, "colorless", max_steps=30, lr=0.3, patience=100, sparsity_alpha=0.05)
    again = next(iter(TrainingRun(network, "colorless", max_steps=1, sparsity_alpha=0.05))).loss
    assert again == pytest.approx(log.best_loss, rel=1e-5)
    assert again <= min(log.train_loss) * (1.0 + 1e-6)


def test_a_single_step_is_kept_if_it_helps() -> None:
    network = model()
    before = extract_build(network)
    assert train_fdn(network, "colorless", max_steps=1, sparsity_alpha=0.05).best_step == 1
    assert extract_build(network) != before


class Breaks(nn.Module):
    def __init__(self, at: int) -> None:
        super().__init__()
        self.left = at

    def forward(self, y_pred: Tensor, y_true: Tensor) -> Tensor:
        self.left -= 1
        return (y_pred - 1.0).square().mean() * (math.nan if self.left < 0 else 1.0)


def test_a_loss_that_stops_being_finite_ends_the_run_with_its_best_state() -> None:
    network = model()
    with pytest.warns(UserWarning, match="stopped being a finite number .* best state"):
        log = train_fdn(network, "colorless", criteria=[(Breaks(5), 1.0, False)], max_steps=50)
    assert (log.reason, log.steps_run) == ("not_finite", 6)
    assert np.isfinite(extract_build(network).A).all()
    assert log.best_loss == min(log.train_loss[:5])


def test_a_loss_that_is_not_finite_at_the_start_is_an_error() -> None:
    one = TrainingRun(model(), "colorless", criteria=[(Breaks(0), 1.0, False)])
    with pytest.raises(FloatingPointError, match="the loss is nan at the start"):
        one.step()
    assert (one.state, one.reason) == ("finished", "failed")


class Stumbles(nn.Module):
    def forward(self, y_pred: Tensor, y_true: Tensor) -> Tensor:
        raise RuntimeError("criterion broke")


def test_a_criterion_that_raises_in_a_thread_ends_the_run() -> None:
    one = TrainingRun(model(), "colorless", criteria=[(Stumbles(), 1.0, False)])
    one.start()
    assert one.join(20.0)
    assert one.reason == "failed"
    assert one.message == "The run failed at step 0: criterion broke."


def test_a_learning_rate_that_runs_away_is_stopped() -> None:
    network = model()
    with pytest.warns(
        UserWarning, match="ran away .* learning rate 50 is too high. The model holds its best"
    ):
        log = train_fdn(network, "colorless", lr=50.0, max_steps=100, patience=100, sparsity_alpha=0.05)
    assert log.reason == "diverged"
    assert log.best_loss <= log.train_loss[0]


# ---------------------------------------------------------------------- stepping and threads


def test_the_same_seed_gives_the_same_run() -> None:
    a, b, c = (run(objective="power_variance", rng=seed) for seed in (3, 3, 4))
    losses = [[step.loss for step in one] for one in (a, b, c)]
    assert losses[0] == losses[1]
    assert losses[0] != losses[2]


def test_a_run_leaves_torchs_own_generator_alone() -> None:
    one = run(objective="power_variance", max_steps=3)  # flamo draws when it builds
    state = torch.get_rng_state()
    list(one)
    assert torch.equal(state, torch.get_rng_state())


def test_the_layers_of_the_model_are_not_touched_while_it_trains() -> None:
    network = model()
    layers = network.get_inputLayer(), network.get_outputLayer()
    list(TrainingRun(network, "colorless", max_steps=2, sparsity_alpha=0.05))
    assert (network.get_inputLayer(), network.get_outputLayer()) == layers


def test_training_in_one_call_leaves_the_output_that_matches_the_mode(room: np.ndarray) -> None:
    # the specification: "train_fdn sets the output layer to match the mode"
    x = torch.zeros(1, NFFT, 1)
    x[:, 0] = 1.0
    network = short()
    train_fdn(network, "colorless", max_steps=1)
    response = render(extract_build(network), NFFT / 48000)
    np.testing.assert_allclose(
        network(x)[0, :, 0].detach(), np.abs(np.fft.rfft(response)), atol=1e-4 * np.abs(response).max()
    )
    train_fdn(network, "match_spectrogram", target=room, mss_nfft=(64,), sparsity_alpha=0.0, max_steps=1)
    assert network(x).shape == (1, NFFT, 1)
    response = render(extract_build(network), NFFT / 48000)
    np.testing.assert_allclose(network(x)[0, :, 0].detach(), response, atol=1e-5)  # float32


def test_a_target_is_unused_for_colorless(room: np.ndarray) -> None:
    losses = [train_fdn(model(), "colorless", target=t, max_steps=3).train_loss for t in (None, room)]
    assert losses[0] == losses[1]


@pytest.fixture
def threaded() -> Iterator[TrainingRun]:
    with run(max_steps=100_000, patience=100_000) as one:
        yield one


def wait_for(one: TrainingRun, steps: int) -> None:
    reached = threading.Event()
    for _ in range(2000):
        if one.steps_run >= steps:
            return
        reached.wait(0.005)
    raise AssertionError(f"{one.steps_run} of {steps} steps after 10 s")


def test_a_thread_starts_pauses_resumes_and_stops(threaded: TrainingRun) -> None:
    assert threaded.state == "ready"
    threaded.start()
    assert threaded.state == "running"
    wait_for(threaded, 3)
    threaded.pause()
    assert threaded.join(10.0)
    rest = threaded.steps_run
    assert threaded.state == "paused"
    step = threaded.step()
    assert step is not None
    assert step.index == rest == threaded.steps_run - 1
    threaded.resume()
    wait_for(threaded, rest + 3)
    threaded.stop()
    assert threaded.join(10.0)
    assert (threaded.state, threaded.reason) == ("finished", "stopped")
    assert threaded.step() is None
    assert threaded.message.startswith("Stopped after")


def test_stepping_by_hand_is_refused_while_the_thread_runs(threaded: TrainingRun) -> None:
    threaded.start()
    with pytest.raises(RuntimeError, match="call pause"):
        threaded.step()


def test_watching_from_another_thread_changes_nothing() -> None:
    alone = [step.loss for step in run(max_steps=60, patience=100)]
    watched = run(max_steps=60, patience=100)
    watched.start()
    while watched.state != "finished":
        found = watched.snapshot().build
        assert orthogonality_error(found.A) < 1e-5
        assert np.isfinite(watched.spectrum()[1]).all()
        total, terms = watched.losses()
        assert all(len(values) == len(total) for values in terms.values())
    assert watched.log.train_loss == alone


def test_two_runs_at_once_do_not_disturb_each_other() -> None:
    alone = [step.loss for step in run(objective="power_variance", patience=100)]
    both = [run(objective="power_variance", patience=100) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        assert one.join(20.0)
    assert [one.log.train_loss for one in both] == [alone, alone]


def test_a_snapshot_is_the_network_at_that_step() -> None:
    one = run()
    one.step()
    snapshot = one.snapshot()
    expected = extract_build(one.model)
    one.step()
    assert snapshot.build == expected
    assert snapshot.build != extract_build(one.model)
    assert (snapshot.step, one.snapshot().step) == (1, 2)


def test_the_spectrum_of_a_run_is_that_of_the_model() -> None:
    one = run()
    frequencies, magnitude = one.spectrum()
    expected = np.abs(np.fft.rfft(render(extract_build(one.model), NFFT / 48000)))
    # what comes after the FFT's length wraps around, 60 dB weaker
    np.testing.assert_allclose(magnitude, expected, atol=2e-3 * expected.max())
    assert frequencies[-1] == 24000.0


def test_the_best_snapshot_is_what_the_model_ends_as() -> None:
    one = run(lr=0.1)
    for _ in one:
        pass
    assert one.snapshot(best=True).build == one.snapshot().build == extract_build(one.model)


def test_a_callback_sees_each_step_and_can_end_the_run() -> None:
    seen: list[Step] = []

    def callback(step: Step) -> bool:
        seen.append(step)
        return step.index == 4

    one = run(callback=callback)
    one.start()
    assert one.join(20.0)
    assert ([step.index for step in seen], one.reason) == ([0, 1, 2, 3, 4], "callback")


def test_an_error_in_a_thread_is_kept_and_told() -> None:
    def callback(step: Step) -> bool:
        raise KeyError("no such thing")

    one = run(callback=callback)
    one.start()
    assert one.join(20.0)
    assert one.reason == "failed"
    assert isinstance(one.error, KeyError)
    assert "no such thing" in one.message


def test_the_time_budget_ends_the_run() -> None:
    one = run(max_steps=10**6, patience=10**6, time_budget=0.05)
    for _ in one:
        pass
    assert one.reason == "time_budget"
    assert 0.05 <= one.seconds < 5.0


def test_progress_and_time_left_are_told() -> None:
    one = run(max_steps=10)
    assert (one.progress, one.seconds_left) == (0.0, None)
    for _ in range(5):
        one.step()
    assert one.progress == 0.5
    assert one.seconds_left is not None
    assert 0.0 < one.seconds_left < 10.0


def test_the_learning_rate_can_be_changed_while_it_runs() -> None:
    one, other = run(), run()
    one.step()
    one.lr = 1e-12
    one.step()
    rest = one.snapshot().build
    one.step()
    np.testing.assert_allclose(one.snapshot().build.A, rest.A, atol=1e-7)
    assert other.lr == 1e-2


@pytest.mark.parametrize(
    ("optimizer", "objective"),
    [("adam", "mse"), ("adam", "power_variance"), ("lbfgs", "mse"), ("lbfgs", "power_variance")],
)
def test_a_run_continued_from_a_checkpoint_comes_to_the_same_numbers(
    tmp_path: Path, optimizer: str, objective: str
) -> None:
    settings: dict[str, Any] = {
        "optimizer": optimizer, "objective": objective, "lr": 0.01, "patience": 100,
        "max_steps": 30 if optimizer == "adam" else 4,
    }  # fmt: skip
    whole = run(**settings)
    half = run(**settings)
    for _ in range(settings["max_steps"] // 2):
        half.step()
    half.save(tmp_path / "half.pt")
    rest = run(**{**settings, "rng": 99})
    rest.load(tmp_path / "half.pt")
    for one in (whole, rest):
        for _ in one:
            pass
    assert rest.log == whole.log
    assert extract_build(rest.model) == extract_build(whole.model)


def test_a_checkpoint_of_another_run_is_refused(tmp_path: Path) -> None:
    one = run()
    one.save(tmp_path / "one.pt")
    with pytest.raises(ValueError, match="objective = 'mse', this run 'power_variance'"):
        run(objective="power_variance").load(tmp_path / "one.pt")
    (tmp_path / "no.pt").write_bytes(b"PK no")
    with pytest.raises(ValueError, match="is no checkpoint of a training run"):
        run().load(tmp_path / "no.pt")
    with pytest.raises(FileNotFoundError):
        run().load(tmp_path / "absent.pt")


@pytest.mark.parametrize(
    ("other", "complaint"),
    [
        ({"delays": [61, 73, 83, 98]}, r"delays = '\[61, 73, 83, 97\]', this run '\[61, 73, 83, 98\]'"),
        ({"fs": 44100.0}, r"fs = 48000\.0, this run 44100\.0"),
        ({"rt": 0.03}, r"filters = '\(1, 6, 4\).*, this run '\(1, 6, 4\)"),
        ({"matrix": "random"}, "parametrisation = 'orthogonal, determinant 1', this run 'free entries'"),
        (
            {"feedback": "householder"},
            r"parametrisation = .*, this run 'orthogonal, determinant -1 \(reflection\)'",
        ),
        ({"direct": 0.5}, "direct = .*, this run"),
        ({"trainable": Trainable(direct=True)}, "this run"),
        ({"alias_decay_db": 20.0}, "alias decay"),
    ],
)
def test_a_checkpoint_of_another_network_is_refused(
    tmp_path: Path, other: dict[str, Any], complaint: str
) -> None:
    TrainingRun(model(0.02), "colorless").save(tmp_path / "one.pt")
    different = TrainingRun(model(**{"rt": 0.02, **other}), "colorless")
    before = extract_build(different.model)
    with pytest.raises(ValueError, match=complaint):
        different.load(tmp_path / "one.pt")
    assert extract_build(different.model) == before


def test_a_checkpoint_of_another_target_or_penalty_is_refused(tmp_path: Path, room: np.ndarray) -> None:
    settings: dict[str, Any] = {"mss_nfft": (64,), "sparsity_alpha": 0.0}
    TrainingRun(short(), "match_spectrogram", target=room, **settings).save(tmp_path / "one.pt")
    with pytest.raises(ValueError, match=r"target = '\(1, 1024, 1\), up to .*, this run '\(1, 1024, 1\)"):
        TrainingRun(short(), "match_spectrogram", target=0.5 * room, **settings).load(tmp_path / "one.pt")
    run(sparsity_alpha=0.1).save(tmp_path / "two.pt")
    with pytest.raises(ValueError, match=r"weights = '\[1\.0, 0\.1\]', this run '\[1\.0, 0\.2\]'"):
        run(sparsity_alpha=0.2).load(tmp_path / "two.pt")


def test_a_checkpoint_of_an_older_version_loads(tmp_path: Path) -> None:
    one = run()
    one.step()
    one.save(tmp_path / "one.pt")
    found = torch.load(tmp_path / "one.pt", weights_only=True)
    old = (
        "mode",
        "objective",
        "optimizer",
        "frequencies",
        "nfft",
        "losses",
        "loss",
        "shapes",
    )  # all that it held
    found["same"] = {name: found["same"][name] for name in old}
    torch.save(found, tmp_path / "old.pt")
    other = run()
    other.load(tmp_path / "old.pt")
    assert other.steps_run == 1
    assert extract_build(other.model) == extract_build(one.model)


def test_a_checkpoint_with_another_learning_rate_says_which_it_goes_on_with(tmp_path: Path) -> None:
    run(lr=0.01).save(tmp_path / "one.pt")
    other = run(lr=0.1)
    with pytest.warns(
        UserWarning, match=r"goes on with lr = 0\.01, this run was made with 0\.1: set lr after"
    ):
        other.load(tmp_path / "one.pt")
    assert other.lr == 0.01


def test_train_fdn_writes_checkpoints_and_progress_where_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network = model()
    train_fdn(network, "colorless", max_steps=2, log=True, train_dir=tmp_path, sparsity_alpha=0.05)
    assert sorted(p.name for p in (tmp_path / "checkpoints").iterdir()) == ["model_e0.pt", "model_e1.pt"]
    state = torch.load(tmp_path / "checkpoints" / "model_e0.pt", weights_only=True)
    assert state.keys() == network.state_dict().keys()
    assert "step 1 of 2" in capsys.readouterr().err


# ---------------------------------------------------------------------- words of warning, and refusals


def test_time_aliasing_is_told(room: np.ndarray) -> None:
    network = model(2.0)
    with pytest.warns(UserWarning, match=r"time aliasing: .* wraps around at -1 dB .* alias_decay_db=60"):
        TrainingRun(network, "match_spectrogram", target=room, mss_nfft=(64,))


def test_a_penalty_that_outweighs_the_match_is_told(room: np.ndarray) -> None:
    with pytest.warns(UserWarning, match=r"the sparsity penalty makes (99|100)\S* % of the gradient"):
        train_fdn(
            short(), "match_mel_spectrogram", target=room, mss_nfft=(64,), max_steps=1, sparsity_alpha=0.2
        )


@pytest.mark.parametrize("mode", ["match_spectrogram", "match_mel_spectrogram"])
def test_by_default_the_match_and_not_the_penalty_moves_the_matrix(mode: str, room: np.ndarray) -> None:
    one = TrainingRun(short(), mode, target=room, mss_nfft=(64, 128), max_steps=60, lr=1e-2)
    assert one.gradient_shares("feedback")["_ColorlessSparsity"] == pytest.approx(1.0 / 11.0, rel=1e-3)
    assert "the sparsity penalty has the weight" in one.notices[0]
    key = next(iter(one.log.loss_log))
    list(one)
    losses = one.log.loss_log[key]
    assert min(losses) < 0.8 * losses[0]


def test_a_fitted_penalty_is_that_of_the_checkpoint(tmp_path: Path, room: np.ndarray) -> None:
    settings: dict[str, Any] = {"target": room, "mss_nfft": (64,), "max_steps": 6, "lr": 1e-2}
    whole, half = (TrainingRun(short(), "match_spectrogram", **settings) for _ in range(2))
    list(whole)
    for _ in range(3):
        half.step()
    half.save(tmp_path / "half.pt")
    # made from a network that has been trained, whose own fit is another
    rest = TrainingRun(half.model, "match_spectrogram", **settings)
    rest.load(tmp_path / "half.pt")
    list(rest)
    assert rest.log == whole.log


def test_a_target_that_is_cut_is_told() -> None:
    tail = np.exp(-np.arange(3000) / 1000.0)
    with pytest.warns(UserWarning, match="is 0.0625 s long, nfft = 1024 holds 0.0213 s: the rest, -9 dB"):
        TrainingRun(short(), "match_spectrogram", target=tail, mss_nfft=(64,))


def test_a_target_that_breaks_off_is_told() -> None:
    with pytest.warns(UserWarning, match="target breaks off at .* followed by silence"):
        TrainingRun(short(), "match_spectrogram", target=np.ones(100), mss_nfft=(64,))


@pytest.mark.parametrize("rate", [24000.0, 44100.0, 96000.0])
def test_a_target_of_another_rate_keeps_its_gain_at_each_frequency(rate: float) -> None:
    times = np.arange(round(0.02 * rate)) / rate
    # a resonance at 1 kHz as a filter at this rate: its gain there is the sum of its samples against the tone
    sound = np.sin(2 * np.pi * 1000 * times) * np.exp(-times / 0.002) / rate
    _, wanted, _, _ = build_objective(
        "match_spectrogram", target=sound, criteria=None, sparsity_alpha=0.0, mss_nfft=(64,), fs=48000.0, nfft=NFFT,
        n_in=1, n_out=1, device="cpu", dtype=torch.float64, target_fs=rate,
    )  # fmt: skip

    def gain(h: np.ndarray, fs: float) -> float:
        return float(abs(np.exp(-2j * np.pi * 1000 / fs * np.arange(len(h))) @ h))

    assert gain(wanted[0, :, 0].numpy(), 48000.0) == pytest.approx(gain(sound, rate), rel=0.01)


@pytest.mark.parametrize("late", [480, 2400])
def test_silence_before_a_target_is_kept_as_pre_delay(late: int, room: np.ndarray) -> None:
    settings: dict[str, Any] = {"mss_nfft": (64,), "sparsity_alpha": 0.0}
    plain = TrainingRun(short(), "match_spectrogram", target=room, **settings)
    with pytest.warns(UserWarning, match=rf"target begins {late / 48:g} ms later .* taken as pre-delay"):
        delayed = TrainingRun(
            short(), "match_spectrogram", target=np.concatenate([np.zeros(late), room]), **settings
        )
    assert delayed.pre_delay == late / 48000
    assert plain.pre_delay == 0.0
    assert plain.target is not None
    assert delayed.target is not None
    assert torch.equal(delayed.target.time, plain.target.time)


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.uint8])
def test_a_target_of_integers_is_refused_with_what_to_divide_by(dtype: type, room: np.ndarray) -> None:
    samples = np.round(100 * room / np.abs(room).max()).astype(dtype)
    with pytest.raises(ValueError, match=f"divide them by {np.iinfo(dtype).max + 1}"):
        TrainingRun(short(), "match_spectrogram", target=samples, mss_nfft=(64,))


def test_more_than_one_output_without_colour_is_told() -> None:
    network = model(output_gain=np.ones((2, 4)) / 2.0)
    with pytest.warns(UserWarning, match="one input and one output, the model has 1 and 2"):
        TrainingRun(network, "colorless")


def test_a_free_matrix_that_grew_is_told() -> None:
    network = model(matrix="random")
    with pytest.warns(UserWarning, match="training has made the network's loop grow: at .* Hz .* gains"):
        train_fdn(network, "colorless", max_steps=20, lr=3e-2, sparsity_alpha=0.05)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"mode": "colourless"}, "unknown training mode 'colourless'; choose from"),
        ({"mode": "match_spectrogram"}, "mode 'match_spectrogram' requires target="),
        ({"mode": "match_spectrogram", "target": [math.nan]}, "target must contain only finite values"),
        ({"mode": "match_spectrogram", "target": np.zeros(9)}, "target is silent"),
        ({"mode": "match_spectrogram", "target": np.ones((9, 2))}, "target has 2 channels, the model 1"),
        ({"mode": "match_spectrogram", "target": np.ones((9, 2, 1))}, "MIMO target must have shape"),
        ({"mode": "match_spectrogram", "target": np.ones((1, 1, 1, 1))}, r"target has shape \(1, 1, 1, 1\)"),
        ({"mode": "match_spectrogram", "target": np.zeros(2**26 + 1, np.float32)}, "cut it shorter"),
        ({"mode": "match_spectrogram", "target": [1.0, 0.0], "mss_nfft": (2048,)}, "below twice nfft = 2048"),
        ({"mode": "match_spectrogram", "target": [1.0, 0.0], "mss_nfft": ()}, "mss_nfft is empty"),
        ({"mode": "match_spectrogram", "target": [1.0, 0.0], "mss_nfft": (64, 64)}, "names a length twice"),
        ({"mode": "match_spectrogram", "target": [1.0, 0.0], "frequencies": 64}, "is for mode 'colorless'"),
        ({"mode": "match_spectrogram", "target": [1.0, 0.0], "objective": "power_variance"}, "is for mode 'col"),
        ({"objective": "flat"}, "unknown objective 'flat'"),
        ({"optimizer": "sgd"}, "Unknown optimizer 'sgd'. Use 'adam' or 'lbfgs'."),
        ({"lr": 0.0}, "lr = 0 must be finite and above 0"),
        ({"lr": math.nan}, "lr = nan must be finite"),
        ({"max_steps": -1}, "max_steps = -1 must be at least 0"),
        ({"patience": 0}, "patience = 0 must be at least 1"),
        ({"tol": -1.0}, "tol = -1 must be finite"),
        ({"sparsity_alpha": -0.1}, "sparsity_alpha = -0.1 must be finite and at least 0"),
        ({"sparsity_alpha": math.inf}, "sparsity_alpha = inf"),
        ({"time_budget": 0.0}, "time_budget = 0"),
        ({"frequencies": 3}, "frequencies = 3 must be at least 16"),
        ({"criteria": []}, "criteria are empty"),
        ({"criteria": [(Level(), math.nan, False)]}, "the weight nan"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(arguments: dict[str, Any], complaint: str) -> None:
    arguments = {"mode": "colorless", **arguments}
    mode = arguments.pop("mode")
    with pytest.raises(ValueError, match=complaint):
        TrainingRun(short() if "target" in arguments else model(), mode, **arguments)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"rng": np.random.default_rng(0)}, "rng is a Generator: give an int seed"),
        ({"callback": 3}, "callback is 3"),
        ({"max_steps": 2.5}, "max_steps must be a whole number"),
        ({"lr": "fast"}, "lr must be one real number"),
        ({"criteria": [Level()]}, "criteria must hold"),
        ({"criteria": [(3, 1.0, False)]}, "which cannot be called"),
    ],
)
def test_wrong_types_are_named(arguments: dict[str, Any], complaint: str) -> None:
    with pytest.raises(TypeError, match=complaint):
        TrainingRun(model(), "colorless", **arguments)


def test_numbers_of_numpy_are_numbers(room: np.ndarray) -> None:
    plain = TrainingRun(short(), "match_spectrogram", target=room, sparsity_alpha=0.0, mss_nfft=(64, 300))
    numpys = TrainingRun(
        short(),
        "match_spectrogram",
        target=room,
        sparsity_alpha=np.float32(0.0),  # type: ignore[arg-type]
        mss_nfft=np.array([64, 300]),  # type: ignore[arg-type]
        max_steps=np.int64(3),  # type: ignore[arg-type]
    )
    assert next(iter(numpys)).loss == next(iter(plain)).loss
    weights = [np.float32(0.5), np.int64(1)]
    run = TrainingRun(
        model(), "colorless", criteria=[(Level(), weight, False) for weight in weights], max_steps=1
    )
    assert next(iter(run)).loss == pytest.approx(1.5 * run.log.loss_log["Level"][0])


def test_nothing_trainable_is_refused() -> None:
    network = model(trainable=Trainable(False, False, False, False))
    with pytest.raises(ValueError, match="nothing is trainable"):
        TrainingRun(network, "colorless")


def test_domains_are_those_of_the_specification() -> None:
    assert [output_domain(mode) for mode in ("colorless", "match_spectrogram", "match_mel_spectrogram")] == [
        "magnitude",
        "time",
        "time",
    ]


def test_stop_ends_a_long_step_of_lbfgs_within_it() -> None:
    model = build_fdn(delays=[61, 73, 83, 97], rt=None, nfft=2**10, rng=1)
    run = TrainingRun(model, "colorless", optimizer="lbfgs", lr=1.0, max_steps=5)
    before = run.snapshot().build.A
    asked = 0
    loss = run._descent.loss

    def counted(bins: torch.Tensor | None) -> tuple[torch.Tensor, list[torch.Tensor]]:
        nonlocal asked
        asked += 1
        if asked == 5:
            threading.Thread(target=run.stop).start()
            while not run.stopping:
                time.sleep(0.001)
        return loss(bins)

    run._descent.loss = counted  # type: ignore[method-assign]
    assert run.step() is None
    assert (run.reason, run.steps_run) == ("stopped", 0)
    assert asked <= 7  # the one under way, and those that measure where it ended
    np.testing.assert_array_equal(run.snapshot().build.A, before)


def test_stop_does_not_wait_for_a_step_in_another_thread() -> None:
    model = build_fdn(delays=[61, 73, 83, 97], rt=None, nfft=2**10, rng=1)
    inside, go = threading.Event(), threading.Event()

    def hold(step: object) -> None:
        inside.set()
        go.wait(10)

    run = TrainingRun(model, "colorless", max_steps=5, callback=hold)
    stepping = threading.Thread(target=run.step)
    stepping.start()
    inside.wait(10)
    run.stop()  # returns although the step goes on
    assert run.state != "finished"
    go.set()
    stepping.join(10)
    assert (run.reason, run.steps_run) == ("stopped", 1)


def test_a_thread_does_the_steps_it_is_given_and_waits() -> None:
    model = build_fdn(delays=[61, 73, 83, 97], rt=None, nfft=2**10, rng=1)
    run = TrainingRun(model, "colorless", max_steps=50)
    run.start(2)
    assert run.join(10)
    assert (run.steps_run, run.state) == (2, "paused")
    run.start(1)
    assert run.join(10)
    assert run.steps_run == 3
    run.stop()
    assert run.join(10)


@pytest.mark.parametrize("threaded", [False, True])
def test_a_run_that_has_ended_can_be_given_more_steps(threaded: bool) -> None:
    model = build_fdn(delays=[61, 73, 83, 97], rt=None, nfft=2**10, rng=1)
    run = TrainingRun(model, "colorless", max_steps=3, lr=1e-2)
    for total in (3, 7):
        if threaded:
            run.start()
            assert run.join(10)
        else:
            list(run)
        assert (run.reason, run.steps_run) == ("max_steps", total)
        if total == 3:
            run.extend(4)
            assert run.state != "finished"


def test_more_steps_are_refused_before_the_end() -> None:
    run = TrainingRun(
        build_fdn(delays=[61, 73, 83, 97], rt=None, nfft=2**10, rng=1), "colorless", max_steps=3
    )
    with pytest.raises(RuntimeError, match="has not ended: set max_steps"):
        run.extend(4)
