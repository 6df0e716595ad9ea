"""The step of GAMO2pix's variational decoders, and how they paint."""

import tensorflow as tf

from kerasos.layers.gaussian import reparameterize, scale_of
from kerasos.losses.variational import kl_to_standard_normal, squared_loss
from kerasos.models.training import watching


class VariationalDecoders:
    """For GAMO2pix with `heads`, to the posterior, and `decoders`, to images."""

    def _vae_step(self):
        variables = self.player_variables()["pix_optimizer"]
        batches = [self._real_batch(part) for part in range(len(self.parts))]
        with watching(variables) as tape:
            losses = [self._vae_losses(part, *b) for part, b in enumerate(batches)]
            squares, kl = (sum(terms) for terms in zip(*losses, strict=True))
            # Parts share nothing, so each gets the gradient of its own loss.
            loss = squares + kl
        self.minimize(loss, tape, variables, self.pix_optimizer)
        count = len(self.parts)
        return {"reconstruction_loss": squares / count, "kl_loss": kl / count}

    def _vae_losses(self, part, images, features, labels):
        mean, scale = self._posterior(part, features, labels)
        noise = self.normal(images.shape[0], self.pix_latent_dim, f"posterior_{part}")
        latent = reparameterize(mean, scale, noise)
        decoded = self._run(self.decoders[part], latent, labels)
        squares = tf.reduce_mean(squared_loss(decoded, images))
        return squares, tf.reduce_mean(kl_to_standard_normal(mean, scale))

    def _posterior(self, part, features, labels):
        mean, log_variance = self._run(self.heads[part], features, labels)
        return tf.cast(mean, tf.float32), scale_of(log_variance)

    def _vae_paint(self, part, features, noise, labels):
        mean, scale = self._posterior(part, features, labels)
        latent = reparameterize(mean, scale, noise)
        return self._run(self.decoders[part], latent, labels)
