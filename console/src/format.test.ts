import { expect, test } from "vitest";
import { bytes, count, duration, latency, ranges, short, time, visible } from "./format";

test("counts", () => {
  expect([0, 999, 1234567].map(count)).toEqual(["0", "999", "1,234,567"]);
  expect([0, 0.25, 7, 950, 999.9, 1200, 35_400_000, 2e15].map(short)).toEqual(
    ["0", "0.3", "7", "950", "1.0k", "1.2k", "35M", "2000T"],
  );
});

test("bytes", () => {
  expect([0, 512, 1023.9, 1024, 1536, 1024 ** 2 - 1, 5 * 1024 ** 3].map(bytes)).toEqual(
    ["0 B", "512 B", "1.0 KiB", "1.0 KiB", "1.5 KiB", "1.0 MiB", "5.0 GiB"],
  );
});

test("durations", () => {
  expect([0, 850, 1000, 59_999, 60_000, 200_000, 14_700_000, 788_400_000].map(duration)).toEqual(
    ["0 ms", "850 ms", "1 s", "59 s", "1 min", "3 min 20 s", "4 h 5 min", "9 d 3 h"],
  );
  expect([0.000085, 0.0012, 0.25, 3.4].map(latency)).toEqual(["85 µs", "1.2 ms", "250 ms", "3.4 s"]);
});

test("times, also those that cannot be", () => {
  expect(time(new Date(2025, 0, 31, 8, 5, 9, 7).getTime())).toBe("2025-01-31 08:05:09.007");
  expect(time(Number.MAX_SAFE_INTEGER)).toBe("9007199254740991 ms");
});

test("partitions as ranges", () => {
  expect(ranges([])).toBe("");
  expect(ranges([3, 0, 1, 2, 7, 9, 8, 8])).toBe("0–3, 7–9");
});

test("what would be invisible, or turn text around, is shown", () => {
  expect(visible("a\u0000b\u001b[31m\u007f")).toBe("a␀b␛[31m␡");
  expect(visible("user\u202Egnp.exe\u200b")).toBe("user‹U+202E›gnp.exe‹U+200B›");
  expect(visible("one\r\n\ttwo", true)).toBe("one␍\n\ttwo");
  expect(visible("häuser 日本 <b>")).toBe("häuser 日本 <b>");
});
