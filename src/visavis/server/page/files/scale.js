// What a similarity means: the scale of similarities and false match rates, which the server writes into the page.

/**
 * How often two strangers of one sex reach a similarity, interpolated as the server does, in the logarithm.
 * Above the last point that is stated, the rate stays that of the last point.
 */
export function falseMatchRate(scale, similarity) {
  const last = scale.length - 1;
  if (similarity >= scale[last][0]) return scale[last][1];
  const after = scale.findIndex(([at]) => at > similarity);
  const [low, lowRate] = scale[after - 1];
  const [high, highRate] = scale[after];
  const share = (similarity - low) / (high - low);
  return 10 ** (Math.log10(lowRate) * (1 - share) + Math.log10(highRate) * share);
}

/** A rate as "one in 1,200", rounded to two digits. */
export function oneIn(rate) {
  const times = 1 / rate;
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(times * 1.0000001)) - 1);
  return `one in ${(Math.round(times / unit) * unit).toLocaleString("en")}`;
}

/** What the similarity of two faces says, as a sentence. */
export function meaningOf(scale, similarity) {
  const [top] = scale[scale.length - 1];
  const rate = falseMatchRate(scale, similarity);
  if (rate > 0.55) return "Most pairs of strangers score this high.";
  if (rate > 0.45) return "Every other pair of strangers scores this high.";
  if (similarity >= top) return `Fewer than ${oneIn(rate)} pairs of strangers score this high (extrapolated).`;
  return `About ${oneIn(rate)} pairs of strangers scores this high.`;
}

/** What a threshold does, as a sentence. */
export function effectOf(scale, threshold, sources) {
  const rate = falseMatchRate(scale, threshold);
  const several = sources > 1 ? `, and with ${sources} sources up to ${sources} times as often` : "";
  if (rate > 0.99) return "every face is a match";
  return `two strangers of one sex get there in ${oneIn(rate)} comparisons${several}`;
}

/** A similarity with two decimals, rounded down, so that only a similarity of 100 is shown as 100.00. */
export function shown(similarity) {
  return (Math.floor(similarity * 100) / 100).toFixed(2);
}
