"""A trainer of trl on one token tree, with a tiny transformer: made once, put back before every run."""

from __future__ import annotations

import copy
import logging
import tempfile
import warnings
from typing import Any

import numpy as np
from jaxtyping import Float

from pgverify.adapters.module_parameters import imported_torch
from pgverify.adapters.module_policy import ModulePolicy
from pgverify.adapters.numpy import scripted as scripted_numpy
from pgverify.adapters.own_randomness import own_randomness
from pgverify.adapters.scripted_torch import scripted as scripted_torch
from pgverify.adapters.token_tree import TokenTree
from pgverify.errors import InvalidInput, one_sentence, shortened
from pgverify.policies import Policy
from pgverify.problem import Problem
from pgverify.validation import Array

SPREAD = 0.5
"""Standard deviation of the weights: the library's own, .02, makes all tokens nearly alike."""

FIXED = {
    "use_cpu": True,
    "bf16": False,
    "report_to": [],
    "save_strategy": "no",
    "disable_dropout": True,
    "disable_tqdm": True,
    "gradient_checkpointing": False,
    "logging_strategy": "no",
}
"""Of the trainer's configuration: nothing of it enters the gradient."""


class BuiltTrainer:
    """The trainer for one problem.

    Parameters
    ----------
    name : "GRPO" or "RLOO"
    problem : Problem
        A token tree.
    group_size : int
        Completions of each prompt.
    arguments : dict
        Of the trainer's configuration.
    kind : type, optional
        A class of that trainer, in the place of the library's.

    Raises
    ------
    InvalidInput
        When the problem is no token tree, or the trainer refuses its arguments.
    """

    def __init__(
        self, name: str, problem: Problem, group_size: int, arguments: dict[str, Any], kind: type | None = None
    ) -> None:
        import trl
        from datasets import Dataset, disable_progress_bars

        disable_progress_bars()
        self.tree = TokenTree.of(problem)
        torch = imported_torch()
        with own_randomness(0), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            logging.disable(logging.WARNING)
            try:
                model, copied = _models(self.tree)
                configuration = getattr(trl, f"{name}Config")(
                    output_dir=tempfile.gettempdir(),
                    per_device_train_batch_size=group_size * self.tree.prompts,
                    num_generations=group_size,
                    max_completion_length=self.tree.max_length,
                    **{**FIXED, **arguments},
                )
                self.inputs = [
                    {"prompt": self.tree.word(prompt + 1)}
                    for prompt in range(self.tree.prompts)
                    for _ in range(group_size)
                ]
                self.trainer = (kind or getattr(trl, f"{name}Trainer"))(
                    model=model,
                    reward_funcs=self._rewards,
                    args=configuration,
                    train_dataset=Dataset.from_list(self.inputs[::group_size]),
                    processing_class=_tokenizer(self.tree),
                )
            except Exception as reason:
                raise InvalidInput(
                    f"{name}Trainer refuses its arguments: {shortened(one_sentence(reason), 200)}"
                ) from None
            finally:
                logging.disable(logging.NOTSET)
        self.trainer.current_gradient_accumulation_steps = 1
        self.policy: Policy = ModulePolicy(_actor(torch, copied), self.tree.observations())
        self.parameters = [p for _, p in model.named_parameters() if p.requires_grad]

    def update(self, world: Any) -> Float[Array, "d"]:
        """Return minus the gradient of the loss of one training step [d], as it runs."""
        trainer = self.trainer
        with scripted_torch(world), scripted_numpy(world):
            trainer.training_step(trainer.model, copy.deepcopy(self.inputs), None)
        parts = [
            np.zeros(p.numel(), dtype=np.float32) if p.grad is None else p.grad.numpy().ravel() for p in self.parameters
        ]
        return -np.concatenate(parts)

    def reset(self) -> None:
        """Put back what the trainer counts and keeps; its weights never move, for nothing steps."""
        self.trainer._step = 0
        self.trainer._buffered_inputs = None
        for parameter in self.parameters:
            parameter.grad = None

    def _rewards(self, prompts: Any, completion_ids: Any, **_: Any) -> list[float]:
        """Return what completions earn, as the trainer asks for it."""
        found = []
        for prompt, completion in zip(prompts, completion_ids, strict=True):
            found.append(self.tree.reward(self.tree.words.index(prompt) - 1, [int(token) for token in completion]))
        return found


def _models(tree: TokenTree) -> tuple[Any, Any]:
    """Return a tiny transformer, and another one with the same weights: a copy would share state with the first."""
    from transformers import GPT2Config, GPT2LMHeadModel

    configuration = GPT2Config(
        vocab_size=tree.vocabulary,
        n_positions=tree.max_length + 2,
        n_embd=8,
        n_layer=1,
        n_head=2,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        initializer_range=SPREAD,
        bos_token_id=tree.end,
        eos_token_id=tree.end,
        pad_token_id=tree.end,
        tie_word_embeddings=False,
    )
    model, copied = GPT2LMHeadModel(configuration), GPT2LMHeadModel(configuration)
    copied.load_state_dict(model.state_dict())
    return model, copied


def _tokenizer(tree: TokenTree) -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(
        models.WordLevel({word: i for i, word in enumerate(tree.words)}, unk_token=tree.words[tree.end])
    )
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    end = tree.words[tree.end]
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=end, pad_token=end, padding_side="left")


def _actor(torch: Any, model: Any) -> Any:
    """Return the model as a module: prompts and prefixes [S, L + 1], filled up by -1, to logits [S, A]."""

    class Actor(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, observed: Any) -> Any:
            last = (observed >= 0).sum(dim=1) - 1
            logits = self.model(input_ids=observed.clamp(min=0), use_cache=False).logits
            return logits[torch.arange(len(observed)), last]

    return Actor()
