"""`amtlab train`: combinations of settings, one network each, saved as they come, and a table."""

import contextlib
import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from amtlib.batch import read_config, sweep_networks, variants
from amtlib.batch.tables import read_table
from amtlib.batch.variants import SweepError
from amtlib.batch.writing import TableError, only_run
from amtlib.cli import main
from amtlib.fdn import load_build, metadata_from_json
from amtlib.jobs import Pool
from amtlib.train import build_fdn, extract_build, losses, train_fdn
from amtlib.train.losses import FlatExcitation, FlatMagnitude, FlatPeaks, Loss, Term
from amtlib.train.losses.text import loss_names, read_loss
from tests.interrupting import heeding
from tests.serving import ROOT

SMALL: dict[str, Any] = {"delays": [61, 73, 83], "rt": None, "nfft": 1024, "max_steps": 4, "lr": 0.01}


MATCHING: dict[str, Any] = {
    **SMALL, "rt": 0.02, "mode": "match_spectrogram", "target": "room.wav", "mss_nfft": [64]
}  # fmt: skip


def room(path: Path, seed: int = 0) -> None:
    x = np.exp(-np.arange(1024) / 100.0) * np.random.default_rng(seed).standard_normal(1024)
    soundfile.write(path, 0.1 * x, 48000)


def sweep(runs: Any, folder: Path) -> list[dict[str, Any]]:
    with Pool(1) as pool:
        return sweep_networks(runs, folder, pool)


def config(folder: Path, content: Any) -> Path:
    path = folder / "net.json"
    path.write_text(json.dumps(content))
    return path


# --- settings --------------------------------------------------------------------------------------------------


def test_every_combination_is_there_once_and_the_last_name_varies_fastest() -> None:
    runs = variants({"rt": None}, ["lines=4,8", "seed=0..2", "matrix=orthogonal,random"])
    assert len(runs) == 12
    assert [varied for varied, _ in runs][:3] == [
        {"N": 4, "rng": 0, "matrix": "orthogonal"},
        {"N": 4, "rng": 0, "matrix": "random"},
        {"N": 4, "rng": 1, "matrix": "orthogonal"},
    ]
    assert runs[0][1] == {"rt": None, "N": 4, "rng": 0, "matrix": "orthogonal"}


def test_lines_that_vary_go_before_delays() -> None:
    assert "delays" not in variants(SMALL, ["lines=4"])[0][1]


@settings(max_examples=25)  # each makes up to twenty networks
@given(st.integers(0, 50), st.integers(0, 20), st.integers(1, 9))
def test_a_range_holds_both_its_ends(first: int, length: int, step: int) -> None:
    last = first + length * step
    runs = variants({"N": 4}, [f"seed={first}..{last}..{step}"])
    assert [varied["rng"] for varied, _ in runs] == list(range(first, last + 1, step))


@settings(max_examples=50)
@given(st.text(max_size=20))
def test_any_text_as_a_sweep_is_understood_or_refused(text: str) -> None:
    for sweep_text in (text, f"seed={text}", f"lr={text}"):
        with contextlib.suppress(SweepError):
            assert variants({"N": 4}, [sweep_text])


@pytest.mark.parametrize(
    ("sweeps", "complaint"),
    [
        (["seed"], "gives no values: write --sweep seed=0"),
        (["seed="], "gives no values"),
        (["seed=9..0"], "holds nothing: give first..last"),
        (["seed=0..99999999"], "more than 10000 values: take a larger step"),
        (["seed=0..999", "lines=4,8,16,32", "lr=1,2,3"], "make 12000 networks"),
        (["seed=1,,2"], "a comma too many"),
        (["sede=1"], "'sede' is no setting of a network or its training; is it 'seed'?"),
        (["seed=1", "rng=2"], "gives rng twice"),
        (["lines=0"], r"\(with N=0\): N must be positive, got 0"),
        (["seed=-1"], r"\(with rng=-1\): rng = -1 is no seed"),
        (["lines=four"], "N must be a whole number, got 'four'"),
    ],
)
def test_a_sweep_that_cannot_be_is_named(sweeps: list[str], complaint: str) -> None:
    with pytest.raises(SweepError, match=complaint):
        variants({"N": 4}, sweeps)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("{", r"net\.json is no JSON"),
        ("[1]", "holds no JSON object: write"),
        ('{"max_step": 5}', "is it 'max_steps'"),
        ('{"callback": 5}', "'callback' is no setting"),
        ('{"N": 4, "lines": 8}', "gives a setting under two names"),
    ],
)
def test_a_config_that_cannot_be_is_named(tmp_path: Path, content: str, complaint: str) -> None:
    (tmp_path / "net.json").write_text(content)
    with pytest.raises(SweepError, match=complaint):
        read_config(tmp_path / "net.json")


