"""
Digits that GAMO makes
======================

GAMO mixes real images of a class with weights that a network chooses against a
classifier and a discriminator. The data are scikit-learn's digits of 8x8 pixels,
thinned out until the largest class has 20 times as many images as the smallest.
"""

# %%
# Train. ``from_data`` takes the networks and settings of the paper.

import matplotlib.pyplot as plt
import numpy as np

import kerasos

(x, y), (x_test, y_test) = kerasos.data.load("digits", class_counts=20)
print("images a class:", np.bincount(y))
model = kerasos.GAMO.from_data(x, y, seed=0)
history = model.fit(kerasos.data.batches(x, y, 32), epochs=40, verbose=0)

# %%
# Real images on the left, generated ones on the right, a class a row. The largest
# class, 0, needs none. Classes with six images come out as mixes of these six.

figure, panels = plt.subplots(9, 13, figsize=(7.5, 5.4))
for row, label in enumerate(range(1, 10)):
    real = x[y == label][:6]
    cells = [*real, *[None] * (7 - len(real)), *model.sample([label] * 6, seed=1)]
    for axes, image in zip(panels[row], cells, strict=True):
        axes.set_axis_off()
        if image is not None:
            axes.imshow(image[..., 0], cmap="gray", vmin=0, vmax=255)
panels[0, 2].set_title("real", loc="left")
panels[0, 9].set_title("generated", loc="left")
plt.show()

# %%
# The losses of the three players: classifier, discriminator and generator.

figure, axes = plt.subplots(figsize=(6, 3))
for name in ("c_loss", "d_loss", "g_c_loss"):
    axes.plot(history.history[name], label=name)
axes.set(xlabel="epoch", ylabel="loss", ylim=(0, None))
axes.legend()
plt.show()

# %%
# GAMO's own classifier, on test images of all classes alike.

predicted = model.classifier.predict(x_test, verbose=0).argmax(-1)
print("balanced accuracy:", round(kerasos.metrics.acsa(y_test, predicted), 3))
