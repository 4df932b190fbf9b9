import { expect, test } from "vitest";
import { parse, to } from "./route";

test("addresses are read as they are written", () => {
  for (const name of ["orders", "..", "a/b", "a?b#c", "%2F", "100%", "日本 <b>"]) {
    const route = parse(to(["groups", name], { from: "1&2" }));
    expect(route.parts).toEqual(["groups", name]);
    expect(route.parameters.get("from")).toBe("1&2");
  }
});

test("what nobody wrote is read too", () => {
  expect(parse("").parts).toEqual([]);
  expect(parse("#/topics/%").parts).toEqual(["topics", "%"]);
  expect(parse("#/topics//x/").parts).toEqual(["topics", "x"]);
});
