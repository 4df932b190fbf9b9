// A real broker with a console, and what goes on in it.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";

const BINARY = resolve(process.env.FLYMQ_BIN ?? "../target/debug/flymq");

/** A broker in a folder of its own, and the processes that use it. */
export class Broker {
  #folder;
  #processes = [];

  /** With the options that are given, and an administrator if a password is. */
  static async start({ options = [], password } = {}) {
    const broker = new Broker();
    broker.#folder = await mkdtemp(join(tmpdir(), "flymq-console-"));
    if (password !== undefined) {
      options = ["--auth", "--bootstrap-admin", "root", "--bootstrap-admin-password-file", await broker.file("password", password)];
    }
    const args = ["broker", "--listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0", "--console", "--log", "error"];
    broker.process = broker.#spawn([...args, "--data-dir", join(broker.#folder, "data"), ...options]);
    for await (const line of createInterface(broker.process.stdout)) {
      const [, name, address] = line.match(/^(.*) on (\S+)$/) ?? [];
      if (name === "listening") broker.address = address;
      if (name === "console") {
        broker.url = address;
        return broker;
      }
    }
    throw new Error("the broker has not started");
  }

  #spawn(args, stdio = ["pipe", "pipe", "inherit"]) {
    const child = spawn(BINARY, args, { stdio, env: { PATH: process.env.PATH } });
    // What it is sent may come after it has ended.
    child.stdin?.on("error", () => {});
    this.#processes.push(child);
    return child;
  }

  /** Runs a command to its end. */
  async run(args, input = "") {
    const child = this.#spawn(["-a", this.address, ...args], ["pipe", "ignore", "pipe"]);
    child.stdin.end(input);
    let said = "";
    child.stderr.on("data", (data) => (said += data));
    const [code] = await once(child, "close");
    if (code !== 0) throw new Error(`flymq ${args.join(" ")} ended with ${code}: ${said}`);
  }

  /** A command that goes on, by the name that its client has. */
  keep(name, args) {
    const address = `flymq://${this.address}/?client_id=${name}`;
    return this.#spawn(["-a", address, ...args], ["pipe", "ignore", "inherit"]);
  }

  async file(name, content) {
    const path = join(this.#folder, name);
    await writeFile(path, content, { mode: 0o600 });
    return path;
  }

  async stop() {
    for (const child of this.#processes.reverse()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill("SIGTERM");
      await once(child, "exit");
    }
    await rm(this.#folder, { recursive: true });
  }
}

export const HOSTILE = `<img src=x onerror="document.title='owned'">`;

/** Topics, groups and clients of a shop, some of which go on. */
export async function shop(broker) {
  for (const [topic, partitions] of [["orders", 6], ["payments", 3], ["clicks", 12], ["audit", 1]]) {
    await broker.run(["topic", "create", topic, "--partitions", String(partitions)]);
  }
  const order = (at) => JSON.stringify({ order: at, customer: `customer-${at % 17}`, total: (at * 7.35) % 400, items: [{ sku: `A-${at % 40}`, count: 1 + (at % 3) }] });
  const orders = Array.from({ length: 400 }, (_, at) => `customer-${at % 17}|${order(at)}`).join("\n");
  await broker.run(["produce", "orders", "--key-separator", "|", "--header", "source=web", "--header", "traceparent=00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"], orders);
  const clicks = Array.from({ length: 2000 }, (_, at) => `GET /products/${at % 90} 200 ${12 + (at % 50)}ms`).join("\n");
  await broker.run(["produce", "clicks", "--compression", "zstd"], clicks);
  const key = await broker.file("keys", `2026:${"ab".repeat(32)}\n`);
  await broker.run(["produce", "payments", "--partition", "0", "--encryption-key-file", key], "card 1\ncard 2");
  await broker.run(["produce", "payments", "--partition", "0"], Buffer.from([0x82, 0xa2, 0x69, 0x64, 0x2a, 0xa4, 0x70, 0x61, 0x69, 0x64, 0xc3]));
  await broker.run(["produce", "payments", "--partition", "0"], Buffer.from([0xff, 0xfe, 0x00, 0x01]));
  const markup = `key ${HOSTILE}|${HOSTILE}`;
  await broker.run(["produce", "audit", "--key-separator", "|", "--header", `note=${HOSTILE}`], `${markup}\nlong|${"0123456789".repeat(2000)}`);
  await broker.run(["consume", "orders", "--group", "billing", "--max", "150"]);
  await broker.run(["consume", "audit", "--group", `watch ${HOSTILE}`]);
  broker.keep("warehouse-1", ["consume", "orders", "--group", "warehouse", "--follow"]);
  broker.keep("warehouse-2", ["consume", "orders", "--group", "warehouse", "--follow"]);
  const till = broker.keep("till", ["produce", "orders", "--key-separator", "|"]);
  let next = 400;
  const selling = setInterval(() => {
    for (let n = 0; n < 5; n += 1, next += 1) till.stdin.write(`customer-${next % 17}|${order(next)}\n`);
  }, 100);
  till.on("exit", () => clearInterval(selling));
}
