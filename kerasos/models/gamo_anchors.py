"""The real points behind GAMO's generator, and how many of them it uses."""

import numpy as np

from kerasos.layers.convex import ConvexGenerator


class AnchorBank:
    """Puts real samples into the generator and keeps their features fresh.

    For an `OversamplingModel` with `generator` and, in the convolutional variant,
    `anchor_images`.
    """

    def set_anchor_samples(self, samples):
        """Puts the real samples that become the anchors, in the user's units.

        Args:
            samples: `{label: array (anchors, *spec.shape)}`.
        """
        if not hasattr(self.generator, "set_anchors"):
            return
        if self.is_convolutional:
            bank = np.concatenate([samples[k] for k in sorted(samples)])
            self.anchor_images.assign(bank)
            self.refresh_anchors()
            return
        for label, points in samples.items():
            flat = points.reshape(len(points), -1)
            self.generator.set_anchors(label, self.to_model(flat))

    def refresh_anchors(self, batch_size=500):
        """Recomputes the anchors' features with the present extractor."""
        if not self.is_convolutional or self.anchor_images is None:
            return
        images = self.anchor_images.numpy()
        features = np.concatenate(
            [
                self._features(self.to_model(images[start : start + batch_size]))
                for start in range(0, len(images), batch_size)
            ]
        )
        first = 0
        for label in self.sampled_labels:
            count = self.generator.anchor_counts[label]
            self.generator.set_anchors(label, features[first : first + count])
            first += count

    def _image_bank(self):
        counts = getattr(self.generator, "anchor_counts", None)
        if counts is None:
            return None
        return self.add_weight(
            shape=(sum(counts), *self.spec.shape),
            dtype=self.spec.dtype,
            initializer="zeros",
            trainable=False,
            name="anchor_images",
        )

    def effective_anchors(self, num_samples=256, seed=0):
        """How many anchors a generated sample mixes, and how many are used.

        Args:
            num_samples: Samples a class.
            seed: Integer.

        Returns:
            `{label: {"effective": mean of exp(entropy of the weights), "distinct":
            number of different anchors with the largest weight}}`. 1 effective
            anchor is a copy of a real point.
        """
        if not isinstance(self.generator, ConvexGenerator):
            raise ValueError(
                "`effective_anchors` needs a convex generator. Received: "
                f"{type(self.generator).__name__}."
            )
        noise = np.random.default_rng(seed).standard_normal(
            (num_samples, self.generator.latent_dim), dtype="float32"
        )
        report = {}
        for label in self.sampled_labels:
            weights = self.generator.sample_weights(noise, label).numpy()
            logs = np.log(np.maximum(weights, 1e-30))
            entropy = -np.sum(weights * logs, axis=1)
            report[label] = {
                "effective": float(np.exp(entropy).mean()),
                "distinct": len(set(weights.argmax(axis=1).tolist())),
            }
        return report
