"""ACGAN: the discriminator's features also tell the class.

Odena, Olah, Shlens, ICML 2017, with the networks and settings of Fajardo et al. (Expert
Systems with Applications 169, 2021, table 10). D sees no label; h are its
features, C a classifier on them. Images in [0, 1], z uniform in (-1, 1)^62:

    L_D = bce(D(x), 1) + bce(D(G(z, y)), 0)            L_G = bce(D(G(z, y)), 1)
    L_C = ce(C(h(x)), y) + ce(C(h(G(z, y))), y)

One step: D, then G, then C on the same batch and z. As in the code that the paper
builds on, L_C moves C, the features of D and G, with an optimizer of its own. That
code leaves the order of G and C open; here G comes first, and C's step passes through
the networks as they then are.

The other departures are those of CGAN.
"""

from collections.abc import Sequence
from typing import Literal, Self

import tensorflow as tf
from numpy.typing import ArrayLike

from kerasos.annotations import Samples
from kerasos.checks import Count, Positive, Seed, checked
from kerasos.layers.diff_augment import Augment
from kerasos.losses.classification import cross_entropy_loss
from kerasos.methods.base import read_data, watching
from kerasos.methods.conditional import LATENT_DIM, trainable
from kerasos.methods.conditional_gan import RATES, ConditionalGAN, adam
from kerasos.networks import dcgan
from kerasos.networks.image_size import Size, size_of
from kerasos.networks.mlp import leaky_mlp, normalized_mlp
from kerasos.registry import register_method


@register_method("acgan")
class ACGAN(ConditionalGAN):
    """Trains `G(z, y)` against a discriminator and with a classifier of its features.

    `ACGAN.from_data(x, y)` builds the networks of the paper; the constructor takes
    your own. The paper trains for 60 epochs of batches of 64.

    Rows of tables may lose whole categories, frequent ones, too, and correlations are
    weakened, by up to a half.

    Args:
        generator: Keras model from `[noise, one_hot]` to samples.
        trunk: Keras model from samples to D's features.
        discriminator_head: Keras model from features to one logit.
        classifier_head: Keras model from features to `(batch, num_classes)` logits.
        lr_c: Learning rate of Adam on L_C, 1e-3 (paper).
        **kwargs: As in `CGAN`: `prior`, `loss`, `fake_labels`, `lr_g` and `lr_d`
            (2e-4 and 1e-3, paper), `spec`, `pre_oversample`, `seed`, `name`.

    Example:

    >>> model = kerasos.ACGAN.from_data(x, y, seed=0)
    >>> model.fit(kerasos.data.batches(x, y, 64), epochs=60)
    >>> x_res, y_res, is_synthetic = model.oversample(x, y)

    Reference:
        Odena, Olah, Shlens. Conditional Image Synthesis with Auxiliary Classifier
        GANs, ICML 2017.
    """

    @checked
    def __init__(
        self,
        generator,
        trunk,
        discriminator_head,
        classifier_head,
        *,
        lr_c: Positive = RATES["paper"]["lr_c"],
        **kwargs,
    ):
        super().__init__(generator, **kwargs)
        self.trunk = trunk
        self.discriminator_head = discriminator_head
        self.classifier_head = classifier_head
        self.lr_c = float(lr_c)
        self.track("d_loss", "g_loss", "c_loss")

    @classmethod
    @checked
    def from_data(
        cls,
        x: Samples,
        y: ArrayLike | None = None,
        *,
        seed: Seed | None = None,
        latent_dim: Count = LATENT_DIM,
        size: Size | None = None,
        loss="ce",
        fake_labels="batch",
        lr: Literal[*RATES] = "paper",
        lr_g=None,
        lr_d=None,
        lr_c=None,
        d_augment: Augment = (),
        pre_oversample=False,
        value_range: tuple[float, float] | None = None,
        label_names: Sequence[str] | None = None,
    ) -> Self:
        """Builds and compiles the model, with the paper's settings.

        Args:
            x, y, seed, value_range, label_names: See `OversamplingModel.from_data`.
            latent_dim, size, d_augment, lr: As in `CGAN.from_data`.
            loss, fake_labels, lr_g, lr_d, lr_c, pre_oversample: See the class.
        """
        data = read_data(x, y, seed, value_range, label_names)
        return cls.for_data(
            data,
            _networks(data.spec, latent_dim, data.seed, size_of(data.spec, size)),
            d_augment=d_augment,
            **cls.options.given(locals(), RATES[lr]),
        )

    def compile(self, c_optimizer=None, d_optimizer=None, g_optimizer=None, **kwargs):
        """Sets one optimizer a player; by default Adam with its rate and .5.

        Args:
            c_optimizer: Moves the classifier, D's features and G, against L_C.
            d_optimizer: Moves the discriminator.
            g_optimizer: Moves the generator against D.
            **kwargs: `steps_per_execution`, `jit_compile`, `run_eagerly`.
        """
        optimizers = {
            "c_optimizer": c_optimizer or adam(self.lr_c),
            "d_optimizer": d_optimizer or adam(self.lr_d),
            "g_optimizer": g_optimizer or adam(self.lr_g),
        }
        self.compile_players(optimizers, **kwargs)

    def player_variables(self):
        return {
            "c_optimizer": trainable(self.classifier_head, self.trunk, self.generator),
            "d_optimizer": trainable(self.trunk, self.discriminator_head),
            "g_optimizer": self.generator.trainable_variables,
        }

    def source_logits(self, x, one_hot, training=False):
        features = self.trunk(x, training=training)
        return self.discriminator_head(features, training=training)

    def train_step(self, data):
        x, one_hot = self.real_batch(data)
        fakes = self.draw_fakes(one_hot)
        losses = self.adversarial_steps(x, one_hot, *fakes)
        losses["c_loss"] = self._classifier_step(x, one_hot, *fakes)
        return self.finish_step(**losses)

    def _classifier_step(self, x, one_hot, latent, fake_one_hot):
        variables = self.player_variables()["c_optimizer"]
        with watching(variables) as tape:
            fake = self.generator([latent, fake_one_hot], training=True)
            loss = self._class_loss(x, one_hot) + self._class_loss(fake, fake_one_hot)
        self.minimize(loss, tape, variables, self.c_optimizer)
        return loss

    def _class_loss(self, x, one_hot):
        features = self.trunk(x, training=True)
        logits = self.classifier_head(features, training=True)
        return tf.reduce_mean(cross_entropy_loss(logits, one_hot))


def _networks(spec, latent_dim, seed, size):
    sizes = (latent_dim, spec.num_classes)
    if spec.is_image:
        generator = dcgan.generator(spec.shape, *sizes, seed, "sigmoid", size=size)
        trunk = dcgan.trunk(spec.shape, seed, name="discriminator", size=size)
    else:
        width = spec.num_features
        generator = normalized_mlp(sizes, width, seed, "generator")
        trunk = leaky_mlp(width, None, seed, "discriminator", slope=0.2)
    width = trunk.output_shape[-1]
    return {
        "generator": generator,
        "trunk": trunk,
        "discriminator_head": dcgan.discriminator_head(width, seed),
        "classifier_head": dcgan.auxiliary_classifier(width, spec.num_classes, seed),
    }
