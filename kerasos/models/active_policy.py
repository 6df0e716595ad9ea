"""The term of ActiveGAN's generator loss that leads it to hard samples."""

import keras
import tensorflow as tf

from kerasos.layers.gaussian_policy import LOG_STD, log_density
from kerasos.losses.uncertainty import margin
from kerasos.models.training import num_rows, watching
from kerasos.random import replica_context, replica_uniform
from kerasos.seeds import derive_seed

POLICIES = ("latent", "image", "buffer", "critic")
FIT_BATCH = 100
_BASELINE_MOMENTUM = 0.99


class PolicyTerm:
    """Rewards of generated batches, the policies, and the steps of theta.

    For an `OversamplingModel` with `reward_classifier`, `policy_network`,
    `embedding`, `buffer` and the settings of `ActiveGAN`.
    """

    def policy_rows(self, samples):
        """Returns samples in `model_range` as rows, images in [-1, 1]."""
        flat = tf.reshape(samples, (-1, self.spec.num_features))
        if self.column_mean is not None:
            return flat
        low, high = self.model_range
        return (flat - low) * (2.0 / (high - low)) - 1.0

    def log_policy(self, latent, samples):
        """Log density per dimension of generated samples under the policy.

        latent    log N(z; mu_theta(x), diag(exp(2 s))) / d
        image     log N(x; mu_theta(x), diag(exp(2 s))) / d
        buffer    log N(e(x); mean, diag(std^2)) / d over the buffer's embeddings

        Args:
            latent: Float tensor `(batch, latent_dim)`, what made the samples.
            samples: Float tensor in `model_range`.

        Returns:
            Float32 tensor `(batch,)`.
        """
        rows = self.policy_rows(samples)
        if self.policy == "buffer":
            mean, log_std = self._embedded_buffer()
            return log_density(self.embedding(rows), mean, log_std)
        actions = latent if self.policy == "latent" else rows
        return self.policy_network.log_density(actions, rows)

    def policy_value(self, weight, latent, fake):
        """What lambda multiplies in G's objective: `mean(r log p)`, or `mean(rhat)`.

        Args:
            weight: Rewards `(batch,)`; no gradient passes through them.
            latent, fake: The generated batch.
        """
        if self.policy == "critic":
            scores = self.policy_network(self.policy_rows(fake))
            return tf.reduce_mean(tf.cast(scores, tf.float32))
        log_p = self.log_policy(latent, fake)
        return tf.reduce_mean(tf.stop_gradient(weight) * log_p)

    def batch_rewards(self, fake, number):
        """Rewards of the batch of one generator step.

        Args:
            fake: Generated samples in `model_range`.
            number: Integer, which step of G within this training step.

        Returns:
            Dict of float32 tensors `(batch,)`: `reward` r, `margin`, `weight` (what
            multiplies log p: r less the baseline, times `reward_every`; 0 between
            two rewarded steps), and the scalar `due`, 1.0 or 0.0.
        """
        samples = tf.stop_gradient(self.to_user(fake))
        rows, num_classes = num_rows(samples), self.spec.num_classes
        due = tf.ones((), tf.bool)

        def score():
            probs = self.reward_classifier(samples, training=False)
            return tf.reshape(tf.cast(probs, tf.float32), (rows, num_classes))

        if self.reward_every == 1:
            probs = score()
        else:
            done = tf.cast(tf.convert_to_tensor(self.steps_done), tf.int64)
            due = (done * self.g_steps_per_d + number) % self.reward_every == 0
            # Nothing inside waits for another replica, and nothing is assigned.
            probs = tf.cond(due, score, lambda: tf.zeros((rows, num_classes)))
        probs = tf.stop_gradient(probs)
        reward = self._reward_of(probs)
        if self.constant_reward is not None:
            reward = tf.fill(tf.shape(reward), self.constant_reward)
        due = tf.cast(due, tf.float32)
        weight = (
            reward - self._baseline(reward, due) if self.reward_baseline else reward
        )
        return {
            "reward": reward,
            "margin": margin(probs),
            "weight": weight * due * float(self.reward_every),
            "due": due,
        }

    def _baseline(self, reward, due):
        """The running mean of r before this batch, which then joins it."""
        mean = tf.reduce_mean(reward)
        replicas, _ = replica_context()
        if replicas > 1:
            context = tf.distribute.get_replica_context()
            mean = context.all_reduce(tf.distribute.ReduceOp.MEAN, mean)
        before = tf.convert_to_tensor(self.reward_mean)
        base = tf.where(before < 0.0, mean, before)
        after = base + (1.0 - _BASELINE_MOMENTUM) * (mean - base)
        self.reward_mean.assign(tf.where(due > 0.0, after, before))
        return base

    # Theta.

    def policy_step(self, scored, latent, fake, number):
        """One step of theta on a generated batch and on the buffer.

        L_theta = -mean(r log p) - kappa mean_buffer(log p)
        L_critic = mean_buffer((rhat(x) - (r - mean) / std)^2)
        """
        uniform = self.uniform(num_rows(fake), f"buffer_{number}")
        variables = self.policy_network.trainable_variables
        with watching(variables) as tape:
            loss = self._buffer_loss(uniform)
            if self.policy != "critic":
                value = self.policy_value(scored["weight"], latent, fake)
                loss = self.kappa * loss - value
        self.minimize(loss, tape, variables, self.p_optimizer)
        return loss

    def _buffer_loss(self, uniform):
        rows = self.buffer.rows(uniform)
        if self.policy != "critic":
            log_p = self.log_policy(rows["latents"], rows["samples"])
            return -tf.reduce_mean(log_p)
        scores = self.policy_network(self.policy_rows(rows["samples"]))
        mean, std = self._moments(tf.convert_to_tensor(self.buffer.rewards)[:, None])
        target = (rows["rewards"] - mean[0]) / std[0]
        scores = tf.cast(tf.reshape(scores, [-1]), tf.float32)
        return tf.reduce_mean(tf.math.squared_difference(scores, target))

    def _embedded_buffer(self):
        rows = self.policy_rows(self.buffer.all_samples())
        mean, std = self._moments(tf.stop_gradient(self.embedding(rows)))
        return mean, tf.clip_by_value(tf.math.log(std), *LOG_STD)

    def _moments(self, values):
        """Mean and standard deviation over the rows that the buffer holds."""
        held = self.buffer.is_held()[:, None]
        count = tf.maximum(tf.reduce_sum(held), 1.0)
        mean = tf.reduce_sum(held * values, 0) / count
        squares = tf.reduce_sum(held * tf.math.squared_difference(values, mean), 0)
        return mean, tf.sqrt(squares / count + 1e-12)

    def fit_policy(self):
        """Fits theta to the buffer for `policy_steps` steps; `fit` calls it."""
        held = self.buffer.contents()
        if not len(held["labels"]):
            return
        if self.policy == "critic":
            self.buffer.set_rewards(self.reward(self.to_user(held["samples"]).numpy()))
        if self.policy_network is None:
            return
        strategy = self.distribute_strategy
        rows = -(-FIT_BATCH // strategy.num_replicas_in_sync)
        variables = self.policy_network.trainable_variables
        stream = derive_seed(self.seed, type(self).__name__, "fit_policy")

        def step(number):
            seed = tf.stack([tf.constant(stream, tf.int64), number])
            with watching(variables) as tape:
                loss = self._buffer_loss(replica_uniform((rows,), seed))
            self.minimize(loss, tape, variables, self.p_optimizer)

        def run(number):
            strategy.run(step, args=(number,))

        if not self.run_eagerly:
            run = tf.function(run, autograph=False)
        for number in range(self.policy_steps):
            run(tf.constant(number, tf.int64))

    def mean_log_std(self):
        """Mean of the policy's log standard deviations, without adaptive ones."""
        raw = tf.convert_to_tensor(self.policy_network.raw_log_std)
        return tf.reduce_mean(tf.clip_by_value(raw, *LOG_STD))


def serialized(part):
    return None if part is None else keras.saving.serialize_keras_object(part)
