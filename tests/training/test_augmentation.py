"""Changed training rows against plain formulas of the same draws, and who gets to see them."""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np
import pytest

from stackens.exceptions import InvalidInputError
from stackens.parameters import stream
from stackens.sequences import PADDING_VALUE
from stackens.training import Architecture, Augmentation, EarlyStopping, Job, Optimizer, train
from stackens.training import _program as program_module
from stackens.training import _row_job as row_job_module
from stackens.training._augmentation import channel_deviations
from stackens.training._keras_fit import fit_with_keras

SEED, EPOCH = 3, 2
LENGTHS = np.array([7, 1, 4, 2, 7])
ALL = {"jitter": 0.1, "scaling": 0.2, "window": 0.8, "time_warp": 0.3, "mixup": 0.4}


def draw(name):
    return stream(SEED, f"augmentation, {name}", EPOCH)


def make_batch(n_timesteps=7):
    x = np.random.default_rng(0).normal(size=(5, 7, 2))
    padded = np.full((5, n_timesteps, 2), PADDING_VALUE)
    for row, length in enumerate(LENGTHS):
        padded[row, :length] = x[row, :length]
    return padded


def change(x, y=None, weights=None, **strengths):
    augmentation = Augmentation.read(strengths)
    y = np.zeros(len(x)) if y is None else y
    deviations = np.array([2.0, 0.5])
    return augmentation.change(x, y, weights, deviations, augmentation.streams(SEED, EPOCH))


def read_at(row, places):
    steps = np.arange(len(row))
    return np.stack([np.interp(places, steps, channel) for channel in row.T], axis=1)


def assert_rows(x, rows):
    assert x.dtype == np.float64
    for found, expected in zip(x, rows, strict=True):
        np.testing.assert_allclose(found[: len(expected)], expected, rtol=1e-12, atol=1e-14)
        assert (found[len(expected) :] == PADDING_VALUE).all()


def rows_of(x):
    return [row[:length] for row, length in zip(x, LENGTHS, strict=True)]


def test_jitter_is_noise_in_deviations_of_each_channel():
    x = make_batch()
    noise = np.split(draw("jitter").standard_normal((sum(LENGTHS), 2)), np.cumsum(LENGTHS)[:-1])
    rows = [r + 0.1 * np.array([2.0, 0.5]) * e for r, e in zip(rows_of(x), noise, strict=True)]
    assert_rows(change(x, jitter=0.1)[0], rows)


def test_scaling_multiplies_each_channel_of_a_row():
    x = make_batch()
    factors = 1 + 0.2 * draw("scaling").standard_normal((5, 2))
    assert_rows(
        change(x, scaling=0.2)[0], [r * f for r, f in zip(rows_of(x), factors, strict=True)]
    )


def test_a_window_is_a_slice_stretched_to_the_length_of_the_row():
    x, starts = make_batch(), draw("window").random(5)
    rows = []
    for row, start in zip(rows_of(x), starts, strict=True):
        span = 0.8 * (len(row) - 1)
        first = start * (len(row) - 1 - span)
        rows.append(read_at(row, np.linspace(first, first + span, len(row))))
    assert_rows(change(x, window=0.8)[0], rows)


def warped(length, knots):
    """Places of a row whose speed goes linearly from knot to knot."""
    middles = (np.arange(length - 1) + 0.5) / max(length - 1, 1)
    steps = np.interp(middles, np.linspace(0, 1, len(knots)), knots)
    places = np.concatenate([[0.0], np.cumsum(steps)])
    return places * (length - 1) / places[-1] if length > 1 else places


def test_a_time_warp_reads_a_row_at_a_smooth_speed_from_end_to_end():
    x, knots = make_batch(), np.exp(0.3 * draw("time_warp").standard_normal((5, 4)))
    places = [warped(length, of_row) for length, of_row in zip(LENGTHS, knots, strict=True)]
    assert all((np.diff(p) > 0).all() and p[-1] == pytest.approx(len(p) - 1) for p in places)
    rows = [read_at(row, p) for row, p in zip(rows_of(x), places, strict=True)]
    assert_rows(change(x, time_warp=0.3)[0], rows)


def test_a_window_of_a_warped_row():
    x, starts = make_batch(), draw("window").random(5)
    knots = np.exp(0.3 * draw("time_warp").standard_normal((5, 4)))
    rows = [
        read_at(row, start * 0.2 * (len(row) - 1) + 0.8 * warped(len(row), of_row))
        for row, start, of_row in zip(rows_of(x), starts, knots, strict=True)
    ]
    assert_rows(change(x, window=0.8, time_warp=0.3)[0], rows)


