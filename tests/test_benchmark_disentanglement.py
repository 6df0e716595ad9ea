"""The script of the FactorVAE scores: rows, restarts, and a stand-in for a method."""

import json
import pathlib

import keras
import numpy as np
import pandas as pd
import pytest
import script_module
from absl import flags

import kerasos
from kerasos import registry

SCRIPT = pathlib.Path(__file__).parents[1] / "benchmarks" / "disentanglement.py"


class Crash(Exception):
    pass


class Codes(keras.Model):
    """Codes that are a fixed linear map of the images; counts what is asked of it."""

    built_with = []
    steps = []
    crash_after = None

    @classmethod
    def from_data(cls, x, y, *, seed, num_codes, graph=None):
        cls.built_with.append((np.bincount(y).tolist(), seed, num_codes, graph))
        model = cls()
        model.layer = keras.layers.Dense(num_codes)
        model.layer.build((None, 256))
        model.built = True
        model.compile(keras.optimizers.SGD(0.0))
        return model

    def call(self, x):
        return self.layer(keras.ops.reshape(x, (-1, 256)))

    def train_step(self, data):
        return {"loss": keras.ops.mean(keras.ops.cast(data[1], "float32"))}

    def fit(self, data, epochs, callbacks, **kwargs):
        def count(epoch, logs):
            self.steps.append(int(data.cardinality()))
            if self.crash_after == len(self.steps):
                raise Crash

        counter = keras.callbacks.LambdaCallback(on_epoch_end=count)
        return super().fit(
            data, epochs=epochs, callbacks=[*callbacks, counter], **kwargs
        )

    def latent_codes(self, x):
        return self.predict(x.astype("float32") / 255.0, verbose=0)


@pytest.fixture
def script(monkeypatch):
    for name in ("stand_in", "imsic"):
        monkeypatch.setitem(registry._METHODS, name, Codes)
    for name in ("built_with", "steps"):
        monkeypatch.setattr(Codes, name, [])
    with script_module.loaded(SCRIPT) as module:
        yield module


def run(script, output, *arguments):
    settings = "--size=16 --majority=60 --steps=6 --batch=8 --pool=40".split()
    flags.FLAGS.unparse_flags()
    flags.FLAGS(["", f"--output={output}", *settings, *arguments])
    script.STEPS_PER_EPOCH = 3
    script.main([])
    return pd.read_csv(output, dtype=str).to_dict("records")


def test_a_row_for_each_run_and_none_twice(script, tmp_path):
    arguments = ["--methods=stand_in,imsic,pca", "--ratios=10,30", "--seeds=0"]
    found = run(script, tmp_path / "rows.csv", *arguments)
    assert len(found) == 6
    # Squares are the majority; IMSIC has one parent for each code.
    assert Codes.built_with == [
        ([60, count, count], 0, 5, graph)
        for count in (6, 2)
        for graph in (None, "one_to_one")
    ]
    assert Codes.steps == [3, 3] * 4
    for row in found:
        assert 0 <= float(row["score"]) <= 1 and row["chance"] == "0.2"
        assert np.sum(json.loads(row["votes"])) == 10_000
        assert row["steps"] == ("0" if row["method"] == "pca" else "6")
    assert run(script, tmp_path / "rows.csv", *arguments) == found
    more = ["--methods=stand_in", "--ratios=10", "--seeds=0,1"]
    more = run(script, tmp_path / "rows.csv", *more)
    assert more[:6] == found and [row["seed"] for row in more[6:]] == ["1"]
    assert len(Codes.built_with) == 5


def test_a_broken_run_goes_on_from_its_backup(script, tmp_path, monkeypatch):
    arguments = ["--methods=stand_in", "--ratios=10", "--seeds=0"]
    arguments += ["--backup_seconds=0", f"--backup_dir={tmp_path / 'backups'}"]
    monkeypatch.setattr(Codes, "crash_after", 1)
    with pytest.raises(Crash):
        run(script, tmp_path / "rows.csv", *arguments)
    assert not (tmp_path / "rows.csv").exists()
    monkeypatch.setattr(Codes, "crash_after", None)
    assert len(run(script, tmp_path / "rows.csv", *arguments)) == 1
    assert Codes.steps == [3, 3]  # two epochs, one in each run


@pytest.mark.slow(reason="builds InfoGAN and IMSIC")
def test_the_methods_of_the_paper_run(tmp_path):
    """The stand-in takes any option; these take only their own."""
    with script_module.loaded(SCRIPT) as script:
        arguments = ["--methods=infogan,imsic", "--ratios=10", "--seeds=0"]
        found = run(script, tmp_path / "rows.csv", *arguments)
    assert [row["method"] for row in found] == ["infogan", "imsic"]
    for row in found:
        assert int(row["seconds"]) > 0 and "tensorflow=" in row["note"]
        # Six steps disentangle nothing: chance is .2, a perfect score 1.
        assert 0.2 <= float(row["score"]) < 0.9


def test_an_unknown_method_is_named(script, tmp_path):
    with pytest.raises(ValueError, match="Did you mean 'stand_in'"):
        run(script, tmp_path / "rows.csv", "--methods=standin")


def test_components_of_images_tell_places(script):
    x, _, factors = kerasos.data.shapes(80, size=16, sizes={"orientation": 1})
    codes = script.PCA(x, 5, 0).latent_codes(x)
    places = factors[:, 3:].astype("float64")
    correlations = np.abs(np.corrcoef(codes.T, places.T)[:5, 5:])
    assert correlations.max(axis=0).min() > 0.5
