"""The CSV files of real tables that the scripts read."""

import pandas as pd

# Columns of codes that a CSV file cannot tell from numbers. Text needs no mention.
CATEGORICAL = {
    "car": ["Doors", "Persons"],
    "flare-F": [
        *("LargestSpotSize", "SpotDistribution", "Activity", "Evolution"),
        *("Prev24Hour", "HistComplex", "BecomeHist", "Area"),
        *("C-class", "M-class", "X-class"),
    ],
}


def read_table(path):
    """Returns the frame and the labels of a table, its last column `target`."""
    frame = pd.read_csv(path)
    y = frame.pop("target").to_numpy()
    codes = CATEGORICAL.get(path.stem, [])
    return frame.astype(dict.fromkeys(codes, "category")), y