@pytest.mark.parametrize("weights", [None, np.array([1.0, 2.0, 0.0, 3.0, 1.0])])
def test_mixup_mixes_a_row_with_another_one_stretched_to_its_length(weights):
    x, y, rng = make_batch(), np.eye(5)[:, :3], draw("mixup")
    partners, shares = rng.permutation(5), rng.beta(0.4, 0.4, 5)
    rows, targets, weights_of_rows = [], [], []
    for i, (row, share) in enumerate(zip(rows_of(x), shares, strict=True)):
        other = rows_of(x)[partners[i]]
        own = max(share, 1 - share)
        if weights is not None and not weights[i] * weights[partners[i]]:
            own = 1.0  # what counts for nothing is seen by nobody
        stretched = read_at(other, np.linspace(0, len(other) - 1, len(row)))
        rows.append(own * row + (1 - own) * stretched)
        targets.append(own * y[i] + (1 - own) * y[partners[i]])
        if weights is not None:
            weights_of_rows.append(own * weights[i] + (1 - own) * weights[partners[i]])
    found, y_found, weights_found = change(x, y, weights, mixup=0.4)
    assert_rows(found, rows)
    np.testing.assert_allclose(y_found, targets, rtol=1e-12)
    if weights is None:
        assert weights_found is None
    else:
        np.testing.assert_allclose(weights_found, weights_of_rows, rtol=1e-12)
    assert not np.allclose(y_found, y)


def test_all_together_are_one_after_the_other():
    x, y = make_batch(), np.arange(5.0)
    expected = x
    for some in ({"window": 0.8, "time_warp": 0.3}, {"scaling": 0.2}, {"jitter": 0.1}):
        expected = change(expected, **some)[0]
    expected, y_expected, _ = change(expected, y, mixup=0.4)
    found, y_found, _ = change(x, y, **ALL)
    assert_rows(found, rows_of(expected))
    np.testing.assert_array_equal(y_found, y_expected)


def test_the_width_of_the_array_changes_nothing():
    narrow, wide = change(make_batch(), **ALL)[0], change(make_batch(12), **ALL)[0]
    np.testing.assert_array_equal(wide[:, :7], narrow)
    assert (wide[:, 7:] == PADDING_VALUE).all()


def test_the_batch_itself_stays_what_it_was():
    x, y, weights = make_batch(), np.arange(5.0), np.ones(5)
    copies = x.copy(), y.copy(), weights.copy()
    change(x, y, weights, **ALL)
    for array, copy in zip((x, y, weights), copies, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_deviations_are_those_of_all_frames_of_the_rows(monkeypatch):
    x, rows = make_batch(), np.array([4, 0, 2])
    frames = np.concatenate([rows_of(x)[row] for row in rows])
    np.testing.assert_allclose(channel_deviations(x, rows), frames.std(axis=0), rtol=1e-12)
    monkeypatch.setattr("stackens.training._augmentation._PIECE", 1)
    np.testing.assert_allclose(channel_deviations(x, rows), frames.std(axis=0), rtol=1e-12)


def test_strengths_that_change_nothing_are_none():
    neutral = {"jitter": 0, "scaling": 0.0, "window": 1, "time_warp": 0, "mixup": 0}
    assert Augmentation.read(neutral) is Augmentation.read({}) is None


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"jiter": 0.1}, r"got 'jiter'.*mean `jitter`\?"),
        ({0: 0.1}, r"must name changes among \['jitter',.*got 0"),
        ({"jitter": -0.1}, r"`augmentation\['jitter'\]` must be .*\[0.0, 1.0\].*got -0.1"),
        ({"window": 0}, r"`augmentation\['window'\]` must be .*\(0.0, 1.0\] \(the fraction.*got 0"),
        ({"mixup": True}, "got True"),
        ({"mixup": "much"}, "got 'much'"),
        ({"time_warp": np.nan}, "got nan"),
    ],
)
def test_what_is_no_strength_is_refused(given, message):
    with pytest.raises(InvalidInputError, match=message):
        Augmentation.read(given)


# ---- in a training -----------------------------------------------------------------------------


def build(dtype="float32"):
    return keras.Sequential(
        [
            keras.Input((None, 2), dtype=dtype),
            keras.layers.SimpleRNN(4, dtype=dtype),
            keras.layers.Dropout(0.2, dtype=dtype),
            keras.layers.Dense(3, activation="softmax", dtype=dtype),
        ]
    )


