import { encode, ExtData } from "@msgpack/msgpack";
import { expect, test } from "vitest";
import type { Blob } from "./api";
import { guess, hexDump, render, summary } from "./value";

const text = (value: string): Blob => ({ bytes: value.length, text: value, truncated: false });
const binary = (bytes: Uint8Array | number[]): Blob => ({
  bytes: bytes.length,
  base64: btoa(String.fromCharCode(...bytes)),
  truncated: false,
});
const packed = (value: unknown): Blob => binary(encode(value, { useBigInt64: true }));

test("the format is guessed", () => {
  expect(guess(text('{"a": 1}'))).toBe("JSON");
  expect(guess(text("  [1, 2]"))).toBe("JSON");
  expect(guess(text("12"))).toBe("text");
  expect(guess(text("{not json"))).toBe("text");
  expect(guess(text(""))).toBe("text");
  expect(guess(packed({ a: 1 }))).toBe("MessagePack");
  expect(guess(packed([1, 2]))).toBe("MessagePack");
  expect(guess(binary([0x80, 0xff]))).toBe("hex");
  expect(guess(binary([0xff, 0xfe]))).toBe("hex");
});

test("values in every format", () => {
  expect(render(text('{"a":[1]}'), "JSON")).toBe('{\n  "a": [\n    1\n  ]\n}');
  expect(render(text("plain"), "JSON")).toBeUndefined();
  expect(render(text("a\nb\u0007"), "text")).toBe("a\nb␇");
  expect(render(text("abc"), "hex")).toBe(`000000  61 62 63${" ".repeat(39)}  abc`);
  expect(render(binary([0xff]), "text")).toBe("\ufffd");
  expect(render(binary([0xc1]), "MessagePack")).toBeUndefined();
  expect(render({ ...text('{"a":1}'), truncated: true }, "JSON")).toBeUndefined();
  expect(hexDump(new Uint8Array(17)).split("\n")).toHaveLength(2);
});

test("no digit of a number is lost", () => {
  const large = '{"id":9007199254740993}';
  expect(render(text(large), "JSON")).toBe(large);
  expect(render(packed({ id: 2n ** 63n - 1n }), "MessagePack")).toContain('"9223372036854775807"');
});

test("whatever MessagePack holds has a form", () => {
  const value = { bytes: new Uint8Array([1, 255]), at: new Date(0), ext: new ExtData(7, new Uint8Array([9])), nan: NaN };
  const shown = render(packed(value), "MessagePack");
  for (const part of ["bytes 01 ff", "1970-01-01T00:00:00.000Z", "extension 7: 09", "NaN"]) {
    expect(shown).toContain(part);
  }
});

test("hostile values do no harm", () => {
  const deep = binary(new Uint8Array(100_000).fill(0x91));
  expect(render(deep, "MessagePack")).toBeUndefined();
  expect(summary(deep)).toMatch(/^91 91/);
  expect(render(text("[".repeat(100_000)), "JSON")).toBeUndefined();
  const promised = binary([0xdd, 0xff, 0xff, 0xff, 0xff]);
  expect(render(promised, "MessagePack")).toBeUndefined();
  expect(render(text('{"__proto__":{"polluted":1}}'), "JSON")).toContain("polluted");
  expect(({} as { polluted?: number }).polluted).toBeUndefined();
});

test("in one line", () => {
  expect(summary(text("a\nb"))).toBe("a␊b");
  expect(summary(text("x".repeat(300)), 10)).toBe(`${"x".repeat(10)}…`);
  expect(summary(packed({ a: [1] }))).toBe('{"a":[1]}');
  expect(summary(binary([0xff, 0x00]))).toBe("ff 00");
  expect(summary({ bytes: 9, text: "begin", truncated: true })).toBe("begin…");
});