def test_settings_that_make_no_network_are_refused_before_anything_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = config(tmp_path, {"lines": 4, "rt": -1.0})
    assert main(["train", str(path), "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert said.startswith("amtlab: no network can be made of these settings: rt = -1 s must")
    assert not (tmp_path / "out").exists()


# --- runs ------------------------------------------------------------------------------------------------------


def test_a_network_of_a_sweep_is_what_training_by_hand_gives(tmp_path: Path) -> None:
    (row,) = sweep(variants(SMALL, ["seed=3"]), tmp_path)
    model = build_fdn(delays=[61, 73, 83], rt=None, nfft=1024, rng=3, device="cpu")
    log = train_fdn(model, "colorless", max_steps=4, lr=0.01, rng=3)
    assert load_build(tmp_path / "rng=3.json") == extract_build(model)
    assert row["loss"] == log.best_loss
    assert (row["steps"], row["ended"], row["problem"]) == (4, "max_steps", None)
    assert row["modal_std_db"] > 0.0
    assert row["peak_to_rms_db"] > 0.0
    assert 0.0 <= row["sparsity"] <= 1.0


def test_a_network_keeps_its_settings_and_results(tmp_path: Path) -> None:
    (row,) = sweep(variants(SMALL, []), tmp_path)
    metadata = metadata_from_json((tmp_path / "network.json").read_bytes())
    assert metadata["settings"] == SMALL
    assert metadata["results"]["loss"] == row["loss"]


def test_what_is_done_is_not_done_again_unless_settings_differ(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = sweep(variants(SMALL, ["seed=0..1"]), tmp_path)
    (tmp_path / "rng=1.json").write_text("{")  # not whole, as if by another program
    submitted: list[Any] = []
    real = Pool.submit
    monkeypatch.setattr(Pool, "submit", lambda *a, **k: submitted.append(a[2]["rng"]) or real(*a, **k))
    second = sweep(variants(SMALL, ["seed=0..2"]), tmp_path)
    assert submitted == [1, 2]
    assert second[0] == first[0]
    assert second[1]["loss"] == first[1]["loss"]
    assert "1 of 3 networks are in" in capsys.readouterr().err


def test_a_second_sweep_goes_beside_the_first_and_the_table_holds_both(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = sweep(variants(SMALL, ["seed=0..1"]), tmp_path)
    second = sweep(variants(SMALL, ["seed=2..3"]), tmp_path)
    assert "2 networks of earlier sweeps stay in" in capsys.readouterr().err
    assert [row["rng"] for row in second] == [2, 3]
    assert read_table(tmp_path / "sweep.csv") == [*first, *second]
    third = sweep(variants(SMALL, ["max_steps=2,4", "seed=0"]), tmp_path)
    table = read_table(tmp_path / "sweep.csv")
    assert [(row["max_steps"], row["rng"]) for row in table] == [(4, i) for i in range(4)] + [(2, 0), (4, 0)]
    assert [row["loss"] for row in table] == [row["loss"] for row in [*first, *second, *third]]
    assert all((tmp_path / str(row["network"])).is_file() for row in table)
    again = sweep(variants(SMALL, ["seed=0..3"]), tmp_path)  # nothing is trained, nothing lost
    assert [row["loss"] for row in again] == [row["loss"] for row in [*first, *second]]
    assert len(read_table(tmp_path / "sweep.csv")) == 6


def test_a_sweep_that_was_stopped_keeps_the_rows_of_those_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = sweep(variants(SMALL, ["seed=0..1"]), tmp_path)

    def stop(*_: object) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr("amtlib.batch.sweep.write_whole", stop)
    with pytest.raises(KeyboardInterrupt):
        sweep(variants(SMALL, ["seed=1..3"]), tmp_path)
    assert read_table(tmp_path / "sweep.csv") == first


@pytest.mark.parametrize(
    ("settings", "sweeps", "complaint"),
    [
        (
            {"max_steps": 5},
            ["seed=0"],
            r"rng=0\.json was trained with other settings \(max_steps: 4 there, 5 now\)",
        ),
        (
            {"max_steps": 5},
            ["seed=7"],
            r"rng=0\.json was trained with other settings \(max_steps: 4 there, 5 now\)",
        ),
        (
            {"nfft": 2048},
            ["max_steps=1,2"],
            r"\(nfft: 1024 there, 2048 now\): give another folder, or move it away",
        ),
        ({"optimizer": "adam"}, ["seed=0"], r'\(optimizer: not given there, "adam" now\)'),
    ],
)
def test_networks_that_no_column_tells_apart_do_not_share_a_folder(
    tmp_path: Path, settings: dict[str, Any], sweeps: list[str], complaint: str
) -> None:
    sweep(variants(SMALL, ["seed=0..1"]), tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(TableError, match=complaint):
        sweep(variants({**SMALL, **settings}, sweeps), tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_lines_and_delays_may_vary_beside_each_other(tmp_path: Path) -> None:
    sweep(variants(SMALL, ["seed=0"]), tmp_path)
    sweep(variants(SMALL, ["lines=4"]), tmp_path)
    assert [row["N"] for row in read_table(tmp_path / "sweep.csv")] == [None, 4]


def test_networks_of_another_sound_do_not_share_a_folder_unless_a_column_tells(tmp_path: Path) -> None:
    room(tmp_path / "room.wav")
    room(tmp_path / "hall.wav", seed=1)
    path = config(tmp_path, MATCHING)
    sweep(variants(read_config(path), ["seed=0"], tmp_path), tmp_path / "out")
    path = config(tmp_path, {**MATCHING, "target": "hall.wav"})
    with pytest.raises(TableError, match=r"other settings \(target_sha256: "):
        sweep(variants(read_config(path), ["seed=1"], tmp_path), tmp_path / "out")
    sweep(variants(read_config(path), ["target=hall.wav", "seed=1"], tmp_path), tmp_path / "out")
    assert [Path(str(row["target"])).name for row in read_table(tmp_path / "out" / "sweep.csv")] == [
        "room.wav",
        "hall.wav",
    ]


def test_a_network_that_failed_is_tried_again_and_has_one_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = train_fdn

    def train(*arguments: Any, **given: Any) -> Any:
        if given["max_steps"]:
            raise FloatingPointError("no luck")
        return real(*arguments, **given)

    with monkeypatch.context() as patched:
        patched.setattr("amtlib.batch.sweep.train_fdn", train)
        sweep(variants(SMALL, ["seed=0..1"]), tmp_path)
    sweep(variants(SMALL, ["seed=0"]), tmp_path)
    table = read_table(tmp_path / "sweep.csv")
    assert [(row["rng"], row["network"]) for row in table] == [(1, None), (0, "rng=0.json")]


def test_a_run_that_fails_stands_in_the_table_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = train_fdn

    def train(*arguments: Any, **given: Any) -> Any:
        if given["rng"] == 1 and given["max_steps"]:
            raise FloatingPointError("the loss is not finite at the start")
        return real(*arguments, **given)

    monkeypatch.setattr("amtlib.batch.sweep.train_fdn", train)
    rows = sweep(variants(SMALL, ["seed=0..1"]), tmp_path)
    assert rows[0]["problem"] is None
    assert rows[1]["problem"] == "FloatingPointError: the loss is not finite at the start"
    table = read_table(tmp_path / "sweep.csv")
    assert [row["network"] for row in table] == ["rng=0.json", None]


@pytest.mark.parametrize(
    ("sweeps", "complaint"),
    [
        (["mode=colorless,colourful"], r"\(with mode=colourful\): unknown training mode 'colourful'"),
        (["seed=0..3", "optimizer=adam,downhill"], r"optimizer=downhill\): Unknown optimizer 'downhill'"),
        (["objective=mse,variance"], r"objective=variance\): .*'variance'"),
        (["lr=0.1,0"], r"lr=0\): lr = 0 must be finite and above 0"),
        (["max_steps=3,many"], r"max_steps=many\): max_steps must be a whole number"),
        (["dtype=float16"], r"dtype = 'float16' is unknown"),
        (["frequencies=4"], "frequencies = 4 must be at least 16"),
    ],
)
def test_what_no_training_takes_is_refused_before_the_first_network(
    tmp_path: Path, sweeps: list[str], complaint: str
) -> None:
    with pytest.raises(SweepError, match=complaint):
        sweep(variants(SMALL, sweeps), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_network_is_trained_towards_the_sound_of_a_file(tmp_path: Path) -> None:
    room(tmp_path / "room.wav")
    path = config(tmp_path, MATCHING)
    (row,) = sweep(variants(read_config(path), []), tmp_path / "out")
    assert row["problem"] is None
    assert row["loss"] > 0.0


def test_a_network_is_trained_anew_when_its_sound_is_another_not_when_it_lies_elsewhere(
    tmp_path: Path,
) -> None:
    room(tmp_path / "room.wav")
    path = config(tmp_path, MATCHING)
    (first,) = sweep(variants(read_config(path), []), tmp_path / "out")
    (same,) = sweep(variants(read_config(path), []), tmp_path / "out")
    assert same == first
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "room.wav").rename(tmp_path / "elsewhere" / "moved.wav")
    path = config(tmp_path, {**MATCHING, "target": "elsewhere/moved.wav"})
    (moved,) = sweep(variants(read_config(path), []), tmp_path / "out")
    assert moved == first
    room(tmp_path / "elsewhere" / "moved.wav", seed=1)
    (replaced,) = sweep(variants(read_config(path), []), tmp_path / "out")
    assert replaced["loss"] != first["loss"]


def test_a_target_is_relative_to_its_config_wherever_it_is_given(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("amtlib.batch.commands.open_pool", lambda address, workers: Pool(1))
    (tmp_path / "home" / "rooms").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    for seed, name in enumerate(("room", "rooms/hall")):
        room(tmp_path / "home" / f"{name}.wav", seed=seed)
    path = config(tmp_path / "home", MATCHING)
    monkeypatch.chdir(tmp_path / "elsewhere")
    arguments = ["train", str(path), "--out", str(tmp_path / "out"), "--sweep"]
    assert main([*arguments, "target=room.wav,rooms/hall.wav"]) == 0
    assert [row["target"] for row in read_table(tmp_path / "out" / "sweep.csv")] == [
        "room.wav",
        "rooms/hall.wav",
    ]
    capsys.readouterr()
    assert main([*arguments, "target=room.wav,lost.wav"]) == 2
    said = capsys.readouterr().err
    assert said == (
        "amtlab: no network can be made of these settings (with target=lost.wav): lost.wav: there is no such file: "
        "check its name and folder\n"
    )


def test_a_second_sweep_into_a_folder_is_refused_meanwhile_and_a_foreign_table_is_left_alone(
    tmp_path: Path,
) -> None:
    runs = variants(SMALL, [])
    with (
        only_run(tmp_path / "sweep.csv"),
        pytest.raises(TableError, match=r"sweep\.csv is being written by another run"),
    ):
        sweep(runs, tmp_path)
    (tmp_path / "sweep.csv").write_text("subject,score\nann,3\n")
    with pytest.raises(TableError, match="another program's table"):
        sweep(runs, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["sweep.csv"]
    assert (tmp_path / "sweep.csv").read_text() == "subject,score\nann,3\n"


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(TableError, match=r"file/out cannot be written \(Not a directory\)"):
        sweep(variants(SMALL, []), tmp_path / "file" / "out")


@pytest.mark.parametrize("outputs", [1, 2])
def test_channels_of_a_target_go_to_the_outputs_or_are_said_to_be_mixed(tmp_path: Path, outputs: int) -> None:
    rng = np.random.default_rng(0)
    room = np.exp(-np.arange(1024) / 100.0)[:, None] * rng.standard_normal((1024, 2))
    soundfile.write(tmp_path / "room.wav", 0.1 * room, 48000)
    gains = np.full((outputs, 3), 0.5).tolist()  # equal: only the target can make them differ
    settings = {**SMALL, "rt": 0.02, "mode": "match_spectrogram", "target": "room.wav", "mss_nfft": [64]}
    path = config(tmp_path, {**settings, "output_gain": gains, "max_steps": 30, "lr": 0.01})
    (row,) = sweep(variants(read_config(path), []), tmp_path / "out")
    assert row["problem"] is None
    mixed = "target has 2 channels, the network one output: it is trained towards their mean" in str(
        row["warnings"]
    )
    assert mixed == (outputs == 1)
    network = json.loads(next((tmp_path / "out").glob("*.json")).read_text())
    rows = np.asarray(network["output_matrix"])
    assert len(np.unique(rows, axis=0)) == outputs


# --- the command -----------------------------------------------------------------------------------------------


def test_the_command_prints_a_table_and_names_what_failed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("amtlib.batch.commands.open_pool", lambda address, workers: Pool(1))
    arguments = [
        "train",
        str(config(tmp_path, SMALL)),
        "--out",
        str(tmp_path / "out"),
        "--sweep",
        "seed=0..1",
    ]
    assert main(arguments) == 0
    heading, *lines, last = capsys.readouterr().out.splitlines()
    assert " ".join(heading.split()) == "rng loss steps modal std/dB peak/dB sparsity seconds"
    assert [line.split()[0] for line in lines] == ["0", "1"]
    assert last == str(tmp_path / "out" / "sweep.csv")
    assert main([*arguments, "--sweep", "optimizer=adam,downhill"]) == 2
    assert capsys.readouterr().err == (
        "amtlab: no network can be trained with these settings (with rng=0,optimizer=downhill): Unknown optimizer "
        "'downhill'. Use 'adam' or 'lbfgs'.\n"
    )


@pytest.mark.skipif(os.name != "posix", reason="sends a signal as a terminal does")
def test_ctrl_c_keeps_the_networks_that_are_done(tmp_path: Path) -> None:
    config(tmp_path, {**SMALL, "patience": 10_000_000})
    # The second would take days.
    command = heeding("-m", "amtlib.cli", "train", "net.json", "--out", "out", "--workers", "1")
    process = subprocess.Popen(
        [*command, "--sweep", "max_steps=3,1000000000"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, start_new_session=True,
    )  # fmt: skip
    until = time.monotonic() + 120.0
    while time.monotonic() < until and not list((tmp_path / "out").glob("*.json")):
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "stopped; finished networks stand in out" in said
    assert "Traceback" not in said
    assert [row["network"] for row in read_table(tmp_path / "out" / "sweep.csv")] == ["max_steps=3.json"]


# --- a loss ----------------------------------------------------------------------------------------------------


def test_a_network_is_trained_on_a_loss_that_the_file_names(tmp_path: Path) -> None:
    named = {**SMALL, "rng": 0, "loss": "FlatMagnitude() + 0.1*FlatExcitation('peaks')"}
    settings = read_config(config(tmp_path, named))
    (row,) = sweep(variants(settings, []), tmp_path / "out")
    assert row["problem"] is None
    loss = FlatMagnitude() + 0.1 * FlatExcitation("peaks")
    model = build_fdn(delays=[61, 73, 83], rt=None, nfft=1024, rng=0)
    log = train_fdn(model, None, loss=loss, max_steps=4, lr=0.01, rng=0)
    assert row["loss"] == pytest.approx(log.best_loss)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"loss": "FlatMagnitud()"}, "no loss 'FlatMagnitud'; choose from .*FlatMagnitude"),
        ({"loss": "FlatPeaks(power=99)"}, "power = 99 is out of range: give 1 to 16"),
        ({"loss": "FlatPeaks(size=9)"}, "unexpected keyword argument 'size'"),
        ({"loss": "__import__('os').getcwd()"}, "cannot be read at"),
        ({"loss": "2 * 3"}, "adds or multiplies numbers"),
        ({"loss": "FlatPower() +"}, "write it as FlatMagnitude"),
        ({"loss": 3}, "give text"),
        ({"loss": "FlatPower()", "mode": "colorless"}, "give mode or loss, not both"),
    ],
)
def test_a_loss_that_cannot_be_is_refused_before_anything_runs(more: dict[str, Any], words: str) -> None:
    with pytest.raises(SweepError, match=words):
        variants({**SMALL, **more}, [])


def test_a_loss_is_not_swept() -> None:
    with pytest.raises(SweepError, match="a loss goes into the JSON file"):
        variants(SMALL, ["loss=FlatPower(),FlatPeaks()"])


def test_networks_of_another_loss_do_not_go_into_the_same_folder(tmp_path: Path) -> None:
    sweep(variants({**SMALL, "loss": "FlatPower()"}, []), tmp_path)
    with pytest.raises(TableError, match="trained with other settings"):
        sweep(variants({**SMALL, "loss": "FlatPeaks()"}, []), tmp_path)
    with pytest.raises(TableError, match="trained with other settings"):
        sweep(variants({**SMALL, "loss": "FlatPeaks()"}, ["seed=1..2"]), tmp_path)


@pytest.mark.parametrize(
    "loss", [FlatMagnitude() + 0.1 * FlatExcitation("peaks"), 2 * FlatPeaks(4.0, level=1.0)]
)
def test_a_loss_reads_back_as_it_prints(loss: Loss) -> None:
    assert repr(read_loss(repr(loss))) == repr(loss)


def test_a_name_alone_is_the_loss_as_it_is_by_default() -> None:
    assert repr(read_loss("FlatMagnitude + 2 * FlatPeaks")) == "FlatMagnitude() + 2 * FlatPeaks()"


#: Bases, and what takes more than numbers and words.
NOT_BY_NAME = {"Term", "Compare", "Named", "Criterion", "Called", "_ColorlessSparsity"}


def test_every_public_loss_can_be_named() -> None:
    known = loss_names()
    for name in losses.__all__:
        made = getattr(losses, name)
        if isinstance(made, type) and issubclass(made, Term) and name not in NOT_BY_NAME:
            assert known[name] is made
