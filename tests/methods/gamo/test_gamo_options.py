"""Options and data that GAMO refuses together; each alone is in `test_options.py`."""

import pytest
from gamo_setup import make_gamo


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
