// Rates, percentiles and what they are computed from.

import type { Latency } from "./api";

export type Sample = { at: number; value: number };

/** For how many samples a trend goes back: five minutes. */
export const KEPT = 150;

/** A figure over time. */
export class Series {
  readonly samples: Sample[] = [];

  push(at: number, value: number): void {
    this.samples.push({ at, value });
    if (this.samples.length > KEPT) this.samples.shift();
  }

  get last(): number | undefined {
    return this.samples.at(-1)?.value;
  }
}

/** How fast a counter grows, from one reading to the next. */
export class Rate {
  readonly series = new Series();
  #before: Sample | undefined;

  /** Takes a reading; times are in milliseconds. */
  read(at: number, value: number): void {
    const before = this.#before;
    this.#before = { at, value };
    // A counter that falls is that of a broker that was started again.
    if (before === undefined || at <= before.at || value < before.value) return;
    this.series.push(at, ((value - before.value) * 1000) / (at - before.at));
  }
}

/**
 * The value below which a share of what was measured lies, by the buckets it fell into: between the
 * bounds of one as if all of it were spread evenly. Beyond the last bucket, that one's bound.
 */
export function percentile(latency: Latency, share: number): number | undefined {
  if (latency.count === 0) return undefined;
  const rank = latency.count * share;
  let [lower, below] = [0, 0];
  for (const [bound, count] of latency.buckets) {
    if (count >= rank) {
      const inside = count - below;
      return inside === 0 ? bound : lower + ((bound - lower) * (rank - below)) / inside;
    }
    [lower, below] = [bound, count];
  }
  return lower;
}

/** What was measured between two readings of a histogram. */
export function between(before: Latency | undefined, now: Latency): Latency {
  if (before === undefined || now.count < before.count) return now;
  return {
    operation: now.operation,
    count: now.count - before.count,
    seconds: now.seconds - before.seconds,
    buckets: now.buckets.map(([bound, count], at) => [bound, count - (before.buckets[at]?.[1] ?? 0)]),
  };
}
