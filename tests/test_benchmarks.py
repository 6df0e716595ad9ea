"""The benchmark scripts run, on the smallest budget, and write what they promise."""

import os
import pathlib
import re
import subprocess
import sys

import forked
import keras
import numpy as np
import pandas as pd
import pytest
import script_module
from absl import flags

ROOT = pathlib.Path(__file__).resolve().parent.parent
BENCHMARKS = ROOT / "benchmarks"
sys.path.append(str(BENCHMARKS))

import step_parts  # noqa: E402

from kerasos.methods.infogan import networks as infogan  # noqa: E402


def rows_of(script, path, *options):
    """Runs a script in this process; returns the file that it added a row to."""
    with script_module.loaded(BENCHMARKS / script) as module:
        flags.FLAGS(["", f"--output={path}", *options])
        module.main([])
    return pd.read_csv(path)


@pytest.mark.slow  # reason: builds and traces two GAMO models
def test_step_time_reports_units_and_the_matrix_product(tmp_path):
    options = ["--nojit_compile", "--rounds=1", "--steps=1"]
    (row,) = rows_of("step_time.py", tmp_path / "step_time.csv", *options).to_dict(
        "records"
    )
    assert row["unit_units"] == 1.0
    for name in ("joint_ms", "per_class_ms", "joint_units", "matmul_gflops"):
        assert row[name] > 0


@pytest.mark.slow  # reason: builds and traces a CVAE
def test_step_time_holds_a_method_against_its_bare_sum(tmp_path):
    options = ["--rounds=1", "--steps=1", "--batch=8", "--shape=8,8,1"]
    options += ["--sample_batch=16", "--method=cvae"]
    (row,) = rows_of("step_time.py", tmp_path / "step_time.csv", *options).to_dict(
        "records"
    )
    # Two convolutions, two transposed ones and four dense layers, each forward and
    # with two gradients; but none is needed with respect to the data. The transpose
    # of a convolution is its gradient with respect to the input, and vice versa.
    assert row["operations"] == (
        "4 Conv2D, 4 Conv2DBackpropFilter, 3 Conv2DBackpropInput, 12 MatMul"
    )
    for mode in ("plain", "xla"):
        names = ("convolutions", "products", "adam")
        parts = [row[f"{name}_{mode}_ms"] for name in names]
        assert min(parts) > 0
        assert row[f"bare_{mode}_ms"] == pytest.approx(sum(parts), abs=0.01)
        ratio = row[f"step_{mode}_ms"] / row[f"bare_{mode}_ms"]
        assert row[f"step_over_bare_{mode}"] == pytest.approx(ratio, abs=0.01)
    assert row["step_over_bare"] == row[f"step_over_bare_{row['default']}"]
    assert row["step_over_least"] >= row["step_over_bare"]
    rates = row["decoder_images_s"] / row["sample_images_s"]
    assert row["sample_over_decoder"] == pytest.approx(rates, abs=0.01)


