"""ActiveGAN: an AC-GAN that is rewarded for samples a classifier is unsure of.

Kong, Tong, Klinkigt, Watanabe, Akira, Murakami, AAAI 2019. An SVM with class
probabilities P(y | x) is fitted to the labelled data and stays as it is. With the two
largest of a generated sample's probabilities p1 >= p2 and u_m = p1 - p2,

    r = alpha r_m + (1 - alpha) exp(-sum_y P log P)                          (eq. 9)
    r_m = exp(-u_m) if u_m <= eps, else 0                                    (eq. 8)

G and D are those of AC-GAN, and G is also led to what has a large reward:

    L_D = bce(D(x), 1) + bce(D(x'), 0) + ce(C(x), y) + ce(C(x'), y')        (eq. 4)
    L_G = bce(D(x'), 1) + ce(C(x'), y') - lambda mean(r log p(x' | theta))  (eq. 5, 12)

x' = G(z, y'). p is a Gaussian whose mean is a network of x'; r is a number, through
which no gradient passes. A step is `g_steps_per_d` updates of G, and of theta, then one
of D on a fresh batch. No code of the authors is public. What the paper leaves open, and
what is chosen:

- p is said to have the dimension of z, and to be the likelihood of an image: both
  cannot be. Here it is the density of the z that made x' given x' (`policy="latent"`);
  `POLICIES` names three other readings. None of them follows the slope of r: G learns
  to raise log p, most of all where r is large. With "latent" it is a term that makes z
  decodable, weighted by r, and it spreads the samples; only "critic" follows r.
- Log densities, per dimension: those of 784 underflow. With them the paper's lambda of
  .1 changes nothing that can be measured; 1 does (`preset="paper"` takes .1).
- r_e is not truncated and reaches the number of classes (`entropy="normalised"`).
- The SVM: grid, folds and calibration, in `kerasos.methods.activegan.svm`.
- The paper's features are those of VGG16; the default is a network trained on the
  labelled data, which needs no download. Both see 5,000 samples at most, the largest
  number of the paper, and of more as many of each class: the priors of the SVM's
  probabilities are then nearer to equal than those of the data.
- Warm-up, buffer, the number of G's updates, budgets: see the options.

With `lam=0` it is AC-GAN, in its own joint form: each player has one loss. (The three
steps of `kerasos.ACGAN` are those of Fajardo et al.)
"""

import warnings
from collections.abc import Sequence
from typing import Any, Literal, Self

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from kerasos.annotations import Samples
from kerasos.checks import (
    Count,
    NonNegative,
    Positive,
    Real,
    Seed,
    Share,
    Whole,
    checked,
)
from kerasos.layers.diff_augment import Augment, augmented
from kerasos.layers.resting_weight import resting_weight
from kerasos.methods.activegan import build
from kerasos.methods.activegan import networks as network_parts
from kerasos.methods.activegan.policy import POLICIES, PolicyTerm, SampleBuffer
from kerasos.methods.activegan.reward import (
    ENTROPIES,
    Scorer,
    fill_with_hard,
    margin,
    running_baseline,
    uncertainty_reward,
)
from kerasos.methods.base import num_rows, read_data, watching
from kerasos.methods.conditional import trainable
from kerasos.methods.conditional_gan import ConditionalGAN, adam
from kerasos.methods.sampling import SAMPLE_HINTS
from kerasos.networks.image_size import Size, size_of
from kerasos.randomness.draws import replica_uniform
from kerasos.randomness.seeds import derive_seed, fresh_seed
from kerasos.registry import register_method

# "latent" does little below 1; the others harm the samples above these.
LAMBDAS = {"latent": 1.0, "image": 0.1, "buffer": 0.1, "critic": 0.05}
FIT_BATCH = 100


