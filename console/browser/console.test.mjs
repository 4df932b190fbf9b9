// The console as people use it: `npm run browser`.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { executable, launch, open } from "./chromium.mjs";
import { Broker, HOSTILE, shop } from "./flymq.mjs";

const SHOTS = process.env.SCREENSHOTS ?? "../.cache/console";
const PHONE = { width: 360, height: 740 };

/** Address, name for the screenshot, and what is to be seen there. */
const VIEWS = [
  ["#/", "overview", "Busiest topics"],
  ["#/topics", "topics", "clicks"],
  ["#/topics/orders", "topic", "retention_ms"],
  ["#/topics/orders/records", "records", "newest first"],
  ["#/topics/payments/records?partition=0", "encrypted", "encrypted, key 2026"],
  ["#/groups", "groups", "warehouse"],
  ["#/groups/warehouse", "group", "warehouse-1"],
  ["#/connections", "connections", "till"],
  ["#/latencies", "latencies", "PRODUCE"],
  ["#/engine", "engine", "process_threads"],
];

if (executable === undefined) {
  console.log("SKIPPED: the console was not looked at in a browser; for that, install one (Debian: apt-get install chromium)");
} else {
  mkdirSync(SHOTS, { recursive: true });
  describe("the console", { timeout: 120_000 }, () => {
    let browser, broker;

    before(async () => {
      [browser, broker] = await Promise.all([launch(), Broker.start({ options: ["--durability", "os"] })]);
      await shop(broker);
    });

    after(async () => {
      await browser?.close();
      await broker?.stop();
    });

    for (const [size, viewport, scheme] of [
      ["desktop", { width: 1280, height: 860 }, "light"],
      ["phone", PHONE, "dark"],
    ]) {
      test(`every view, on a ${size}`, async () => {
        const { page, wrong } = await open(browser, broker, { viewport, colorScheme: scheme });
        await page.goto(broker.url);
        // A trend has two points at least.
        await page.locator("svg.trend").first().waitFor();
        for (const [hash, name, text] of VIEWS) {
          await page.goto(broker.url + hash);
          await page.locator("main").getByText(text).first().waitFor();
          const { needed, there } = await page.evaluate(() => ({
            needed: document.documentElement.scrollWidth,
            there: innerWidth,
          }));
          assert.ok(needed <= there, `${name} is ${needed} wide on ${there}`);
          assert.deepEqual(await page.evaluate(nameless), [], name);
          await page.screenshot({ path: `${SHOTS}/${name}-${size}.png`, fullPage: true });
        }
        assert.deepEqual(wrong, []);
        await page.context().close();
      });
    }

    test("by keyboard alone", async () => {
      const { page, wrong } = await open(browser, broker);
      await page.goto(broker.url);
      await page.getByRole("link", { name: "Topics" }).waitFor();
      const focused = (text) => page.waitForFunction((text) => document.activeElement?.textContent?.includes(text), text);
      const press = async (key, times = 1) => {
        for (let n = 0; n < times; n += 1) await page.keyboard.press(key);
      };
      await press("Tab");
      await focused("Skip to content");
      await press("Tab", 3);
      await focused("Topics");
      await press("Enter");
      await page.getByRole("heading", { name: "Topics" }).waitFor();
      assert.equal(await page.evaluate(() => document.activeElement?.id), "main");
      // Through the filter and the table, which scrolls, to what it is sorted by.
      await press("Tab");
      await page.keyboard.type("o");
      await page.getByRole("link", { name: "clicks" }).waitFor({ state: "detached" });
      await press("Tab", 2);
      await focused("Topic");
      await press("Enter");
      await page.locator('th[aria-sort="descending"]').waitFor();
      // To a record, and what is in it.
      await page.goto(`${broker.url}#/topics/orders/records`);
      const line = page.locator("button.line").first();
      await line.focus();
      await press("Enter");
      await page.getByRole("button", { name: "JSON" }).first().waitFor();
      assert.equal(await page.locator("button.line").first().getAttribute("aria-expanded"), "true");
      await page.screenshot({ path: `${SHOTS}/record-desktop.png` });
      assert.deepEqual(wrong, []);
      await page.context().close();
    });

    test("records in every format", async () => {
      const { page, wrong } = await open(browser, broker);
      await page.goto(`${broker.url}#/topics/payments/records?partition=0`);
      const lines = page.locator("ol.records > li");
      await lines.nth(3).waitFor();
      assert.match(await lines.nth(0).innerText(), /ff fe 00 01/);
      assert.match(await lines.nth(1).innerText(), /\{"id":42,"paid":true\}/);
      assert.match(await lines.nth(3).innerText(), /encrypted, key 2026/);
      await lines.nth(1).getByRole("button").first().click();
      await lines.nth(1).getByRole("region", { name: "Value" }).or(lines.nth(1).locator("pre")).first().waitFor();
      assert.match(await lines.nth(1).locator("pre").innerText(), /"paid": true/);
      await lines.nth(1).getByRole("button", { name: "hex" }).click();
      assert.match(await lines.nth(1).locator("pre").innerText(), /^000000 {2}82 a2 69 64/);
      await lines.nth(3).getByRole("button").first().click();
      await page.getByText("Only who has that key can read it.").waitFor();
      await page.screenshot({ path: `${SHOTS}/formats-desktop.png`, fullPage: true });

      await page.goto(`${broker.url}#/topics/audit/records`);
      const long = page.locator("ol.records > li").filter({ hasText: "0123456789" });
      await long.getByRole("button").first().click();
      await long.getByText("The beginning of 20 KiB").waitFor();
      await long.getByRole("button", { name: "Show all of it" }).click();
      await long.getByText("The beginning of").waitFor({ state: "detached" });
      assert.equal((await long.locator("pre").last().innerText()).length, 20_000);

      await page.goto(`${broker.url}#/topics/orders/records`);
      await page.getByRole("combobox", { name: /^Partition/ }).selectOption("2");
      await page.getByRole("combobox", { name: /^Show/ }).selectOption("from an offset on");
      await page.getByRole("spinbutton", { name: "Offset" }).fill("3");
      await page.getByRole("button", { name: "Show", exact: true }).click();
      await page.getByText("oldest first").waitFor();
      assert.match(await page.locator("ol.records > li").first().innerText(), /2.*:.*3/s);
      await page.getByRole("link", { name: "Older" }).click();
      await page.getByText("3 records, newest first").waitFor();
      assert.deepEqual(wrong, []);
      await page.context().close();
    });

    test("markup in names and records stays text", async () => {
      const { page, wrong } = await open(browser, broker, { viewport: PHONE });
      for (const hash of ["#/topics/audit/records", "#/groups", `#/groups/${encodeURIComponent(`watch ${HOSTILE}`)}`]) {
        await page.goto(broker.url + hash);
        await page.locator("main").getByText("<img").first().waitFor();
        for (const line of await page.locator("button.line").all()) await line.click();
        assert.equal(await page.locator("main img").count(), 0);
      }
      assert.notEqual(await page.title(), "owned");
      assert.deepEqual(wrong, []);
      await page.context().close();
    });

    test("figures are live, and nothing is asked for while nobody looks", async () => {
      const { page, wrong } = await open(browser, broker);
      await page.clock.install();
      let asked = 0;
      page.on("request", (request) => {
        if (request.url().includes("/api/")) asked += 1;
      });
      await page.goto(broker.url);
      const records = () => page.locator("main .figure", { hasText: "In" }).first().innerText();
      await page.getByRole("table").first().waitFor();
      const round = async () => {
        const before = asked;
        while (asked < before + 3) await page.clock.runFor(500);
      };
      await round();
      await round();
      assert.match(await records(), /\/s/);
      const hide = (hidden) =>
        page.evaluate((hidden) => {
          Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
          document.dispatchEvent(new Event("visibilitychange"));
        }, hidden);
      await hide(true);
      await page.waitForLoadState("networkidle");
      const before = asked;
      await page.clock.runFor(60_000);
      assert.equal(asked, before);
      await hide(false);
      await round();
      assert.deepEqual(wrong, []);
      await page.context().close();
    });
  });

  describe("a broker with nothing in it", { timeout: 60_000 }, () => {
    test("says what to do next, and is missed when it is gone", async () => {
      const [browser, broker] = await Promise.all([launch(), Broker.start()]);
      try {
        const { page, wrong } = await open(browser, broker, { viewport: PHONE });
        await page.goto(broker.url);
        await page.getByText("flymq topic create orders --partitions 6").waitFor();
        await page.getByText("flymq consume TOPIC --group billing").waitFor();
        await page.screenshot({ path: `${SHOTS}/empty-phone.png`, fullPage: true });
        await page.goto(`${broker.url}#/topics/nothing`);
        await page.getByText("UNKNOWN_TOPIC").waitFor();
        await page.goto(`${broker.url}#/elsewhere`);
        await page.getByText("There is no such view.").waitFor();
        // The browser itself notes answers that are errors.
        assert.ok(wrong.every((line) => line.includes("404")), wrong.join("\n"));
        broker.process.kill("SIGTERM");
        await page.getByText("unreachable").waitFor();
      } finally {
        await browser.close();
        await broker.stop();
      }
    });
  });

  describe("a broker with users", { timeout: 60_000 }, () => {
    test("asks for user and password, and tells what the user may know", async () => {
      const browser = await launch();
      const broker = await Broker.start({ password: "toor-toor" });
      try {
        const { page, wrong } = await open(browser, broker);
        await page.goto(broker.url);
        await page.getByLabel("User").fill("root");
        await page.getByLabel("Password").fill("wrong");
        await page.keyboard.press("Enter");
        await page.getByText("AUTH_FAILED").waitFor();
        await page.screenshot({ path: `${SHOTS}/login-desktop.png` });
        await page.getByLabel("Password").fill("toor-toor");
        await page.getByRole("button", { name: "Log in" }).click();
        await page.getByText("Busiest topics").waitFor();
        await page.goto(`${broker.url}#/engine`);
        await page.getByText("process_threads").waitFor();
        await page.getByRole("button", { name: "Log out root" }).click();
        await page.getByLabel("Password").waitFor();
        assert.equal(await page.getByLabel("Password").inputValue(), "");
        assert.ok(wrong.every((line) => line.includes("401")), wrong.join("\n"));
        assert.deepEqual(await page.evaluate(() => [localStorage.length, sessionStorage.length, document.cookie]), [0, 0, ""]);
      } finally {
        await browser.close();
        await broker.stop();
      }
    });
  });
}

/** What can be used and has no name that could be read out. */
function nameless() {
  const named = (one) =>
    one.textContent?.trim() || one.getAttribute("aria-label") || [...(one.labels ?? [])].some((label) => label.textContent?.trim());
  const parts = [...document.querySelectorAll("a, button, input, select, [role=region], [role=img]")];
  return parts.filter((one) => !named(one)).map((one) => one.outerHTML.slice(0, 120));
}