def parts_of_large_data(kind, rows, path):
    paths = [str(ROOT), os.environ.get("PYTHONPATH")]
    options = [f"--kind={kind}", "--steps=3", "--samples=64", "--minority=0.49"]
    options += [f"--rows={rows}", f"--output={path}", "--parts=model,fit,oversample"]
    result = subprocess.run(
        [sys.executable, str(BENCHMARKS / "large_data.py"), *options],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert result.returncode == 0, result.stderr[-2000:]
    return pd.read_csv(path).set_index("part")


@pytest.mark.slow  # reason: trains in two processes, whose memory is looked at
@pytest.mark.parametrize(
    ("kind", "few", "many"), [("table", 20_000, 420_000), ("images", 4_000, 44_000)]
)
def test_memory_grows_by_one_copy_in_float32_at_most(kind, few, many, tmp_path):
    small = parts_of_large_data(kind, few, tmp_path / "few.csv")
    large = parts_of_large_data(kind, many, tmp_path / "many.csv")
    assert (large.seconds > 0).all() and large.float32_mb.nunique() == 1
    copy = large.float32_mb.iloc[0] - small.float32_mb.iloc[0]
    noise = 25  # of the allocator
    for part in ("model", "fit", "oversample"):
        result = large.result_mb[part] - small.result_mb[part]
        grown = large.grown_mb[part] - small.grown_mb[part]
        assert grown < result + copy + noise, part


@pytest.mark.slow  # reason: compiles four small functions with XLA
def test_upsampling_is_held_against_the_two_layers(tmp_path):
    options = ["--batch=2", "--shape=3,3,2", "--filters=2", "--steps=1", "--rounds=1"]
    path = tmp_path / "upsample_time.csv"
    rows = rows_of("step_time.py", path, "--method=upsample", *options)
    (row,) = rows.to_dict("records")
    assert row["difference"] < 1e-5
    for part in ("forward", "gradients"):
        for mode in ("graph", "xla"):
            plain, folded = (
                row[f"{name}_{part}_{mode}_ms"] for name in ("plain", "folded")
            )
            assert plain > 0 and folded > 0
            ratio = row[f"plain_over_folded_{part}_{mode}"]
            assert ratio == pytest.approx(plain / folded, rel=0.2)


@pytest.mark.slow  # reason: traces a CVAE
def test_fit_resample_time_adds_a_row(tmp_path):
    path = tmp_path / "time.csv"
    path.write_text("method,rows,other\ncgan,7,x\n")
    options = ["--rows=300", "--columns=3", "--minority=0.1", "--epochs=2"]
    rows = rows_of("fit_resample_time.py", path, *options)
    # What was there stays, with the columns that it has.
    assert rows.rows.tolist() == [7, 300] and rows.other.tolist()[0] == "x"
    row = rows.iloc[1]
    assert (row.added, row.steps, row.method) == (240, 18, "cvae")
    assert row.wall_seconds > 0 and row.cpu_seconds > 0
    assert 100 < row.start_mb <= row.peak_mb
    # 30 real rows against 30: a standard error of .075 around .5 where they are alike.
    assert 0.5 - 3 * 0.075 < row.auc <= 1 and 0 < row.pair_difference < 1


@pytest.mark.slow  # reason: trains and generates in a process of its own, twice
def test_balanced_stream_adds_rows(tmp_path):
    path, folder = tmp_path / "stream.csv", tmp_path / "parts"
    folder.mkdir()
    options = ["--rows=220", "--side=16", f"--folder={folder}", "--steps=2"]
    rows_of("balanced_stream.py", path, *options)
    assert len(list(folder.glob("good/*.png"))) == 176
    assert len(list(folder.glob("*/*.png"))) == 176 + 33 + 9 + 2
    found = rows_of(
        "balanced_stream.py", path, *options, "--measure=speed", "--turns=1"
    )
    first, second = found.iloc[0], found.iloc[1]
    assert first.steps == 7 and 0 <= first.grown_mb < 1_500
    rates = second.stream_steps_a_second, second.arrays_steps_a_second
    assert second.ratio == pytest.approx(rates[0] / rates[1], rel=0.05)


PROGRAM = """HloModule step, is_scheduled=true

%add (a: f32[], b: f32[]) -> f32[] {
  %a = f32[] parameter(0)
  %b = f32[] parameter(1)
  ROOT %sum = f32[] add(%a, %b)
}

%fused_computation (p: f32[8,4]) -> f32[8,4] {
  %p = f32[8,4]{1,0} parameter(0)
  %e = f32[8,4]{1,0} exponential(%p)
  ROOT %n = f32[8,4]{1,0} negate(%e)
}

%body (state: (s32[], f32[8,4])) -> (s32[], f32[8,4]) {
  %state = (s32[], f32[8,4]{1,0}) parameter(0)
  %x = f32[8,4]{1,0} get-tuple-element(%state), index=1
  %f = f32[8,4]{1,0} fusion(%x), kind=kLoop, calls=%fused_computation
  %i = s32[] get-tuple-element(%state), index=0
  ROOT %next = (s32[], f32[8,4]{1,0}) tuple(%i, %f)
}

%condition (state.1: (s32[], f32[8,4])) -> pred[] {
  %state.1 = (s32[], f32[8,4]{1,0}) parameter(0)
  %j = s32[] get-tuple-element(%state.1), index=0
  %k = s32[] constant(3)
  ROOT %less = pred[] compare(%j, %k), direction=LT
}

ENTRY %main (x.1: f32[8,4], w: f32[4,4]) -> f32[8] {
  %x.1 = f32[8,4]{1,0} parameter(0)
  %w = f32[4,4]{1,0} parameter(1)
  %dot = f32[8,4]{1,0} dot(%x.1, %w), lhs_contracting_dims={1}
  %zero = s32[] constant(0)
  %start = (s32[], f32[8,4]{1,0}) tuple(%zero, %dot)
  %loop = (s32[], f32[8,4]{1,0}) while(%start), condition=%condition, body=%body
  %y = f32[8,4]{1,0} get-tuple-element(%loop), index=1
  %none = f32[] constant(0)
  ROOT %reduce = f32[8]{0} reduce(%y, %none), dimensions={1}, to_apply=%add
}
"""


def test_what_starts_a_kernel_is_counted_in_loops_and_not_in_fusions():
    with script_module.loaded(BENCHMARKS / "device_check.py") as module:
        found = module.count_kernels(PROGRAM)
        # A product, a sum over rows; in the loop a fusion and its comparison.
        assert found == {"kernels": 4, "fusions": 1, "host": ""}
        asks = PROGRAM.replace("dot(%x.1, %w)", "infeed(%x.1, %w)")
        assert module.count_kernels(asks)["host"] == "infeed"


@pytest.mark.slow  # reason: compiles a step, saves, exports and loads
def test_device_check_adds_a_row_a_method_and_one_for_an_error(tmp_path):
    path = tmp_path / "device.csv"
    options = ["--shape=6", "--counts=40,12", "--batch=8", "--steps=2", "--samples=9"]
    names = "--methods=two_stage_cvae:latent_dim=x,two_stage_cvae,cgan"
    rows = rows_of("device_check.py", path, *options, names)
    assert rows.method.tolist() == ["two_stage_cvae", "two_stage_cvae", "cgan"]
    assert "latent_dim" in rows.error[0] and rows.error[1:].isna().all()
    staged, cgan = rows.iloc[1], rows.iloc[2]
    for column in ("first_step_s", "ms", "kernels", "fusions"):
        assert re.fullmatch(r"vae [\d.]+ latent [\d.]+", staged[column]), column
        assert float(cgan[column]) > 0
    assert (staged.whole, cgan.whole) == ("vae yes latent yes", "yes")
    done = rows.iloc[1:]
    assert (done.finite.astype(str) == "True").all() and done.device.nunique() == 1
    assert (done.saved_difference < 1e-6).all()
    assert (done.chunk_difference < 1e-5).all()
    assert done.served.tolist() == ["5x6", "5x6"]


@pytest.mark.slow  # reason: trains two GANs for a few steps
def test_few_images_adds_a_row_a_policy_once(tmp_path, capsys):
    path = tmp_path / "few.csv"
    options = ["--sets=digits", "--methods=cgan", "--policies=none,translation"]
    with script_module.loaded(BENCHMARKS / "few_images.py") as module:
        flags.FLAGS(["", f"--output={path}", *options, "--steps=2", "--threads=0"])
        module.main([])
        rows = pd.read_csv(path)
        assert rows.policy.tolist() == ["none", "translation"]
        assert ((rows.agreement >= 0) & (rows.agreement <= 1)).all()
        assert (rows.spread > 0).all() and (rows.copies >= 0).all()
        capsys.readouterr()
        module.main([])  # both are there
        assert not capsys.readouterr().out
    pd.testing.assert_frame_equal(pd.read_csv(path), rows)


@pytest.mark.slow  # reason: trains two networks and scores three
def test_latent_heads_scores_every_head_of_a_kept_network_once(
    tmp_path, capsys, monkeypatch
):
    path = tmp_path / "heads.csv"
    with script_module.loaded(BENCHMARKS / "latent_heads.py") as module:
        module.COUNTS = [40, 20, 12, 10, 9, 8, 7, 6, 5, 4]
        module.TRAININGS = ("plain", "balanced_softmax")
        module.HEADS = {"12 anchors": ("convex", {"min_anchors": 12})}
        options = [f"--output={path}", "--sets=digits", "--seeds=0", "--steps=2"]
        flags.FLAGS(["", *options, "--threads=0"])
        module.main([])
        rows = pd.read_csv(path)
        plain, balanced = (rows[rows.training == name] for name in module.TRAININGS)
        assert plain["head"].tolist() == ["own", "adjusted", *module.HEADS]
        assert balanced["head"].tolist() == ["own", *module.HEADS]
        assert plain.rows.tolist() == [121, 121, 400]
        assert rows.balanced_accuracy.between(0, 1).all()
        capsys.readouterr()
        module.main([])  # all are there
        assert not capsys.readouterr().out
        # Without its rows a network is read, not trained again, and scores the same.
        balanced.to_csv(path, index=False)
        monkeypatch.setattr(module, "augmented", lambda *_, **__: pytest.fail("trains"))
        module.main([])
    again = pd.read_csv(path)
    again = again[again.training == "plain"].reset_index(drop=True)
    scores = ["head", "balanced_accuracy", "rows"]
    pd.testing.assert_frame_equal(again[scores], plain[scores])


def test_generated_share_fills_classes_up_and_scores_each_filling_once(
    tmp_path, monkeypatch, capsys
):
    path, drawn = tmp_path / "share.csv", []

    def sampled(labels, seed, file):
        drawn.append((np.bincount(labels, minlength=10).tolist(), file.name))
        made = (
            np.full((len(labels), 8, 8, 1), 200, "uint8") + labels[:, None, None, None]
        )
        return made.astype("uint8"), labels

    with script_module.loaded(BENCHMARKS / "generated_share.py") as module:
        monkeypatch.setattr(module, "sampled", sampled)
        counts = module.COUNTS = [40, 20, 12, 10, 9, 8, 7, 6, 5, 4]
        module.POOL, module.EVERY = 15, 50
        options = ["--set=digits", "--steps=250", "--model=none", f"--output={path}"]
        flags.FLAGS(["", *options, "--fillings=0,alike", "--threads=0"])
        y = np.repeat(np.arange(10), counts)
        x = np.broadcast_to(y[:, None, None, None], (121, 8, 8, 1)).astype("uint8")
        for filling, share in (("0", 0), ("0.25", 0.25), ("1", 1)):
            images, labels = module.filled(x, y, filling, tmp_path)
            assert np.bincount(labels).tolist() == [40] * 10
            values = images[:, 0, 0, 0]
            made = values >= 200
            np.testing.assert_array_equal(values - 200 * made, labels)
            added = [round(share * (40 - count)) for count in counts]
            assert np.bincount(labels, made).tolist() == added
        assert drawn == [([0, *[15] * 9], "rest_0_1.5.npz")] * 2
        images, labels = module.filled(x, y, "alike", tmp_path)
        made = images[:, 0, 0, 0] >= 200
        assert np.bincount(labels, made).tolist() == [20] * 10
        assert drawn[3] == ([15, *[0] * 9], "largest_0_1.5.npz")
        module.main([])
        capsys.readouterr()
        module.main([])  # all are there
    assert not capsys.readouterr().out
    rows = pd.read_csv(path, dtype={"filling": str})
    assert rows["filling"].tolist() == ["0", "alike"]
    recalls = rows[[f"recall_{label}" for label in range(10)]]
    np.testing.assert_allclose(recalls.mean(axis=1), rows.balanced_accuracy, atol=1e-4)
    assert recalls.loc[0].mean() > 0.4  # real digits, a little training


def test_generated_share_leaves_out_what_a_filter_does(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)

    def images_of(values):
        noise = rng.integers(0, 9, (len(values), 8, 8, 1))
        return (60 * np.asarray(values)[:, None, None, None] + noise).astype("uint8")

    def sampled(labels, *_):  # every third under the label of another class
        shown = np.where(np.arange(len(labels)) % 3, labels, (labels + 1) % 3)
        return images_of(shown), labels

    y = np.repeat(np.arange(3), [60, 30, 15])
    with script_module.loaded(BENCHMARKS / "generated_share.py") as module:
        monkeypatch.setattr(module, "sampled", sampled)
        flags.FLAGS(["", "--model=none", f"--output={tmp_path / 'share.csv'}"])
        x = images_of(y)
        shown = {}
        for filling in ("1", "1~filtered"):
            images, labels = module.filled(x, y, filling, tmp_path)
            assert np.bincount(labels).tolist() == [60] * 3
            shown[filling] = images.reshape(180, -1).mean(axis=1) // 60
    assert (shown["1"] != labels).sum() > 15
    np.testing.assert_array_equal(shown["1~filtered"], labels)


@pytest.mark.slow  # reason: trains in two processes of its own
def test_same_losses_tells_a_changed_step_from_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", forked.python())
    with script_module.loaded(BENCHMARKS / "same_losses.py") as module:
        path = tmp_path / "losses.json"
        module.flags.FLAGS(["", "--steps=3"])
        here = module.trained(ROOT, ["cvae"], path)
        assert set(here) == {"cvae images", "cvae tables"}
        again = module.trained(ROOT, ["cvae"], path)
        log, other = here["cvae tables"], again["cvae tables"]
        assert len(log) == 3 and module.largest_difference(log, other)[0] == 0.0
        other[1]["kl_loss"] *= 1.001
        found, loss, step = module.largest_difference(log, other)
        assert (loss, step) == ("kl_loss", 1) and found == pytest.approx(1e-3, rel=0.01)
        del other[2]["kl_loss"]
        assert module.largest_difference(log, other)[0] == float("inf")


def test_the_generator_that_folding_is_held_against_makes_the_same_images():
    folded = infogan.generator((8, 8, 1), 4, 2, 3, seed=0)
    unfolded = step_parts.unfolded(folded)
    assert step_parts.is_folded(folded) and not step_parts.is_folded(unfolded)
    assert not step_parts.is_folded(None)
    unfolded.set_weights(folded.get_weights())
    source = np.random.default_rng(0)
    inputs = [source.standard_normal((3, w)).astype("float32") for w in (4, 2, 3)]
    np.testing.assert_allclose(unfolded(inputs), folded(inputs), atol=1e-5)
    doubled = [x.name for x in unfolded.layers if isinstance(x, keras.Sequential)]
    assert doubled == ["generator_conv_1", "generator_conv_2"]


def test_figures_of_samples_by_hand():
    with script_module.loaded(BENCHMARKS / "image_samples.py") as script:
        train, test = np.array([[0, 0], [10, 0]]), np.array([[0, 2], [10, 4]])
        samples = np.array([[0, 0.5], [0, 6]])
        found = script.figures(
            samples, train, test, [True, False], np.array([True, True])
        )
    # Distances to training rows are .5 and 6, and of test rows 2 and 4.
    assert found == {
        "images": 2,
        "agreement": 0.5,
        "test_agreement": 1.0,
        "nearest": pytest.approx(3.25 / 3),
        "copies": 0.5,
        "test_copies": 0.0,
        "spread": pytest.approx(5.5 / np.hypot(10, 2)),
    }


def test_a_distribution_by_hand():
    line = np.arange(12.0)[:, None]
    with script_module.loaded(BENCHMARKS / "image_samples.py") as script:
        # The ball of the last point reaches 3 on, to 14, and that of the first of the
        # moved ones 3 back, to 6.5.
        found = script.distribution(line + 9.5, line)
        assert found == {
            "fid": pytest.approx(9.5**2),
            "precision": pytest.approx(5 / 12),
            "recall": pytest.approx(5 / 12),
        }
        # As many of both count. One image again and again reaches itself alone.
        found = script.distribution(np.full((20, 1), 2.0), line)
        assert (found["precision"], found["recall"]) == (1.0, pytest.approx(1 / 12))


@pytest.mark.slow  # reason: builds, trains and traces a flow for images
def test_image_samples_reports_each_class_and_reads_its_model(tmp_path):
    options = ["--steps=2", "--samples=3", f"--model={tmp_path / 'flow.keras'}"]
    options += ["--threads=0"]  # others cannot be had in a process that has begun
    options += ["--class_counts=20", "--learning_rate=0.001", "--batch_size=8"]
    options += ['--options={"width": 4}', f"--picture={tmp_path / 'samples.png'}"]
    path = tmp_path / "image_samples.csv"
    for guidance in (1, 2):
        settings = f'--settings={{"sampling_steps": 1, "guidance": {guidance}}}'
        rows = rows_of("image_samples.py", path, *options, settings)
    assert rows["label"].tolist() == 2 * list(range(10))
    assert rows["images"].tolist()[:10] == rows["images"].tolist()[10:]
    assert rows["images"][0] >= 20 * rows["images"][9]
    assert rows["seconds"].notna().tolist() == 10 * [True] + 10 * [False]
    # Noise is further from digits than digits are; copies know no guidance.
    assert (rows["fid"] > rows["fid_copies"]).all()
    assert rows["fid_copies"].tolist()[:10] == rows["fid_copies"].tolist()[10:]
    assert (tmp_path / "samples.png").is_file()
