// REINFORCE in JavaScript, as a program that speaks docs/protocol.md. Kinds gradient and weights.
// With --bug drop-discount or --bug shift it is wrong on purpose.
"use strict";

const bug = process.argv[2] === "--bug" ? process.argv[3] : "";

// γ^t G_t for each step, and 0 on padding.
function stepWeights(rewards, length, discount) {
  const weights = new Array(rewards.length).fill(0);
  let future = 0; // G_{t+1}
  for (let t = length - 1; t >= 0; t--) {
    const total = rewards[t] + discount * future;
    const factor = bug === "drop-discount" ? 1 : discount ** t;
    weights[t] = factor * (bug === "shift" ? discount * future : total);
    future = total;
  }
  return weights;
}

function answer(request) {
  const { kind, states, actions, rewards, lengths, score, discount } = request;
  if (kind !== "gradient" && kind !== "weights") throw new Error(`kind ${kind} is not supported`);
  const weights = rewards.map((row, i) => stepWeights(row, lengths[i], discount));
  if (kind === "weights") return weights;
  return weights.map((row, i) => {
    const sum = new Array(request.num_parameters).fill(0); // Σ_t w_t ∇ log π(a_t|s_t)
    for (let t = 0; t < lengths[i]; t++) {
      score[states[i][t]][actions[i][t]].forEach((x, k) => (sum[k] += row[t] * x));
    }
    return sum;
  });
}

require("readline").createInterface({ input: process.stdin }).on("line", (line) => {
  const request = JSON.parse(line);
  const reply = { version: 1, id: request.id };
  try {
    reply.value = answer(request);
  } catch (error) {
    reply.error = error.message;
  }
  console.log(JSON.stringify(reply));
});
