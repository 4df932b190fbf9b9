// A real browser, if there is one.

import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { chromium } from "playwright-core";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

function find() {
  if (process.env.CHROMIUM) return process.env.CHROMIUM;
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    for (const name of NAMES) {
      try {
        accessSync(join(folder, name), constants.X_OK);
        return join(folder, name);
      } catch {
        // Not here.
      }
    }
  }
  return undefined;
}

export const executable = find();

export function launch() {
  // Within a container there is no sandbox to be had; all that is looked at is this broker's own page.
  return chromium.launch({ executablePath: executable, args: ["--no-sandbox"] });
}

/** A page that takes note of what it should not do: errors, and requests to elsewhere. */
export async function open(browser, broker, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, ...options });
  const page = await context.newPage();
  const wrong = [];
  const allowed = new URL(broker.url).host;
  page.on("request", (request) => {
    if (new URL(request.url()).host !== allowed) wrong.push(`a request to ${request.url()}`);
  });
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) wrong.push(`${message.type()}: ${message.text()}`);
  });
  page.on("pageerror", (error) => wrong.push(String(error)));
  page.on("dialog", (dialog) => {
    wrong.push(`a dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  return { page, wrong };
}
