// Keys and values of records, in the form that tells most.

import { decode, ExtData } from "@msgpack/msgpack";
import type { Blob } from "./api";
import { visible } from "./format";

export const FORMATS = ["text", "JSON", "MessagePack", "hex"] as const;
export type Format = (typeof FORMATS)[number];

export function toBytes(blob: Blob): Uint8Array {
  if (blob.base64 === undefined) return new TextEncoder().encode(blob.text ?? "");
  return Uint8Array.from(atob(blob.base64), (char) => char.charCodeAt(0));
}

/** What is as JSON shows, for what JSON has no word for too. Deep values make it throw. */
function plain(value: unknown): unknown {
  if (typeof value === "bigint") {
    return Number.isSafeInteger(Number(value)) ? Number(value) : `${value}`;
  }
  if (value instanceof Uint8Array) return `bytes ${hex(value)}`;
  if (value instanceof ExtData) {
    const data = typeof value.data === "function" ? value.data(0) : value.data;
    return `extension ${value.type}: ${hex(data)}`;
  }
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "time out of range" : value.toISOString();
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === "number" && !Number.isFinite(value)) return String(value);
  if (value !== null && typeof value === "object") {
    // By entries: a key may be __proto__.
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
  }
  return value;
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
}

/** Offset, bytes and characters, 16 to a line. */
export function hexDump(bytes: Uint8Array): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const row = bytes.subarray(at, at + 16);
    const chars = Array.from(row, (byte) =>
      byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : "·",
    ).join("");
    lines.push(`${at.toString(16).padStart(6, "0")}  ${hex(row).padEnd(47)}  ${chars}`);
  }
  return lines.join("\n");
}

function messagePack(blob: Blob): unknown {
  return plain(decode(toBytes(blob), { useBigInt64: true }));
}

/** A blob in a format, or nothing where it is not in that format. */
export function render(blob: Blob, format: Format): string | undefined {
  try {
    switch (format) {
      case "text":
        return visible(blob.text ?? new TextDecoder().decode(toBytes(blob)), true);
      case "JSON":
        // Only laid out anew if that keeps every digit of its numbers.
        return blob.truncated ? undefined : visible(layOut(blob.text ?? "no text"), true);
      case "MessagePack":
        return blob.truncated ? undefined : visible(JSON.stringify(messagePack(blob), null, 2), true);
      case "hex":
        return hexDump(toBytes(blob));
    }
  } catch {
    return undefined;
  }
}

function layOut(text: string): string {
  const value: unknown = JSON.parse(text);
  const numbers = text.match(/-?\d[\d.eE+-]*/g) ?? [];
  const exact = numbers.every((number) => String(Number(number)) === number);
  return exact ? JSON.stringify(value, null, 2) : text;
}

/** The format that a blob seems to be meant in. */
export function guess(blob: Blob): Format {
  if (blob.text !== undefined) {
    const structured = /^\s*[[{]/.test(blob.text);
    return structured && render(blob, "JSON") !== undefined ? "JSON" : "text";
  }
  const first = toBytes(blob)[0] ?? 0;
  // A map or an array: anything else could be read into any bytes.
  const structured = (first >= 0x80 && first <= 0x9f) || (first >= 0xdc && first <= 0xdf);
  return structured && render(blob, "MessagePack") !== undefined ? "MessagePack" : "hex";
}

/** A blob in one line. */
export function summary(blob: Blob, most = 200): string {
  const end = (text: string): string =>
    text.length > most || blob.truncated ? `${text.slice(0, most)}…` : text;
  if (blob.text !== undefined) return end(visible(blob.text.slice(0, most + 1)));
  if (guess(blob) === "MessagePack") return end(visible(JSON.stringify(messagePack(blob))));
  return end(hex(toBytes(blob).subarray(0, Math.ceil(most / 3))));
}
