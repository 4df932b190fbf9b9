import { expect, test } from "vitest";
import type { Latency } from "./api";
import { between, KEPT, percentile, Rate, Series } from "./statistics";

const latency = (count: number, ...buckets: [number, number][]): Latency => ({ operation: "FETCH", count, seconds: 0, buckets });

test("percentiles lie within the bucket that their rank falls into", () => {
  const one = latency(100, [0.001, 50], [0.002, 90], [0.01, 99]);
  expect(percentile(one, 0.5)).toBeCloseTo(0.001);
  expect(percentile(one, 0.25)).toBeCloseTo(0.0005);
  expect(percentile(one, 0.7)).toBeCloseTo(0.0015);
  expect(percentile(one, 0.99)).toBeCloseTo(0.01);
  expect(percentile(one, 1)).toBe(0.01);
  expect(percentile(latency(0, [1, 0]), 0.5)).toBeUndefined();
  expect(percentile(latency(3, [1, 0]), 0.5)).toBe(1);
});

test("what was measured between two readings", () => {
  const [before, now] = [latency(10, [1, 4], [2, 9]), latency(16, [1, 5], [2, 12])];
  expect(between(before, now)).toEqual(latency(6, [1, 1], [2, 3]));
  expect(between(undefined, now)).toBe(now);
  // The broker was started again.
  expect(between(now, before)).toBe(before);
});

test("rates of counters, also of those that begin anew", () => {
  const rate = new Rate();
  rate.read(0, 100);
  expect(rate.series.last).toBeUndefined();
  rate.read(2000, 300);
  expect(rate.series.last).toBe(100);
  rate.read(4000, 10);
  expect(rate.series.samples).toHaveLength(1);
  rate.read(5000, 10);
  expect(rate.series.last).toBe(0);
});

test("trends go back so far and no further", () => {
  const series = new Series();
  for (let at = 0; at < KEPT + 5; at += 1) series.push(at, at);
  expect([series.samples.length, series.samples[0]?.value, series.last]).toEqual([KEPT, 5, KEPT + 4]);
});
