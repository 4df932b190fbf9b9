// The broker's API: docs/console.md. Answers are what it says, unchecked; all of them are shown as
// text.

export type Traffic = { records: number; bytes: number };
export type Lag = { records: number; age_ms: number | null };

export type Overview = {
  version: string;
  cluster_id: string;
  engine: string;
  status: "ok" | "degraded" | "unavailable";
  reason: string | null;
  address: string;
  durability: string;
  tls: boolean;
  auth: boolean;
  principal: string | null;
  time_ms: number;
  uptime_ms: number;
  topics: number;
  partitions: number;
  bytes: number | null;
  produced: Traffic;
  consumed: Traffic;
  groups: number;
  lag: Lag;
  connections: number | null;
};

export type TopicLine = {
  name: string;
  partitions: number;
  bytes: number | null;
  produced: Traffic;
  consumed: Traffic;
};
export type Topics = { topics: TopicLine[] };

export type Partition = { partition: number; earliest: number; latest: number };
export type Topic = {
  name: string;
  config: Record<string, string>;
  partitions: Partition[];
  bytes: number;
  produced: Traffic;
  consumed: Traffic;
  groups: { group: string; lag: Lag }[];
};

export type Blob = { bytes: number; text?: string; base64?: string; truncated: boolean };
export type ConsumedRecord = {
  partition: number;
  offset: number;
  timestamp_ms: number;
  key: Blob | null;
  value: Blob | null;
  headers: { name: Blob; value: Blob | null }[];
  more_headers: number;
  encrypted: { key_id: string | null; headers_sealed: boolean; no_value: boolean } | null;
};
export type Records = {
  topic: string;
  records: ConsumedRecord[];
  partitions: Partition[];
  cut: boolean;
};

export type GroupLine = {
  name: string;
  state: string;
  members: number;
  rebalances: number;
  lag: Lag;
};
export type Groups = { groups: GroupLine[] };

export type TopicPartitions = { topic: string; partitions: number[] };
export type Member = {
  member_id: string;
  instance_id: string | null;
  client_id: string;
  address: string;
  generation: number;
  topics: string[];
  pattern: string | null;
  assignment: TopicPartitions[];
  target: TopicPartitions[];
};
export type GroupPartition = {
  topic: string;
  partition: number;
  committed: number | null;
  earliest: number;
  latest: number;
  lag: Lag | null;
  member_id: string | null;
};
export type Group = {
  name: string;
  state: string;
  generation: number;
  assignor: string;
  members: Member[];
  partitions: GroupPartition[];
};

export type Connection = {
  id: number;
  address: string;
  tls: boolean;
  since_ms: number;
  requests: number;
  client_id: string;
  software: string;
  user: string | null;
};
export type Connections = { count: number; limit: number; connections: Connection[] };

/** Of `buckets`, each is how many took at most so many seconds. */
export type Latency = {
  operation: string;
  count: number;
  seconds: number;
  buckets: [number, number][];
};
export type Latencies = {
  operations: Latency[];
  commits: Latency;
  errors: { operation: string; error: string; count: number }[];
};

export type Engine = {
  bytes: number | null;
  disk: { free_bytes: number; bytes: number; min_free_bytes: number } | null;
  transactions: { open: number; oldest_ms: number } | null;
  cluster: {
    engine: string;
    brokers: { id: number; host: string; port: number }[];
    nodes: { id: number; host: string; port: number; controller: boolean }[];
    under_replicated: number;
    offline: number;
    troubled: { topic: string; partition: number }[];
  };
  inflight_bytes: number;
  inflight_limit_bytes: number;
  metrics: Record<string, number>;
};

/** Why there is no answer. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly hint: string,
  ) {
    super(message);
  }
}

// Kept here alone: it goes when the page is closed, and no other page can make the browser send it.
let authorization: string | undefined;

export function logIn(user: string, password: string): void {
  const bytes = new TextEncoder().encode(`${user}:${password}`);
  authorization = `Basic ${btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""))}`;
}

export function logOut(): void {
  authorization = undefined;
}

export type Parameters = Record<string, string | number | boolean | undefined>;

/** The path of a call. */
export function path(name: string, parameters: Parameters = {}): string {
  const given = Object.entries(parameters).filter(([, value]) => value !== undefined && value !== "");
  const query = new URLSearchParams(given.map(([key, value]) => [key, String(value)]));
  return given.length > 0 ? `${name}?${query}` : name;
}

export async function call<T>(path: string, signal?: AbortSignal): Promise<T> {
  const options: RequestInit = { credentials: "omit", cache: "no-store" };
  if (authorization !== undefined) options.headers = { authorization };
  if (signal !== undefined) options.signal = signal;
  let response: Response;
  try {
    response = await fetch(`api/v1/${path}`, options);
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Problem(0, "UNREACHABLE", "the broker does not answer", "it is asked again until it does");
  }
  const answer: unknown = await response.json().catch(() => null);
  if (response.ok && answer !== null) return answer as T;
  const { name, message, hint } = (answer ?? {}) as { name?: string; message?: string; hint?: string };
  throw new Problem(
    response.status,
    name ?? `HTTP ${response.status}`,
    message ?? "the answer is none of the broker's",
    hint ?? "",
  );
}
