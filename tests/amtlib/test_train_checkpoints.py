"""Checkpoints that older versions wrote are read."""

from pathlib import Path

from amtlib.train import TrainingRun, build_fdn
from amtlib.train.checkpoints import write_checkpoint

#: What version 1 wrote of this run, in November 2026, before modes trained on terms.
WRITTEN = {
    "alias decay (gain per sample)": 0.9983149575896413,
    "delays": "[61, 73, 83, 97]",
    "direct": "(1, 1), up to 0, sha256 af5570f5a181",
    "filters": "none",
    "frequencies": None,
    "fs": 48000.0,
    "loss": None,
    "losses": "mse_loss, _ColorlessSparsity",
    "mode": "colorless",
    "mss_nfft": None,
    "nfft": 4096,
    "objective": "mse",
    "optimizer": "adam",
    "parametrisation": "orthogonal, determinant 1",
    "post_eq": "none",
    "post_matrix": "none",
    "shapes": "[(4, 4), (4, 1), (1, 4)]",
    "target": "none",
    "trained": "feedback, input_gain, output_gain",
    "weights": "[1.0, 0.2]",
}


def run() -> TrainingRun:
    model = build_fdn(delays=[61, 73, 83, 97], rt=None, nfft=2**12, rng=1)
    return TrainingRun(model, "colorless", max_steps=6)


def test_a_checkpoint_of_an_older_version_goes_on_to_the_same_numbers(tmp_path: Path) -> None:
    saved, loaded = run(), run()
    saved.step()
    saved.step()
    write_checkpoint(tmp_path / "old.pt", WRITTEN, saved.state_dict())
    loaded.load(tmp_path / "old.pt")
    assert [step.index for step in loaded] == [2, 3, 4, 5]
    list(saved)
    assert loaded.log == saved.log
