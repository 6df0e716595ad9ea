"""What options of GAMO mean together; each alone is in `test_options.py`."""

import pytest
from gamo_setup import make_data, make_gamo, make_images

import kerasos


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"variant": "conv"}, "needs images"),
        ({"min_anchors": 5}, "for images"),
        ({"anchor_share": 0.3, "generator": "copies"}, "belongs to the convex"),
        ({"bank": "kcentre"}, "Did you mean 'kcenter'"),
        ({"max_anchors": 2.5}, "`max_anchors`: it must be an integer of at least 1"),
        ({"anchor_share": 1.0}, "`anchor_share`.*at least 0 below 1"),
        ({"label_noise": 1.1}, "`label_noise`"),
    ],
)
def test_bad_options_name_the_way_out(options, words):
    with pytest.raises(ValueError, match=words):
        make_gamo(**options)


def test_balanced_data_are_refused():
    with pytest.raises(ValueError, match="Balanced data need no oversampling"):
        make_gamo(counts=(9, 9, 9))


def test_on_a_processor_xla_is_chosen_for_dense_generators_alone():
    rows, images = make_data(), make_images()
    model = kerasos.GAMO.from_data(*rows, value_range=(0, 1), seed=0)
    assert model.jit_compile is True and model.jit_steps == 2_000
    for cls in (kerasos.GAMO, kerasos.CGAN, kerasos.CVAE):
        options = {"variant": "conv"} if cls is kerasos.GAMO else {}
        assert cls.from_data(*images, seed=0, **options).jit_compile is False
    methods = map(kerasos.get_method, kerasos.list_methods())
    networks = [cls for cls in methods if issubclass(cls, kerasos.OversamplingModel)]
    others = [cls for cls in networks if not issubclass(cls, kerasos.GAMO)]
    assert len(others) > 10
    for cls in others:
        assert cls.prefers_jit is kerasos.OversamplingModel.prefers_jit, cls
