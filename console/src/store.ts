// What the page knows: answers of the API, asked for again and again while somebody looks, and trends.

import { useEffect, useState } from "preact/hooks";
import { call, type Groups, type Latencies, type Latency, type Overview, path, Problem, type Topics } from "./api";
import { between, KEPT, Rate, Series } from "./statistics";

/** How often what is shown is asked for, in milliseconds. */
const INTERVAL = 2000;
/** Of how many topics and groups trends are kept. */
const MOST_TRENDS = 500;

export type Answer<T> = { data?: T; problem?: Problem };

// These are always asked for, so that trends go on whatever is looked at.
const OVERVIEW = path("overview");
const TOPICS = path("topics");
const GROUPS = path("groups");

const answers = new Map<string, Answer<unknown>>();
const wanted = new Map<string, number>([OVERVIEW, TOPICS, GROUPS].map((one) => [one, 1]));
const listeners = new Set<() => void>();
let needsLogin = false;
let lastLogin: Problem | undefined;
let timer: ReturnType<typeof setTimeout> | undefined;
let asking = false;

function changed(): void {
  for (const listener of [...listeners]) listener();
}

function useChanges(): void {
  const [, show] = useState(0);
  useEffect(() => {
    const listener = (): void => show((version) => version + 1);
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }, []);
}

/** What the API answers to a call, up to date. */
export function useCall<T>(path: string): Answer<T> {
  useChanges();
  useEffect(() => {
    const users = wanted.get(path) ?? 0;
    wanted.set(path, users + 1);
    if (users === 0) void ask(path).then(changed);
    return () => {
      const left = (wanted.get(path) ?? 1) - 1;
      if (left > 0) {
        wanted.set(path, left);
      } else {
        wanted.delete(path);
        answers.delete(path);
      }
    };
  }, [path]);
  return (answers.get(path) ?? {}) as Answer<T>;
}

export const useOverview = (): Answer<Overview> => useCall(OVERVIEW);
export const useTopics = (): Answer<Topics> => useCall(TOPICS);
export const useGroups = (): Answer<Groups> => useCall(GROUPS);

/** Whether somebody has to log in, and why that did not work the last time. */
export function useLogin(): { needed: boolean; problem: Problem | undefined } {
  useChanges();
  return { needed: needsLogin, problem: lastLogin };
}

/** Asks anew, after a login for instance. */
export function restart(): void {
  clearTimeout(timer);
  void tick();
}

/** Forgets all that a user was told. */
export function forget(): void {
  answers.clear();
  trends.clear();
  rates.clear();
  histograms.length = 0;
}

async function ask(path: string): Promise<boolean> {
  try {
    const data = await call<unknown>(path);
    if (needsLogin) [needsLogin, lastLogin] = [false, undefined];
    if (wanted.has(path)) answers.set(path, { data });
    observe(path, data);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    if (error.status === 401) {
      needsLogin = true;
      lastLogin = error.code === "AUTH_REQUIRED" ? undefined : error;
      return false;
    }
    // What was known before is still of use.
    const before = answers.get(path)?.data;
    answers.set(path, before === undefined ? { problem: error } : { data: before, problem: error });
  }
  return true;
}

// One after the other, over one connection: it is authenticated once, and a slow broker is not asked
// for more at a time.
async function tick(): Promise<void> {
  if (asking) return;
  asking = true;
  try {
    for (const path of [...wanted.keys()]) {
      if (wanted.has(path) && !(await ask(path))) break;
    }
  } finally {
    asking = false;
  }
  changed();
  if (!document.hidden && !needsLogin) timer = setTimeout(() => void tick(), INTERVAL);
}

/** Begins to ask, and does so for as long as the page is to be seen. */
export function start(): void {
  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    if (!document.hidden) void tick();
  });
  void tick();
}

// Trends.

const trends = new Map<string, Series>();
const rates = new Map<string, Rate>();
const histograms: { at: number; operations: Map<string, Latency> }[] = [];

/** A figure over the last minutes. */
export function trend(name: string): Series {
  return rates.get(name)?.series ?? trends.get(name) ?? new Series();
}

function kept<T>(of: Map<string, T>, name: string, make: () => T): T {
  const known = of.get(name) ?? make();
  of.set(name, known);
  return known;
}

function counted(at: number, name: string, value: number): void {
  kept(rates, name, () => new Rate()).read(at, value);
}

function noted(at: number, name: string, value: number | null): void {
  if (value !== null) kept(trends, name, () => new Series()).push(at, value);
}

function observe(path: string, data: unknown): void {
  const at = performance.now();
  if (path === OVERVIEW) {
    const { produced, consumed, lag } = data as Overview;
    counted(at, "in", produced.records);
    counted(at, "in bytes", produced.bytes);
    counted(at, "out", consumed.records);
    counted(at, "out bytes", consumed.bytes);
    noted(at, "lag", lag.records);
    noted(at, "age", lag.age_ms);
  } else if (path === TOPICS) {
    for (const topic of (data as Topics).topics.slice(0, MOST_TRENDS)) {
      counted(at, `topic in ${topic.name}`, topic.produced.records);
      counted(at, `topic in bytes ${topic.name}`, topic.produced.bytes);
      counted(at, `topic out ${topic.name}`, topic.consumed.records);
    }
  } else if (path === GROUPS) {
    for (const group of (data as Groups).groups.slice(0, MOST_TRENDS)) {
      noted(at, `group lag ${group.name}`, group.lag.records);
      noted(at, `group age ${group.name}`, group.lag.age_ms);
    }
  } else if (path === "latencies") {
    const { operations, commits } = data as Latencies;
    histograms.push({ at, operations: new Map([...operations, commits].map((one) => [one.operation, one])) });
    if (histograms.length > KEPT) histograms.shift();
  }
}

/** What was measured since a minute ago, or since the view was opened. */
export function lastMinute(now: Latency): { latency: Latency; seconds: number } | undefined {
  const newest = histograms.at(-1);
  const then = newest && histograms.find(({ at }) => at >= newest.at - 60_000);
  if (newest === undefined || then === undefined || then === newest) return undefined;
  const before = then.operations.get(now.operation);
  const none = { ...now, count: 0, seconds: 0, buckets: now.buckets.map(([b]) => [b, 0] as [number, number]) };
  return { latency: between(before ?? none, now), seconds: (newest.at - then.at) / 1000 };
}