def make_job(dtype="float32", **changes):
    rng = np.random.default_rng(0)
    settings = {
        "architecture": Architecture(build, {"dtype": dtype}),
        "X": rng.normal(size=(30, 6, 2)).astype(dtype),
        "y": np.eye(3)[rng.integers(3, size=30)].astype(dtype),
        "loss": "categorical_crossentropy",
        "optimizer": Optimizer("Adam", 0.01),
        "seed": 1,
        "epochs": 4,
        "batch_size": 8,
        "rows": np.arange(2, 25),
        "augmentation": Augmentation(**ALL),
        **changes,
    }
    return Job(**settings)


def assert_equal(found, expected):
    assert found.history == expected.history
    for one, other in zip(found.weights, expected.weights, strict=True):
        np.testing.assert_array_equal(one, other)


def are_equal(found, expected):
    pairs = zip(found.weights, expected.weights, strict=True)
    return all(np.array_equal(one, other) for one, other in pairs)


def test_towers_equal_the_same_jobs_alone_bit_for_bit():
    jobs = [make_job(), make_job(seed=2), make_job(rows=np.arange(11)), make_job(augmentation=None)]
    jobs += [make_job(augmentation=Augmentation(**{name: s})) for name, s in ALL.items()]
    together, backwards = train(jobs), train(jobs[::-1])[::-1]
    for i, job in enumerate(jobs):
        (alone,) = train([job])
        assert_equal(together[i], alone)
        assert_equal(backwards[i], alone)
        assert not any(are_equal(alone, other) for other in together[:i])


def test_data_read_in_pieces_train_the_same_network(monkeypatch, tmp_path):
    job = make_job(sample_weight=np.linspace(0, 2, 30))
    (expected,) = train([job])
    monkeypatch.setattr(program_module, "_PIECE_BYTES", 17 * job.X[0].nbytes)  # two batches
    assert_equal(train([job])[0], expected)
    mapped = np.memmap(tmp_path / "X.dat", "float32", "w+", shape=job.X.shape)
    mapped[:] = job.X
    assert_equal(train([replace(job, X=np.asarray(mapped))])[0], expected)


@pytest.mark.parametrize("name", [*ALL, "all"])
def test_keras_fit_sees_the_same_rows(name):
    policy = keras.config.dtype_policy()
    keras.config.set_floatx("float64")
    try:
        job = make_job(
            "float64",
            augmentation=Augmentation(**(ALL if name == "all" else {name: ALL[name]})),
            sample_weight=np.linspace(0.5, 2, 30),
            validation_rows=np.arange(25, 30),
            metrics=("accuracy",),
        )
        (found,), expected = train([job]), fit_with_keras(job)
    finally:
        keras.config.set_floatx("float32")
        keras.config.set_dtype_policy(policy)
    for key, values in expected.history.items():
        np.testing.assert_allclose(found.history[key], values, rtol=1e-6)
    for one, other in zip(found.weights, expected.weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9)


def watched(**changes):
    """Train so slowly that nothing is learnt: losses are those of the initial weights."""
    return make_job(
        optimizer=Optimizer("SGD", 1e-30),
        validation_rows=np.arange(25, 30),
        early_stopping=EarlyStopping(9),
        **changes,
    )


def assert_watched_rows_stay():
    changed, plain = train([watched(), watched(augmentation=None)])
    assert changed.history["val_loss"] == plain.history["val_loss"]
    assert len(set(plain.history["val_loss"])) == 1


def test_rows_that_are_watched_stay_as_they_are():
    assert_watched_rows_stay()
    # As these do not: each epoch sees others.
    seen = [np.concatenate([x for x, _, _ in watched().batches(epoch)]) for epoch in range(2)]
    assert not np.isin(seen[0], seen[1]).any()
    assert not np.isin(seen, watched().X).any()


def test_the_canary_sings_when_watched_rows_are_changed(monkeypatch):
    def leaky(source, rows):
        job = replace(source._job, rows=rows, shuffle=False)
        return type(source)(job, source._program, source._shared).augmented_pieces(0)

    monkeypatch.setattr(program_module.RowSource, "pieces", leaky)
    with pytest.raises(AssertionError):
        assert_watched_rows_stay()


def assert_other_rows_do_not_count():
    job = make_job()
    X = job.X.copy()
    X[25:] *= 100  # neither trained on, nor watched
    assert_equal(*train([job, replace(job, X=X)]))


def test_noise_is_measured_by_the_rows_that_are_trained_on():
    assert_other_rows_do_not_count()


def test_the_canary_sings_when_it_is_measured_by_all_rows(monkeypatch):
    def leaky(X, rows):
        return channel_deviations(X, np.arange(len(X)))

    monkeypatch.setattr(row_job_module, "channel_deviations", leaky)
    with pytest.raises(AssertionError):
        assert_other_rows_do_not_count()