@register_method("activegan")
class ActiveGAN(ConditionalGAN):
    """Trains an AC-GAN to generate samples that a classifier finds hard.

    `ActiveGAN.from_data(x, y)` fits the classifier to the labelled data and builds the
    networks; the constructor takes your own. The paper trains with batches of 100; ours
    are 10,000 updates of G for MNIST, 50,000 for CIFAR-10, two in each step.

    Rows of tables keep spread, missing rates and categories of their class; they are
    drawn to where the classifier is unsure, and correlations are weakened, by up to
    three fifths.

    Args:
        generator: Keras model from `[noise, one_hot]` to samples.
        trunk: Keras model from samples to D's features.
        discriminator_head: Keras model from features to one logit.
        classifier_head: Keras model from features to `(batch, num_classes)` logits.
        reward_classifier: Keras model from samples in the user's units to class
            probabilities; it is not trained.
        policy_network: `GaussianPolicy` from rows to latents ("latent") or to rows
            ("image"), Keras model from rows to a score ("critic"), else None.
        embedding: Keras model from rows to vectors, for "buffer", else None.
        policy: The density of a sample: "latent" (default), "image", "buffer" or
            "critic" (ours: a network regressed on the rewards, whose score G raises).
        lam: Weight of the term. Default by policy: 1, .1, .1, .05 (ours; paper: .1).
            0 is AC-GAN.
        alpha: Share of the margin's reward, .5 (paper).
        eps: Margin above which its reward is 0, .2 (paper).
        entropy: "paper", or "normalised" (ours) where there are many classes.
        reward_every: Updates of G from one with rewards to the next, 1; the term
            then counts as many times as much.
        reward_baseline: Ours, off: subtracts the running mean of r.
        constant_reward: Ours: a number in place of r, the control that tells the
            reward from the mere spreading of samples. Default None.
        kappa: Weight of the buffer in the loss of theta, 1 (ours).
        g_steps_per_d: Updates of G for one of D, 2 (ours; "a specified number").
        learn_fake_labels: Whether D learns classes from generated samples, too, by the
            labels that they were asked for (paper; the default). False (ours): from
            labelled samples alone, so that G's wrong classes do not become right.
        warmup: Share of the epochs given to `fit` that train without the term, .2
            (ours), at least one epoch; 0 for none. G should draw more than noise when
            it ends: a classifier is least sure of noise, and the term would keep it.
        policy_steps: Updates of theta on the buffer after the warm-up, 1,000 (ours).
        buffer_size: Generated samples kept, 2,000 (ours).
        max_margin: Default of `sample`; None takes all samples. With `lam=0` it is
            AC-GAN+F, for which the paper's best are .2 (CIFAR-10) and .15 (MNIST).
        lr_p: Learning rate of theta, 2e-4.
        **kwargs: As in `CGAN`: `spec`, `prior`, `loss`, `fake_labels` ("uniform"
            here; "deficit" draws smaller classes more), `lr_g`, `lr_d` (2e-4; the
            paper searches 2e-4 and 1e-3), `pre_oversample`, `seed`, `name`.

    Example:

    >>> model = kerasos.ActiveGAN.from_data(x, y, seed=0)
    >>> model.fit(kerasos.data.batches(x, y, 100, steps_per_epoch=250), epochs=20)
    >>> hard = model.sample([3] * 100, max_margin=0.2)
    >>> model.reward(hard).mean()

    Reference:
        Kong, Tong, Klinkigt, Watanabe, Akira, Murakami. Active Generative Adversarial
        Network for Image Classification, AAAI 2019.
    """

    stages: tuple[str, ...] = ("acgan", "active")
    acceptance: Any = None

    sampling_only = ("max_margin",)

    @checked
    def __init__(
        self,
        generator,
        trunk,
        discriminator_head,
        classifier_head,
        reward_classifier,
        policy_network=None,
        embedding=None,
        *,
        policy: Literal[*POLICIES] = "latent",
        lam: NonNegative | None = None,
        alpha: Share = 0.5,
        eps: Share = 0.2,
        entropy: Literal[*ENTROPIES] = "paper",
        reward_every: Count = 1,
        reward_baseline: bool = False,
        constant_reward: Real | None = None,
        kappa: NonNegative = 1.0,
        g_steps_per_d: Count = 2,
        learn_fake_labels: bool = True,
        warmup: Share = 0.2,
        policy_steps: Whole = 1000,
        buffer_size: Count = 2000,
        max_margin: Share | None = None,
        lr_p: Positive = build.LEARNING_RATE,
        lr_g=build.LEARNING_RATE,
        lr_d=build.LEARNING_RATE,
        fake_labels="uniform",
        **kwargs,
    ):
        kwargs.update(lr_g=lr_g, lr_d=lr_d, fake_labels=fake_labels)
        super().__init__(generator, **kwargs)
        self.trunk = trunk
        self.discriminator_head = discriminator_head
        self.classifier_head = classifier_head
        reward_classifier.trainable = False
        self.reward_classifier = reward_classifier
        self.policy = policy
        self.lam = float(LAMBDAS[policy] if lam is None else lam)
        self.alpha, self.eps, self.entropy = float(alpha), float(eps), entropy
        self.reward_every = int(reward_every)
        self.reward_baseline = bool(reward_baseline)
        self.constant_reward = constant_reward
        self.kappa, self.lr_p = float(kappa), float(lr_p)
        self.g_steps_per_d = int(g_steps_per_d)
        self.learn_fake_labels = bool(learn_fake_labels)
        self.warmup = float(warmup)
        self.policy_steps, self.buffer_size = int(policy_steps), int(buffer_size)
        self.max_margin = max_margin
        self.scorer = Scorer(reward_classifier, self.spec)
        self.policy_network = self.embedding = self.buffer = self.policy_term = None
        self.planned_epochs = None
        self.track("d_loss", "g_loss")
        if self.lam:
            self._add_policy(policy_network, embedding)
        if not self.lam or not self.warmup:
            self.stages = ("active" if self.lam else "acgan",)
            self.stage = self.stages[0]

    def _add_policy(self, policy_network, embedding):
        needed = "embedding" if self.policy == "buffer" else "policy_network"
        given = {"policy_network": policy_network, "embedding": embedding}
        for name, part in given.items():
            if (part is not None) != (name == needed):
                raise ValueError(
                    f"`policy={self.policy!r}` takes {needed} and no other network of "
                    f"the two. Received: {name}={part}."
                )
        self.policy_network, self.embedding = policy_network, embedding
        levels = self.model_range if self.column_mean is None else None
        self.buffer = SampleBuffer(
            self.buffer_size, self.decoder_shape, self.noise_dim, levels, name="buffer"
        )
        self.policy_term = PolicyTerm(
            self.policy, policy_network, embedding, self.buffer
        )
        self.policy_fitted = self.add_counter("policy_fitted")
        if self.reward_baseline:
            self.reward_mean = resting_weight(
                self,
                "reward_mean",
                initializer=keras.initializers.Constant(-1.0),  # none yet
                aggregation="only_first_replica",
            )
        if policy_network is not None:
            self.track("p_loss")
        self.track("reward", "margin", "uncertain", "hard_score")
        if self.policy_term.has_log_std:
            self.track("log_std")

    @classmethod
    @checked
    def from_data(
        cls,
        x: Samples,
        y: ArrayLike | None = None,
        *,
        seed: Seed | None = None,
        preset: Literal[*build.PRESETS] | None = None,
        networks: Literal[*network_parts.KINDS] | None = None,
        latent_dim: Count | None = None,
        size: Size | None = None,
        prior=None,
        loss="ce",
        fake_labels=None,
        d_augment: Augment = (),
        features: Literal[*build.FEATURES] | build.Network | None = None,
        svm: build.Svm | None = None,
        class_weight: Literal["balanced"] | None = None,
        policy="latent",
        adaptive_std: bool = False,
        lam=None,
        alpha=0.5,
        eps=0.2,
        entropy="paper",
        reward_every=1,
        reward_baseline=False,
        constant_reward=None,
        kappa=1.0,
        g_steps_per_d=2,
        learn_fake_labels=True,
        warmup=0.2,
        policy_steps=1000,
        buffer_size=2000,
        max_margin=None,
        lr_g=None,
        lr_d=build.LEARNING_RATE,
        lr_p=None,
        pre_oversample=False,
        value_range: tuple[float, float] | None = None,
        label_names: Sequence[str] | None = None,
    ) -> Self:
        """Fits the classifier to the labelled data, builds and compiles the model.

        A dataset is in memory for a moment, to train the classifier of the rewards.

        Args:
            x, y, seed, value_range, label_names: See `OversamplingModel.from_data`.
            preset: "paper" (`lam=.1`), or "imbalanced" (`fake_labels="deficit"` and
                `class_weight="balanced"`); other options go before it.
            networks: "acgan" (colour images from 32x32, z normal), "infogan" (other
                images, z uniform) or "dense" (rows). Default: what fits the data.
                With "infogan", `lr_g` and `lr_p` are 1e-3 by default, as InfoGAN's G:
                with D's rate, G stays at grey noise for long.
            latent_dim: Width of the noise: 100 for "acgan", else 62.
            d_augment: As in `CGAN.from_data`; ("translation",) for a few hundred
                images. The rates of "infogan" are then 2e-4, too.
            features: Of the classifier: a name in `kerasos.features`, a `FeatureFn`
                or a Keras model. The paper: "vgg16". Default: "cnn" for images,
                "pixels" for rows.
            svm: None: settings by grid search; a dict of them, e.g. `{"kernel": "rbf",
                "C": 10.0}`; or any scikit-learn classifier with `predict_proba`,
                fitted here. An SVM becomes part of the model, arrays in its file, and
                runs under XLA and on replicas. An estimator is called on the host,
                not under `jit_compile=True`, and is given again after loading:
                `set_estimator`. Of more than 5,000 samples the classifier, and the
                features that are learnt, see as many of each class.
            size: Of the networks of images: "small", "medium" or "paper"; by default
                by the data, see `kerasos.networks.image_size.size_of`.
            class_weight: Of the SVM: None, or "balanced".
            adaptive_std: Whether the standard deviations of the policy depend on the
                sample. Default False.
            prior, loss, fake_labels, policy, lam, alpha, eps, entropy, reward_every,
            reward_baseline, constant_reward, kappa, g_steps_per_d, learn_fake_labels,
            warmup, policy_steps, buffer_size, max_margin, lr_g, lr_d, lr_p,
            pre_oversample: See the class.

        Raises:
            TypeError: If `svm` gives no probabilities.
        """
        data = read_data(x, y, seed, value_range, label_names)
        size = size_of(data.spec, size)
        kind = networks or network_parts.kind_of(data.spec.shape, size)
        defaults, units = build.defaults(kind, preset, bool(d_augment))
        latent_dim = latent_dim or defaults["latent_dim"]
        class_weight = class_weight or defaults["class_weight"]
        settings = cls.options.given(locals(), defaults)
        shape, num_classes = data.spec.shape, data.spec.num_classes
        sizes = latent_dim, num_classes, data.seed, size
        parts = network_parts.networks(kind, shape, *sizes)
        units_of_images = units.get("model_range", (0.0, 1.0))
        parts["trunk"] = augmented(
            parts["trunk"], d_augment, units_of_images, data.seed
        )
        parts["reward_classifier"] = build.reward_classifier(
            data, features, svm, class_weight
        )
        if settings["lam"] != 0:
            parts |= build.policy_parts(data, policy, adaptive_std, latent_dim)
        return cls.for_data(data, parts, **units, **settings)

    def compile(self, d_optimizer=None, g_optimizer=None, p_optimizer=None, **kwargs):
        """Sets one optimizer a player; by default Adam with its rate and .5.

        Args:
            d_optimizer: Moves the discriminator and its class head.
            g_optimizer: Moves the generator.
            p_optimizer: Moves theta, or the critic.
            **kwargs: `steps_per_execution`, `jit_compile`, `run_eagerly`.

        Raises:
            ValueError: If XLA is asked for and the rewards need the host.
        """
        no_xla = self.scorer.no_xla
        if kwargs.get("jit_compile") is True and no_xla:
            raise ValueError(
                "`jit_compile=True` compiles whole steps. Received: a model whose "
                f"rewards come from {no_xla}. Leave `jit_compile` out, or build "
                "the model with other `features` and `svm`."
            )
        optimizers = {
            "p_optimizer": p_optimizer or adam(self.lr_p),
            "d_optimizer": d_optimizer or adam(self.lr_d),
            "g_optimizer": g_optimizer or adam(self.lr_g),
        }
        self.compile_players(optimizers, **kwargs)

    @property
    def can_jit(self):
        return not self.scorer.no_xla

    def player_variables(self):
        players = {
            "d_optimizer": trainable(
                self.trunk, self.discriminator_head, self.classifier_head
            ),
            "g_optimizer": self.generator.trainable_variables,
        }
        if self.policy_network is not None:
            players["p_optimizer"] = self.policy_network.trainable_variables
        return players

    # Stages.

    def fit(self, x=None, y=None, batch_size=None, epochs=1, **kwargs):
        """Trains through the warm-up and with rewards; see `OversamplingModel.fit`.

        Args:
            x, y, batch_size: As there; the paper's batches have 100 samples.
            epochs: All epochs of the run, of which the first `warmup` are AC-GAN.
                A resumed run is given the same number.
            **kwargs: The other arguments of `OversamplingModel.fit`.

        Returns:
            A `keras.callbacks.History`. With rewards it also holds `reward` (mean
            r), `margin`, `uncertain` (the share of margins up to eps), `hard_score`
            (D's probability of "real", weighted by r: near 0 the hard samples are
            mere noise), and `log_std` of the policy.
        """
        self.planned_epochs = int(epochs)
        return super().fit(x, y, batch_size, epochs, **kwargs)

    def stage_at(self, epoch):
        if len(self.stages) == 1 or self.planned_epochs is None:
            return self.stages[-1]
        warmup = max(1, round(self.warmup * self.planned_epochs))
        return "acgan" if epoch < warmup else "active"

    def on_stage_begin(self, stage):
        if not self.lam:
            return
        if stage == "acgan":
            # What it trains makes an earlier fit of theta void.
            self.policy_fitted.assign(0)
        elif not int(keras.ops.convert_to_numpy(self.policy_fitted)):
            self.fit_policy()
            self.policy_fitted.assign(1)

    # Training.

    def source_logits(self, x, one_hot, training=False):
        return self.judge(x, training)[0]

    def judge(self, x, training=False):
        """Returns D's logits of the source, `(batch, 1)`, and of the classes."""
        features = self.trunk(x, training=training)
        return (
            self.discriminator_head(features, training=training),
            self.classifier_head(features, training=training),
        )

    def train_step(self, data):
        x, one_hot = self.real_batch(data)
        logs = {}
        for number in range(self.g_steps_per_d):
            fakes = self.draw_fakes(one_hot, f"_g{number}")
            for name, value in self._generator_step(*fakes, number).items():
                logs.setdefault(name, []).append(value)
        latent, fake_one_hot = self.draw_fakes(one_hot, "_d")
        fake = self.generator([latent, fake_one_hot], training=True)
        d_loss = self._discriminator_step(x, one_hot, fake, fake_one_hot)
        due = logs.pop("due", None)
        scored = {
            k: logs.pop(k) for k in ("reward", "margin", "uncertain") if k in logs
        }
        result = self.finish_step(
            d_loss=d_loss, **{k: tf.add_n(v) / len(v) for k, v in logs.items()}
        )
        for name, values in scored.items():
            for value, weight in zip(values, due, strict=True):
                self.tracker(name).update_state(value, sample_weight=weight)
            result[name] = self.tracker(name).result()
        return result

    def _discriminator_step(self, x, one_hot, fake, fake_one_hot):
        variables = self.player_variables()["d_optimizer"]
        fake = tf.stop_gradient(fake)
        with watching(variables) as tape:
            # One after the other: a joint batch would tell them apart by its norm.
            loss = self._joint_loss(x, one_hot, 1.0)[0]
            known = self.learn_fake_labels
            loss += self._joint_loss(fake, fake_one_hot, 0.0, known)[0]
        self.minimize(loss, tape, variables, self.d_optimizer)
        return loss

    def _generator_step(self, latent, one_hot, number):
        variables = self.generator.trainable_variables
        active = bool(self.lam) and self.stage == "active"
        logs, scored = {}, None
        with watching(variables) as tape:
            fake = self.generator([latent, one_hot], training=True)
            loss, source = self._joint_loss(fake, one_hot, 1.0)
            if active:
                with tape.stop_recording():
                    scored = self.batch_rewards(fake, number)
                value = self.policy_term.value(scored["weight"], latent, fake)
                loss -= self.lam * value
        self.minimize(loss, tape, variables, self.g_optimizer)
        fake = tf.stop_gradient(tf.cast(fake, tf.float32))
        if active:
            logs = self._reward_logs(scored, source)
        if self.lam:
            self._keep(latent, one_hot, fake, scored)
        if active and self.policy_network is not None:
            uniform = self.uniform(num_rows(fake), f"buffer_{number}")
            batch = (scored["weight"], latent, fake)
            logs["p_loss"] = self._policy_step(uniform, batch)
            if self.policy_term.has_log_std:
                logs["log_std"] = self.policy_term.mean_log_std()
        return {"g_loss": loss, **logs}

    def _policy_step(self, uniform, batch=None):
        """One step of theta on the buffer, and on a generated batch if there is one.

        L_theta = -mean(r log p) - kappa mean_buffer(log p)
        L_critic = mean_buffer((rhat(x) - (r - mean) / std)^2)
        """
        variables = self.policy_network.trainable_variables
        with watching(variables) as tape:
            loss = self.policy_term.buffer_loss(uniform)
            if batch is not None and self.policy != "critic":
                loss = self.kappa * loss - self.policy_term.value(*batch)
        self.minimize(loss, tape, variables, self.p_optimizer)
        return loss

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
        stream = derive_seed(self.seed, type(self).__name__, "fit_policy")

        def step(number):
            seed = tf.stack([tf.constant(stream, tf.int64), number])
            self._policy_step(replica_uniform((rows,), seed))

        def run(number):
            strategy.run(step, args=(number,))

        if not self.run_eagerly:
            run = tf.function(run, autograph=False)
        for number in range(self.policy_steps):
            run(tf.constant(number, tf.int64))

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
        probs, due = tf.stop_gradient(probs), tf.cast(due, tf.float32)
        reward = self._reward_of(probs)
        if self.constant_reward is not None:
            reward = tf.fill(tf.shape(reward), self.constant_reward)
        weight = reward
        if self.reward_baseline:
            weight = reward - running_baseline(self.reward_mean, reward, due)
        return {
            "reward": reward,
            "margin": margin(probs),
            "weight": weight * due * float(self.reward_every),
            "due": due,
        }

    def _reward_of(self, probs):
        return uncertainty_reward(probs, self.alpha, self.eps, self.entropy)

    def _joint_loss(self, x, one_hot, target, known=True):
        """`bce(D(x), target) + ce(C(x), y)`, the latter if `known`, and the logits."""
        source, classes = self.judge(x, training=True)
        loss = tf.reduce_mean(self.source_loss_fn(source, target))
        if known:
            log_probs = tf.nn.log_softmax(tf.cast(classes, tf.float32))
            loss -= tf.reduce_mean(tf.reduce_sum(one_hot * log_probs, -1))
        return loss, source

    def _reward_logs(self, scored, source):
        score = tf.sigmoid(tf.reshape(tf.cast(source, tf.float32), [-1]))
        reward = scored["reward"] * scored["due"]
        of_hard = tf.reduce_sum(reward * score)
        uncertain = tf.cast(scored["margin"] <= self.eps, tf.float32)
        return {
            "due": scored["due"],
            "reward": tf.reduce_mean(scored["reward"]),
            "margin": tf.reduce_mean(scored["margin"]),
            "uncertain": tf.reduce_mean(uncertain),
            "hard_score": tf.math.divide_no_nan(of_hard, tf.reduce_sum(reward)),
        }

    def _keep(self, latent, one_hot, fake, scored):
        """Puts the batch into the buffer; without a reward it is of no use to rhat."""
        reward, keep = tf.zeros_like(latent)[:, 0], None
        if scored is not None:
            reward = scored["reward"]
            if self.policy == "critic" and self.reward_every > 1:
                keep = scored["due"] > 0.0
        labels = tf.argmax(one_hot, axis=-1)
        self.buffer.push(
            keep, samples=fake, latents=latent, labels=labels, rewards=reward
        )

    # Rewards of samples, and hard samples alone.

    def probabilities(self, x):
        """Returns the class probabilities of samples, `(n, num_classes)`.

        Args:
            x: Samples in the user's units, `(n, *spec.shape)`.

        Raises:
            ValueError: If the samples do not fit the model.
        """
        return self.scorer.probabilities(x)

    def margin(self, x):
        """Returns `u_m = p_1 - p_2` of each sample, in [0, 1]; low is hard."""
        return margin(self.probabilities(x)).numpy()

    def reward(self, x):
        """Returns the reward r (eq. 9) of each sample, `(n,)`."""
        return self._reward_of(tf.constant(self.probabilities(x))).numpy()

    def features(self, x):
        """Returns the features on which the classifier works, `(n, num_features)`."""
        return self.scorer.features(x)

    def set_estimator(self, estimator):
        """Gives a loaded model its fitted scikit-learn estimator again.

        Args:
            estimator: Fitted on `model.features(x)`, with `predict_proba`.

        Raises:
            ValueError: If the rewards come from an SVM, which the file holds.
        """
        if not self.scorer.estimator_layers:
            raise ValueError(
                "This model's rewards come from a classifier that is part of it. "
                "`set_estimator` is for models built with a scikit-learn estimator "
                "as `svm`."
            )
        for layer in self.scorer.estimator_layers:
            layer.estimator = estimator

    @checked(hints=SAMPLE_HINTS)
    def sample(
        self,
        labels: ArrayLike,
        seed: int | None = None,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        max_margin: Share | None = None,
        max_draws: Count = 50,
    ) -> np.ndarray:
        """Generates one sample for each label; of small margins only if asked.

        Args:
            labels: Integers `(n,)`.
            seed, batch_size, verbose: As in `OversamplingModel.sample`.
            max_margin: Float in [0, 1]: only samples with `u_m <= max_margin` are
                taken (AC-GAN+F). Default: that of the model; 1 takes all.
            max_draws: Integer, samples generated at most for each one wanted. Where
                a class still has too few, those of the smallest margins complete
                it, with a warning.

        Returns:
            Array `(n, *sample_shape)`. After a filtered draw, `model.acceptance`
            tells the share of samples taken and the shortfall, by label.

        Raises:
            ValueError: If a label is not one that the model can generate, or an
                option is out of range.
        """
        limit = self.max_margin if max_margin is None else max_margin
        if limit is None or limit >= 1.0:
            return super().sample(labels, seed, batch_size, verbose)
        labels = self._check_sampled_labels(labels)
        seed, draw = fresh_seed(seed), super().sample
        dtype = tf.as_dtype(self.sample_dtype).as_numpy_dtype
        samples = np.empty((len(labels), *self.sample_shape), dtype)
        # Held outside Keras's attribute tracking: it is no state.
        self.__dict__["acceptance"] = fill_with_hard(
            samples,
            labels,
            lambda k, n: draw(k, derive_seed(seed, "hard", n), batch_size, 0),
            self.margin,
            limit,
            max_draws,
        )
        if self.acceptance["short"]:
            warnings.warn(
                f"Too few samples have a margin of at most {limit}: "
                f"{self.acceptance['short']} by label are missing after {max_draws} "
                "draws for each one wanted. Samples of the smallest margins above it "
                "complete the classes. Raise `max_margin`, or train with a larger "
                "`lam`.",
                stacklevel=3,
            )
        return samples
